//! The languages callers speak. Each turns its own into the one internal request and back.

pub mod oip;
pub mod rest;
