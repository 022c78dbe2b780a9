//! What every request goes through, whatever protocol it came by.
//!
//! ```text
//!  metadata ─► context ─► run: admit ─► prepare ─► validate ─► infer ─► report
//! ```
//!
//! A protocol begins an [`Exchange`], reads the [`RequestContext`] out of its headers, parses its
//! body, calls [`run`] (recommending does so itself), writes the answer and finishes the exchange.
//! Never knows: HTTP, gRPC, Thrift, JSON.

mod context;
mod criticality;
mod deadline;
mod exchange;
mod metadata;
mod protocol;
mod run;
mod target;

pub(crate) use self::{
    context::RequestContext,
    exchange::Exchange,
    metadata::{Metadata, MetadataKey},
    protocol::Protocol,
    run::{Inputs, run},
    target::{NO_SCENE, Target, stable_hash},
};
