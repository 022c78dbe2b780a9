//! Writing values into one buffer.

use super::types::WireType;

/// A message that is being written.
#[derive(Debug, Default)]
pub(in crate::protocols::thrift) struct Writer {
    out: Vec<u8>,
}

impl Writer {
    pub(in crate::protocols::thrift) fn with_capacity(bytes: usize) -> Self {
        Self {
            out: Vec::with_capacity(bytes),
        }
    }

    pub(in crate::protocols::thrift) fn into_bytes(self) -> Vec<u8> {
        self.out
    }

    pub(super) fn raw(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    pub(in crate::protocols::thrift) fn byte(&mut self, value: u8) {
        self.out.push(value);
    }

    pub(in crate::protocols::thrift) fn i32(&mut self, value: i32) {
        self.raw(&value.to_be_bytes());
    }

    pub(in crate::protocols::thrift) fn i64(&mut self, value: i64) {
        self.raw(&value.to_be_bytes());
    }

    pub(in crate::protocols::thrift) fn double(&mut self, value: f64) {
        self.raw(&value.to_be_bytes());
    }

    /// A string. What we write is far shorter than a length can say; one that is not is cut off.
    pub(in crate::protocols::thrift) fn string(&mut self, text: &str) {
        let length = i32::try_from(text.len()).unwrap_or(i32::MAX);
        self.i32(length);
        self.raw(&text.as_bytes()[..length.unsigned_abs() as usize]);
    }

    /// What stands before a field's value.
    pub(in crate::protocols::thrift) fn field(&mut self, kind: WireType, number: i16) {
        self.byte(kind as u8);
        self.raw(&number.to_be_bytes());
    }

    /// The end of a struct.
    pub(in crate::protocols::thrift) fn stop(&mut self) {
        self.byte(0);
    }

    /// What stands before a list's elements.
    pub(in crate::protocols::thrift) fn list(&mut self, element: WireType, count: usize) {
        self.byte(element as u8);
        self.i32(i32::try_from(count).unwrap_or(i32::MAX));
    }

    pub(in crate::protocols::thrift) fn string_field(&mut self, number: i16, text: &str) {
        self.field(WireType::String, number);
        self.string(text);
    }

    pub(in crate::protocols::thrift) fn i64_field(&mut self, number: i16, value: u64) {
        self.field(WireType::I64, number);
        self.i64(i64::try_from(value).unwrap_or(i64::MAX));
    }

    pub(in crate::protocols::thrift) fn bool_field(&mut self, number: i16, value: bool) {
        self.field(WireType::Bool, number);
        self.byte(u8::from(value));
    }
}
