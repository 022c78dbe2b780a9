//! The types of the wire, and what can be wrong with bytes.

/// Values inside values inside values: deeper than any message of ours, far less than a stack takes.
pub(in crate::protocols::thrift) const MAX_DEPTH: u32 = 32;

/// The type of a value, as the wire says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::protocols::thrift) enum WireType {
    Bool = 2,
    Byte = 3,
    Double = 4,
    I16 = 6,
    I32 = 8,
    I64 = 10,
    String = 11,
    Struct = 12,
    Map = 13,
    Set = 14,
    List = 15,
    Uuid = 16,
}

impl WireType {
    pub(super) fn of(byte: u8) -> Result<Self, Malformed> {
        Ok(match byte {
            2 => Self::Bool,
            3 => Self::Byte,
            4 => Self::Double,
            6 => Self::I16,
            8 => Self::I32,
            10 => Self::I64,
            11 => Self::String,
            12 => Self::Struct,
            13 => Self::Map,
            14 => Self::Set,
            15 => Self::List,
            16 => Self::Uuid,
            _ => return Err(Malformed::Type(byte)),
        })
    }

    /// The fewest bytes that a value takes, so that a count can be compared with what is left.
    pub(super) const fn min_bytes(self) -> usize {
        match self {
            Self::Bool | Self::Byte | Self::Struct => 1,
            Self::I16 => 2,
            Self::I32 | Self::String => 4,
            Self::Set | Self::List => 5,
            Self::Map => 6,
            Self::Double | Self::I64 => 8,
            Self::Uuid => 16,
        }
    }
}

/// Why bytes are not a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(in crate::protocols) enum Malformed {
    #[error("the message ends too early")]
    Truncated,
    #[error("a length is {0}, which is negative")]
    Negative(i32),
    #[error("a length of {0} is more than the rest of the message holds")]
    Length(usize),
    #[error("values are nested more than {MAX_DEPTH} deep")]
    Depth,
    #[error("{0} is no type of the binary protocol")]
    Type(u8),
    #[error("a string is not UTF-8")]
    Utf8,
    #[error("version {0:#010x} is not the binary protocol's 0x8001")]
    Version(u32),
    #[error("{0} is no kind of message")]
    Kind(u8),
    #[error("the method's name is longer than {0} bytes")]
    Name(usize),
    #[error("{0} bytes follow the message")]
    Trailing(usize),
}
