//! Declines offers to change the protocol of an HTTP/1.1 connection.
//!
//! Some clients (Java's HttpClient) offer `Upgrade: h2c` with every request and go on with HTTP/1.1
//! where nobody takes it up. actix-http answers such a request with `connection: upgrade` and closes.
//! There is no setting for it, so the offer is renamed before the library reads the head.

use memchr::memmem;

/// What both the header's name and the option of `Connection` become: the same length, no meaning.
const DECLINED: &[u8] = b"ignored";
const UPGRADE: &[u8] = b"upgrade";
const CONNECTION: &[u8] = b"connection";

/// Changes the head that begins `bytes`, if there is an offer in it. Whatever follows the head stays.
pub(super) fn decline(bytes: &mut [u8]) {
    let head = memmem::find(bytes, b"\r\n\r\n").unwrap_or(bytes.len());
    let mut rest = &mut bytes[..head];
    // Nearly every head; the search costs less than looking at its lines.
    if memmem::find(rest, b"grade").is_none() && memmem::find(rest, b"GRADE").is_none() {
        return;
    }
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        rest = &mut rest[end + 1..];
        let line = rest.iter().position(|byte| *byte == b'\n');
        let line = line.unwrap_or(rest.len());
        let Some(colon) = rest[..line].iter().position(|byte| *byte == b':') else {
            continue;
        };
        let (name, value) = rest[..line].split_at_mut(colon);
        if name.eq_ignore_ascii_case(UPGRADE) {
            name.copy_from_slice(DECLINED);
        } else if name.eq_ignore_ascii_case(CONNECTION) {
            decline_option(&mut value[1..]);
        }
    }
}

fn decline_option(list: &mut [u8]) {
    for option in list.split_mut(|byte| *byte == b',') {
        let start = option
            .iter()
            .take_while(|b| b.is_ascii_whitespace())
            .count();
        let length = option.trim_ascii().len();
        let option = &mut option[start..start + length];
        if option.eq_ignore_ascii_case(UPGRADE) {
            option.copy_from_slice(DECLINED);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declined(text: &str) -> String {
        let mut bytes = text.as_bytes().to_vec();
        decline(&mut bytes);
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn an_offer_is_renamed_and_nothing_else() {
        let offer = "POST /x HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\nContent-Length: 2\r\n\
                     upgrade: h2c\r\nHTTP2-Settings: AAA\r\n\r\n{}";
        let expected = "POST /x HTTP/1.1\r\nConnection: ignored, HTTP2-Settings\r\nContent-Length: 2\r\n\
                        ignored: h2c\r\nHTTP2-Settings: AAA\r\n\r\n{}";
        assert_eq!(declined(offer), expected);
    }

    #[test]
    fn a_body_and_other_headers_stay_as_they_are() {
        for text in [
            "POST /x HTTP/1.1\r\nHost: a\r\n\r\n\r\nUpgrade: h2c\r\nConnection: upgrade\r\n",
            "GET /upgrade HTTP/1.1\r\nHost: upgrade\r\nConnection: keep-alive\r\n\r\n",
            "GET / HTTP/1.1\r\nUpgrade-Insecure-Requests: 1\r\nX: connection: upgrade\r\n\r\n",
            "",
            "\n",
            "GET / HTTP/1.1\r\nConnection:\r\n\r\n",
        ] {
            assert_eq!(declined(text), text);
        }
    }
}
