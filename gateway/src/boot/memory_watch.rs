//! Looks at the machine's memory, and lets the arenas know.

use std::sync::Arc;

use common::Clock;
use inference_actor::arena::{
    self, ArenaRules, Arenas, Classes, MemorySource, Pressure, SystemMemory, budget_bytes,
};

/// What arenas may hold where the system tells no limit.
const UNKNOWN_BUDGET_BYTES: u64 = 1 << 30;
/// Leases of one arena: some full queues of requests with several inputs each. Room for the return of
/// each is made when a thread starts, 48 bytes a lease.
const LEASES: std::ops::RangeInclusive<usize> = 1 << 15..=1 << 16;
const LEASES_PER_QUEUED: usize = 16;

/// The arenas of a gateway with these settings, on a machine with this memory.
pub(super) fn arenas(
    settings: &common::config::Settings,
    memory: &dyn MemorySource,
) -> Arc<Arenas> {
    let keys = &settings.arena;
    let rules = ArenaRules {
        classes: Classes::new(keys.classes.iter().map(|size| size.as_usize())),
        large_bytes: keys.large.as_usize(),
        idle: keys.idle.0,
        most_leases: settings
            .models
            .queue
            .saturating_mul(LEASES_PER_QUEUED)
            .clamp(*LEASES.start(), *LEASES.end()),
    };
    let budget = budget_bytes(memory, keys.share_percent).unwrap_or(UNKNOWN_BUDGET_BYTES);
    Arenas::new(rules, budget)
}

/// The memory of the machine this runs on.
pub(super) fn of_this_machine() -> SystemMemory {
    SystemMemory::default()
}

/// Looks for as long as the process lives.
pub(super) async fn watch(arenas: Arc<Arenas>, memory: impl MemorySource, clock: Arc<dyn Clock>) {
    let mut short = false;
    loop {
        tokio::time::sleep(arena::TICK_EVERY).await;
        let now_short = memory.pressure() == Pressure::Short;
        if now_short != short {
            short = now_short;
            arenas.budget().set_short(short);
            let budget_bytes = arenas.budget().limit_bytes();
            match short {
                true => tracing::warn!(
                    budget_bytes,
                    "the machine is short of memory: the arenas' budget shrinks"
                ),
                false => tracing::info!(budget_bytes, "memory is no longer short"),
            }
        }
        arenas.tick(clock.now());
    }
}
