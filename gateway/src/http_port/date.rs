//! The Date header of HTTP/2 answers, written once a second.

use std::{cell::RefCell, time::SystemTime};

use actix_web::http::header::{HeaderValue, HttpDate, TryIntoHeaderValue};

/// The header's value, as of the last look.
#[derive(Default)]
pub(super) struct CachedDate(RefCell<Option<HeaderValue>>);

impl CachedDate {
    /// Writes it anew.
    #[expect(
        clippy::disallowed_methods,
        reason = "the time of day is part of an answer, nothing is decided by it"
    )]
    pub(super) fn refresh(&self) {
        *self.0.borrow_mut() = HttpDate::from(SystemTime::now()).try_into_value().ok();
    }

    /// The value.
    pub(super) fn value(&self) -> Option<HeaderValue> {
        self.0.borrow().clone()
    }
}
