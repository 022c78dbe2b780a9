//! The languages callers speak. Each turns its own into the one internal request and back.

mod exchange;
pub mod oip;
pub mod rest;
