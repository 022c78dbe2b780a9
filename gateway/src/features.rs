//! What is known of users and items.
//!
//! A [`FeatureStore`] is read on the request path, on the thread that serves the request: an
//! implementation answers from memory or from mapped pages, without waiting.

mod catalogue;
mod embedded;
mod import;
mod record;

pub use catalogue::{Catalogue, Item};
pub use embedded::EmbeddedStore;
pub use import::{ImportError, ImportSummary, import};
pub use record::UserRecord;

/// Why a store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no file.
    #[error(
        "no feature store at {0}: make one with `gateway import` (in a checkout, `make build` makes the shipped one), or configure no scenes"
    )]
    Missing(std::path::PathBuf),
    /// The file is there but cannot be opened.
    #[error(
        "the feature store {path} cannot be read: {reason}; check its permissions, and that no import is writing it"
    )]
    Unreadable {
        /// The file.
        path: std::path::PathBuf,
        /// The system's word.
        reason: String,
    },
    /// The file is not a feature store, or not whole.
    #[error("the feature store {path} is damaged: {reason}; make it again with `gateway import`")]
    Damaged {
        /// The file.
        path: std::path::PathBuf,
        /// What was found.
        reason: String,
    },
}

/// Users and items by id.
pub trait FeatureStore: Send + Sync {
    /// Every item that can be recommended.
    fn catalogue(&self) -> &Catalogue;

    /// Names of the profile features every user record holds, in the record's order.
    fn profile_features(&self) -> &[String];

    /// Shows the record of a user to `read`, where it lies; false for an unknown user, who is
    /// not an error but a cold start.
    fn user(&self, id: &str, read: &mut dyn FnMut(UserRecord<'_>)) -> Result<bool, StoreError>;
}

#[cfg(test)]
pub(crate) use catalogue::tests;
