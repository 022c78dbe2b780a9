//! What the whole process costs, read when somebody scrapes.

use std::sync::{Mutex, PoisonError};

use common::metric_names as names;
use prometheus::{
    Counter, Gauge, Opts,
    core::{Collector, Desc},
    proto::MetricFamily,
};
use rustix::time::{ClockId, Timespec, clock_gettime};

/// Processor time and resident memory, under Prometheus' customary names.
pub(super) struct ProcessFigures {
    cpu_seconds: Counter,
    resident_bytes: Gauge,
    turn: Mutex<()>,
}

impl ProcessFigures {
    pub(super) fn new() -> Result<Self, prometheus::Error> {
        let cpu = "Processor time of the process, user and system, in seconds.";
        let resident = "Resident memory of the process, in bytes; 0 where the system hides it.";
        Ok(Self {
            cpu_seconds: Counter::with_opts(Opts::new(names::PROCESS_CPU_SECONDS, cpu))?,
            resident_bytes: Gauge::with_opts(Opts::new(names::PROCESS_RESIDENT_BYTES, resident))?,
            turn: Mutex::new(()),
        })
    }
}

impl Collector for ProcessFigures {
    fn desc(&self) -> Vec<&Desc> {
        [self.cpu_seconds.desc(), self.resident_bytes.desc()].concat()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        // The system counts; the counter only shows what it says, to one scrape at a time.
        let _one_scrape = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        self.cpu_seconds.reset();
        self.cpu_seconds.inc_by(cpu_seconds());
        self.resident_bytes.set(resident_bytes());
        [self.cpu_seconds.collect(), self.resident_bytes.collect()].concat()
    }
}

/// To the nanosecond, where /proc would give hundredths of a second.
pub(super) fn cpu_seconds() -> f64 {
    let Timespec { tv_sec, tv_nsec } = clock_gettime(ClockId::ProcessCPUTime);
    tv_sec as f64 + tv_nsec as f64 / 1e9
}

#[cfg(target_os = "linux")]
fn resident_bytes() -> f64 {
    // The second field of statm: resident pages.
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok());
    pages.map_or(0.0, |pages: f64| pages * rustix::param::page_size() as f64)
}

#[cfg(not(target_os = "linux"))]
fn resident_bytes() -> f64 {
    0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scrape_shows_processor_time_and_memory() {
        let figures = ProcessFigures::new().unwrap();
        let value = |families: &[MetricFamily], name: &str| {
            let family = families.iter().find(|f| f.name() == name).unwrap();
            let metric = &family.get_metric()[0];
            metric.get_counter().get_value() + metric.get_gauge().get_value()
        };
        let first = figures.collect();
        assert!(value(&first, names::PROCESS_CPU_SECONDS) > 0.0);
        if cfg!(target_os = "linux") {
            assert!(value(&first, names::PROCESS_RESIDENT_BYTES) > 1e6);
        }
        let work: u64 = (0..1_000_000).fold(1, |a: u64, b| std::hint::black_box(a ^ b));
        std::hint::black_box(work);
        let second = figures.collect();
        assert!(
            value(&second, names::PROCESS_CPU_SECONDS) > value(&first, names::PROCESS_CPU_SECONDS)
        );
    }
}
