//! Scores of films for one user, over the Open Inference Protocol: `cargo run -p gateway --example
//! rank [ADDRESS]`. A stranger to the gateway's crates, as any client is.

use std::{
    env,
    io::{self, Read, Write},
    net::TcpStream,
};

use serde_json::{Value, json};

const FILMS: [i32; 5] = [50, 100, 181, 258, 286];

fn main() -> io::Result<()> {
    let address = env::args().nth(1);
    let address = address.unwrap_or_else(|| "127.0.0.1:8000".to_owned());
    let body = json!({
        "id": "example",
        "inputs": [
            tensor("history", &[1, 48], &padded([1, 7, 22])),
            tensor("history_ratings", &[1, 48], &padded([5, 4, 3])),
            tensor("profile", &[1, 3], &[1, 3, 20]),
            tensor("context", &[1, 3], &[20, 5, 0]),
            tensor("candidates", &[FILMS.len()], &FILMS),
        ],
    });
    let answer = post(&address, "/v2/models/ml100k_din/infer", &body.to_string())?;
    let answer: Value = serde_json::from_str(&answer)?;
    if let Some(error) = answer["error"].as_str() {
        return Err(io::Error::other(error.to_owned()));
    }
    let scores = answer["outputs"][0]["data"].as_array().cloned();
    for (film, score) in FILMS.iter().zip(scores.unwrap_or_default()) {
        println!("film {film:4}  {score}");
    }
    Ok(())
}

fn padded(values: [i32; 3]) -> [i32; 48] {
    let mut row = [0; 48];
    row[..values.len()].copy_from_slice(&values);
    row
}

fn tensor(name: &str, shape: &[usize], data: &[i32]) -> Value {
    json!({ "name": name, "shape": shape, "datatype": "INT32", "data": data })
}

/// One request on a connection of its own; the body of the answer.
fn post(address: &str, path: &str, body: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    write!(
        stream,
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let body = answer
        .split_once("\r\n\r\n")
        .map(|(_, body)| body.to_owned());
    body.ok_or_else(|| io::Error::other("the answer has no body"))
}
