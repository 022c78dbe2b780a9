//! What other instances say about the same keys. Advisory: nothing here can close a breaker.
//!
//! Records are merged by a total order, so it does not matter whether one was lost, doubled or
//! late. How they travel is not known here.

mod advice;
mod record;
mod view;

pub use advice::Advice;
pub use record::{Incarnation, InstanceRecord};
pub use view::ClusterView;
