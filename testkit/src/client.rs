//! A plain HTTP client: HTTP/1.1 and HTTP/2 without TLS, nothing retried, nothing hidden.

use std::net::SocketAddr;

use http_body_util::{BodyExt, Full};
use hyper::{
    Request, Response,
    body::{Bytes, Incoming},
    client::conn::{http1, http2},
    header::{CONTENT_TYPE, HOST, HeaderMap},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;
use tokio::net::TcpStream;

use crate::within;

/// A whole answer.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    async fn whole(response: Response<Incoming>) -> Self {
        let (head, body) = response.into_parts();
        Self {
            status: head.status.as_u16(),
            headers: head.headers,
            body: body.collect().await.unwrap().to_bytes(),
        }
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|e| panic!("not JSON: {e}: {:?}", self.body))
    }

    /// A header's text; empty where there is none.
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.map_or("", |value| value.to_str().unwrap())
    }

    /// The error code of a refusal.
    pub fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }
}

pub type Call = Request<Full<Bytes>>;

/// A POST with a JSON body; the caller may change it before it is sent.
pub fn json_post(path: &str, body: impl Into<Bytes>) -> Call {
    Request::post(path)
        .header(CONTENT_TYPE, "application/json")
        .body(Full::new(body.into()))
        .unwrap()
}

pub fn empty(method: &str, path: &str) -> Call {
    let call = Request::builder().method(method).uri(path);
    call.body(Full::default()).unwrap()
}

/// A connection that is kept, for one call after the other.
pub struct Connection {
    sender: http1::SendRequest<Full<Bytes>>,
    host: String,
}

impl Connection {
    pub async fn open(to: SocketAddr) -> Self {
        let stream = within(TcpStream::connect(to)).await.unwrap();
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        // A connection that fails shows at its sender.
        tokio::spawn(connection);
        Self {
            sender,
            host: to.to_string(),
        }
    }

    pub async fn send(&mut self, mut call: Call) -> Answer {
        call.headers_mut().insert(HOST, self.host.parse().unwrap());
        within(async {
            self.sender.ready().await.unwrap();
            Answer::whole(self.sender.send_request(call).await.unwrap()).await
        })
        .await
    }

    pub async fn post(&mut self, path: &str, body: &Value) -> Answer {
        self.send(json_post(path, body.to_string())).await
    }
}

/// One call on a connection of its own.
pub async fn send(to: SocketAddr, call: Call) -> Answer {
    Connection::open(to).await.send(call).await
}

pub async fn post(to: SocketAddr, path: &str, body: &Value) -> Answer {
    send(to, json_post(path, body.to_string())).await
}

pub async fn get(to: SocketAddr, path: &str) -> Answer {
    send(to, empty("GET", path)).await
}

/// All calls at once on one HTTP/2 connection, begun without a word of HTTP/1.1.
pub async fn over_http2(to: SocketAddr, calls: Vec<Call>) -> Vec<Answer> {
    let stream = within(TcpStream::connect(to)).await.unwrap();
    let io = TokioIo::new(stream);
    let shaken = http2::handshake(TokioExecutor::new(), io).await;
    let (sender, connection) = shaken.unwrap();
    tokio::spawn(connection);
    let sent = calls.into_iter().map(|mut call| {
        let (mut sender, path) = (sender.clone(), call.uri().path().to_owned());
        *call.uri_mut() = format!("http://{to}{path}").parse().unwrap();
        tokio::spawn(async move {
            sender.ready().await.unwrap();
            Answer::whole(sender.send_request(call).await.unwrap()).await
        })
    });
    let mut answers = Vec::new();
    for answer in sent.collect::<Vec<_>>() {
        answers.push(within(answer).await.unwrap());
    }
    answers
}
