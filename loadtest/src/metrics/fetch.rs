//! One GET without a connection pool: HTTP/1.0, whose answer ends with the connection.

use std::{
    io::{Read, Write},
    net::{TcpStream, ToSocketAddrs},
    time::Duration,
};

use hyper::Uri;

use super::{Series, parse};

const TIME_LIMIT: Duration = Duration::from_secs(2);
const MAX_BYTES: u64 = 8 << 20;

/// Why metrics could not be had.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// Not a URL.
    #[error("`{0}` is no URL of metrics; write http://HOST:PORT/metrics")]
    Url(String),
    /// Connecting, sending or reading.
    #[error("cannot read metrics from {url}")]
    Io {
        /// The URL.
        url: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Not 200.
    #[error("{url} answered `{status}` instead of metrics")]
    Status {
        /// The URL.
        url: String,
        /// Its first line.
        status: String,
    },
}

/// Reads the metrics at a URL.
pub fn fetch(url: &str) -> Result<Series, FetchError> {
    let bad = || FetchError::Url(url.to_owned());
    let uri: Uri = url.parse().map_err(|_| bad())?;
    let (host, port) = (uri.host().ok_or_else(bad)?, uri.port_u16().unwrap_or(80));
    let path = uri
        .path_and_query()
        .map_or("/metrics", |path| path.as_str());
    let text = get(host, port, path).map_err(|source| FetchError::Io {
        url: url.into(),
        source,
    })?;
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.lines().next().unwrap_or_default();
    if status.split(' ').nth(1) != Some("200") {
        return Err(FetchError::Status {
            url: url.to_owned(),
            status: status.to_owned(),
        });
    }
    Ok(parse(body))
}

fn get(host: &str, port: u16, path: &str) -> std::io::Result<String> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let address = (bare, port)
        .to_socket_addrs()?
        .next()
        .ok_or_else(|| std::io::Error::from(std::io::ErrorKind::AddrNotAvailable))?;
    let mut stream = TcpStream::connect_timeout(&address, TIME_LIMIT)?;
    stream.set_read_timeout(Some(TIME_LIMIT))?;
    stream.set_write_timeout(Some(TIME_LIMIT))?;
    write!(
        stream,
        "GET {path} HTTP/1.0\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n"
    )?;
    let mut bytes = Vec::new();
    stream.take(MAX_BYTES).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
