//! The languages callers speak. Each turns its own into the one internal request and back; none
//! has admission, deadlines, retries or errors of its own, only a table of statuses.

pub(crate) mod http;
mod score;
mod thrift;
