//! The protocols that requests come by.

/// Which protocol a request came by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Protocol {
    /// JSON over HTTP.
    Rest,
    /// Open Inference Protocol over HTTP.
    Oip,
    /// Thrift's binary protocol, over HTTP.
    Thrift,
}

impl Protocol {
    /// Every protocol.
    pub(crate) const ALL: [Self; 3] = [Self::Rest, Self::Oip, Self::Thrift];

    /// Its label in metrics, logs and traces.
    #[must_use]
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Rest => "rest",
            Self::Oip => "oip",
            Self::Thrift => "thrift",
        }
    }
}
