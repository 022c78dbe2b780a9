//! The failures that are normal for a key: their share while it was closed and well.

/// Requests of older samples fade with this factor at each new one (half of them in 6 minutes of
/// 5 s slots).
const FADE: f64 = 0.99;

#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Background {
    requests: f64,
    failures: f64,
}

impl Background {
    pub(crate) fn observe(&mut self, requests: u64, failures: u64) {
        self.requests = self.requests * FADE + requests as f64;
        self.failures = self.failures * FADE + failures as f64;
    }

    pub(crate) fn share(&self) -> f64 {
        if self.requests > 0.0 {
            self.failures / self.requests
        } else {
            0.0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_a_change_and_is_zero_before_any_request() {
        let mut background = Background::default();
        assert_eq!(background.share(), 0.0);
        (0..50).for_each(|_| background.observe(100, 0));
        (0..500).for_each(|_| background.observe(100, 2));
        assert!((background.share() - 0.02).abs() < 0.001);
    }
}
