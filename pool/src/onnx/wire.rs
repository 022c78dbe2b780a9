//! Protocol buffers' wire format: fields by number, nothing interpreted.

use std::ops::Range;

/// Why bytes are not a protocol buffer.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum WireError {
    /// The bytes end inside a field.
    #[error("it is cut off at byte {0}")]
    Truncated(usize),
    /// A tag that no field can have.
    #[error("byte {0} begins no field")]
    Malformed(usize),
    /// Graphs inside graphs, deeper than any model.
    #[error("graphs are nested more than {0} deep")]
    TooDeep(usize),
}

/// What a field holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Payload {
    /// A number, or the four or eight bytes of one.
    Number(u64),
    /// Bytes: a string, a message, packed numbers, raw data. Where they lie in the file.
    Bytes(Range<usize>),
}

/// One field: its number, what it holds, and where all of it lies, tag included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) number: u64,
    pub(crate) payload: Payload,
    pub(crate) whole: Range<usize>,
}

/// The fields of the message that lies at `range` of `file`, one after the other.
pub(crate) struct Fields<'a> {
    file: &'a [u8],
    at: usize,
    end: usize,
}

impl<'a> Fields<'a> {
    pub(crate) fn of(file: &'a [u8], range: Range<usize>) -> Self {
        Self {
            file,
            at: range.start,
            end: range.end.min(file.len()),
        }
    }

    fn varint(&mut self) -> Result<u64, WireError> {
        let start = self.at;
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = *self.file[..self.end]
                .get(self.at)
                .ok_or(WireError::Truncated(start))?;
            self.at += 1;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(WireError::Malformed(start))
    }

    fn take(&mut self, length: u64) -> Result<Range<usize>, WireError> {
        let start = self.at;
        let end = usize::try_from(length)
            .ok()
            .and_then(|length| start.checked_add(length))
            .filter(|end| *end <= self.end)
            .ok_or(WireError::Truncated(start))?;
        self.at = end;
        Ok(start..end)
    }

    fn field(&mut self) -> Result<Field, WireError> {
        let start = self.at;
        let tag = self.varint()?;
        let fixed = |bytes: &[u8]| {
            let mut wide = [0u8; 8];
            wide[..bytes.len()].copy_from_slice(bytes);
            Payload::Number(u64::from_le_bytes(wide))
        };
        let payload = match tag & 7 {
            0 => Payload::Number(self.varint()?),
            1 => fixed(&self.file[self.take(8)?]),
            2 => {
                let length = self.varint()?;
                Payload::Bytes(self.take(length)?)
            }
            5 => fixed(&self.file[self.take(4)?]),
            // Groups, which ONNX does not use.
            _ => return Err(WireError::Malformed(start)),
        };
        match tag >> 3 {
            0 => Err(WireError::Malformed(start)),
            number => Ok(Field {
                number,
                payload,
                whole: start..self.at,
            }),
        }
    }
}

impl Iterator for Fields<'_> {
    type Item = Result<Field, WireError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.end {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.at = self.end;
        }
        Some(field)
    }
}

/// Appends a number as a varint.
pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value as u8 & 0x7f) | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends a field that holds bytes.
pub(crate) fn put_bytes(out: &mut Vec<u8>, number: u64, bytes: &[u8]) {
    put_varint(out, number << 3 | 2);
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn fields_are_read_back_as_written() {
        let mut file = Vec::new();
        put_varint(&mut file, 1 << 3);
        put_varint(&mut file, 300);
        put_bytes(&mut file, 7, b"graph");
        let fields: Vec<_> = Fields::of(&file, 0..file.len())
            .collect::<Result<_, _>>()
            .unwrap();
        assert_eq!(
            (fields[0].number, &fields[0].payload),
            (1, &Payload::Number(300))
        );
        let Payload::Bytes(range) = &fields[1].payload else {
            panic!("bytes")
        };
        assert_eq!(&file[range.clone()], b"graph");
        assert_eq!(fields[1].whole.end, file.len());
        for cut in 1..file.len() - 1 {
            let read: Result<Vec<_>, _> = Fields::of(&file[..cut], 0..cut).collect();
            assert!(read.is_err() || cut == 3, "{cut}");
        }
    }

    proptest! {
        #[test]
        fn a_changed_file_ends_and_no_field_reaches_outside(at in any::<usize>(), byte in any::<u8>(), cut in any::<bool>()) {
            let mut file = Vec::new();
            for number in 1..9 {
                put_varint(&mut file, number << 3);
                put_varint(&mut file, 1 << (7 * number));
                put_bytes(&mut file, 20, b"name");
            }
            let at = at % file.len();
            if cut { file.truncate(at) } else { file[at] = byte }
            for field in Fields::of(&file, 0..file.len()).flatten() {
                prop_assert!(field.whole.end <= file.len());
            }
        }
    }
}
