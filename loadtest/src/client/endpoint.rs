//! Where requests go and what is the same in all of them.

use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    HeaderMap, Method, Request, Uri, Version,
    header::{CONTENT_TYPE, HOST, HeaderName, HeaderValue},
};
use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};

/// The target as given on the command line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetSpec {
    /// `http://HOST[:PORT]/PATH`.
    pub url: String,
    /// The method.
    pub method: String,
    /// Headers, each `Name: value`.
    pub headers: Vec<String>,
    /// HTTP/2 with prior knowledge instead of HTTP/1.1.
    pub http2: bool,
}

impl TargetSpec {
    /// Takes `user:password@` out of the URL and sends it as curl does, in an `Authorization`
    /// header, unless one is given. A `Host` with it is refused by many servers.
    pub(crate) fn with_credentials_in_a_header(mut self) -> Self {
        let Some((scheme, rest)) = self.url.split_once("://") else {
            return self;
        };
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        let Some((credentials, host)) = authority.rsplit_once('@') else {
            return self;
        };
        let plain = percent_decode_str(credentials).collect::<Vec<u8>>();
        let given = |line: &String| {
            let name = line.split(':').next().unwrap_or_default();
            name.trim().eq_ignore_ascii_case("authorization")
        };
        if !self.headers.iter().any(given) {
            let header = format!("Authorization: Basic {}", BASE64.encode(plain));
            self.headers.push(header);
        }
        self.url = format!("{scheme}://{host}{}", &rest[authority.len()..]);
        self
    }
}

/// A target that cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EndpointError {
    /// Not a URL we can send to.
    #[error("`{0}` is no URL to test; write http://HOST:PORT/PATH")]
    Url(String),
    /// TLS.
    #[error("`{0}` asks for TLS, which is not built in; test the plain HTTP port behind it")]
    Tls(String),
    /// A method that HTTP does not allow.
    #[error("`{0}` is no HTTP method")]
    Method(String),
    /// A header that HTTP does not allow.
    #[error("`{0}` is no header; write 'Name: value'")]
    Header(String),
    /// The name does not resolve.
    #[error("the host of `{url}` does not resolve")]
    Resolve {
        /// The URL.
        url: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Nobody answers there.
    #[error("cannot connect to {address}; is the server running there?")]
    Unreachable {
        /// The address tried last.
        address: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

impl EndpointError {
    /// True where the target was understood and is not there.
    pub(crate) fn is_unreachable(&self) -> bool {
        matches!(self, Self::Resolve { .. } | Self::Unreachable { .. })
    }
}

/// A resolved target.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    address: SocketAddr,
    http2: bool,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
}

impl Endpoint {
    /// Reads and resolves a target, and connects once to see that somebody listens.
    pub(crate) fn reach(
        spec: &TargetSpec,
        content_type: Option<&str>,
        timeout: Duration,
    ) -> Result<Self, EndpointError> {
        let mut endpoint = Self::parse(spec, content_type)?;
        let (host, port) = (endpoint.uri.host().unwrap_or_default(), endpoint.port());
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let addresses =
            (host, port)
                .to_socket_addrs()
                .map_err(|source| EndpointError::Resolve {
                    url: spec.url.clone(),
                    source,
                })?;
        let mut fault = std::io::Error::from(std::io::ErrorKind::AddrNotAvailable);
        let mut tried = spec.url.clone();
        for address in addresses {
            match TcpStream::connect_timeout(&address, timeout) {
                Ok(_) => {
                    endpoint.address = address;
                    if !endpoint.http2 {
                        // HTTP/1.1 wants the path alone; the host went into its header.
                        endpoint.uri = path_only(&endpoint.uri);
                    }
                    return Ok(endpoint);
                }
                Err(source) => (fault, tried) = (source, address.to_string()),
            }
        }
        Err(EndpointError::Unreachable {
            address: tried,
            source: fault,
        })
    }

    fn parse(spec: &TargetSpec, content_type: Option<&str>) -> Result<Self, EndpointError> {
        let bad_url = || EndpointError::Url(spec.url.clone());
        let uri: Uri = spec.url.parse().map_err(|_| bad_url())?;
        match uri.scheme_str() {
            Some("http") => {}
            Some("https") => return Err(EndpointError::Tls(spec.url.clone())),
            _ => return Err(bad_url()),
        }
        let authority = uri.authority().ok_or_else(bad_url)?;
        let method = Method::from_bytes(spec.method.as_bytes())
            .map_err(|_| EndpointError::Method(spec.method.clone()))?;
        let mut headers = HeaderMap::new();
        if !spec.http2 {
            let host = HeaderValue::from_str(authority.as_str()).map_err(|_| bad_url())?;
            headers.insert(HOST, host);
        }
        for line in &spec.headers {
            let bad = || EndpointError::Header(line.clone());
            let (name, value) = line.split_once(':').ok_or_else(bad)?;
            let name: HeaderName = name.trim().parse().map_err(|_| bad())?;
            let value = HeaderValue::from_str(value.trim()).map_err(|_| bad())?;
            headers.append(name, value);
        }
        if let Some(content_type) = content_type
            && !headers.contains_key(CONTENT_TYPE)
        {
            let value = HeaderValue::from_str(content_type)
                .map_err(|_| EndpointError::Header(content_type.to_owned()))?;
            headers.insert(CONTENT_TYPE, value);
        }
        let address = SocketAddr::from(([0, 0, 0, 0], 0));
        Ok(Self {
            address,
            http2: spec.http2,
            method,
            uri,
            headers,
        })
    }

    /// Checks a target without touching the network.
    pub(crate) fn check(spec: &TargetSpec) -> Result<(), EndpointError> {
        Self::parse(spec, None).map(drop)
    }

    /// The address that answered.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn is_http2(&self) -> bool {
        self.http2
    }

    fn port(&self) -> u16 {
        self.uri.port_u16().unwrap_or(80)
    }

    /// One request.
    pub(super) fn request(&self, body: Bytes) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();
        if self.http2 {
            *request.version_mut() = Version::HTTP_2;
        }
        request
    }
}

fn path_only(uri: &Uri) -> Uri {
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    path.parse().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(url: &str, method: &str, headers: &[&str]) -> TargetSpec {
        let headers = headers.iter().map(|&header| header.to_owned()).collect();
        TargetSpec {
            url: url.to_owned(),
            method: method.to_owned(),
            headers,
            http2: false,
        }
    }

    #[test]
    fn what_cannot_be_sent_is_refused_before_anything_is() {
        let good = "http://127.0.0.1:8000/a?b=c";
        assert!(Endpoint::check(&spec(good, "POST", &["X-A: b", "X-Empty:"])).is_ok());
        for url in [
            "",
            "127.0.0.1:80",
            "/path",
            "ftp://a/b",
            "https://a/b",
            "http://",
        ] {
            assert!(
                Endpoint::check(&spec(url, "POST", &[])).is_err(),
                "{url} was accepted"
            );
        }
        assert!(Endpoint::check(&spec(good, "NO METHOD", &[])).is_err());
        assert!(Endpoint::check(&spec(good, "POST", &["no colon"])).is_err());
        assert!(Endpoint::check(&spec(good, "POST", &["bad name: x"])).is_err());
    }

    #[test]
    fn credentials_of_the_url_become_a_header_and_leave_the_host() {
        let plain = spec("http://ann:pa%3Ass@h:81/p?q=a@b", "GET", &[]);
        let target = plain.clone().with_credentials_in_a_header();
        assert_eq!(target.url, "http://h:81/p?q=a@b");
        assert_eq!(target.headers, ["Authorization: Basic YW5uOnBhOnNz"]);
        let own = TargetSpec {
            headers: vec!["authorization: Bearer x".to_owned()],
            ..plain
        };
        let headers = own.with_credentials_in_a_header().headers;
        assert_eq!(headers, ["authorization: Bearer x"]);
        let without = spec("http://h/a@b", "GET", &[]);
        assert_eq!(without.clone().with_credentials_in_a_header(), without);
    }

    #[test]
    fn a_header_of_the_user_wins_over_the_default_content_type() {
        let own = spec("http://h/", "POST", &["content-type: text/plain"]);
        let endpoint = Endpoint::parse(&own, Some("application/json")).expect("endpoint");
        let request = endpoint.request(Bytes::new());
        let types: Vec<_> = request.headers().get_all(CONTENT_TYPE).iter().collect();
        assert_eq!(types, ["text/plain"]);
    }
}
