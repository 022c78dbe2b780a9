//! A client that writes bytes: for bodies that are too large, too slow or not HTTP at all.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::within;

/// A connection without manners.
pub struct Raw(TcpStream);

/// A whole answer.
#[derive(Debug)]
pub struct RawAnswer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl RawAnswer {
    pub fn code(&self) -> String {
        let body: serde_json::Value = serde_json::from_str(&self.body).unwrap();
        body["code"].as_str().unwrap_or_default().to_owned()
    }
}

impl Raw {
    pub async fn open(to: SocketAddr) -> Self {
        Self(within(TcpStream::connect(to)).await.unwrap())
    }

    /// The head of a recommend request that wants the connection closed after its answer.
    pub async fn head(&mut self, framing: &str) {
        let head = format!(
            "POST /v2/recommend/item HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\
             Content-Type: application/json\r\n{framing}\r\n\r\n"
        );
        self.write(head.as_bytes()).await;
    }

    pub async fn write(&mut self, bytes: &[u8]) {
        within(self.0.write_all(bytes)).await.unwrap();
    }

    /// Reads one head: of an answer, or of a word in between such as 100 Continue.
    pub async fn answer_head(&mut self) -> (u16, String) {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(within(self.0.read_u8()).await.unwrap());
        }
        let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
        let status = head.split(' ').nth(1).unwrap_or_default().parse();
        (status.unwrap_or_else(|_| panic!("no status: {head}")), head)
    }

    /// Waits until the server closes, having said nothing more.
    pub async fn closed(&mut self) {
        let mut rest = Vec::new();
        // A reset closes as well.
        let _ = within(self.0.read_to_end(&mut rest)).await;
        assert!(rest.is_empty(), "{:?}", String::from_utf8_lossy(&rest));
    }

    /// Reads one answer.
    pub async fn answer(&mut self) -> RawAnswer {
        let (status, head) = self.answer_head().await;
        let mut headers = head.lines();
        let length = headers.find_map(|line| line.strip_prefix("content-length: "));
        let mut body = vec![0; length.unwrap_or("0").parse().unwrap()];
        within(self.0.read_exact(&mut body)).await.unwrap();
        let body = String::from_utf8(body).unwrap();
        RawAnswer { status, head, body }
    }
}
