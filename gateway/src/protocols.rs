//! The languages callers speak. Each turns its own into the one internal request and back.

mod exchange;
pub(crate) mod oip;
pub(crate) mod rest;
