//! A stream that notes when a request's first byte goes to the kernel.
//!
//! The send lag must not take the HTTP library's word for it: between handing over a request and
//! writing it, other tasks may run.

use std::{
    cell::Cell,
    io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
    time::Duration,
};

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::ClockCell;

/// The moment of the first write since it was armed.
#[derive(Debug, Default)]
pub(super) struct WriteStamp {
    armed: Cell<bool>,
    at: Cell<Option<Duration>>,
}

impl WriteStamp {
    /// Asks for the next write's moment.
    pub(super) fn arm(&self) {
        self.armed.set(true);
        self.at.set(None);
    }

    /// The moment, once written.
    pub(super) fn at(&self) -> Option<Duration> {
        self.at.get()
    }

    fn note(&self, clock: &ClockCell) {
        if self.armed.replace(false) {
            self.at.set(Some(clock.get().now()));
        }
    }
}

/// The stream.
pub(super) struct Stamped {
    inner: TokioIo<TcpStream>,
    stamp: Rc<WriteStamp>,
    clock: ClockCell,
}

impl Stamped {
    pub(super) fn new(stream: TcpStream, stamp: Rc<WriteStamp>, clock: ClockCell) -> Self {
        Self {
            inner: TokioIo::new(stream),
            stamp,
            clock,
        }
    }
}

impl Read for Stamped {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buffer)
    }
}

impl Write for Stamped {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.stamp.note(&self.clock);
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.stamp.note(&self.clock);
        Pin::new(&mut self.inner).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
