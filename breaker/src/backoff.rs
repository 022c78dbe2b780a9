//! How long to stay open: doubling with each opening, halving with health.

use crate::settings::EvidenceSettings;
use std::time::Duration;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Backoff {
    doublings: u32,
    healthy: Duration,
}

impl Backoff {
    /// The time of one more opening. `jitter` in [-1, 1] spreads instances; 0 is legal.
    pub(crate) fn open(&mut self, jitter: f64, settings: &EvidenceSettings) -> Duration {
        let doubled = settings.open_min.as_secs_f64() * 2f64.powi(self.doublings.min(30) as i32);
        let base = doubled.min(settings.open_max.as_secs_f64());
        self.doublings = self.doublings.saturating_add(1);
        self.healthy = Duration::ZERO;
        Duration::from_secs_f64(base * (1.0 + settings.open_jitter * jitter.clamp(-1.0, 1.0)))
    }

    pub(crate) fn healthy_for(&mut self, time: Duration, settings: &EvidenceSettings) {
        self.healthy += time;
        while self.healthy >= settings.healthy_time && self.doublings > 0 {
            self.healthy -= settings.healthy_time;
            // Doublings past the cap would otherwise have to be worked off in health.
            let cap = settings.open_max.as_secs_f64() / settings.open_min.as_secs_f64();
            let useful = cap.log2().ceil() as u32;
            self.doublings = self.doublings.min(useful).saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_up_to_the_cap_and_halves_with_health() {
        let settings = EvidenceSettings::default();
        let mut backoff = Backoff::default();
        let secs: Vec<_> = (0..6)
            .map(|_| backoff.open(0.0, &settings).as_secs())
            .collect();
        assert_eq!(secs, [30, 60, 120, 240, 300, 300]);
        (0..120).for_each(|_| backoff.healthy_for(Duration::from_secs(5), &settings));
        assert_eq!(backoff.open(0.0, &settings).as_secs(), 240);
    }

    #[test]
    fn jitter_moves_it_by_a_fifth() {
        let settings = EvidenceSettings::default();
        let low = Backoff::default().open(-1.0, &settings);
        let high = Backoff::default().open(1.0, &settings);
        assert_eq!((low.as_secs(), high.as_secs()), (24, 36));
    }
}
