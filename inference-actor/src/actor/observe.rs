//! An actor's account of itself.

use actix::prelude::*;

use super::InferenceActor;
use crate::{messages::Observe, session::Session, stats::ActorSnapshot};

impl Handler<Observe> for InferenceActor {
    type Result = ActorSnapshot;

    fn handle(&mut self, _: Observe, _: &mut Context<Self>) -> ActorSnapshot {
        let stats = &self.stats;
        ActorSnapshot {
            state: self.state(),
            model: self.options.model.to_string(),
            version: self.options.version.get(),
            business_code: self
                .session
                .as_ref()
                .map_or_else(String::new, |s| s.spec().business_code.clone()),
            in_flight: self.options.gauge.in_flight(),
            queued: self.queue.len(),
            runs: stats.runs,
            rows: stats.rows,
            answered: stats.answered,
            errors: stats.errors,
            rejected: stats.rejected,
            terminated: stats.terminated,
            panics: stats.panics,
            restarts: stats.installs.saturating_sub(1),
            expired: stats.expired,
            abandoned: stats.abandoned,
            refused: stats.refused,
            queue_ns: stats.queue_ns,
            batch_ns: stats.batch_ns,
            run_ns: stats.run_ns,
            last_answer_unix_ms: stats.last_answer_unix_ms,
            shed: stats.shed,
            wasted_run_us: u64::try_from(stats.wasted_run.as_micros()).unwrap_or(u64::MAX),
            run_cpu_ns: u64::try_from(stats.run_cpu.as_nanos()).unwrap_or(u64::MAX),
            run_p50_us: stats.run_quantile_us(0.5),
            run_p90_us: stats.run_quantile_us(0.9),
            run_p99_us: stats.run_quantile_us(0.99),
            run_max_us: stats.run_quantile_us(1.0),
            session_memory_bytes: self.session.as_ref().map_or(0, Session::memory_bytes),
            last_panic: stats.last_panic.clone(),
            warm_up: self.warm_up.reason.clone(),
        }
    }
}
