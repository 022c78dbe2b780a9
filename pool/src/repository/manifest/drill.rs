//! `[drill]`: how the drill engine misbehaves.

use std::time::Duration;

use common::{ByteSize, ModelVersion, Span};
use inference_actor::{FakeSettings, HangMode};
use serde::Deserialize;

/// How the drill engine misbehaves.
#[derive(Debug, Clone, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Drill {
    latency: Option<Span>,
    latency_per_row: Option<Span>,
    error_every: u64,
    panic_every: u64,
    hang_every: u64,
    hang: Option<Span>,
    hang_mode: HangMode,
    memory: Option<ByteSize>,
    leak: Option<ByteSize>,
    slow_from: Option<Span>,
    slow_for: Option<Span>,
    slow_factor: u32,
    nan_every: u64,
    /// The version that misbehaves; all of them where it is not said.
    only_version: Option<u64>,
}

impl Drill {
    pub(super) fn settings(&self, version: ModelVersion) -> FakeSettings {
        let time = |span: Option<Span>| span.map_or(Duration::ZERO, |s| s.0);
        let well = FakeSettings {
            latency: time(self.latency),
            latency_per_row: time(self.latency_per_row),
            ..FakeSettings::default()
        };
        if self.only_version.is_some_and(|only| only != version.get()) {
            return well;
        }
        FakeSettings {
            nan_every: self.nan_every,
            error_every: self.error_every,
            panic_every: self.panic_every,
            hang_every: self.hang_every,
            hang: time(self.hang),
            hang_mode: self.hang_mode,
            memory_bytes: self.memory.map_or(0, |size| size.0),
            leak_bytes: self.leak.map_or(0, |size| size.0),
            slow_from: time(self.slow_from),
            slow_for: time(self.slow_for),
            slow_factor: self.slow_factor,
            ..well
        }
    }
}
