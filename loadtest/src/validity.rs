//! Whether a run says anything about the server, judged before any threshold.
//!
//! A generator that did not send its schedule, or sent it late, measured itself.

use crate::threshold::Threshold;

/// At least this share of the schedule must have been sent.
const MIN_SENT_SHARE: f64 = 0.99;
/// The P99 of the send lag may be this share of the latency threshold in question.
pub(crate) const LAG_SHARE: f64 = 0.1;
/// The latency in question where no threshold names one: 11 ms.
pub(crate) const DEFAULT_LATENCY_US: f64 = 11_000.0;

/// What validity is judged by.
#[derive(Clone, Debug)]
pub(crate) struct Evidence {
    pub scheduled: u64,
    pub sent: u64,
    pub send_lag_p99_us: f64,
    /// Latency in question.
    pub latency_us: f64,
    /// How far into the run it was ended early, in seconds.
    pub stopped_at_s: Option<f64>,
    /// Requests that never left because of this machine's own limits, and which limits.
    pub own_limits: Vec<(&'static str, u64)>,
    /// Workers lost with part of the schedule.
    pub workers_lost: usize,
}

/// The smallest latency that a threshold names, or 11 ms.
pub(crate) fn latency_in_question(thresholds: &[Threshold]) -> f64 {
    let named = thresholds.iter().filter_map(Threshold::latency_us);
    named
        .fold(None, |least: Option<f64>, us| {
            Some(least.map_or(us, |least| least.min(us)))
        })
        .unwrap_or(DEFAULT_LATENCY_US)
}

/// Every reason why the run is invalid; none for a valid one.
pub(crate) fn faults(evidence: &Evidence) -> Vec<String> {
    let mut faults = Vec::new();
    if let Some(at) = evidence.stopped_at_s {
        faults.push(format!("ended early, {at:.1} s into the run"));
    }
    if evidence.workers_lost > 0 {
        faults.push(format!(
            "{} worker(s) lost, their share is missing",
            evidence.workers_lost
        ));
    }
    if evidence.scheduled == 0 {
        faults.push("nothing was due in the measured window; raise --rate or --duration".into());
        return faults;
    }
    for (limit, count) in &evidence.own_limits {
        faults.push(format!("{count} requests never left: {limit}"));
    }
    let share = evidence.sent as f64 / evidence.scheduled as f64;
    if share < MIN_SENT_SHARE {
        faults.push(format!(
            "only {:.2} % of the schedule was sent, at least {:.0} % is needed; the server holds \
             requests longer than --max-in-flight allows for, or this machine is too slow",
            share * 100.0,
            MIN_SENT_SHARE * 100.0
        ));
    }
    let allowed = evidence.latency_us * LAG_SHARE;
    if evidence.send_lag_p99_us > allowed {
        faults.push(format!(
            "the generator itself was late: send lag P99 {:.0} µs, a tenth of the latency in \
             question ({:.0} µs) is allowed; give it more processor, or lower --rate",
            evidence.send_lag_p99_us, allowed
        ));
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evidence() -> Evidence {
        Evidence {
            scheduled: 10_000,
            sent: 10_000,
            send_lag_p99_us: 80.0,
            latency_us: DEFAULT_LATENCY_US,
            stopped_at_s: None,
            own_limits: Vec::new(),
            workers_lost: 0,
        }
    }

    #[test]
    fn one_request_lost_to_a_limit_of_this_machine_is_invalid() {
        let own_limits = vec![("open files", 1)];
        let faults = faults(&Evidence {
            own_limits,
            ..evidence()
        });
        assert_eq!(faults, ["1 requests never left: open files"]);
    }

    #[test]
    fn a_whole_and_punctual_run_is_valid() {
        assert!(faults(&evidence()).is_empty());
    }

    #[test]
    fn one_request_short_of_99_percent_is_invalid() {
        assert!(
            faults(&Evidence {
                sent: 9_900,
                ..evidence()
            })
            .is_empty()
        );
        assert_eq!(
            faults(&Evidence {
                sent: 9_899,
                ..evidence()
            })
            .len(),
            1
        );
    }

    #[test]
    fn send_lag_above_a_tenth_of_the_latency_in_question_is_invalid() {
        assert!(
            faults(&Evidence {
                send_lag_p99_us: 1_100.0,
                ..evidence()
            })
            .is_empty()
        );
        assert_eq!(
            faults(&Evidence {
                send_lag_p99_us: 1_100.1,
                ..evidence()
            })
            .len(),
            1
        );
        let strict = Evidence {
            latency_us: 500.0,
            ..evidence()
        };
        assert_eq!(faults(&strict).len(), 1);
    }

    #[test]
    fn the_strictest_threshold_is_the_one_in_question() {
        let parse = |text: &str| text.parse::<Threshold>().expect(text);
        let thresholds = [parse("p99>100ms"), parse("p50>5ms"), parse("error_rate>1%")];
        assert_eq!(latency_in_question(&thresholds), 5_000.0);
        assert_eq!(latency_in_question(&thresholds[2..]), DEFAULT_LATENCY_US);
    }

    #[test]
    fn empty_interrupted_and_partial_runs_are_invalid() {
        assert_eq!(
            faults(&Evidence {
                scheduled: 0,
                sent: 0,
                ..evidence()
            })
            .len(),
            1
        );
        assert_eq!(
            faults(&Evidence {
                stopped_at_s: Some(2.0),
                ..evidence()
            })
            .len(),
            1
        );
        assert_eq!(
            faults(&Evidence {
                workers_lost: 1,
                ..evidence()
            })
            .len(),
            1
        );
    }
}
