//! What stands before a message's struct: strict, with a version, or old, without.

use super::{reader::Reader, types::Malformed, writer::Writer};

/// Longest method name, with the service's before it.
pub(super) const MAX_NAME_BYTES: usize = 256;
const VERSION: u32 = 0x8001_0000;
const VERSION_MASK: u32 = 0xffff_0000;

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::protocols) enum MessageKind {
    Call = 1,
    Reply = 2,
    Exception = 3,
    OneWay = 4,
}

/// How a message's header is written; an answer is written as its call was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::protocols::thrift) enum Header {
    Strict,
    Old,
}

/// A message's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::protocols::thrift) struct MessageHeader<'b> {
    pub(in crate::protocols::thrift) header: Header,
    /// With the service's name and a colon before it where the client multiplexes.
    pub(in crate::protocols::thrift) name: &'b str,
    pub(in crate::protocols::thrift) kind: MessageKind,
    pub(in crate::protocols::thrift) sequence: i32,
}

impl<'b> MessageHeader<'b> {
    pub(in crate::protocols::thrift) fn read(reader: &mut Reader<'b>) -> Result<Self, Malformed> {
        let first = reader.i32()?;
        let (header, kind, name) = if first < 0 {
            let word = first.cast_unsigned();
            if word & VERSION_MASK != VERSION {
                return Err(Malformed::Version(word));
            }
            let length = reader.i32()?;
            let name = name(reader, length)?;
            // The two bytes between the version and the kind are not used.
            (Header::Strict, (word & 0xff) as u8, name)
        } else {
            let name = name(reader, first)?;
            (Header::Old, reader.byte()?, name)
        };
        let kind = match kind {
            1 => MessageKind::Call,
            2 => MessageKind::Reply,
            3 => MessageKind::Exception,
            4 => MessageKind::OneWay,
            _ => return Err(Malformed::Kind(kind)),
        };
        Ok(Self {
            header,
            name,
            kind,
            sequence: reader.i32()?,
        })
    }

    pub(in crate::protocols::thrift) fn write(&self, writer: &mut Writer) {
        match self.header {
            Header::Strict => {
                writer.raw(&(VERSION | self.kind as u32).to_be_bytes());
                writer.string(self.name);
            }
            Header::Old => {
                writer.string(self.name);
                writer.byte(self.kind as u8);
            }
        }
        writer.i32(self.sequence);
    }

    /// The service, where the client names it, and the method.
    pub(in crate::protocols::thrift) fn method(&self) -> (Option<&'b str>, &'b str) {
        match self.name.split_once(':') {
            Some((service, method)) => (Some(service), method),
            None => (None, self.name),
        }
    }
}

fn name<'b>(reader: &mut Reader<'b>, length: i32) -> Result<&'b str, Malformed> {
    let length = usize::try_from(length).map_err(|_| Malformed::Negative(length))?;
    if length > MAX_NAME_BYTES {
        return Err(Malformed::Name(MAX_NAME_BYTES));
    }
    reader.text(length)
}
