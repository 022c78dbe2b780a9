//! Small requests of many callers on a model that batches: what one costs, against running each by
//! itself. That is the sum of a run in a loop and a POST to a plain server, each with the caches to itself;
//! and, as it would really be, a plain server that runs the model.

use anyhow::Result;
use serde::Serialize;

use crate::{
    bars::{Bar, Side},
    cases::{Bodies, Form},
    cli::Cli,
    cost::{Cost, plain},
    floor::ROOMY,
    load::closed,
    outside::{alone, behind_plain, library},
    process::Server,
    spread::Spread,
};

const ROWS: usize = 10;
const CALLERS: usize = 32;
const KINDS: [(&str, Form); 3] = [
    ("deepfm", Form::Binary),
    ("deepfm", Form::Json),
    ("ml100k_din", Form::Recommend),
];

/// One kind of small request.
#[derive(Debug, Serialize)]
pub(crate) struct Small {
    /// The model.
    pub model: &'static str,
    /// The form.
    pub form: Form,
    /// Processor time of the gateway for one.
    pub cpu_us: Spread,
    /// `session.run` of its rows alone, outside the gateway.
    pub alone_us: Spread,
    /// A plain server's processor time for the same body.
    pub plain_us: Spread,
    /// That of one which runs its rows alone before it answers.
    pub served_us: Spread,
    /// The gateway's over the sum of run and POST, taken in each round.
    pub ratio: Spread,
    /// And over that of the plain server which runs the model.
    pub ratio_to_served: Spread,
    /// Requests of a mean run.
    pub requests_per_run: f64,
}

impl Small {
    /// Measures every kind, interleaved.
    pub(crate) fn measure(cli: &Cli) -> Result<Vec<Self>> {
        let bodies = Bodies::of(&cli.models)?;
        let (gateway, echo) = (
            Server::gateway(&cli.models, ROOMY)?,
            Server::start("bench-plain", &[])?,
        );
        let (library, time) = (library()?, cli.case_time());
        let file = |model: &str| cli.models.join("models").join(model).join("1/model.onnx");
        let serving = |(model, _)| behind_plain(&library, &file(model), &bodies.json(model, ROWS));
        let served: Vec<Server> = KINDS.into_iter().map(serving).collect::<Result<_>>()?;
        let mut rounds: Vec<Vec<[f64; 5]>> = KINDS.iter().map(|_| Vec::new()).collect();
        for round in 0..cli.rounds() {
            eprintln!("small: round {} of {}", round + 1, cli.rounds());
            for (((model, form), served), rounds) in KINDS.into_iter().zip(&served).zip(&mut rounds)
            {
                let request = bodies.request(model, form, ROWS)?;
                let cost = Cost::of(&closed(&gateway, "small", &request, CALLERS, time)?)?;
                let plain_us = plain(&closed(&echo, "plain", &request, CALLERS, time)?)?.cpu_us;
                let served = closed(served, "served", &request, CALLERS, time)?;
                let served_us = plain(&served)?.cpu_us;
                let body = bodies.json(model, ROWS);
                let alone_us = alone(&library, &file(model), &body, time)?.cpu_us;
                let per_run = cost.requests_per_run;
                rounds.push([cost.cpu_us, alone_us, plain_us, served_us, per_run]);
            }
        }
        let kinds = KINDS.into_iter().zip(rounds);
        Ok(kinds
            .filter_map(|((model, form), rounds)| Self::of(model, form, &rounds))
            .collect())
    }

    fn of(model: &'static str, form: Form, rounds: &[[f64; 5]]) -> Option<Self> {
        let column = |index: usize| Spread::of(rounds.iter().map(|round| round[index]));
        let ratio = |of: fn(&[f64; 5]) -> f64| Spread::of(rounds.iter().map(of));
        Some(Self {
            model,
            form,
            cpu_us: column(0)?,
            alone_us: column(1)?,
            plain_us: column(2)?,
            served_us: column(3)?,
            ratio: ratio(|[cpu, alone, plain, ..]| cpu / (alone + plain))?,
            ratio_to_served: ratio(|[cpu, _, _, served, _]| cpu / served)?,
            requests_per_run: column(4)?.median,
        })
    }

    /// Its bars.
    pub(crate) fn bars(&self) -> [Bar; 2] {
        [
            self.bar("(run alone + plain POST)", &self.ratio),
            self.bar("that of a plain server that runs it", &self.ratio_to_served),
        ]
    }

    fn bar(&self, against: &str, ratio: &Spread) -> Bar {
        let what = format!(
            "{ROWS} rows, {CALLERS} callers, {} {}: CPU ÷ {against}",
            self.model,
            self.form.name()
        );
        Bar::new(what, Some(ratio.median), "", Side::Below, 1.0).aiming_at(0.8)
    }
}
