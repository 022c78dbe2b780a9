//! A scanner over JSON text: no tree is built, values are read where they are needed.
//!
//! Takes `NaN`, `Infinity` and `-Infinity` for numbers, which tensors hold and JSON proper lacks.

mod plain;

use std::borrow::Cow;

use self::plain::{ExactDecimal, decimal, plain_number};
use crate::failure::Failure;

/// Deeper nesting than any request means; bounds the recursion.
const MAX_DEPTH: usize = 64;

/// A place in a JSON text that was checked to be UTF-8.
#[derive(Debug, Clone)]
pub(super) struct Cursor<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    /// At the start of a text.
    pub(super) fn new(text: &'a str) -> Self {
        Self {
            text: text.as_bytes(),
            at: 0,
        }
    }

    /// How many bytes are left: no more values than that can follow.
    pub(super) fn left(&self) -> usize {
        self.text.len() - self.at
    }

    /// A failure at this place.
    pub(super) fn wrong(&self, what: impl std::fmt::Display) -> Failure {
        Failure::invalid(format!("the JSON is wrong at byte {}: {what}", self.at))
    }

    /// The next byte that is no white space, without taking it.
    #[inline]
    pub(super) fn peek(&mut self) -> Option<u8> {
        loop {
            match self.text.get(self.at)? {
                b' ' | b'\n' | b'\r' | b'\t' => self.at += 1,
                byte => return Some(*byte),
            }
        }
    }

    /// Takes `byte` if it is next.
    #[inline]
    pub(super) fn takes(&mut self, byte: u8) -> bool {
        let next = self.peek() == Some(byte);
        self.at += usize::from(next);
        next
    }

    /// Takes `byte`, which must be next.
    #[inline]
    pub(super) fn expect(&mut self, byte: u8) -> Result<(), Failure> {
        if self.takes(byte) {
            return Ok(());
        }
        Err(self.wrong(format_args!("expected `{}`", char::from(byte))))
    }

    /// Nothing but white space may follow.
    pub(super) fn end(&mut self) -> Result<(), Failure> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.wrong("something follows the end of the value")),
        }
    }

    /// Reads an object, handing each key to `field`, which reads the value.
    pub(super) fn object(
        &mut self,
        mut field: impl FnMut(&mut Self, &str) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        self.expect(b'{')?;
        if self.takes(b'}') {
            return Ok(());
        }
        loop {
            let key = self.string()?;
            self.expect(b':')?;
            field(self, &key)?;
            if !self.takes(b',') {
                return self.expect(b'}');
            }
        }
    }

    /// Reads an array, calling `element` to read each value.
    pub(super) fn array(
        &mut self,
        mut element: impl FnMut(&mut Self) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        self.expect(b'[')?;
        if self.takes(b']') {
            return Ok(());
        }
        loop {
            element(self)?;
            if !self.takes(b',') {
                return self.expect(b']');
            }
        }
    }

    /// Reads a string.
    pub(super) fn string(&mut self) -> Result<Cow<'a, str>, Failure> {
        if !self.takes(b'"') {
            return Err(self.wrong("expected a string"));
        }
        let start = self.at;
        while let Some(byte) = self.text.get(self.at) {
            match byte {
                b'"' => {
                    let plain = self.utf8(start..self.at)?;
                    self.at += 1;
                    return Ok(Cow::Borrowed(plain));
                }
                b'\\' => return self.escaped(start).map(Cow::Owned),
                0..0x20 => return Err(self.wrong("a control character inside a string")),
                _ => self.at += 1,
            }
        }
        Err(self.wrong("a string is not closed"))
    }

    /// The rest of a string that began at `start` and holds escapes.
    fn escaped(&mut self, start: usize) -> Result<String, Failure> {
        let mut string = self.utf8(start..self.at)?.to_owned();
        loop {
            let begin = self.at;
            let stops = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
            let plain = self.text[begin..].iter().position(stops);
            self.at += plain.ok_or_else(|| self.wrong("a string is not closed"))?;
            string.push_str(self.utf8(begin..self.at)?);
            match self.text[self.at] {
                b'"' => {
                    self.at += 1;
                    return Ok(string);
                }
                b'\\' => {
                    self.at += 1;
                    string.push(self.escape()?);
                }
                _ => return Err(self.wrong("a control character inside a string")),
            }
        }
    }

    fn escape(&mut self) -> Result<char, Failure> {
        let byte = self.text.get(self.at).copied();
        self.at += 1;
        Ok(match byte {
            Some(plain @ (b'"' | b'\\' | b'/')) => char::from(plain),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                let first = self.hex4()?;
                let code = match first {
                    0xd800..0xdc00 if self.text[self.at..].starts_with(b"\\u") => {
                        self.at += 2;
                        let second = self.hex4()?;
                        if !(0xdc00..0xe000).contains(&second) {
                            return Err(self.wrong("half of a surrogate pair"));
                        }
                        0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)
                    }
                    other => other,
                };
                char::from_u32(code).ok_or_else(|| self.wrong("half of a surrogate pair"))?
            }
            _ => return Err(self.wrong("no such escape")),
        })
    }

    fn hex4(&mut self) -> Result<u32, Failure> {
        let digits = self.text.get(self.at..self.at + 4);
        let text = digits
            .filter(|d| d.iter().all(u8::is_ascii_hexdigit))
            .and_then(|d| std::str::from_utf8(d).ok());
        let code = text.and_then(|t| u32::from_str_radix(t, 16).ok());
        self.at += 4;
        code.ok_or_else(|| self.wrong("expected four hexadecimal digits"))
    }

    fn utf8(&self, range: std::ops::Range<usize>) -> Result<&'a str, Failure> {
        // The whole text is UTF-8 and quotes never stand inside a character.
        std::str::from_utf8(&self.text[range]).map_err(|_| self.wrong("not UTF-8"))
    }

    /// Takes a word such as `true`, if it is next.
    #[inline]
    pub(super) fn takes_word(&mut self, word: &str) -> bool {
        self.peek();
        let rest = &self.text[self.at..];
        let ends = |byte: Option<&u8>| !byte.is_some_and(u8::is_ascii_alphanumeric);
        let next = rest.starts_with(word.as_bytes()) && ends(rest.get(word.len()));
        if next {
            self.at += word.len();
        }
        next
    }

    /// Takes the characters of a number by JSON's grammar; the text of one that is a plain integer
    /// has no `.` and no exponent.
    #[inline]
    pub(super) fn number(&mut self) -> Result<&'a [u8], Failure> {
        self.peek();
        let start = self.at;
        let rest = &self.text[start..];
        let digits = |from: usize| {
            let count = rest[from..]
                .iter()
                .take_while(|b| b.is_ascii_digit())
                .count();
            from + count
        };
        let sign = usize::from(rest.first() == Some(&b'-'));
        let mut end = digits(sign);
        let leading_zero = end > sign + 1 && rest[sign] == b'0';
        let mut whole = end > sign && !leading_zero;
        if whole && rest.get(end) == Some(&b'.') {
            let fraction = digits(end + 1);
            whole = fraction > end + 1;
            end = fraction;
        }
        if whole && matches!(rest.get(end), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(rest.get(end + 1), Some(b'+' | b'-')));
            let exponent = digits(end + 1 + sign);
            whole = exponent > end + 1 + sign;
            end = exponent;
        }
        if !whole {
            return Err(self.wrong("expected a number"));
        }
        self.at = start + end;
        Ok(&rest[..end])
    }

    /// Takes an integer of at most nineteen digits in one pass, as its sign and what follows it;
    /// nothing is taken where anything else stands there.
    #[inline]
    pub(super) fn short_integer(&mut self) -> Option<(bool, u64)> {
        self.peek();
        let rest = &self.text[self.at..];
        let negative = rest.first() == Some(&b'-');
        let digits = &rest[usize::from(negative)..];
        let (mut value, mut count) = (0u64, 0);
        let more = loop {
            let next = digits.get(count);
            match next.map(|byte| byte.wrapping_sub(b'0')) {
                Some(digit @ 0..=9) if count < 19 => value = value * 10 + u64::from(digit),
                _ => break next,
            }
            count += 1;
        };
        let leading_zero = count > 1 && digits[0] == b'0';
        if count == 0 || leading_zero || matches!(more, Some(b'0'..=b'9' | b'.' | b'e' | b'E')) {
            return None;
        }
        self.at += usize::from(negative) + count;
        Some((negative, value))
    }

    /// Takes a number as a float in one pass; nothing is taken where no number by JSON's grammar
    /// stands there.
    #[inline]
    pub(super) fn float<T: fast_float2::FastFloat>(&mut self) -> Option<T> {
        self.peek();
        let rest = &self.text[self.at..];
        let digits = rest.strip_prefix(b"-").unwrap_or(rest);
        // The parser takes more than JSON has: words, signs, zeros in front, points at either end.
        let begins = match digits {
            [b'0', b'0'..=b'9', ..] => false,
            [b'0'..=b'9', ..] => true,
            _ => false,
        };
        let (value, length) = fast_float2::parse_partial(rest).ok().filter(|_| begins)?;
        let text = &rest[..length];
        let point = text.iter().position(|byte| *byte == b'.');
        let digit_at = |index: usize| text.get(index).is_some_and(u8::is_ascii_digit);
        if !digit_at(length - 1) || point.is_some_and(|point| !digit_at(point + 1)) {
            return None;
        }
        self.at += length;
        Some(value)
    }

    /// Takes integers that are each followed by a comma, for as long as they are written the
    /// plainest way, fit, and there is room; tells how many.
    pub(super) fn integers<T: TryFrom<i64>>(&mut self, room: &mut [T]) -> usize {
        // More might not fit 64 bits.
        const MAX_DIGITS: usize = 18;
        let mut taken = 0;
        for place in room {
            let Some((negative, digits, end)) = plain_number(self.text, self.at, MAX_DIGITS) else {
                break;
            };
            let magnitude = digits.cast_signed();
            let value = if negative { -magnitude } else { magnitude };
            match (self.text.get(end), T::try_from(value)) {
                (Some(b','), Ok(value)) => *place = value,
                _ => break,
            }
            self.at = end + 1;
            taken += 1;
        }
        taken
    }

    /// The same for decimals without an exponent whose digits the type holds exactly, and whose
    /// power of ten it holds too: one division then gives the nearest value.
    pub(super) fn floats<T: ExactDecimal>(&mut self, room: &mut [T]) -> usize {
        let mut taken = 0;
        for place in room {
            let Some((value, end)) = decimal(self.text, self.at) else {
                break;
            };
            if self.text.get(end) != Some(&b',') {
                break;
            }
            *place = value;
            self.at = end + 1;
            taken += 1;
        }
        taken
    }

    /// Reads `true` or `false`.
    pub(super) fn boolean(&mut self) -> Result<bool, Failure> {
        if self.takes_word("true") {
            return Ok(true);
        }
        if self.takes_word("false") {
            return Ok(false);
        }
        Err(self.wrong("expected true or false"))
    }

    /// Reads a number that counts something.
    pub(super) fn size(&mut self) -> Result<usize, Failure> {
        let at = self.clone();
        let text = self.number()?;
        let parsed = std::str::from_utf8(text).ok().and_then(|t| t.parse().ok());
        parsed.ok_or_else(|| at.wrong("expected an integer of at least 0 that fits 64 bits"))
    }

    /// Passes over any value.
    pub(super) fn skip(&mut self) -> Result<(), Failure> {
        self.skip_at(0)
    }

    fn skip_at(&mut self, depth: usize) -> Result<(), Failure> {
        if depth > MAX_DEPTH {
            return Err(self.wrong(format_args!("values are nested more than {MAX_DEPTH} deep")));
        }
        match self.peek() {
            Some(b'{') => self.object(|inside, _| inside.skip_at(depth + 1)),
            Some(b'[') => self.array(|inside| inside.skip_at(depth + 1)),
            Some(b'"') => self.string().map(drop),
            _ if ["null", "true", "false", "NaN", "Infinity", "-Infinity"]
                .into_iter()
                .any(|word| self.takes_word(word)) =>
            {
                Ok(())
            }
            Some(_) => self.number().map(drop),
            None => Err(self.wrong("it ends too early")),
        }
    }
}

#[cfg(test)]
mod tests;
