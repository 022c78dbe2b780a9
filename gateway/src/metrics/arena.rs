//! Metrics of tensor memory: the arenas' own counts, shown when somebody scrapes.

use common::metric_names as names;
use inference_actor::arena::ArenasSnapshot;
use prometheus::{GaugeVec, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

/// Handles of the arena's metrics.
pub(crate) struct ArenaMetrics {
    bytes: IntGaugeVec,
    events: IntCounterVec,
    shares: GaugeVec,
    state: IntGauge,
}

impl ArenaMetrics {
    pub(super) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let help = "Tensor memory: leased, held, most_leased (ever), budget.";
        let bytes = IntGaugeVec::new(Opts::new(names::ARENA_BYTES, help), &["kind"])?;
        let help = "What happened to leases of tensor memory.";
        let events = IntCounterVec::new(Opts::new(names::ARENA_EVENTS, help), &["event"])?;
        let help = "Shares: hits of leases; internal and external fragmentation of bytes.";
        let shares = GaugeVec::new(Opts::new(names::ARENA_RATIO, help), &["kind"])?;
        let help = "0 idle, 1 active, 2 pressured.";
        let state = IntGauge::new(names::ARENA_STATE, help)?;
        registry.register(Box::new(bytes.clone()))?;
        registry.register(Box::new(events.clone()))?;
        registry.register(Box::new(shares.clone()))?;
        registry.register(Box::new(state.clone()))?;
        Ok(Self {
            bytes,
            events,
            shares,
            state,
        })
    }

    /// Shows the arenas as they are now.
    pub(crate) fn show(&self, arenas: &ArenasSnapshot) {
        let total = &arenas.total;
        for (kind, bytes) in [
            ("leased", total.leased_bytes),
            ("held", total.held_bytes),
            ("most_leased", total.most_leased_bytes),
            ("budget", arenas.budget_bytes),
        ] {
            let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
            self.bytes.with_label_values(&[kind]).set(bytes);
        }
        for (event, count) in [
            ("lease", total.leases),
            ("hit", total.hits),
            ("refused", total.refused),
            ("eviction", total.evictions),
            ("returned_from_afar", total.returned_from_afar),
            ("overdue", arenas.overdue),
        ] {
            // The arenas count; here their counts are only shown.
            let counter = self.events.with_label_values(&[event]);
            counter.reset();
            counter.inc_by(count);
        }
        for (kind, share) in [
            ("hit", arenas.hit_ratio),
            ("internal_fragmentation", arenas.internal_fragmentation),
            ("external_fragmentation", arenas.external_fragmentation),
        ] {
            self.shares.with_label_values(&[kind]).set(share);
        }
        self.state.set(arenas.state as i64);
    }
}
