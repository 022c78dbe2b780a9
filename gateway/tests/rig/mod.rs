//! A gateway of drill models and a blocking client; see the crate `testkit`.

#![allow(
    unused_imports,
    reason = "each file of tests uses a part of it and compiles all of it"
)]

pub(crate) use testkit::rig::{CALM, Rig, call, drill, eventually};
