//! The limits of a request for recommendations: ids of 1 to [`MAX_ID_BYTES`] bytes, at most
//! [`MAX_TOP_K`] items, at most [`MAX_CONTEXT_ENTRIES`] context values, and as many candidates as
//! `limits.candidates` allows. What exceeds one is the caller's mistake.

use crate::failure::Failure;

/// Longest user id, device id or scene, in bytes.
pub(crate) const MAX_ID_BYTES: usize = 256;
/// Longest list one answer may have.
pub(crate) const MAX_TOP_K: u64 = 1000;
/// Most context values a request may carry.
pub(crate) const MAX_CONTEXT_ENTRIES: usize = 64;

/// What is wrong with the fields of a request.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum RequestError {
    /// No user.
    #[error("`user_id` is missing")]
    UserMissing,
    /// An id of a wrong length.
    #[error("`{field}` has {bytes} bytes; it must have 1 to {MAX_ID_BYTES}")]
    IdLength { field: &'static str, bytes: usize },
    /// A list of a wrong length.
    #[error("`top_k` is {0}; it must be 1 to {MAX_TOP_K}")]
    TopK(u64),
    /// No time at all.
    #[error("`timeout_ms` is {0}; it must be positive")]
    Timeout(i64),
    /// A context value out of its range.
    #[error("context value `{name}` is \"{text}\"; it must be \"{from}\" to \"{to}\"")]
    ContextValue {
        name: &'static str,
        text: String,
        from: u8,
        to: u8,
    },
    /// More context than is read.
    #[error("`context` has more than {MAX_CONTEXT_ENTRIES} values; send fewer")]
    ContextSize,
    /// More candidates than one request may name.
    #[error("more than {0} candidates; send fewer, or raise limits.candidates")]
    CandidateCount(usize),
}

impl From<RequestError> for Failure {
    fn from(error: RequestError) -> Self {
        Self::invalid(error.to_string())
    }
}
