//! HTTP servers whose latency is known beforehand, so that a load generator can be checked
//! against arithmetic. HTTP/1.1 and HTTP/2 with prior knowledge on one port.
//!
//! ```text
//!  one thread: accept, read, decide when each answer is due ──► single-server queue's thread,
//!                                                               which answers at that moment
//! ```

mod behaviour;
mod queue;
mod server;

pub use behaviour::Behaviour;
pub use server::Stub;
