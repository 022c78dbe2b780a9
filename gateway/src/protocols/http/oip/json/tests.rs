use proptest::prelude::*;

use super::*;

#[test]
fn strings_are_read_with_their_escapes() {
    let read = |text: &str| Cursor::new(text).string().map(Cow::into_owned);
    assert_eq!(read(r#" "plain ü" "#).unwrap(), "plain ü");
    assert_eq!(
        read(r#""a\n\u0000\u00e9\ud83d\ude00\/""#).unwrap(),
        "a\n\0é😀/"
    );
    for bad in [
        r#""open"#,
        r#""\ud800x""#,
        r#""\udc00""#,
        r#""\x""#,
        "\"\u{1}\"",
        r#""\u12"#,
    ] {
        assert!(read(bad).is_err(), "{bad}");
    }
}

#[test]
fn numbers_follow_the_grammar() {
    for good in ["0", "-0", "10", "1.5", "-1e5", "1E+05", "2.5e-3"] {
        assert_eq!(Cursor::new(good).number().unwrap(), good.as_bytes());
    }
    for bad in ["", "-", "01", "1.", ".5", "1e", "+1", "x", "--1"] {
        assert!(Cursor::new(bad).number().is_err(), "{bad}");
    }
    // Those taken in one pass take no more, and stop where the grammar does.
    for bad in [
        "", "-", "01", "-00", "1.", ".5", "+1", "x", "--1", "1.e5", "inf", "nan", "-inf",
    ] {
        assert_eq!(Cursor::new(bad).float::<f64>(), None, "{bad}");
    }
    for bad in [
        "",
        "-",
        "01",
        "1.5",
        "1e3",
        "+1",
        "12345678901234567890",
        "x",
    ] {
        assert_eq!(Cursor::new(bad).short_integer(), None, "{bad}");
    }
    let mut cursor = Cursor::new(" -9223372036854775808,0]");
    assert_eq!(cursor.short_integer(), Some((true, 1 << 63)));
    assert!(cursor.takes(b',') && cursor.short_integer() == Some((false, 0)) && cursor.takes(b']'));
}

#[test]
fn plain_numbers_are_taken_many_at_once_and_others_left() {
    let integers = |text: &str| {
        let mut room = [0i32; 4];
        let mut cursor = Cursor::new(text);
        let taken = cursor.integers(&mut room);
        (room[..taken].to_vec(), cursor.left())
    };
    assert_eq!(integers("1,-2, 30,0,5]"), (vec![1, -2, 30, 0], 2));
    assert_eq!(integers("1,2]"), (vec![1], 2));
    for left in [
        "01,",
        "1.0,",
        "1e3,",
        "3000000000,",
        "-,",
        "1 ,",
        "",
        "99999999999999999999,",
    ] {
        assert_eq!(integers(left), (vec![], left.len()), "{left}");
    }
}

#[test]
fn nesting_is_bounded() {
    let deep = "[".repeat(100_000);
    assert!(
        Cursor::new(&deep)
            .skip()
            .unwrap_err()
            .message
            .contains("deep")
    );
}

proptest! {
    /// The short way gives the very bits of the long one.
    #[test]
    fn decimals_are_rounded_as_the_library_rounds(
        sign in prop_oneof![Just(""), Just("-")],
        whole in 0u64..100_000_000,
        places in 0usize..10,
        fraction in 0u64..1_000_000_000,
    ) {
        let fraction = format!("{fraction:09}");
        let text = match places {
            0 => format!("{sign}{whole}"),
            _ => format!("{sign}{whole}.{}", &fraction[..places]),
        };
        let listed = format!("{text},");
        let (mut single, mut double) = ([0f32], [0f64]);
        if Cursor::new(&listed).floats(&mut single) == 1 {
            prop_assert_eq!(single[0].to_bits(), text.parse::<f32>().unwrap().to_bits());
        }
        let taken = Cursor::new(&listed).floats(&mut double);
        prop_assert!(taken == 1 || whole > 8_000_000);
        if taken == 1 {
            prop_assert_eq!(double[0].to_bits(), text.parse::<f64>().unwrap().to_bits());
        }
    }

    #[test]
    fn what_serde_accepts_is_passed_over_whole(value in any_json()) {
        let text = value.to_string();
        let mut cursor = Cursor::new(&text);
        prop_assert!(cursor.skip().is_ok() && cursor.end().is_ok(), "{}", text);
    }

    #[test]
    fn strings_read_as_serde_reads_them(string in any::<String>()) {
        let text = serde_json::to_string(&string).unwrap();
        prop_assert_eq!(Cursor::new(&text).string().unwrap(), string);
    }

    #[test]
    fn no_changed_document_makes_it_panic(value in any_json(), at in any::<usize>(), byte in any::<u8>(), cut in any::<bool>()) {
        let mut bytes = value.to_string().into_bytes();
        let at = at % bytes.len();
        if cut { bytes.truncate(at) } else { bytes[at] = byte }
        let _ = Cursor::new(&String::from_utf8_lossy(&bytes)).skip();
    }
}

fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        (-1e300..1e300).prop_map(|f: f64| serde_json::json!(f)),
        any::<String>().prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 64, 8, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..8).prop_map(Into::into),
            proptest::collection::hash_map(any::<String>(), inner, 0..8)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}
