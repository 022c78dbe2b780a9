//! Names and numbers that identify things, checked where they are made.

use std::{fmt, num::NonZeroU64, str::FromStr, sync::Arc};

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
    /// Not a model version.
    #[error("`{0}` is not a model version: use a positive whole number of at most 64 bits")]
    Version(String),
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

/// A model's version: a positive integer of at most 64 bits, the name of a folder inside the
/// model's. Written as a number in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ModelVersion(NonZeroU64);

impl ModelVersion {
    /// The version, if positive.
    #[must_use]
    pub fn new(number: u64) -> Option<Self> {
        NonZeroU64::new(number).map(Self)
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> u64 {
        self.0.get()
    }
}

impl FromStr for ModelVersion {
    type Err = IdError;
    /// Digits only: a sign would give one version two names.
    fn from_str(text: &str) -> Result<Self, IdError> {
        let digits = text.bytes().all(|b| b.is_ascii_digit());
        let number = text.parse().ok().filter(|_| digits);
        number
            .and_then(Self::new)
            .ok_or_else(|| IdError::Version(text.chars().take(80).collect()))
    }
}

impl fmt::Display for ModelVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One version of one model: what is loaded, placed, admitted and moved as a unit. Written as
/// `name:version`, in JSON too.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ModelKey {
    /// The model.
    pub name: ModelName,
    /// Its version.
    pub version: ModelVersion,
}

impl ModelKey {
    /// The key of this version of this model.
    #[must_use]
    pub fn new(name: ModelName, version: ModelVersion) -> Self {
        Self { name, version }
    }
}

impl fmt::Display for ModelKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.name, self.version)
    }
}

impl FromStr for ModelKey {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        // No name contains a colon, so there is one way to read this.
        let (name, version) = text.split_once(':').unwrap_or((text, ""));
        Ok(Self::new(name.parse()?, version.parse()?))
    }
}

impl Serialize for ModelKey {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ModelKey {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?
            .parse()
            .map_err(serde::de::Error::custom)
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
    fn a_version_is_any_positive_number_of_64_bits_written_one_way() {
        for good in ["1", "20240101123456", "18446744073709551615"] {
            assert_eq!(good.parse::<ModelVersion>().unwrap().to_string(), good);
        }
        for bad in ["", "0", "-1", "+1", "1.0", "18446744073709551616", "one"] {
            assert!(bad.parse::<ModelVersion>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_model_key_is_read_as_it_is_written() {
        let key: ModelKey = "m.a-1:20240101123456".parse().unwrap();
        assert_eq!(key.to_string(), "m.a-1:20240101123456");
        assert_eq!(
            (key.name.as_str(), key.version.get()),
            ("m.a-1", 20_240_101_123_456)
        );
        for bad in ["m", "m:", ":1", "m:0", "m:1:2", "m 1"] {
            assert!(bad.parse::<ModelKey>().is_err(), "{bad:?}");
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
