//! One HTTP exchange at a time: connections, the wire, and what went wrong on it.
//!
//! Speaks to the server like a stranger: HTTP/1.1, or HTTP/2 with prior knowledge, over plain
//! TCP. Knows no schedule and keeps no statistics; lives on one thread.

mod endpoint;
mod http1;
mod http2;
mod stamped;

use std::{cell::Cell, rc::Rc, time::Duration};

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::{Response, body::Incoming};
use rustix::io::Errno;
use tokio::net::TcpStream;

use crate::{clock::RunClock, record::ErrorKind};

pub(crate) use endpoint::{Endpoint, EndpointError, TargetSpec};

/// The run's clock; connections are opened before its zero is known.
pub(crate) type ClockCell = Rc<Cell<RunClock>>;

/// How far an exchange has come; read when it is cut off.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// When the generator acted on the request.
    pub sent: Cell<Option<Duration>>,
    /// True where it reached the connections later than it was due.
    pub is_late: bool,
    /// True while its connection is being opened.
    pub connecting: Cell<bool>,
}

/// A whole answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// Its status.
    pub status: u16,
    /// Length of its body.
    pub body_bytes: u64,
    /// The beginning of the body, for statuses from 400.
    pub sample: Option<Vec<u8>>,
}

/// Of an error's body so much is kept.
const SAMPLE_BYTES: usize = 400;

/// The connections of one thread to one endpoint.
pub(crate) enum Client {
    /// One request at a time per connection; more connections as more are in flight.
    Http1(Box<http1::Pool>),
    /// Many requests at a time on a fixed number of connections.
    Http2(Box<http2::Pool>),
}

impl Client {
    /// A client without connections.
    pub(crate) fn new(endpoint: Endpoint, connections: usize, clock: ClockCell) -> Self {
        if endpoint.is_http2() {
            Self::Http2(Box::new(http2::Pool::new(endpoint, connections, clock)))
        } else {
            Self::Http1(Box::new(http1::Pool::new(endpoint, clock)))
        }
    }

    /// Opens connections ahead of the first request.
    pub(crate) async fn open(&self, connections: usize) -> Result<(), ErrorKind> {
        match self {
            Self::Http1(pool) => pool.open(connections).await,
            Self::Http2(pool) => pool.open().await,
        }
    }

    /// Connections opened since the start, besides those opened ahead.
    pub(crate) fn opened(&self) -> u64 {
        match self {
            Self::Http1(pool) => pool.opened(),
            Self::Http2(pool) => pool.opened(),
        }
    }

    /// Sends one request and reads its answer to the end. Cut it off by dropping the future.
    pub(crate) async fn exchange(
        &self,
        body: Bytes,
        progress: &Progress,
    ) -> Result<Answer, ErrorKind> {
        match self {
            Self::Http1(pool) => pool.exchange(body, progress).await,
            Self::Http2(pool) => pool.exchange(body, progress).await,
        }
    }
}

async fn connect(endpoint: &Endpoint) -> Result<TcpStream, ErrorKind> {
    let stream = TcpStream::connect(endpoint.address())
        .await
        .map_err(|fault| connect_kind(&fault))?;
    // Nagle's algorithm would hold a request's tail back until the last answer is acknowledged.
    stream
        .set_nodelay(true)
        .map_err(|_| ErrorKind::ConnectFailed)?;
    Ok(stream)
}

fn connect_kind(fault: &std::io::Error) -> ErrorKind {
    let code = fault.raw_os_error().map(Errno::from_raw_os_error);
    match fault.kind() {
        _ if matches!(code, Some(Errno::MFILE | Errno::NFILE)) => ErrorKind::OpenFiles,
        std::io::ErrorKind::AddrNotAvailable => ErrorKind::LocalPorts,
        std::io::ErrorKind::ConnectionRefused => ErrorKind::ConnectRefused,
        std::io::ErrorKind::TimedOut => ErrorKind::ConnectTimeout,
        _ => ErrorKind::ConnectFailed,
    }
}

async fn read_answer(response: Response<Incoming>) -> Result<Answer, ErrorKind> {
    let status = response.status().as_u16();
    let mut body = response.into_body();
    let mut body_bytes = 0;
    let mut sample = (status >= 400).then(Vec::new);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|fault| exchange_kind(&fault))?;
        let Some(data) = frame.data_ref() else {
            continue;
        };
        body_bytes += data.len() as u64;
        if let Some(sample) = &mut sample {
            let room = SAMPLE_BYTES.saturating_sub(sample.len());
            sample.extend_from_slice(&data[..data.len().min(room)]);
        }
    }
    Ok(Answer {
        status,
        body_bytes,
        sample,
    })
}

fn exchange_kind(fault: &hyper::Error) -> ErrorKind {
    if fault.is_parse() {
        ErrorKind::Protocol
    } else {
        ErrorKind::Closed
    }
}
