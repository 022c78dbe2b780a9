//! The gateway from outside, under the names that these tests use; see the crate `testkit`.

#![allow(
    unused_imports,
    reason = "each file of tests uses a part of it and compiles all of it"
)]

pub(crate) use testkit::{
    client, eventually, gateway as process, lists, raw, refusals, repository, thrift, within,
};
