//! The headers that the gateway reads, whatever a protocol calls its headers.

/// A header that says something about a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MetadataKey {
    /// The caller's id of the request, echoed.
    RequestId,
    /// The time the caller gives, in milliseconds.
    TimeoutMs,
    /// The request's class.
    Criticality,
    /// The key that allows the highest class.
    CriticalityKey,
}

impl MetadataKey {
    /// Every header, in the order of the variants.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 4] = [
        Self::RequestId,
        Self::TimeoutMs,
        Self::Criticality,
        Self::CriticalityKey,
    ];

    /// Its name, in lower case.
    #[must_use]
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::RequestId => "x-request-id",
            Self::TimeoutMs => "x-request-timeout-ms",
            Self::Criticality => "x-criticality",
            Self::CriticalityKey => "x-criticality-key",
        }
    }
}

/// The headers of a request. Each protocol implements it over its own map.
pub(crate) trait Metadata {
    /// The value of a header. One that is not ASCII text is given as empty, which no header takes.
    fn get(&self, key: MetadataKey) -> Option<&str>;
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    impl Metadata for Vec<(MetadataKey, &str)> {
        fn get(&self, key: MetadataKey) -> Option<&str> {
            let mut pairs = self.iter();
            pairs.find(|(name, _)| *name == key).map(|(_, text)| *text)
        }
    }
}
