use proptest::prelude::*;

use super::*;

fn tensor(dtype: DType, dims: &[usize], text: &str) -> Result<Tensor, String> {
    let mut cursor = Cursor::new(text);
    let shape = Shape::from_dims(dims.iter().copied());
    let read = read(&mut cursor, dtype, &shape, Criticality::Critical).map_err(|f| f.message)?;
    cursor.end().map_err(|f| f.message)?;
    Ok(read)
}

#[test]
fn flat_and_nested_data_read_the_same() {
    let flat = tensor(DType::Int32, &[2, 3], "[1,2,3,4,5,6]").unwrap();
    assert_eq!(
        tensor(DType::Int32, &[2, 3], "[[1,2,3], [4,5,6]]").unwrap(),
        flat
    );
    assert_eq!(flat.elements::<i32>().unwrap(), [1, 2, 3, 4, 5, 6]);
    for empty in ["[]", "[[],[]]"] {
        assert!(tensor(DType::Fp32, &[2, 0], empty).is_ok(), "{empty}");
    }
    assert!(tensor(DType::Fp32, &[0, 3], "[]").is_ok());
    for scalar in ["7", "[7]"] {
        assert_eq!(
            tensor(DType::Int64, &[], scalar)
                .unwrap()
                .elements::<i64>()
                .unwrap(),
            [7]
        );
    }
}

#[test]
fn data_that_does_not_fit_its_shape_is_refused() {
    for (dims, text) in [
        (&[2usize, 2][..], "[1,2,3]"),
        (&[2, 2], "[1,2,3,4,5]"),
        (&[2, 2], "[[1,2],[3]]"),
        (&[2, 2], "[[1,2],[3,4],[5,6]]"),
        (&[2, 2], "[[1,2,3],[4]]"),
        (&[2, 2], "[[[1],[2]],[[3],[4]]]"),
        (&[2], "[[1],[2]]"),
        (&[2, 2], "[[1,2],3,4]"),
        (&[1 << 40], "[1]"),
        (&[2], "[1,2"),
        (&[2], "1"),
        (&[], "[]"),
    ] {
        assert!(tensor(DType::Int32, dims, text).is_err(), "{dims:?} {text}");
    }
}

#[test]
fn integers_are_exact_and_within_range() {
    let i64s = tensor(
        DType::Int64,
        &[3],
        "[-9223372036854775808, 9223372036854775807, 1e3]",
    );
    assert_eq!(
        i64s.unwrap().elements::<i64>().unwrap(),
        [i64::MIN, i64::MAX, 1000]
    );
    let u64s = tensor(DType::Uint64, &[2], "[18446744073709551615, 5.0]").unwrap();
    assert_eq!(u64s.elements::<u64>().unwrap(), [u64::MAX, 5]);
    for (dtype, text) in [
        (DType::Uint64, "[18446744073709551616]"),
        (DType::Int64, "[9223372036854775808]"),
        (DType::Int8, "[128]"),
        (DType::Uint8, "[-1]"),
        (DType::Int32, "[1.5]"),
        (DType::Int64, "[9007199254740993.0]"),
        (DType::Int32, "[NaN]"),
        (DType::Int32, "[null]"),
        (
            DType::Uint64,
            "[99999999999999999999999999999999999999999999]",
        ),
        (DType::Bool, "[2]"),
    ] {
        assert!(tensor(dtype, &[1], text).is_err(), "{dtype} {text}");
    }
}

#[test]
fn what_is_no_number_is_read_and_written() {
    let read = tensor(DType::Fp32, &[4], "[NaN,Infinity,-Infinity,-0.0]").unwrap();
    let values = read.elements::<f32>().unwrap();
    assert!(values[0].is_nan() && values[1] == f32::INFINITY && values[2] == f32::NEG_INFINITY);
    assert_eq!(values[3].to_bits(), (-0.0f32).to_bits());
    let mut out = Vec::new();
    write(&mut out, &read).unwrap();
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "[NaN,Infinity,-Infinity,-0.0]"
    );
}

#[test]
fn strings_that_are_no_text_cannot_be_written() {
    let texts = tensor(DType::Bytes, &[2], r#"["a\u0000b", "ü"]"#).unwrap();
    let mut out = Vec::new();
    write(&mut out, &texts).unwrap();
    assert_eq!(String::from_utf8(out).unwrap(), r#"["a\u0000b","ü"]"#);
    let bytes = Tensor::from_strings(Shape::from_dims([1]), vec![vec![0xff]]).unwrap();
    assert!(write(&mut Vec::new(), &bytes).is_none());
}

fn round_trip<T: common::tensor::Element>(values: &[T], dtype: DType) -> Vec<T> {
    let written = Tensor::from_elements(Shape::from_dims([values.len()]), values).unwrap();
    let mut out = Vec::new();
    write(&mut out, &written).unwrap();
    let text = String::from_utf8(out).unwrap();
    let read = tensor(dtype, &[values.len()], &text).unwrap();
    read.elements::<T>().unwrap().to_vec()
}

proptest! {
    #[test]
    fn floats_read_back_with_the_same_bits(bits in proptest::collection::vec(any::<u32>(), 1..50)) {
        let values: Vec<f32> = bits.into_iter().map(f32::from_bits).filter(|v| !v.is_nan()).collect();
        let read = round_trip(&values, DType::Fp32);
        prop_assert!(values.iter().zip(&read).all(|(a, b)| a.to_bits() == b.to_bits()));
    }

    #[test]
    fn doubles_read_back_with_the_same_bits(bits in proptest::collection::vec(any::<u64>(), 1..50)) {
        let values: Vec<f64> = bits.into_iter().map(f64::from_bits).filter(|v| !v.is_nan()).collect();
        let read = round_trip(&values, DType::Fp64);
        prop_assert!(values.iter().zip(&read).all(|(a, b)| a.to_bits() == b.to_bits()));
    }

    #[test]
    fn numbers_are_read_as_the_standard_library_reads_them(text in "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,25})?(e-?[0-9]{1,3})?") {
        let read = tensor(DType::Fp64, &[1], &format!("[{text}]")).unwrap();
        let expected: f64 = text.parse().unwrap();
        prop_assert_eq!(read.elements::<f64>().unwrap()[0].to_bits(), expected.to_bits());
    }
}

#[test]
fn every_half_reads_back_with_the_same_bits() {
    let halves: Vec<u16> = (0..=u16::MAX)
        .filter(|b| !f16::from_bits(*b).is_nan())
        .collect();
    let shape = Shape::from_dims([halves.len()]);
    let memory = common::tensor::AlignedBytes::copy_of(&halves);
    let written = Tensor::from_bytes(DType::Fp16, shape.clone(), memory).unwrap();
    let mut out = Vec::new();
    write(&mut out, &written).unwrap();
    let text = String::from_utf8(out).unwrap();
    assert_eq!(tensor(DType::Fp16, shape.dims(), &text).unwrap(), written);
}
