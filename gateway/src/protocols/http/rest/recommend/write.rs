//! Writing the answer: JSON straight into one buffer.

use common::RequestId;

use crate::{
    features::Catalogue,
    recommend::{RecommendRequest, Recommendation},
    timing::Times,
};

/// Everything but the times, which are not known yet; [`times`] adds them.
#[must_use]
pub(super) fn list(
    id: &RequestId,
    request: &RecommendRequest,
    answer: &Recommendation,
    catalogue: &Catalogue,
) -> Vec<u8> {
    let with_title = request.with_title();
    let bytes_an_item = if with_title { 96 } else { 48 };
    let mut out = Vec::with_capacity(384 + answer.items.len() * bytes_an_item);
    out.extend_from_slice(b"{\"request_id\":");
    string(&mut out, id.as_str());
    out.extend_from_slice(b",\"user_id\":");
    string(&mut out, request.user_id());
    out.extend_from_slice(b",\"scene\":");
    string(&mut out, request.scene());
    out.extend_from_slice(b",\"model\":");
    string(&mut out, answer.spec.name.as_str());
    out.extend_from_slice(b",\"model_version\":\"");
    integer(&mut out, answer.spec.version.get());
    out.extend_from_slice(b"\",\"items\":[");
    for (position, ranked) in answer.items.iter().enumerate() {
        if position > 0 {
            out.push(b',');
        }
        let item = catalogue.item(ranked.slot);
        out.extend_from_slice(b"{\"item_id\":");
        string(&mut out, &item.id);
        out.extend_from_slice(b",\"score\":");
        // Finite: checked where the scores came from. Shortest text that reads back the same.
        out.extend_from_slice(ryu::Buffer::new().format_finite(ranked.score).as_bytes());
        if with_title {
            out.extend_from_slice(b",\"title\":");
            string(&mut out, &item.title);
        }
        out.push(b'}');
    }
    out.extend_from_slice(b"],\"unknown_candidates\":");
    integer(&mut out, answer.unknown_candidates as u64);
    match answer.degraded {
        None => out.extend_from_slice(b",\"degraded\":false"),
        Some(code) => {
            out.extend_from_slice(b",\"degraded\":true,\"degraded_reason\":");
            string(&mut out, code.as_str());
        }
    }
    out
}

/// Ends an answer with its times.
pub(super) fn times(out: &mut Vec<u8>, times: &Times) {
    out.extend_from_slice(b",\"timing_us\":{");
    let fields = [
        ("parse", times.parse),
        ("features", times.features),
        ("queue", times.run.queue),
        ("batch", times.run.batch),
        ("run", times.run.run),
        ("encode", times.encode),
    ];
    for (position, (name, time)) in fields.into_iter().enumerate() {
        if position > 0 {
            out.push(b',');
        }
        out.push(b'"');
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"\":");
        integer(out, u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
    }
    out.extend_from_slice(b"}}");
}

fn string(out: &mut Vec<u8>, text: &str) {
    // Ids hardly ever have anything to escape.
    let plain = |byte: u8| byte >= 0x20 && byte != b'"' && byte != b'\\';
    if text.bytes().all(plain) {
        out.reserve(text.len() + 2);
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        return out.push(b'"');
    }
    serde_json::to_writer(out, text).expect("writing to memory does not fail");
}

fn integer(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}
