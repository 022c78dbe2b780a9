//! Replies: the answer, our error as the IDL declares it, and exceptions of Thrift's own.

use common::RequestId;

use super::{
    binary::{MessageHeader, MessageKind, WireType, Writer},
    call::CallError,
};
use crate::{
    failure::Failure,
    features::Catalogue,
    protocols::score::as_double,
    recommend::{RecommendRequest, Recommendation},
    timing::Times,
};

/// Bytes of an item without and with its title, about.
const ITEM_BYTES: (usize, usize) = (32, 80);

/// A successful reply that is being written.
pub(super) struct Reply(Writer);

fn header(call: &MessageHeader<'_>, kind: MessageKind, writer: &mut Writer) {
    MessageHeader { kind, ..*call }.write(writer);
}

impl Reply {
    /// Everything but the times.
    pub(super) fn begin(
        call: &MessageHeader<'_>,
        id: &RequestId,
        request: &RecommendRequest,
        answer: &Recommendation,
        catalogue: &Catalogue,
    ) -> Self {
        let with_title = request.with_title();
        let item_bytes = if with_title {
            ITEM_BYTES.1
        } else {
            ITEM_BYTES.0
        };
        let mut writer = Writer::with_capacity(256 + answer.items.len() * item_bytes);
        header(call, MessageKind::Reply, &mut writer);
        writer.field(WireType::Struct, 0);
        writer.string_field(1, id.as_str());
        writer.field(WireType::List, 2);
        writer.list(WireType::Struct, answer.items.len());
        for ranked in &answer.items {
            let item = catalogue.item(ranked.slot);
            writer.string_field(1, &item.id);
            writer.field(WireType::Double, 2);
            writer.double(as_double(ranked.score));
            if with_title {
                writer.string_field(3, &item.title);
            }
            writer.stop();
        }
        writer.string_field(3, request.user_id());
        writer.string_field(4, request.scene());
        writer.string_field(5, answer.spec.name.as_str());
        writer.string_field(6, itoa::Buffer::new().format(answer.spec.version.get()));
        writer.i64_field(7, answer.unknown_candidates as u64);
        writer.bool_field(8, answer.degraded.is_some());
        if let Some(code) = answer.degraded {
            writer.string_field(9, code.as_str());
        }
        Self(writer)
    }

    /// The times, which come last.
    pub(super) fn times(&mut self, times: &Times) {
        let writer = &mut self.0;
        writer.field(WireType::Struct, 10);
        let run = &times.run;
        let fields = [
            (1, times.parse),
            (2, times.features),
            (3, run.queue),
            (4, run.batch),
            (5, run.run),
            (6, times.encode),
        ];
        for (number, time) in fields {
            writer.i64_field(number, u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
        }
        writer.stop();
    }

    /// The whole message.
    pub(super) fn end(self) -> Vec<u8> {
        let mut writer = self.0;
        writer.stop();
        writer.stop();
        writer.into_bytes()
    }
}

/// The error that the IDL declares.
pub(super) fn error(call: &MessageHeader<'_>, failure: &Failure, request_id: &str) -> Vec<u8> {
    let mut writer = Writer::with_capacity(256 + failure.message.len());
    header(call, MessageKind::Reply, &mut writer);
    writer.field(WireType::Struct, 1);
    let code = failure.code;
    writer.string_field(1, &failure.message);
    writer.string_field(2, code.as_str());
    writer.string_field(3, &label(code.layer()));
    writer.bool_field(4, code.retryable());
    writer.string_field(5, &label(code.recoverability()));
    writer.string_field(6, &label(code.impact()));
    writer.string_field(7, &label(code.source()));
    writer.string_field(8, request_id);
    if let Some(after) = failure.retry_after {
        writer.i64_field(9, u64::try_from(after.as_millis()).unwrap_or(u64::MAX));
    }
    writer.stop();
    writer.stop();
    writer.into_bytes()
}

/// The text that JSON has for a property of an error.
fn label(value: impl serde::Serialize) -> String {
    let value = serde_json::to_value(value);
    let text = value.as_ref().ok().and_then(serde_json::Value::as_str);
    text.unwrap_or_default().to_owned()
}

/// Thrift's own exception for what is not a call of ours; none where there is no header to answer to.
pub(in crate::protocols) fn exception(error: &CallError) -> Option<Vec<u8>> {
    let (call, kind) = error.exception()?;
    let mut writer = Writer::with_capacity(128);
    call.answer(MessageKind::Exception).write(&mut writer);
    writer.string_field(1, &error.to_string());
    writer.field(WireType::I32, 2);
    writer.i32(kind);
    writer.stop();
    Some(writer.into_bytes())
}
