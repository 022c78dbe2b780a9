//! An address to listen on, as people write it.

use std::net::{Ipv4Addr, SocketAddr};

use serde::{Deserialize, Deserializer, de::Error};

/// Reads an IP address with a port; `localhost:8000` stands for 127.0.0.1, `:8000` and `*:8000` for
/// every address of the machine. Other names are not resolved: what they mean may change between
/// two starts.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<SocketAddr, D::Error> {
    let text = String::deserialize(from)?;
    parse(&text).ok_or_else(|| {
        D::Error::custom(format!(
            "`{text}` is not an address to listen on: write an IP address and a port, such as 127.0.0.1:8000, [::1]:8000, localhost:8000 or 0.0.0.0:8000 for every interface"
        ))
    })
}

fn parse(text: &str) -> Option<SocketAddr> {
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    let (host, port) = text.rsplit_once(':')?;
    let ip = match host {
        "localhost" => Ipv4Addr::LOCALHOST,
        "" | "*" => Ipv4Addr::UNSPECIFIED,
        _ => return None,
    };
    Some(SocketAddr::from((ip, port.parse().ok()?)))
}
