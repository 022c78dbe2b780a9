//! Small requests of many callers on a model that batches: what one costs, against running it alone
//! behind a plain HTTP server.

use anyhow::Result;
use serde::Serialize;

use crate::{
    bars::{Bar, Side},
    cases::{Bodies, Form},
    cli::Cli,
    cost::{Cost, plain},
    floor::ROOMY,
    load::closed,
    outside::{alone, library},
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
pub struct Small {
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
    /// The first over the sum of the others, taken in each round.
    pub ratio: Spread,
    /// Requests of a mean run.
    pub requests_per_run: f64,
}

impl Small {
    /// Measures every kind, interleaved.
    pub fn measure(cli: &Cli) -> Result<Vec<Self>> {
        let bodies = Bodies::of(&cli.models)?;
        let (gateway, echo) = (
            Server::gateway(&cli.models, ROOMY)?,
            Server::start("bench-plain", &[])?,
        );
        let (library, time) = (library()?, cli.case_time());
        let mut rounds: Vec<Vec<[f64; 4]>> = KINDS.iter().map(|_| Vec::new()).collect();
        for round in 0..cli.rounds() {
            eprintln!("small: round {} of {}", round + 1, cli.rounds());
            for ((model, form), rounds) in KINDS.into_iter().zip(&mut rounds) {
                let request = bodies.request(model, form, ROWS)?;
                let cost = Cost::of(&closed(&gateway, "small", &request, CALLERS, time)?)?;
                let plain_us = plain(&closed(&echo, "plain", &request, CALLERS, time)?)?.cpu_us;
                let file = cli.models.join("models").join(model).join("1/model.onnx");
                let alone_us = alone(&library, &file, &bodies.json(model, ROWS), time)?.cpu_us;
                rounds.push([cost.cpu_us, alone_us, plain_us, cost.requests_per_run]);
            }
        }
        let kinds = KINDS.into_iter().zip(rounds);
        Ok(kinds
            .filter_map(|((model, form), rounds)| Self::of(model, form, &rounds))
            .collect())
    }

    fn of(model: &'static str, form: Form, rounds: &[[f64; 4]]) -> Option<Self> {
        let column = |index: usize| Spread::of(rounds.iter().map(|round| round[index]));
        Some(Self {
            model,
            form,
            cpu_us: column(0)?,
            alone_us: column(1)?,
            plain_us: column(2)?,
            ratio: Spread::of(
                rounds
                    .iter()
                    .map(|[cpu, alone, plain, _]| cpu / (alone + plain)),
            )?,
            requests_per_run: column(3)?.median,
        })
    }

    /// Its bar.
    pub fn bar(&self) -> Bar {
        let what = format!(
            "{ROWS} rows, {CALLERS} callers, {} {}: CPU ÷ (run alone + plain POST)",
            self.model,
            self.form.name()
        );
        Bar::new(what, Some(self.ratio.median), "", Side::Below, 1.0).aiming_at(0.8)
    }
}
