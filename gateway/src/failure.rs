//! A failure on its way to a caller: a code of the closed list and what to tell.

use std::time::Duration;

use common::ErrorCode;
use inference_actor::{
    InferFailure, InputError,
    arena::{NoTensor, Refused},
};

use crate::features::StoreError;

/// Why a request is not answered with a result.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Failure {
    /// Which error of the closed list.
    pub code: ErrorCode,
    /// What to tell the caller, and how to fix it.
    pub message: String,
    /// When a retry makes sense.
    pub retry_after: Option<Duration>,
    /// The run it failed in, if it got that far.
    pub batch_id: Option<u64>,
    /// Whether it ended before any run: then it says nothing about the model.
    pub never_ran: bool,
    /// Whether the model answered with NaN or an infinite value.
    pub not_finite: bool,
}

impl Failure {
    /// A failure with its message.
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: printable(message.into()),
            retry_after: None,
            batch_id: None,
            never_ran: false,
            not_finite: false,
        }
    }

    /// The caller's mistake.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::Invalid, message)
    }
}

/// The text with control characters written as escapes: names in it may come from outside, and a
/// terminal or a log must not act on them.
fn printable(text: String) -> String {
    if !text.contains(char::is_control) {
        return text;
    }
    let escaped = |c: char| match c.is_control() {
        true => c.escape_default().to_string(),
        false => c.to_string(),
    };
    text.chars().map(escaped).collect()
}

impl From<InferFailure> for Failure {
    fn from(failure: InferFailure) -> Self {
        Self {
            batch_id: failure.batch_id,
            never_ran: failure.never_ran,
            ..Self::new(failure.code, failure.message)
        }
    }
}

impl From<InputError> for Failure {
    fn from(error: InputError) -> Self {
        Self::new(ErrorCode::InputRejected, error.to_string())
    }
}

impl From<NoTensor> for Failure {
    fn from(error: NoTensor) -> Self {
        match error {
            NoTensor::Shape(_) | NoTensor::Memory(Refused::Size) => {
                Self::invalid(error.to_string())
            }
            NoTensor::Memory(_) => Self {
                never_ran: true,
                ..Self::new(ErrorCode::Overloaded, error.to_string())
            },
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        // The path and the cause are for the operator, not for the caller.
        tracing::error!(%error, "feature lookup failed");
        Self::new(
            ErrorCode::FeatureStore,
            "the feature store could not be read; see the gateway's log",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_of_a_name_are_escaped_and_other_text_stays() {
        let failure = Failure::invalid("scene `a\n\u{1b}[31mb\u{9b}`: größer");
        assert_eq!(failure.message, "scene `a\\n\\u{1b}[31mb\\u{9b}`: größer");
    }
}
