//! The closed list of errors: every failure of ours, on every protocol, is one of these.
//!
//! A code reads `LAYER.SOURCE.REASON` and is also the label of the metric that counts it. What a
//! code means on a protocol (HTTP status, gRPC status) is the gateway's table, not this one's.

use serde::{Serialize, Serializer};

/// Which part of the system failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Layer {
    /// The machine, the process, its queues and dependencies.
    Infra,
    /// A model or its engine.
    Model,
    /// The request itself.
    Busi,
}

/// Whether sending the same request again can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Recoverability {
    /// It may succeed later.
    Transient,
    /// It will fail again until somebody changes something.
    Permanent,
}

/// How much an operator should care about one of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Impact {
    /// The service fails its promise.
    Critical,
    /// One caller is affected, by its own doing or by design.
    Warn,
}

/// Where the cause lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Source {
    /// What the caller sent.
    Input,
    /// How the service is configured or what it was given to serve.
    Config,
    /// Execution: queues, engines, stores, time.
    Io,
}

macro_rules! closed_list {
    ($($(#[$doc:meta])+ $name:ident = $text:literal, $layer:ident, $source:ident, $recover:ident, $impact:ident;)+) => {
        /// One failure of the closed list.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ErrorCode { $($(#[$doc])+ $name,)+ }

        impl ErrorCode {
            /// Every code, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The code as clients and metrics see it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }

            /// Which part failed.
            #[must_use]
            pub const fn layer(self) -> Layer {
                match self { $(Self::$name => Layer::$layer,)+ }
            }

            /// Where the cause lies.
            #[must_use]
            pub const fn source(self) -> Source {
                match self { $(Self::$name => Source::$source,)+ }
            }

            /// Whether a retry can help.
            #[must_use]
            pub const fn recoverability(self) -> Recoverability {
                match self { $(Self::$name => Recoverability::$recover,)+ }
            }

            /// How much an operator should care.
            #[must_use]
            pub const fn impact(self) -> Impact {
                match self { $(Self::$name => Impact::$impact,)+ }
            }
        }
    };
}

closed_list! {
    /// The request cannot be understood or breaks a rule of the interface.
    Invalid = "BUSI.INPUT.INVALID", Busi, Input, Permanent, Warn;
    /// No or wrong credentials.
    Unauthenticated = "BUSI.INPUT.UNAUTHENTICATED", Busi, Input, Permanent, Warn;
    /// Understood, but not allowed here.
    Forbidden = "BUSI.INPUT.FORBIDDEN", Busi, Input, Permanent, Warn;
    /// No such path.
    NotFound = "BUSI.INPUT.NOT_FOUND", Busi, Input, Permanent, Warn;
    /// The path exists, the method does not.
    MethodNotAllowed = "BUSI.INPUT.METHOD_NOT_ALLOWED", Busi, Input, Permanent, Warn;
    /// The body is larger than this path takes.
    TooLarge = "BUSI.INPUT.TOO_LARGE", Busi, Input, Permanent, Warn;
    /// The body's media type is not one this path takes.
    MediaType = "BUSI.INPUT.MEDIA_TYPE", Busi, Input, Permanent, Warn;
    /// The caller sends more than its quota.
    Quota = "BUSI.INPUT.QUOTA", Busi, Input, Transient, Warn;
    /// The change contradicts the present state.
    Conflict = "BUSI.CONFIG.CONFLICT", Busi, Config, Permanent, Warn;
    /// The request did not arrive within its time.
    SlowRequest = "INFRA.INPUT.SLOW_REQUEST", Infra, Input, Transient, Warn;
    /// The headers are larger than this server takes.
    HeadersTooLarge = "INFRA.INPUT.HEADERS_TOO_LARGE", Infra, Input, Permanent, Warn;
    /// More work than the queues hold; shed before any work was done.
    Overloaded = "INFRA.IO.OVERLOADED", Infra, Io, Transient, Critical;
    /// The deadline passed.
    Deadline = "INFRA.IO.DEADLINE", Infra, Io, Transient, Critical;
    /// The process is shutting down.
    Draining = "INFRA.CONFIG.DRAINING", Infra, Config, Transient, Warn;
    /// The process has not finished starting.
    NotReady = "INFRA.CONFIG.NOT_READY", Infra, Config, Transient, Warn;
    /// The feature store could not be read.
    FeatureStore = "INFRA.IO.FEATURE_STORE", Infra, Io, Transient, Critical;
    /// A fault of ours that no other code names.
    Internal = "INFRA.IO.INTERNAL", Infra, Io, Transient, Critical;
    /// No model or version of that name.
    UnknownModel = "MODEL.INPUT.UNKNOWN", Model, Input, Permanent, Warn;
    /// The inputs do not fit the model.
    InputRejected = "MODEL.INPUT.REJECTED", Model, Input, Permanent, Warn;
    /// The model that should answer is not loaded or not serving.
    ModelUnavailable = "MODEL.CONFIG.UNAVAILABLE", Model, Config, Transient, Critical;
    /// The breaker of this model is open.
    BreakerOpen = "MODEL.IO.BREAKER_OPEN", Model, Io, Transient, Critical;
    /// The engine failed on this request.
    EngineFailed = "MODEL.IO.FAILED", Model, Io, Transient, Critical;
    /// The engine panicked on the batch this request was in.
    EnginePanicked = "MODEL.IO.PANICKED", Model, Io, Transient, Critical;
}

impl ErrorCode {
    /// Whether the same request may be sent again.
    #[must_use]
    pub const fn retryable(self) -> bool {
        matches!(self.recoverability(), Recoverability::Transient)
    }
}

impl Serialize for ErrorCode {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_spelled_from_its_own_layer_and_source() {
        let mut seen = std::collections::HashSet::new();
        for code in ErrorCode::ALL {
            let layer = format!("{:?}", code.layer()).to_uppercase();
            let source = format!("{:?}", code.source()).to_uppercase();
            assert!(
                code.as_str().starts_with(&format!("{layer}.{source}.")),
                "{code:?}"
            );
            assert!(seen.insert(code.as_str()), "{code:?} twice");
        }
    }
}
