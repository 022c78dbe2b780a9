//! Recommending over Thrift's binary protocol (`gateway/idl/fusebox.thrift`).
//!
//! ```text
//!  HTTP body ─► call: header, arguments ─► recommend ─► reply: answer, error or exception
//! ```
//!
//! `POST /v2/thrift` carries it. What is no call is answered with a `TApplicationException`, where there
//! is a header to answer to.

mod binary;
mod call;
mod recommend;
mod reply;

pub(super) use self::{call::Call, recommend::recommend, reply::exception};
