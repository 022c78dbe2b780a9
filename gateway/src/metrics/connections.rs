//! Metrics of connections and of what they hold.

use std::sync::Arc;

use common::metric_names as names;
use prometheus::{IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

use crate::{connections::Ledgers, http_port::Overdue};

/// See the module.
pub(crate) struct ConnectionMetrics {
    open: IntGaugeVec,
    silent: IntCounter,
    ended: IntCounterVec,
    answer_bytes: IntGauge,
}

impl ConnectionMetrics {
    pub(super) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let open = Opts::new(names::CONNECTIONS, "Open connections, by port.");
        let open = IntGaugeVec::new(open, &["port"])?;
        let help = "Connections closed because they said nothing in their time.";
        let silent = IntCounter::new(names::SILENT_CONNECTIONS, help)?;
        let help = "Connections that the gateway ended, by reason.";
        let ended = IntCounterVec::new(Opts::new(names::CONNECTIONS_ENDED, help), &["reason"])?;
        for why in Overdue::ALL {
            ended.with_label_values(&[why.label()]);
        }
        let help = "Memory of large answers until their clients have read them.";
        let answer_bytes = IntGauge::new(names::ANSWER_BYTES, help)?;
        registry.register(Box::new(open.clone()))?;
        registry.register(Box::new(silent.clone()))?;
        registry.register(Box::new(ended.clone()))?;
        registry.register(Box::new(answer_bytes.clone()))?;
        Ok(Self {
            open,
            silent,
            ended,
            answer_bytes,
        })
    }

    /// Counts a connection that the gateway ended.
    pub(crate) fn ended(&self, why: Overdue) {
        if why == Overdue::Silent {
            self.silent.inc();
        }
        self.ended.with_label_values(&[why.label()]).inc();
    }

    /// What is open and held at a scrape.
    pub(crate) fn show(&self, ports: &[(&'static str, Arc<Ledgers>)], answer_bytes: u64) {
        for (port, ledgers) in ports {
            let open = i64::try_from(ledgers.open()).unwrap_or(i64::MAX);
            self.open.with_label_values(&[port]).set(open);
        }
        let held = i64::try_from(answer_bytes).unwrap_or(i64::MAX);
        self.answer_bytes.set(held);
    }
}
