//! Numbers written the plainest way, read eight digits at a time.
//!
//! What is not plain (an exponent, many digits, odd spaces) gives none, and is read the long way.

/// A type whose decimals of some digits can be read with one division.
pub(in crate::protocols::http::oip) trait ExactDecimal:
    Sized
{
    /// `digits ÷ 10^places`, rounded once; none where one division does not tell.
    fn quotient(digits: u64, places: usize) -> Option<Self>;

    /// Its opposite.
    fn negated(self) -> Self;
}

/// Powers of ten that a double holds exactly.
const EXACT_POWERS: usize = 23;

const fn powers() -> [f64; EXACT_POWERS] {
    let mut table = [1.0; EXACT_POWERS];
    let mut power = 1;
    while power < EXACT_POWERS {
        table[power] = table[power - 1] * 10.0;
        power += 1;
    }
    table
}
const POWERS: [f64; EXACT_POWERS] = powers();

impl ExactDecimal for f64 {
    #[inline]
    fn quotient(digits: u64, places: usize) -> Option<Self> {
        // Both are exact, and division rounds once.
        let exact = digits <= 1 << Self::MANTISSA_DIGITS;
        let power = POWERS.get(places).filter(|_| exact)?;
        Some(digits as Self / power)
    }

    fn negated(self) -> Self {
        -self
    }
}

impl ExactDecimal for f32 {
    /// By way of a double, which rounds a second time. That differs from rounding once only where
    /// the double is half-way between two singles, or next to it.
    #[inline]
    fn quotient(digits: u64, places: usize) -> Option<Self> {
        const DROPPED_BITS: u32 = f64::MANTISSA_DIGITS - f32::MANTISSA_DIGITS;
        const HALF_WAY: u64 = 1 << (DROPPED_BITS - 1);
        let double = f64::quotient(digits, places)?;
        let dropped = double.to_bits() & ((1 << DROPPED_BITS) - 1);
        // Of so few digits none is too large or too small for the type's full precision.
        (dropped.abs_diff(HALF_WAY) > 1).then_some(double as Self)
    }

    fn negated(self) -> Self {
        -self
    }
}

/// An integer at `at`, behind at most one space: whether it is negative, its magnitude, and where
/// it ends.
///
/// Most have neither a space nor a sign in front. Where the digits begin would else hang on two
/// comparisons, and with it everything that follows; so these are looked for where no digit is found.
#[inline]
pub(super) fn plain_number(
    text: &[u8],
    at: usize,
    most_digits: usize,
) -> Option<(bool, u64, usize)> {
    match unsigned(text, at, most_digits) {
        Some((value, end)) => Some((false, value, end)),
        None => prefixed(text, at, most_digits),
    }
}

/// Not inlined, so that nobody turns the branch in front of it into arithmetic.
#[inline(never)]
fn prefixed(text: &[u8], mut at: usize, most_digits: usize) -> Option<(bool, u64, usize)> {
    at += usize::from(text.get(at) == Some(&b' '));
    let negative = text.get(at) == Some(&b'-');
    at += usize::from(negative);
    unsigned(text, at, most_digits).map(|(value, end)| (negative, value, end))
}

#[inline]
fn unsigned(text: &[u8], at: usize, most_digits: usize) -> Option<(u64, usize)> {
    let (value, end) = digits(text, at);
    let leading_zero = end > at + 1 && text[at] == b'0';
    let plain = end > at && end - at <= most_digits && !leading_zero;
    plain.then_some((value, end))
}

/// A decimal at `at` that one division reads, and where it ends.
#[inline]
pub(super) fn decimal<T: ExactDecimal>(text: &[u8], at: usize) -> Option<(T, usize)> {
    // Before the point and behind it: together they cannot overflow.
    const MAX_DIGITS: usize = 9;
    // Half of all numbers are negative, so this is no branch: it would be guessed wrong as often.
    let negative = text.get(at) == Some(&b'-');
    let begin = at + usize::from(negative);
    let (negative, mut number, mut end) = match text.get(begin..begin + 2) {
        // One digit before the point, as a number has that stands for a share or was standardised.
        Some([digit @ b'0'..=b'9', b'.']) => (negative, u64::from(digit - b'0'), begin + 1),
        _ => plain_number(text, at, MAX_DIGITS)?,
    };
    let mut places = 0;
    if text.get(end) == Some(&b'.') {
        let (fraction, behind) = long_digits(text, end + 1);
        places = behind - (end + 1);
        if !(1..=MAX_DIGITS).contains(&places) {
            return None;
        }
        number = number * TENS[places] + fraction;
        end = behind;
    }
    let value = T::quotient(number, places)?;
    Some((if negative { value.negated() } else { value }, end))
}

const TENS: [u64; 10] = [
    1,
    10,
    100,
    1_000,
    10_000,
    100_000,
    1_000_000,
    10_000_000,
    100_000_000,
    1_000_000_000,
];

/// Characters that are read at once.
const WORD: usize = 8;

/// The digits at `at` as a number, and where they end. Of more than two words of digits the number
/// is of no use; callers look at how many there were.
#[inline]
fn digits(text: &[u8], at: usize) -> (u64, usize) {
    let (mut value, mut end) = (0u64, at);
    while let Some(word) = text.get(end..).and_then(<[u8]>::first_chunk::<WORD>) {
        let (part, count) = leading_digits(u64::from_le_bytes(*word));
        value = value.wrapping_mul(TENS[count]).wrapping_add(part);
        end += count;
        if count < WORD || end - at > 2 * WORD {
            return (value, end);
        }
    }
    while let Some(digit @ 0..=9) = text.get(end).map(|byte| byte.wrapping_sub(b'0')) {
        value = value.wrapping_mul(10).wrapping_add(u64::from(digit));
        end += 1;
    }
    (value, end)
}

/// The same where about a word of digits is to be expected, as behind the point of a decimal. How many
/// there are is then as good as random, and a wrong guess costs more than reading two words at once.
#[inline]
fn long_digits(text: &[u8], at: usize) -> (u64, usize) {
    let rest = text.get(at..).unwrap_or_default();
    let Some((first, rest)) = rest.split_first_chunk::<WORD>() else {
        return digits(text, at);
    };
    let Some(second) = rest.first_chunk::<WORD>() else {
        return digits(text, at);
    };
    let (first, count) = leading_digits(u64::from_le_bytes(*first));
    let (second, more) = leading_digits(u64::from_le_bytes(*second));
    let (second, more) = if count == WORD {
        (second, more)
    } else {
        (0, 0)
    };
    (first * TENS[more] + second, at + count + more)
}

/// The digits that eight characters begin with, the first in the lowest byte: their number and how
/// many there are. All eight are looked at, and multiplied, at once.
#[inline]
fn leading_digits(word: u64) -> (u64, usize) {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let digits = word ^ (EACH * 0x30);
    // A byte above nine gets its highest bit set: 0x76 lifts ten to 0x80.
    let over = ((digits & (EACH * 0x7f)) + EACH * 0x76) | digits;
    let count = ((over & (EACH * 0x80)).trailing_zeros() / 8) as usize;
    // The digits move to the high bytes; the zeros below them stand in front of the number. Where
    // there is no digit everything moves out.
    let empty = u64::BITS - 8 * count as u32;
    let digits = digits.checked_shl(empty).unwrap_or(0);
    // Neighbours become pairs, pairs fours, fours the whole.
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8);
    const LOW: u64 = 0x0000_00ff_0000_00ff;
    const FIRST: u64 = 100 + (1_000_000 << 32);
    const SECOND: u64 = 1 + (10_000 << 32);
    let first = (pairs & LOW).wrapping_mul(FIRST);
    let second = (pairs >> 16 & LOW).wrapping_mul(SECOND);
    (first.wrapping_add(second) >> 32, count)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn digits_end_where_something_else_stands() {
        assert_eq!(digits(b"12345678,", 0), (12_345_678, 8));
        assert_eq!(digits(b"0042]      ", 0), (42, 4));
        assert_eq!(
            digits(b"x123456789012345678,,,,,,,,,", 1),
            (123_456_789_012_345_678, 19)
        );
        assert_eq!(digits(b"", 0), (0, 0));
        assert_eq!(digits(b"12/", 0), (12, 2));
        assert_eq!(digits(b"12:       ", 0), (12, 2));
        assert_eq!(digits(b"\xb1\xff      ", 0), (0, 0));
    }

    proptest! {
        #[test]
        fn two_words_at_once_read_as_one_after_the_other(text in "[0-9]{0,15}[,.e ][0-9]{0,9}") {
            let expected = digits(text.as_bytes(), 0);
            prop_assert_eq!(long_digits(text.as_bytes(), 0), expected);
        }

        #[test]
        fn eight_at_once_read_as_one_by_one(word in any::<[u8; 8]>(), plain in "[0-9]{0,8}") {
            for mut word in [word, *b"xxxxxxxx"] {
                word[..plain.len()].copy_from_slice(plain.as_bytes());
                let count = word.iter().take_while(|byte| byte.is_ascii_digit()).count();
                let text = std::str::from_utf8(&word[..count]).unwrap();
                let expected = (text.parse().unwrap_or(0), count);
                prop_assert_eq!(leading_digits(u64::from_le_bytes(word)), expected);
            }
        }

        #[test]
        fn singles_that_are_told_are_told_right(digits in 0u64..1_000_000_000_000, places in 0usize..10) {
            let text = format!("{digits}e-{places}");
            if let Some(single) = f32::quotient(digits, places) {
                prop_assert_eq!(single.to_bits(), text.parse::<f32>().unwrap().to_bits());
            }
            let double = f64::quotient(digits, places).unwrap();
            prop_assert_eq!(double.to_bits(), text.parse::<f64>().unwrap().to_bits());
        }
    }
}
