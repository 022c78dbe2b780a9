//! Files samples while a run goes on: one recorder per connection thread, merged at the end.

use std::{collections::BTreeMap, time::Duration};

use super::{
    Outcome, Recording, Sample, StageRecord,
    hist::Hist,
    second::{Packed, Second},
};

/// Where the measured window lies.
#[derive(Clone, Debug)]
pub struct Layout {
    /// Its start.
    pub warmup: Duration,
    /// Its length.
    pub measured: Duration,
    /// End of each stage, since the start of the run.
    pub stage_ends: Vec<Duration>,
    /// A request ends at the latest this long after it was sent.
    pub timeout: Duration,
}

impl Layout {
    /// The second of the measured window that a time falls in.
    fn second(&self, at: Duration) -> usize {
        at.saturating_sub(self.warmup).as_secs() as usize
    }

    fn stage(&self, at: Duration) -> usize {
        let index = self.stage_ends.partition_point(|end| *end <= at);
        index.min(self.stage_ends.len().saturating_sub(1))
    }

    fn measures(&self, due: Duration) -> bool {
        due >= self.warmup
    }
}

#[derive(Debug, Default)]
struct OpenSecond {
    latency: Hist,
    lag: Hist,
}

/// Files samples.
#[derive(Debug)]
pub(crate) struct Recorder {
    layout: Layout,
    recording: Recording,
    /// Seconds whose requests may still be under way; bounded by the timeout's seconds.
    open: BTreeMap<usize, OpenSecond>,
    /// Latency of what ended since the live view last looked.
    recent: Hist,
}

impl Recorder {
    /// An empty recorder.
    pub(crate) fn new(layout: Layout) -> Self {
        let mut recording = Recording::default();
        recording
            .stages
            .resize_with(layout.stage_ends.len(), StageRecord::default);
        let seconds = layout.measured.as_secs_f64().ceil() as usize;
        recording.seconds.resize_with(seconds, Second::default);
        Self {
            layout,
            recording,
            open: BTreeMap::new(),
            recent: Hist::default(),
        }
    }

    /// Counts a request of the schedule.
    pub(crate) fn scheduled(&mut self, due: Duration) {
        if !self.layout.measures(due) {
            self.recording.warmup_requests += 1;
            return;
        }
        self.recording.scheduled += 1;
        self.second(due).scheduled += 1;
        let stage = self.layout.stage(due);
        if let Some(stage) = self.recording.stages.get_mut(stage) {
            stage.scheduled += 1;
        }
    }

    /// Counts a request that was not sent because too many were in flight.
    pub(crate) fn dropped(&mut self, due: Duration) {
        if self.layout.measures(due) {
            self.recording.dropped += 1;
            self.second(due).dropped += 1;
        }
    }

    /// Counts connections opened.
    pub(crate) fn connected(&mut self, connections: u64) {
        self.recording.connections += connections;
    }

    /// Counts answer bytes.
    pub(crate) fn received(&mut self, bytes: u64) {
        self.recording.body_bytes += bytes;
    }

    /// Keeps the first body seen of each status.
    pub(crate) fn sampled(&mut self, status: u16, body: &[u8]) {
        let samples = &mut self.recording.samples;
        samples
            .entry(status)
            .or_insert_with(|| String::from_utf8_lossy(body).into_owned());
    }

    /// Files one finished request.
    pub(crate) fn finished(&mut self, sample: &Sample) {
        if !self.layout.measures(sample.due) {
            return;
        }
        let latency = sample.latency();
        let lag = sample.sent.saturating_sub(sample.due);
        let is_ok = sample.outcome.is_ok();
        let recording = &mut self.recording;
        recording.sent += 1;
        recording.latency.record(latency);
        recording
            .service
            .record(sample.done.saturating_sub(sample.sent));
        recording.send_lag.record(lag);
        if is_ok {
            recording.latency_ok.record(latency);
        }
        match sample.outcome {
            Outcome::Status(status) => {
                *recording.statuses.entry(status).or_default() += 1;
                let by_status = recording.latency_by_status.entry(status).or_default();
                by_status.record(latency);
            }
            Outcome::Failed(kind) => *recording.errors.entry(kind).or_default() += 1,
        }
        let done_s = sample.done.saturating_sub(self.layout.warmup).as_secs_f64();
        recording.last_done_s = recording.last_done_s.max(done_s);
        if let Some(stage) = recording.stages.get_mut(self.layout.stage(sample.due)) {
            stage.sent += 1;
            stage.errors += u64::from(!is_ok);
            stage.latency.record(latency);
        }
        self.recent.record(latency);
        self.file_second(sample, latency, lag);
    }

    fn file_second(&mut self, sample: &Sample, latency: Duration, lag: Duration) {
        let answered = matches!(sample.outcome, Outcome::Status(_));
        self.second(sample.done).answered += u64::from(answered);
        let cell = self.second(sample.due);
        cell.sent += 1;
        cell.errors += u64::from(!sample.outcome.is_ok());
        let open = self.open.entry(self.layout.second(sample.due)).or_default();
        open.latency.record(latency);
        open.lag.record(lag);
    }

    fn second(&mut self, at: Duration) -> &mut Second {
        let index = self.layout.second(at);
        if index >= self.recording.seconds.len() {
            // Answers may come after the window; by at most the timeout, which bounds this.
            self.recording
                .seconds
                .resize_with(index + 1, Second::default);
        }
        &mut self.recording.seconds[index]
    }

    /// Packs the seconds that no request can still fall into.
    pub(crate) fn seal(&mut self, now: Duration) {
        let slack = self.layout.timeout + Duration::from_secs(2);
        let Some(old) = now.checked_sub(self.layout.warmup + slack) else {
            return;
        };
        let later = self.open.split_off(&(old.as_secs() as usize));
        let done = std::mem::replace(&mut self.open, later);
        self.pack(done);
    }

    fn pack(&mut self, seconds: BTreeMap<usize, OpenSecond>) {
        for (index, open) in seconds {
            let part = Second {
                send_lag_p99_us: open.lag.quantile_us(0.99),
                latency: Packed::pack(&open.latency),
                ..Second::default()
            };
            if let Some(second) = self.recording.seconds.get_mut(index) {
                second.merge(&part);
            }
        }
    }

    /// Latency of what ended since the last call.
    pub(crate) fn take_recent(&mut self) -> Hist {
        std::mem::take(&mut self.recent)
    }

    /// What has been counted so far; the newest seconds' histograms are not in it yet.
    pub(crate) fn so_far(&self) -> &Recording {
        &self.recording
    }

    /// Ends the recording.
    pub(crate) fn finish(mut self) -> Recording {
        let open = std::mem::take(&mut self.open);
        self.pack(open);
        self.recording
    }
}
