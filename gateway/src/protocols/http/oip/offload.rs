//! Large bodies are parsed and written away from the threads that serve, which others wait for.

use std::sync::Arc;

use actix_web::web;
use common::ErrorCode;

use crate::{failure::Failure, front::Front};

/// Above this the work takes longer than the hop to another thread is worth, about a tenth of a
/// millisecond.
const LARGE_BYTES: usize = 256 << 10;

/// Does work of this size: here if it is small, else on the pool for blocking work, whose threads
/// borrow an arena for it.
pub(super) async fn by_size<T: Send + 'static>(
    front: &Front,
    bytes: usize,
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    if bytes <= LARGE_BYTES {
        return work();
    }
    let (arenas, now) = (Arc::clone(&front.shared().arenas), front.now());
    match web::block(move || arenas.visit(now, work)).await {
        Ok(done) => done,
        Err(_) => Err(Failure::new(ErrorCode::Internal, "the process is stopping")),
    }
}
