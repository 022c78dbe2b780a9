//! What the log left out, read when somebody scrapes.

use std::sync::{Mutex, PoisonError};

use common::metric_names as names;
use inference_actor::suppressed_engine_messages;
use prometheus::{
    IntCounter,
    core::{Collector, Desc},
    proto::MetricFamily,
};

use crate::logging::dropped_lines;

/// Lines that nobody will read, counted by the log itself.
pub(super) struct LogFigures {
    dropped: IntCounter,
    suppressed: IntCounter,
    one_scrape: Mutex<()>,
}

impl LogFigures {
    pub(super) fn new() -> Result<Self, prometheus::Error> {
        let dropped = "Log lines dropped because standard error did not take them.";
        let suppressed =
            "Messages of ONNX Runtime not logged, since there were too many of a kind.";
        Ok(Self {
            dropped: IntCounter::new(names::LOG_DROPPED, dropped)?,
            suppressed: IntCounter::new(names::ENGINE_MESSAGES_SUPPRESSED, suppressed)?,
            one_scrape: Mutex::new(()),
        })
    }
}

impl Collector for LogFigures {
    fn desc(&self) -> Vec<&Desc> {
        [self.dropped.desc(), self.suppressed.desc()].concat()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        // The log counts; these counters only show what it says, to one scrape at a time.
        let _one_scrape = self
            .one_scrape
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        for (counter, count) in [
            (&self.dropped, dropped_lines()),
            (&self.suppressed, suppressed_engine_messages()),
        ] {
            counter.reset();
            counter.inc_by(count);
        }
        [self.dropped.collect(), self.suppressed.collect()].concat()
    }
}
