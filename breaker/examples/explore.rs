use breaker::sim::*;
use breaker::*;
use std::time::Duration;
fn s(x: f64) -> Duration { Duration::from_secs_f64(x) }
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let set = BreakerSettings::default();
    let prof = KeyProfile::default();
    let what = args[1].as_str();
    let n: u64 = args[2].parse().unwrap();
    let warm: f64 = args.get(3).map_or(300.0, |x| x.parse().unwrap());
    match what {
        "step" => for sigma in [0.5, 1.0] {
            let d = measure_detection(&set, prof, DetectionTrial { onset: s(warm), watch: s(120.0), seeds: n },
                |seed| Traffic::new(100.0, Shape::LogNormal { sigma }, 30.0).with_level(Level::Step { at_s: warm, until_s: 1e9, factor: 2.0 }).tap(seed));
            println!("step2 s{sigma} within30 {:.4} median {:?} latest {:?} missed {} early {}", d.share_within(s(30.0)), d.median(), d.latest(), d.missed, d.early);
            let d = measure_detection(&set, prof, DetectionTrial { onset: s(warm), watch: s(120.0), seeds: n/5 },
                |_| Traffic::new(100.0, Shape::LogNormal { sigma }, 30.0).with_level(Level::Ramp { from_s: warm, factor: 1.1 }));
            println!("ramp s{sigma} median {:?} latest {:?} missed {} early {}",  d.median(), d.latest(), d.missed, d.early);
            let d = measure_detection(&set, prof, DetectionTrial { onset: s(warm), watch: s(120.0), seeds: n/5 },
                |_| Traffic::new(100.0, Shape::LogNormal { sigma }, 30.0).with_fault(FaultSpan { from_s: warm, until_s: 1e9, share: 1.0, outcome: Outcome::Failure, short_deadline: false, latency_ms: None }));
            println!("total s{sigma} median {:?} latest {:?} missed {} early {}",  d.median(), d.latest(), d.missed, d.early);
        },
        "healthy" => for rate in [1.0, 5.5, 20.0, 100.0] { for (name, shape) in [("s.5", Shape::LogNormal{sigma:0.5}), ("s1", Shape::LogNormal{sigma:1.0}), ("pareto2.5", Shape::Pareto{alpha:2.5})] {
            let days = n as f64 / if rate > 50.0 { 10.0 } else {1.0};
            let k: usize = (0..4).map(|i| false_trips(&set, prof, &Traffic::new(rate, shape, 30.0), i, s(86400.0*days/4.0))).sum();
            println!("healthy rate {rate} {name} days {days} trips {k}");
        }},
        "ar" => for c in ["ar", "wander60", "wander300", "wander1800", "wander3600"] {
            let mut t = Traffic::new(20.0, Shape::LogNormal{sigma:1.0}, 30.0);
            if c == "ar" { t.correlation = Correlation::Ar1{rho:0.95}; } else { t = t.with_level(Level::Wander{sigma:0.25, tau_s: c[6..].parse().unwrap()}); }
            let k: usize = (0..4).map(|i| false_trips(&set, prof, &t, i, s(86400.0*n as f64/4.0))).sum();
            let mut t100 = t.clone(); t100.rate_per_s = 100.0;
            let k100: usize = (0..4).map(|i| false_trips(&set, prof, &t100, i, s(86400.0*n as f64/16.0))).sum();
            println!("{c} days {n} trips/day @20 {} @100 {}", k as f64 / n as f64, k100 as f64 / n as f64 * 4.0);
        },
        "perm" => for sigma in [0.5, 1.0] { for i in 0..n {
            let d = run(&set, prof, &Traffic::new(100.0, Shape::LogNormal{sigma}, 30.0).with_level(Level::Step{at_s: warm, until_s: 1e9, factor: 2.2}), i, s(warm+1800.0));
            let l: Vec<String> = d.log().iter().map(|l| format!("{:.0}:{}:{}", l.at.as_secs_f64()-warm, l.transition.to.name(), l.transition.reason.name())).collect();
            println!("{sigma} {}", l.join(" "));
        }},
        _ => {}
    }
}
trait Tap: Sized { fn tap(self, _: u64) -> Self { self } }
impl Tap for Traffic {}
