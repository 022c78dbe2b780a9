//! A connection's socket, read and written under the connection's timeouts.

use std::{
    io::{self, IoSlice},
    net::SocketAddr,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use actix_web::rt::net::TcpStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{
    connection::{Connection, UNACCOUNTED_BYTES},
    upgrade,
};

/// The socket.
pub(super) struct GuardedIo {
    stream: TcpStream,
    connection: Rc<Connection>,
    http1: bool,
}

impl GuardedIo {
    /// Whether it is HTTP/1 decides what is done to heads.
    pub(super) fn new(stream: TcpStream, connection: Rc<Connection>, http1: bool) -> Self {
        Self {
            stream,
            connection,
            http1,
        }
    }

    /// Its connection.
    pub(super) fn connection(&self) -> Rc<Connection> {
        Rc::clone(&self.connection)
    }

    /// Who is at the other end.
    pub(super) fn peer(&self) -> Option<SocketAddr> {
        self.stream.peer_addr().ok()
    }

    fn check(&self) -> io::Result<()> {
        match self.connection.overdue() {
            None => Ok(()),
            Some(why) => Err(io::Error::new(io::ErrorKind::TimedOut, why.label())),
        }
    }

    fn wrote(
        &self,
        written: Poll<io::Result<usize>>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        match &written {
            Poll::Ready(Ok(bytes)) => self.connection.wrote(*bytes),
            Poll::Ready(Err(_)) => {}
            Poll::Pending => {
                self.connection.write_waits();
                self.connection.wait(cx.waker());
            }
        }
        written
    }
}

impl AsyncRead for GuardedIo {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.check()?;
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(cx, buffer);
        match &read {
            Poll::Ready(Ok(())) => {
                let new = buffer.filled().len() - before;
                let begins = new > 0 && this.connection.read_some();
                if begins && this.http1 {
                    upgrade::decline(&mut buffer.filled_mut()[before..]);
                }
                if !this.http1 {
                    this.connection.unaccounted(new, UNACCOUNTED_BYTES);
                    this.check()?;
                }
            }
            Poll::Ready(Err(_)) => {}
            Poll::Pending => this.connection.wait(cx.waker()),
        }
        read
    }
}

impl AsyncWrite for GuardedIo {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.check()?;
        let written = Pin::new(&mut this.stream).poll_write(cx, bytes);
        this.wrote(written, cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.check()?;
        let written = Pin::new(&mut this.stream).poll_write_vectored(cx, slices);
        this.wrote(written, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        // Both HTTP libraries flush only once all they had has been written.
        this.connection.all_written();
        Pin::new(&mut this.stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
