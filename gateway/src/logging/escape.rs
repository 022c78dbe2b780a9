//! Text from outside must not end a log line or steer the terminal that shows it.

use std::{
    borrow::Cow,
    fmt::{self, Write as _},
    io,
};

use tracing::field::{Field, Visit};
use tracing_subscriber::{
    field::RecordFields,
    fmt::{FormatFields, format::Writer},
};

use super::queue::LogQueue;

/// Control characters, line separators, and marks that change the direction of text.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The text on one line, its unsafe characters as Rust writes them: `\n`, `\u{1b}`.
pub(super) fn line(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    // A string takes all that is written to it.
    let _ = Escaping(&mut out).write_str(text);
    Cow::Owned(out)
}

/// Escapes what passes through.
struct Escaping<'a, W>(&'a mut W);

impl<W: fmt::Write> fmt::Write for Escaping<'_, W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text;
        while let Some(at) = rest.find(is_unsafe) {
            let (safe, other) = rest.split_at(at);
            self.0.write_str(safe)?;
            let mut chars = other.chars();
            if let Some(c) = chars.next() {
                write!(self.0, "{}", c.escape_default())?;
            }
            rest = chars.as_str();
        }
        self.0.write_str(rest)
    }
}

/// The fields of an event in the text format: its message, then `name=value`, all on one line.
pub(super) struct TextFields;

impl<'w> FormatFields<'w> for TextFields {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'w>, fields: R) -> fmt::Result {
        let mut text = Text {
            writer,
            first: true,
            result: Ok(()),
        };
        fields.record(&mut text);
        text.result
    }
}

struct Text<'w> {
    writer: Writer<'w>,
    first: bool,
    result: fmt::Result,
}

impl Text<'_> {
    fn write(&mut self, field: &Field, value: fmt::Arguments<'_>) -> fmt::Result {
        if !std::mem::take(&mut self.first) {
            self.writer.write_char(' ')?;
        }
        if field.name() != "message" {
            write!(self.writer, "{}=", field.name())?;
        }
        Escaping(&mut self.writer).write_fmt(value)
    }
}

impl Visit for Text<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => self.record_debug(field, &format_args!("{value}")),
            _ => self.record_debug(field, &value),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if self.result.is_ok() {
            self.result = self.write(field, format_args!("{value:?}"));
        }
    }
}

/// Lines of JSON on their way to the queue. The serialiser escapes what lies below 0x20; this does
/// the rest, which stands inside strings only.
pub(super) struct JsonLines(pub(super) LogQueue);

impl io::Write for JsonLines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.write_all(escape_json(line).as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn escape_json(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    let (body, end) = match text.strip_suffix('\n') {
        Some(body) => (body, "\n"),
        None => (&*text, ""),
    };
    let mut out = String::with_capacity(text.len());
    for c in body.chars() {
        match is_unsafe(c) {
            // All of them lie in the basic plane, so four digits name them.
            true => drop(write!(out, "\\u{:04x}", u32::from(c))),
            false => out.push(c),
        }
    }
    out + end
}

#[cfg(test)]
mod tests {
    use std::{
        io::Read,
        sync::{Arc, Mutex},
    };

    use proptest::prelude::*;
    use tracing_subscriber::fmt::MakeWriter;

    use super::*;

    const HOSTILE: &str = "a\nb\r\u{1b}[31mred\u{9b}2J\u{2028}x\u{202e}y\u{7f}\t\0";

    #[derive(Clone, Default)]
    struct Captured(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Captured {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl MakeWriter<'_> for Captured {
        type Writer = Self;
        fn make_writer(&self) -> Self {
            self.clone()
        }
    }

    #[test]
    fn no_field_of_a_text_event_can_begin_another_line_or_an_escape_sequence() {
        let captured = Captured::default();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .fmt_fields(TextFields)
            .with_writer(captured.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            let error = io::Error::other(HOSTILE);
            tracing::warn!(scene = %HOSTILE, id = ?HOSTILE, text = HOSTILE, error = &error as &dyn std::error::Error, "message {HOSTILE}");
            tracing::error!(message = HOSTILE);
        });
        let text = String::from_utf8(captured.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text.lines().count(), 2, "{text}");
        let unsafe_ones: Vec<_> = text
            .chars()
            .filter(|c| *c != '\n' && is_unsafe(*c))
            .collect();
        assert!(unsafe_ones.is_empty(), "{unsafe_ones:?}");
        assert!(
            text.contains(r"scene=a\nb\r\u{1b}[31mred\u{9b}2J\u{2028}x\u{202e}y\u{7f}\t\u{0}"),
            "{text}"
        );
    }

    #[test]
    fn a_json_line_stays_the_same_json_without_its_control_characters() {
        let value = serde_json::json!({"fields": {"message": HOSTILE}});
        let line = escape_json(format!("{value}\n").as_bytes());
        assert!(line.ends_with('\n') && !line[..line.len() - 1].contains(is_unsafe));
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&line).unwrap(),
            value
        );
    }

    #[test]
    fn json_lines_reach_the_queue() {
        let (mut reader, writer) = io::pipe().unwrap();
        let queue = LogQueue::start(super::super::Output::new(writer)).unwrap();
        io::Write::write_all(&mut JsonLines(queue), b"{\"a\":\"\xc2\x9b\"}\n").unwrap();
        let mut read = String::new();
        reader.read_to_string(&mut read).unwrap();
        assert_eq!(read, "{\"a\":\"\\u009b\"}\n");
    }

    proptest! {
        #[test]
        fn any_text_becomes_one_safe_line(text in ".*") {
            let safe = line(&text);
            prop_assert!(!safe.contains(is_unsafe));
        }
    }
}
