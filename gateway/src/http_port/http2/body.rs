//! A request's body on HTTP/2.

use std::{
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
};

use actix_web::error::PayloadError;
use bytes::Bytes;
use futures_util::Stream;
use h2::RecvStream;

use crate::http_port::connection::{Connection, WINDOW_BYTES};

/// Reads it, and lets the client send more as it is read.
pub(super) struct RequestBody {
    stream: RecvStream,
    connection: Rc<Connection>,
}

impl RequestBody {
    pub(super) fn new(stream: RecvStream, connection: Rc<Connection>) -> Self {
        Self { stream, connection }
    }
}

impl Stream for RequestBody {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        let chunk = match ready!(this.stream.poll_data(cx)) {
            None => return Poll::Ready(None),
            Some(Err(error)) => return Poll::Ready(Some(Err(error.into()))),
            Some(Ok(chunk)) => chunk,
        };
        // A frame without a byte of the body does not account for itself.
        this.connection.accounted(2 * chunk.len() as u64);
        let released = this.stream.flow_control().release_capacity(chunk.len());
        let chunk = released.map(|()| chunk).map_err(PayloadError::from);
        Poll::Ready(Some(chunk))
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        // What was sent of a body that nobody reads was asked for all the same, within the window.
        if !self.stream.is_end_stream() {
            self.connection.accounted(u64::from(WINDOW_BYTES));
        }
    }
}
