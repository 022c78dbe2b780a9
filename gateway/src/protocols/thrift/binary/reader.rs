//! Reading values out of bytes.

use super::types::{MAX_DEPTH, Malformed, WireType};

/// A place in the input.
#[derive(Debug, Clone)]
pub(in crate::protocols::thrift) struct Reader<'b> {
    rest: &'b [u8],
}

impl<'b> Reader<'b> {
    pub(in crate::protocols::thrift) const fn new(bytes: &'b [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Bytes that are left.
    pub(in crate::protocols::thrift) const fn left(&self) -> usize {
        self.rest.len()
    }

    fn take(&mut self, length: usize) -> Result<&'b [u8], Malformed> {
        let (taken, rest) = self
            .rest
            .split_at_checked(length)
            .ok_or(Malformed::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(Malformed::Truncated)?;
        self.rest = rest;
        Ok(*taken)
    }

    pub(in crate::protocols::thrift) fn byte(&mut self) -> Result<u8, Malformed> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(in crate::protocols::thrift) fn boolean(&mut self) -> Result<bool, Malformed> {
        self.byte().map(|byte| byte != 0)
    }

    pub(in crate::protocols::thrift) fn i16(&mut self) -> Result<i16, Malformed> {
        self.array().map(i16::from_be_bytes)
    }

    pub(in crate::protocols::thrift) fn i32(&mut self) -> Result<i32, Malformed> {
        self.array().map(i32::from_be_bytes)
    }

    pub(in crate::protocols::thrift) fn i64(&mut self) -> Result<i64, Malformed> {
        self.array().map(i64::from_be_bytes)
    }

    /// A count of things of which each takes at least `min_bytes`.
    fn count(&mut self, min_bytes: usize) -> Result<usize, Malformed> {
        let signed = self.i32()?;
        let count = usize::try_from(signed).map_err(|_| Malformed::Negative(signed))?;
        match count <= self.left() / min_bytes {
            true => Ok(count),
            false => Err(Malformed::Length(count)),
        }
    }

    pub(in crate::protocols::thrift) fn bytes(&mut self) -> Result<&'b [u8], Malformed> {
        let length = self.count(1)?;
        self.take(length)
    }

    /// A string that has this many bytes.
    pub(super) fn text(&mut self, length: usize) -> Result<&'b str, Malformed> {
        std::str::from_utf8(self.take(length)?).map_err(|_| Malformed::Utf8)
    }

    pub(in crate::protocols::thrift) fn string(&mut self) -> Result<&'b str, Malformed> {
        let length = self.count(1)?;
        self.text(length)
    }

    /// The next field's type and number; none at the end of the struct.
    pub(in crate::protocols::thrift) fn field(
        &mut self,
    ) -> Result<Option<(WireType, i16)>, Malformed> {
        match self.byte()? {
            0 => Ok(None),
            byte => Ok(Some((WireType::of(byte)?, self.i16()?))),
        }
    }

    /// The element type and count of a list or set.
    pub(in crate::protocols::thrift) fn list(&mut self) -> Result<(WireType, usize), Malformed> {
        let element = WireType::of(self.byte()?)?;
        Ok((element, self.count(element.min_bytes())?))
    }

    /// The types of keys and values, and their count; no types where the map is empty.
    pub(in crate::protocols::thrift) fn map(
        &mut self,
    ) -> Result<(Option<(WireType, WireType)>, usize), Malformed> {
        let (key, value) = (self.byte()?, self.byte()?);
        // Some writers give an empty map no types.
        if key == 0 && value == 0 {
            return match self.count(1)? {
                0 => Ok((None, 0)),
                _ => Err(Malformed::Type(0)),
            };
        }
        let types = (WireType::of(key)?, WireType::of(value)?);
        let count = self.count(types.0.min_bytes() + types.1.min_bytes())?;
        Ok((Some(types), count))
    }

    /// Passes over a value that nobody asked for.
    pub(in crate::protocols::thrift) fn skip(&mut self, kind: WireType) -> Result<(), Malformed> {
        self.skip_within(kind, MAX_DEPTH)
    }

    fn skip_within(&mut self, kind: WireType, depth: u32) -> Result<(), Malformed> {
        let depth = depth.checked_sub(1).ok_or(Malformed::Depth)?;
        match kind {
            WireType::String => self.bytes().map(drop),
            WireType::Struct => {
                while let Some((kind, _)) = self.field()? {
                    self.skip_within(kind, depth)?;
                }
                Ok(())
            }
            WireType::Set | WireType::List => {
                let (element, count) = self.list()?;
                (0..count).try_for_each(|_| self.skip_within(element, depth))
            }
            WireType::Map => {
                let (Some((key, value)), count) = self.map()? else {
                    return Ok(());
                };
                (0..count).try_for_each(|_| {
                    self.skip_within(key, depth)?;
                    self.skip_within(value, depth)
                })
            }
            fixed => self.take(fixed.min_bytes()).map(drop),
        }
    }
}
