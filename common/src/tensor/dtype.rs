//! Element types, by the names of the Open Inference Protocol.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

macro_rules! dtypes {
    ($($name:ident = $text:literal, $width:expr;)+) => {
        /// The type of a tensor's elements.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[allow(missing_docs, reason = "the names say it")]
        pub enum DType { $($name,)+ }

        impl DType {
            /// Every type served.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The name on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }

            /// Bytes an element takes; none for BYTES, whose elements differ.
            #[must_use]
            pub const fn width_bytes(self) -> Option<usize> {
                match self { $(Self::$name => $width,)+ }
            }
        }
    };
}

dtypes! {
    Bool = "BOOL", Some(1);
    Int8 = "INT8", Some(1);
    Int16 = "INT16", Some(2);
    Int32 = "INT32", Some(4);
    Int64 = "INT64", Some(8);
    Uint8 = "UINT8", Some(1);
    Uint16 = "UINT16", Some(2);
    Uint32 = "UINT32", Some(4);
    Uint64 = "UINT64", Some(8);
    Fp16 = "FP16", Some(2);
    Fp32 = "FP32", Some(4);
    Fp64 = "FP64", Some(8);
    Bytes = "BYTES", None;
}

/// A datatype this server does not know.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "unknown datatype `{0}`: use one of BOOL, INT8…INT64, UINT8…UINT64, FP16, FP32, FP64, BYTES"
)]
pub struct UnknownDType(String);

impl FromStr for DType {
    type Err = UnknownDType;
    fn from_str(text: &str) -> Result<Self, UnknownDType> {
        let known = Self::ALL.iter().find(|d| d.as_str() == text);
        known
            .copied()
            .ok_or_else(|| UnknownDType(text.chars().take(40).collect()))
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for DType {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for DType {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}
