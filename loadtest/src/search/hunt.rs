//! Which rate to try next: bracket, bisect, confirm. Pure: no clock, no server.

/// How to hunt.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HuntOptions {
    /// First rate tried.
    pub start_rate: f64,
    /// Rates never leave these bounds.
    pub min_rate: f64,
    /// Upper one.
    pub max_rate: f64,
    /// The bracket is narrow enough when its ends differ by this share.
    pub precision: f64,
    /// Runs that confirm.
    pub confirmations: u32,
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Next {
    /// Find out whether this rate holds.
    Try(f64),
    /// Run this rate once more to confirm it.
    Confirm(f64),
    /// Done: the highest confirmed rate, if any.
    Done(Option<f64>),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Phase {
    Bracket { next: f64 },
    Bisect,
    Confirm { rate: f64, runs: u32 },
    Done(Option<f64>),
}

/// A hunt.
#[derive(Clone, Debug)]
pub(crate) struct Hunt {
    options: HuntOptions,
    phase: Phase,
    held: Option<f64>,
    missed: Option<f64>,
}

impl Hunt {
    /// A hunt that knows nothing.
    pub(crate) fn new(options: HuntOptions) -> Self {
        let next = options.start_rate.clamp(options.min_rate, options.max_rate);
        Self {
            options,
            phase: Phase::Bracket { next },
            held: None,
            missed: None,
        }
    }

    /// What to do next.
    pub(crate) fn next(&self) -> Next {
        match self.phase {
            Phase::Bracket { next } => Next::Try(next),
            Phase::Bisect => Next::Try(self.middle()),
            Phase::Confirm { rate, .. } => Next::Confirm(rate),
            Phase::Done(rate) => Next::Done(rate),
        }
    }

    /// The lowest rate missed so far.
    pub(crate) fn missed_at(&self) -> Option<f64> {
        self.missed
    }

    /// The highest rate that held so far.
    pub(crate) fn held_at(&self) -> Option<f64> {
        self.held
    }

    /// Tries and confirming runs still to come, the next one included, if rates go on as expected:
    /// while only one end of the bracket is known, the next try is taken for the other end.
    pub(crate) fn steps_left(&self) -> (u32, u32) {
        let fine = (1.0 + self.options.precision).ln();
        let halvings =
            |low: f64, high: f64| ((high / low).ln() / fine).log2().ceil().max(0.0) as u32;
        match self.phase {
            Phase::Bracket { .. } => (1 + halvings(1.0, 2.0), self.options.confirmations),
            Phase::Bisect => {
                let held = self.held.unwrap_or(self.options.min_rate);
                let missed = self.missed.unwrap_or(self.options.max_rate);
                (halvings(held, missed), self.options.confirmations)
            }
            Phase::Confirm { runs, .. } => (0, self.options.confirmations.saturating_sub(runs)),
            Phase::Done(_) => (0, 0),
        }
    }

    /// Tells what a try gave.
    pub(crate) fn tried(&mut self, rate: f64, holds: bool) {
        if holds {
            self.held = Some(self.held.map_or(rate, |held| held.max(rate)));
        } else {
            self.missed = Some(self.missed.map_or(rate, |missed| missed.min(rate)));
        }
        self.phase = match (self.held, self.missed) {
            (Some(held), Some(missed)) if missed / held <= 1.0 + self.options.precision => {
                Phase::Confirm {
                    rate: held,
                    runs: 0,
                }
            }
            (Some(_), Some(_)) => Phase::Bisect,
            (Some(held), None) if held >= self.options.max_rate => Phase::Confirm {
                rate: held,
                runs: 0,
            },
            (Some(held), None) => Phase::Bracket {
                next: (held * 2.0).min(self.options.max_rate),
            },
            (None, Some(missed)) if missed <= self.options.min_rate => Phase::Done(None),
            (None, Some(missed)) => Phase::Bracket {
                next: (missed / 2.0).max(self.options.min_rate),
            },
            (None, None) => self.phase,
        };
    }

    /// Tells what one more confirming run gave: whether all of them together still hold. A rate
    /// that does not is given up for one a step lower.
    pub(crate) fn confirmed(&mut self, rate: f64, holds: bool) {
        let Phase::Confirm { runs, .. } = self.phase else {
            return;
        };
        self.phase = if !holds {
            self.missed = Some(self.missed.map_or(rate, |missed| missed.min(rate)));
            self.held = None;
            let lower = rate / (1.0 + self.options.precision);
            if rate <= self.options.min_rate {
                Phase::Done(None)
            } else {
                Phase::Confirm {
                    rate: lower.max(self.options.min_rate),
                    runs: 0,
                }
            }
        } else if runs + 1 >= self.options.confirmations {
            Phase::Done(Some(rate))
        } else {
            Phase::Confirm {
                rate,
                runs: runs + 1,
            }
        };
    }

    /// Geometric: rates differ by factors.
    fn middle(&self) -> f64 {
        let held = self.held.unwrap_or(self.options.min_rate);
        let missed = self.missed.unwrap_or(self.options.max_rate);
        (held * missed).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> HuntOptions {
        HuntOptions {
            start_rate: 100.0,
            min_rate: 1.0,
            max_rate: 50_000.0,
            precision: 0.01,
            confirmations: 5,
        }
    }

    /// Runs a hunt against a server that holds up to `capacity`; returns the end and the tries.
    fn hunt(capacity: f64) -> (Option<f64>, u32, u32) {
        let mut hunt = Hunt::new(options());
        let (mut tries, mut confirms) = (0, 0);
        for _ in 0..200 {
            match hunt.next() {
                Next::Try(rate) => {
                    tries += 1;
                    hunt.tried(rate, rate <= capacity);
                }
                Next::Confirm(rate) => {
                    confirms += 1;
                    hunt.confirmed(rate, rate <= capacity);
                }
                Next::Done(rate) => return (rate, tries, confirms),
            }
        }
        panic!("the hunt did not end");
    }

    #[test]
    fn any_capacity_is_found_within_the_precision_and_in_few_steps() {
        for capacity in [1.5, 7.0, 99.0, 100.0, 333.3, 812.0, 20_000.0, 49_000.0] {
            let (found, tries, confirms) = hunt(capacity);
            let found = found.expect("some rate holds");
            assert!(
                found <= capacity && found >= capacity / 1.0101,
                "{capacity}: {found}"
            );
            assert!(tries <= 22, "{capacity}: {tries} tries");
            assert_eq!(confirms, 5);
        }
    }

    #[test]
    fn the_steps_left_are_foretold_and_run_out() {
        let mut hunt = Hunt::new(options());
        hunt.tried(100.0, true);
        hunt.tried(200.0, false);
        let (foretold, confirmations) = hunt.steps_left();
        assert_eq!(confirmations, 5);
        let mut tries = 0_u32;
        while let Next::Try(rate) = hunt.next() {
            hunt.tried(rate, rate <= 150.0);
            tries += 1;
        }
        assert!(tries.abs_diff(foretold) <= 1, "{tries} of {foretold}");
        assert_eq!(hunt.steps_left(), (0, 5));
    }

    #[test]
    fn the_bounds_end_the_hunt() {
        assert_eq!(hunt(1e9).0, Some(50_000.0));
        assert_eq!(hunt(0.5).0, None);
    }

    #[test]
    fn a_rate_that_is_not_confirmed_gives_way_to_a_lower_one() {
        let mut hunt = Hunt::new(HuntOptions {
            max_rate: 100.0,
            ..options()
        });
        hunt.tried(100.0, true);
        assert_eq!(hunt.next(), Next::Confirm(100.0));
        hunt.confirmed(100.0, true);
        hunt.confirmed(100.0, false);
        assert_eq!(hunt.next(), Next::Confirm(100.0 / 1.01));
        for _ in 0..5 {
            hunt.confirmed(100.0 / 1.01, true);
        }
        assert_eq!(hunt.next(), Next::Done(Some(100.0 / 1.01)));
        assert_eq!(hunt.missed_at(), Some(100.0));
    }
}
