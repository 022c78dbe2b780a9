//! Thrift's binary protocol over bytes that lie in memory: reading with limits, and writing.
//!
//! The reader borrows strings from the input and allocates nothing. A length is compared with what is
//! left of the input before anybody may allocate for it, and nesting is bounded. Knows no message of
//! ours.

mod message;
mod reader;
mod types;
mod writer;

#[cfg(test)]
mod tests;

pub(super) use self::{
    message::{Header, MessageHeader, MessageKind},
    reader::Reader,
    types::{Malformed, WireType},
    writer::Writer,
};
