//! From a JSON array straight into a tensor's memory, and back.
//!
//! `data` may be flat or nested as the shape says. Nothing is allocated before the text that is
//! left could hold that many elements; the memory is the arena's, and every element is written.

use bytemuck::{Pod, cast_slice};
use common::{
    Criticality,
    tensor::{DType, DataView, Shape, Tensor},
};
use half::f16;
use inference_actor::arena;

use super::{float16, json::Cursor};
use crate::failure::Failure;

/// Reads `data` as a tensor of this type and shape, for a request of this class.
pub(super) fn read(
    cursor: &mut Cursor<'_>,
    dtype: DType,
    shape: &Shape,
    criticality: Criticality,
) -> Result<Tensor, Failure> {
    let total = shape
        .elements()
        .map_err(|e| Failure::invalid(e.to_string()))?;
    // An element takes a byte at least, and all but the last a comma as well.
    if total > cursor.left() / 2 + 1 {
        let message = format!("shape {shape} has {total} elements, more than the data can hold");
        return Err(Failure::invalid(message));
    }
    if dtype != DType::Bytes {
        let mut tensor = arena::tensor(dtype, shape.clone(), criticality)?;
        fixed(cursor, &mut tensor)?;
        return Ok(tensor);
    }
    let mut strings = Strings(Vec::with_capacity(total));
    elements(cursor, shape, total, &mut strings)?;
    Tensor::from_strings(shape.clone(), strings.0).map_err(|e| cursor.wrong(e))
}

/// Where elements go as they are read.
trait Room {
    /// Reads the element of this index, below the number of elements.
    fn one(&mut self, cursor: &mut Cursor<'_>, index: usize) -> Result<(), Failure>;

    /// Reads elements from this index on for as long as they are of the plainest form, each with
    /// the comma behind it; tells how many. What it leaves is read one by one.
    fn many(&mut self, _: &mut Cursor<'_>, _from: usize) -> usize {
        0
    }
}

struct Strings(Vec<Vec<u8>>);

impl Room for Strings {
    fn one(&mut self, cursor: &mut Cursor<'_>, _: usize) -> Result<(), Failure> {
        self.0.push(cursor.string()?.into_owned().into_bytes());
        Ok(())
    }
}

/// Elements of a fixed width, each read by `one`, or by `many` at once where that goes.
struct Fixed<'r, T, One, Many> {
    room: &'r mut [T],
    one: One,
    many: Many,
}

impl<T, One, Many> Room for Fixed<'_, T, One, Many>
where
    One: FnMut(&mut Cursor<'_>) -> Result<T, Failure>,
    Many: FnMut(&mut Cursor<'_>, &mut [T]) -> usize,
{
    #[inline]
    fn one(&mut self, cursor: &mut Cursor<'_>, index: usize) -> Result<(), Failure> {
        self.room[index] = (self.one)(cursor)?;
        Ok(())
    }

    #[inline]
    fn many(&mut self, cursor: &mut Cursor<'_>, from: usize) -> usize {
        (self.many)(cursor, &mut self.room[from..])
    }
}

/// Reads every element of a tensor of a fixed width.
fn fixed(cursor: &mut Cursor<'_>, tensor: &mut Tensor) -> Result<(), Failure> {
    let shape = tensor.shape().clone();
    let dtype = tensor.dtype();
    let bytes = tensor.bytes_mut().unwrap_or_default();
    macro_rules! of {
        ($type:ty, $one:expr, $many:expr) => {
            each::<$type>(cursor, &shape, bytemuck::cast_slice_mut(bytes), $one, $many)
        };
    }
    match dtype {
        DType::Bool => of!(u8, boolean, |_, _| 0),
        DType::Int8 => of!(i8, integer::<i8>, |cursor, room| cursor.integers(room)),
        DType::Int16 => of!(i16, integer::<i16>, |cursor, room| cursor.integers(room)),
        DType::Int32 => of!(i32, integer::<i32>, |cursor, room| cursor.integers(room)),
        DType::Int64 => of!(i64, integer::<i64>, |cursor, room| cursor.integers(room)),
        DType::Uint8 => of!(u8, integer::<u8>, |cursor, room| cursor.integers(room)),
        DType::Uint16 => of!(u16, integer::<u16>, |cursor, room| cursor.integers(room)),
        DType::Uint32 => of!(u32, integer::<u32>, |cursor, room| cursor.integers(room)),
        DType::Uint64 => of!(u64, integer::<u64>, |cursor, room| cursor.integers(room)),
        DType::Fp16 => of!(
            u16,
            |cursor| { float::<f64>(cursor).map(|value| float16::nearest(value).to_bits()) },
            |_, _| 0
        ),
        DType::Fp32 => of!(f32, float::<f32>, |cursor, room| cursor.floats(room)),
        DType::Fp64 => of!(f64, float::<f64>, |cursor, room| cursor.floats(room)),
        DType::Bytes => Err(cursor.wrong("byte strings have no fixed width")),
    }
}

fn each<T: Pod>(
    cursor: &mut Cursor<'_>,
    shape: &Shape,
    room: &mut [T],
    one: impl FnMut(&mut Cursor<'_>) -> Result<T, Failure>,
    many: impl FnMut(&mut Cursor<'_>, &mut [T]) -> usize,
) -> Result<(), Failure> {
    let total = room.len();
    elements(cursor, shape, total, &mut Fixed { room, one, many })
}

/// Reads all elements, flat or nested.
fn elements(
    cursor: &mut Cursor<'_>,
    shape: &Shape,
    total: usize,
    room: &mut impl Room,
) -> Result<(), Failure> {
    let dims = shape.dims();
    if dims.is_empty() && cursor.peek() != Some(b'[') {
        return room.one(cursor, 0);
    }
    cursor.expect(b'[')?;
    if cursor.peek() == Some(b'[') && dims.len() > 1 {
        let mut done = 0;
        return nested(cursor, dims, &mut |cursor| {
            room.one(cursor, done)?;
            done += 1;
            Ok(())
        });
    }
    let mut done = 0;
    let mut open = !cursor.takes(b']');
    while open {
        done += room.many(cursor, done.min(total));
        if done == total {
            let told = format_args!("data holds more than the {total} elements of shape {shape}");
            return Err(cursor.wrong(told));
        }
        room.one(cursor, done)?;
        done += 1;
        open = cursor.takes(b',');
        if !open {
            cursor.expect(b']')?;
        }
    }
    if done < total {
        return Err(cursor.wrong(format_args!(
            "data holds {done} elements, shape {shape} has {total}"
        )));
    }
    Ok(())
}

/// The rest of an array whose bracket was taken, of the first of `dims`.
fn nested(
    cursor: &mut Cursor<'_>,
    dims: &[usize],
    one: &mut impl FnMut(&mut Cursor<'_>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let Some((size, inner)) = dims.split_first() else {
        return Err(cursor.wrong("data is nested deeper than its shape"));
    };
    for index in 0..*size {
        if index > 0 && !cursor.takes(b',') {
            return Err(cursor.wrong(format_args!(
                "nested data has {index} entries where its shape says {size}"
            )));
        }
        if inner.is_empty() {
            one(cursor)?;
        } else {
            cursor.expect(b'[')?;
            nested(cursor, inner, one)?;
        }
    }
    if cursor.takes(b']') {
        return Ok(());
    }
    Err(cursor.wrong(format_args!(
        "nested data has more than the {size} entries its shape says"
    )))
}

fn boolean(cursor: &mut Cursor<'_>) -> Result<u8, Failure> {
    match cursor.peek() {
        Some(b't' | b'f') => cursor.boolean().map(u8::from),
        _ => match integer::<u8>(cursor)? {
            flag @ (0 | 1) => Ok(flag),
            _ => Err(cursor.wrong("a BOOL is true, false, 1 or 0")),
        },
    }
}

/// A number without a fraction, within the type's range. `1.0` and `1e3` count, being integers that
/// some languages write so.
#[inline]
fn integer<T: TryFrom<i128>>(cursor: &mut Cursor<'_>) -> Result<T, Failure> {
    let at = cursor.clone();
    if let Some((negative, value)) = cursor.short_integer() {
        let value = if negative {
            -i128::from(value)
        } else {
            i128::from(value)
        };
        return T::try_from(value).map_err(|_| unfit(at));
    }
    let text = cursor.number()?;
    let (negative, digits) = match text.strip_prefix(b"-") {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let mut value = 0i128;
    for byte in digits {
        if !byte.is_ascii_digit() || value > i128::from(u64::MAX) {
            return written_as_float(&at, text);
        }
        value = value * 10 + i128::from(byte - b'0');
    }
    let value = if negative { -value } else { value };
    T::try_from(value).map_err(|_| out_of_range(&at, text))
}

#[cold]
fn unfit(mut at: Cursor<'_>) -> Failure {
    let place = at.clone();
    match at.number() {
        Ok(text) => out_of_range(&place, text),
        Err(failure) => failure,
    }
}

#[cold]
fn written_as_float<T: TryFrom<i128>>(at: &Cursor<'_>, text: &[u8]) -> Result<T, Failure> {
    // Beyond this not every integer is a double, and which one was meant could not be told.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let value: f64 = fast_float2::parse(text).map_err(|_| at.wrong("expected a number"))?;
    if value.fract() != 0.0 {
        let text = String::from_utf8_lossy(text);
        return Err(at.wrong(format_args!("{text} is not an integer")));
    }
    if value.abs() >= EXACT {
        return Err(out_of_range(at, text));
    }
    T::try_from(value as i128).map_err(|_| out_of_range(at, text))
}

#[cold]
fn out_of_range(at: &Cursor<'_>, text: &[u8]) -> Failure {
    let text: String = String::from_utf8_lossy(text).chars().take(40).collect();
    at.wrong(format_args!("{text} does not fit the datatype"))
}

/// A number of the type, rounded once and correctly; or one of the words for what is none.
#[inline]
fn float<T: fast_float2::FastFloat + From<f32>>(cursor: &mut Cursor<'_>) -> Result<T, Failure> {
    match cursor.peek() {
        Some(b'N') if cursor.takes_word("NaN") => Ok(f32::NAN.into()),
        Some(b'I') if cursor.takes_word("Infinity") => Ok(f32::INFINITY.into()),
        Some(b'-') if cursor.takes_word("-Infinity") => Ok(f32::NEG_INFINITY.into()),
        _ => match cursor.float() {
            Some(value) => Ok(value),
            None => Err(cursor.wrong("expected a number")),
        },
    }
}

/// Writes a tensor's elements, flat; none where they cannot be written in JSON: byte strings that
/// are not UTF-8.
pub(super) fn write(out: &mut Vec<u8>, tensor: &Tensor) -> Option<()> {
    let bytes = match tensor.data() {
        DataView::Strings(strings) => return write_strings(out, strings),
        DataView::Fixed(bytes) => bytes,
        DataView::Absent => return None,
    };
    macro_rules! integers {
        ($type:ty) => {{
            let mut text = itoa::Buffer::new();
            list(out, cast_slice::<u8, $type>(bytes), |out, value| {
                out.extend_from_slice(text.format(*value).as_bytes());
            })
        }};
    }
    match tensor.dtype() {
        DType::Bool => list(out, bytes, |out, value| {
            out.extend_from_slice(if *value == 0 { b"false" } else { b"true" });
        }),
        DType::Int8 => integers!(i8),
        DType::Int16 => integers!(i16),
        DType::Int32 => integers!(i32),
        DType::Int64 => integers!(i64),
        DType::Uint8 => integers!(u8),
        DType::Uint16 => integers!(u16),
        DType::Uint32 => integers!(u32),
        DType::Uint64 => integers!(u64),
        DType::Fp16 => list(out, cast_slice::<u8, f16>(bytes), |out, v| {
            put_float(out, v.to_f64())
        }),
        DType::Fp32 => list(out, cast_slice::<u8, f32>(bytes), |out, v| {
            put_float(out, *v)
        }),
        DType::Fp64 => list(out, cast_slice::<u8, f64>(bytes), |out, v| {
            put_float(out, *v)
        }),
        DType::Bytes => return None,
    }
    Some(())
}

#[inline]
fn list<T>(out: &mut Vec<u8>, values: &[T], mut put: impl FnMut(&mut Vec<u8>, &T)) {
    out.push(b'[');
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        put(out, value);
    }
    out.push(b']');
}

/// The shortest text that reads back as the same number.
#[inline]
fn put_float<F: ryu::Float + PartialOrd + Default + Copy>(out: &mut Vec<u8>, value: F) {
    let mut text = ryu::Buffer::new();
    let text = match text.format(value) {
        "inf" => "Infinity",
        "-inf" => "-Infinity",
        finite_or_nan => finite_or_nan,
    };
    out.extend_from_slice(text.as_bytes());
}

fn write_strings(out: &mut Vec<u8>, strings: &[Vec<u8>]) -> Option<()> {
    out.push(b'[');
    for (index, string) in strings.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        let text = std::str::from_utf8(string).ok()?;
        serde_json::to_writer(&mut *out, text).ok()?;
    }
    out.push(b']');
    Some(())
}

#[cfg(test)]
mod tests;
