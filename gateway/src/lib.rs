//! The gateway: protocols in front, the pool of inference actors behind.
//!
//! Owns: protocols, admission, features, recommending, administration, metrics export.
//! Never knows: `ort`, which only the inference actor speaks.

mod admin;
mod admission;
mod app;
pub mod boot;
pub mod cli;
mod connections;
mod failure;
pub mod features;
mod front;
mod history;
mod http_port;
mod live;
mod locate;
pub mod logging;
mod metrics;
#[doc(hidden)]
pub mod parsing;
mod phase;
mod protocols;
mod recent_events;
mod recommend;
mod releases;
mod request;
mod secret;
mod settings;
mod timing;
mod worker;

pub use inference_actor::disable_telemetry;
