//! What is spoken over HTTP/1.1 and HTTP/2: JSON (`rest`), the Open Inference Protocol (`oip`), Thrift,
//! and what both share: bodies, headers, statuses, errors, the API description.

mod body;
mod fallback;
mod headers;
pub(crate) mod oip;
mod openapi;
pub(crate) mod respond;
pub(crate) mod rest;
mod status;
mod thrift;
mod unread;

use actix_web::web::ServiceConfig;

pub(crate) use self::{
    body::{BodyLimits, read_body},
    fallback::reading,
    unread::holding,
};

/// The paths of the data port.
pub(crate) fn configure(config: &mut ServiceConfig) {
    // Fixed paths first: a path with a model's name in it costs a pattern to match.
    rest::configure(config);
    openapi::configure(config);
    thrift::configure(config);
    oip::configure(config);
}
