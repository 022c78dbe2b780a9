//! Names and numbers that identify things, checked where they are made.

use std::{fmt, num::NonZeroU32, str::FromStr, sync::Arc};

use compact_str::{CompactString, format_compact};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Why a text is not a valid id.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum IdError {
    /// Empty, too long, or with characters that cannot stand in a path or a header.
    #[error(
        "`{0}` is not a valid {1}: use 1 to {2} of letters, digits, '.', '_' and '-', not starting with '.'"
    )]
    Malformed(String, &'static str, usize),
}

fn checked(text: &str, what: &'static str, max: usize) -> Result<Arc<str>, IdError> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    let ok = (1..=max).contains(&text.len())
        && text.bytes().all(plain)
        // A leading dot would let a name step out of, or hide in, the repository's folder.
        && !text.starts_with('.');
    if ok {
        Ok(text.into())
    } else {
        Err(IdError::Malformed(
            text.chars().take(80).collect(),
            what,
            max,
        ))
    }
}

/// A model's name: the name of its folder in the repository.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ModelName(Arc<str>);

impl ModelName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ModelName {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        checked(text, "model name", 128).map(Self)
    }
}

impl fmt::Display for ModelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for ModelName {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for ModelName {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// A model's version: a positive integer, the name of a folder inside the model's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ModelVersion(NonZeroU32);

impl ModelVersion {
    /// The version, if positive.
    #[must_use]
    pub fn new(number: u32) -> Option<Self> {
        NonZeroU32::new(number).map(Self)
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> u32 {
        self.0.get()
    }
}

impl fmt::Display for ModelVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A request's id: the caller's where it sent a usable one, else made here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(CompactString);

impl RequestId {
    /// Longest id taken from a caller; longer ones would only be log padding.
    pub const MAX_BYTES: usize = 128;

    /// The caller's id, if it is printable ASCII without quotes and of a sane length: it is echoed
    /// into headers, JSON and logs as it is.
    #[must_use]
    pub fn from_caller(text: &str) -> Option<Self> {
        let printable = |b: u8| b.is_ascii_graphic() && b != b'"' && b != b'\\';
        ((1..=Self::MAX_BYTES).contains(&text.len()) && text.bytes().all(printable))
            .then(|| Self(text.into()))
    }

    /// An id made of a process-wide prefix and a counter: unique without locks or randomness.
    #[must_use]
    pub fn made(process: u64, thread: u16, sequence: u64) -> Self {
        Self(format_compact!("{process:012x}-{thread:02x}-{sequence:x}"))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn model_names_cannot_step_out_of_the_repository() {
        for bad in [
            "",
            "..",
            ".hidden",
            "a/b",
            "a\\b",
            "ä",
            "a b",
            &"x".repeat(129),
        ] {
            assert!(bad.parse::<ModelName>().is_err(), "{bad:?}");
        }
        for good in ["ml100k_din", "a.b-c_9", &"x".repeat(128)] {
            assert!(good.parse::<ModelName>().is_ok(), "{good:?}");
        }
    }

    #[test]
    fn only_harmless_request_ids_are_echoed() {
        assert!(RequestId::from_caller("abc-1:2/3").is_some());
        for bad in ["", "a\nb", "a\"b", "a b", "é", &"x".repeat(129)] {
            assert!(RequestId::from_caller(bad).is_none(), "{bad:?}");
        }
    }
}
