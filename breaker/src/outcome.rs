//! What became of a request, and what of that is evidence about the model.

use std::time::Duration;

/// How a request that the breaker admitted ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Answered by the model.
    Ok,
    /// An infrastructure or model failure.
    Failure,
    /// Answered by the model with a value that is NaN or infinite: a failure, and the end of a
    /// canary.
    NotFinite,
    /// Not answered by its deadline.
    Timeout,
    /// Refused by ourselves after the breaker had admitted it.
    Shed,
    /// The caller went away.
    Cancelled,
    /// The request itself was wrong.
    BadInput,
}

/// One admitted request as the breaker sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    pub outcome: Outcome,
    /// Time from arrival to answer where the model ran to its end, also for a request that had
    /// timed out by then. `None` where no run ended: nothing is known but the outcome.
    pub latency: Option<Duration>,
    /// The caller asked for less time than is configured: missing that deadline says nothing about
    /// the model. The run time, where known, still counts.
    pub short_deadline: bool,
    /// The batch the request ran in, where the engine says so. A batch that fails is one failure,
    /// however many requests it carried.
    pub batch: Option<u64>,
}

impl Report {
    pub fn new(outcome: Outcome, latency: Duration) -> Self {
        Self {
            outcome,
            latency: Some(latency),
            short_deadline: false,
            batch: None,
        }
    }

    /// What this report says about the model; `None` where it says nothing.
    pub(crate) fn evidence(&self, deadline: Duration) -> Option<Evidence> {
        match self.outcome {
            Outcome::Shed | Outcome::Cancelled | Outcome::BadInput => None,
            Outcome::Ok => Some(Evidence {
                failed: false,
                latency: self.latency,
            }),
            Outcome::Failure | Outcome::NotFinite => Some(Evidence {
                failed: true,
                latency: None,
            }),
            Outcome::Timeout if self.short_deadline => self.latency.map(|run| Evidence {
                failed: false,
                latency: Some(run),
            }),
            Outcome::Timeout => {
                let latency = self.latency.unwrap_or(deadline).max(deadline);
                Some(Evidence {
                    failed: true,
                    latency: Some(latency),
                })
            }
        }
    }
}

/// A report stripped to what the rules look at. A plain failure carries no latency: a fast refusal
/// must not make the tail look better, and a slow one is already counted as a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Evidence {
    pub(crate) failed: bool,
    pub(crate) latency: Option<Duration>,
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEADLINE: Duration = Duration::from_millis(800);

    #[test]
    fn what_the_gateway_or_the_caller_did_is_no_evidence() {
        for outcome in [Outcome::Shed, Outcome::Cancelled, Outcome::BadInput] {
            assert_eq!(Report::new(outcome, DEADLINE).evidence(DEADLINE), None);
        }
    }

    #[test]
    fn a_timeout_is_one_failure_and_as_slow_as_the_deadline() {
        let report = Report {
            latency: None,
            ..Report::new(Outcome::Timeout, DEADLINE)
        };
        let evidence = report.evidence(DEADLINE).unwrap();
        assert_eq!(
            evidence,
            Evidence {
                failed: true,
                latency: Some(DEADLINE)
            }
        );
    }

    #[test]
    fn missing_a_short_deadline_is_no_failure_but_its_run_time_counts() {
        let run = Duration::from_millis(9);
        let report = Report {
            short_deadline: true,
            ..Report::new(Outcome::Timeout, run)
        };
        let evidence = report.evidence(DEADLINE).unwrap();
        assert_eq!(
            evidence,
            Evidence {
                failed: false,
                latency: Some(run)
            }
        );
        assert_eq!(
            Report {
                latency: None,
                ..report
            }
            .evidence(DEADLINE),
            None
        );
    }
}
