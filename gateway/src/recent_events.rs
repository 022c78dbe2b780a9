//! The newest log events of the gateway's own crates, for the page of the admin port: what changed its
//! state, and what went wrong.
//!
//! A layer of the log that keeps the last [`EVENTS`] events of level INFO and above, each cut at
//! [`MAX_TEXT_BYTES`]. Requests are logged at DEBUG and are not among them.

use std::{
    collections::VecDeque,
    fmt::Write as _,
    sync::{Mutex, PoisonError},
    time::UNIX_EPOCH,
};

use common::{Clock, SystemClock};
use serde::Serialize;
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{Layer, layer::Context};

const EVENTS: usize = 200;
const MAX_TEXT_BYTES: usize = 400;
/// The crates whose events are kept.
const CRATES: [&str; 4] = ["gateway", "pool", "inference_actor", "breaker"];

/// One event.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct RecentEvent {
    /// Counts up by one; a reader that has seen N asks for what comes after it.
    pub sequence: u64,
    /// Wall-clock time.
    pub at_ms: u64,
    /// `INFO`, `WARN` or `ERROR`.
    pub level: &'static str,
    /// The message, then its fields as `name=value`.
    pub text: String,
}

#[derive(Default)]
struct Kept {
    events: VecDeque<RecentEvent>,
    next: u64,
}

static KEPT: Mutex<Option<Kept>> = Mutex::new(None);

/// The events that are kept, the oldest first.
#[must_use]
pub(crate) fn recent() -> Vec<RecentEvent> {
    let kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    kept.iter()
        .flat_map(|kept| kept.events.iter().cloned())
        .collect()
}

/// See the module.
pub(crate) struct RecentEvents;

impl<S: Subscriber> Layer<S> for RecentEvents {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let metadata = event.metadata();
        let root = metadata.target().split("::").next().unwrap_or_default();
        if *metadata.level() > Level::INFO || !CRATES.contains(&root) {
            return;
        }
        let mut text = Text::default();
        event.record(&mut text);
        let at = SystemClock
            .wall()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        keep(
            metadata.level().as_str(),
            text.finish(),
            u64::try_from(at.as_millis()).unwrap_or(u64::MAX),
        );
    }
}

fn keep(level: &'static str, text: String, at_ms: u64) {
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    let kept = kept.get_or_insert_default();
    if kept.events.len() == EVENTS {
        kept.events.pop_front();
    }
    let sequence = kept.next;
    kept.next += 1;
    kept.events.push_back(RecentEvent {
        sequence,
        at_ms,
        level,
        text,
    });
}

#[derive(Default)]
struct Text {
    message: String,
    fields: String,
}

impl Text {
    fn finish(self) -> String {
        let mut text = self.message + &self.fields;
        if text.len() > MAX_TEXT_BYTES {
            let end = (0..=MAX_TEXT_BYTES)
                .rev()
                .find(|end| text.is_char_boundary(*end));
            text.truncate(end.unwrap_or(0));
            text.push('…');
        }
        text
    }
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        // Writing to a string cannot fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[test]
    fn state_changes_are_kept_and_requests_are_not() {
        let log = tracing_subscriber::registry().with(RecentEvents);
        tracing::subscriber::with_default(log, || {
            tracing::debug!("a request was refused");
            for n in 0..EVENTS + 5 {
                tracing::warn!(n, reason = "x".repeat(1000), "a breaker opened");
            }
        });
        let events = recent();
        assert_eq!(events.len(), EVENTS);
        let last = events.last().unwrap();
        assert!(
            last.text
                .starts_with(&format!("a breaker opened n={}", EVENTS + 4))
        );
        assert!(last.text.len() < MAX_TEXT_BYTES + 8 && last.level == "WARN");
        assert!(
            events
                .windows(2)
                .all(|w| w[0].sequence + 1 == w[1].sequence)
        );
    }
}
