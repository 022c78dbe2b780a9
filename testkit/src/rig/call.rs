//! One caller with one connection, kept alive as HTTP says.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

/// How long a caller waits for an answer: longer than any gateway here may take.
const STEP_TIMEOUT: Duration = Duration::from_secs(40);

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

/// Why there is no answer.
#[derive(Debug)]
pub enum NoAnswer {
    /// The connection could not be made: the request was never the gateway's.
    NotConnected(io::Error),
    /// The gateway took the connection and gave no whole answer.
    Lost(String),
}

pub struct Caller {
    to: SocketAddr,
    connection: Option<TcpStream>,
}

impl Caller {
    pub fn new(to: SocketAddr) -> Self {
        Self {
            to,
            connection: None,
        }
    }

    /// Connects without saying anything.
    pub fn connect(&mut self) -> Result<(), NoAnswer> {
        let limit = Duration::from_secs(5);
        let made = TcpStream::connect_timeout(&self.to, limit);
        let made = made.map_err(NoAnswer::NotConnected)?;
        made.set_read_timeout(Some(STEP_TIMEOUT)).unwrap();
        made.set_nodelay(true).unwrap();
        self.connection = Some(made);
        Ok(())
    }

    pub fn recommend(&mut self, scene: &str, timeout_ms: u64) -> Result<Answer, NoAnswer> {
        let body =
            format!(r#"{{"user_id":"196","scene":"{scene}","top_k":3,"timeout_ms":{timeout_ms}}}"#);
        self.send("POST", "/v2/recommend/item", &body)
    }

    pub fn send(&mut self, method: &str, path: &str, body: &str) -> Result<Answer, NoAnswer> {
        if self.connection.is_none() {
            self.connect()?;
        }
        let mut connection = self.connection.take().unwrap();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        );
        let lost = |e: io::Error| NoAnswer::Lost(e.to_string());
        connection.write_all(request.as_bytes()).map_err(lost)?;
        let answer = read(&mut connection).map_err(lost)?;
        if !answer.head.contains("connection: close") {
            self.connection = Some(connection);
        }
        Ok(answer)
    }
}

fn read(connection: &mut TcpStream) -> io::Result<Answer> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 8192];
    loop {
        if let Some(answer) = whole(&bytes) {
            return Ok(answer);
        }
        match connection.read(&mut chunk)? {
            0 => {
                let told = format!("closed after {} bytes", bytes.len());
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, told));
            }
            n => bytes.extend_from_slice(&chunk[..n]),
        }
    }
}

fn whole(bytes: &[u8]) -> Option<Answer> {
    let text = String::from_utf8_lossy(bytes);
    let (head, body) = text.split_once("\r\n\r\n")?;
    let head = head.to_ascii_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))?;
    (body.len() >= length.trim().parse().ok()?).then(|| Answer {
        status: head[9..12].parse().unwrap(),
        head: head.clone(),
        body: body.to_owned(),
    })
}
