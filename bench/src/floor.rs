//! The floor comparison: what each kind of request costs beyond `session.run`.

use anyhow::Result;
use serde::Serialize;

use crate::{
    bars::{Bar, Side},
    cases::{Bodies, Form},
    cli::{Cli, Part},
    cost::Cost,
    load::closed,
    outside::{self, Outside},
    process::Server,
    row::Row,
};

/// Bounds that sixty-four callers of a slow model would meet are moved out of the way; whatever
/// they cost a request is paid all the same.
pub(crate) const ROOMY: &str = "[admission]\nqueue_delay = \"5s\"\ncodel_target = \"5s\"\n\
                         [breaker]\nslo = \"700ms\"\n";

/// The DeepFM floor at the speed that bars are meant for.
const REFERENCE_FLOOR_US: f64 = 130.0;

/// Everything the comparison found.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Floor {
    /// The cases.
    pub rows: Vec<Row>,
    /// `session.run` outside the gateway.
    pub outside: Vec<Outside>,
}

impl Floor {
    /// Runs every case once a round, and straight after it what is compared with it outside the
    /// gateway, so that all see the same weather.
    pub(crate) fn measure(cli: &Cli) -> Result<Self> {
        let bodies = Bodies::of(&cli.models)?;
        let cases = bodies.cases(cli.quick)?;
        let mut costs: Vec<Vec<Cost>> = cases.iter().map(|_| Vec::new()).collect();
        let mut outside = match cli.wants(Part::Outside) {
            true => Some(outside::Rounds::new(&cli.models, &bodies)?),
            false => None,
        };
        let gateway = Server::gateway(&cli.models, ROOMY)?;
        for case in &cases {
            // Connections, caches and the engine's own memory are warm from here on.
            closed(
                &gateway,
                "warm",
                &case.request,
                case.connections,
                cli.case_time() / 10,
            )?;
        }
        for round in 0..cli.rounds() {
            eprintln!("floor: round {} of {}", round + 1, cli.rounds());
            for (case, costs) in cases.iter().zip(&mut costs) {
                let (connections, time) = (case.connections, cli.case_time());
                let report = closed(&gateway, &case.name(), &case.request, connections, time)?;
                costs.push(Cost::of(&report)?);
                if let Some(outside) = &mut outside {
                    outside.beside(case, time)?;
                }
            }
        }
        let rows = cases.into_iter().zip(costs);
        let rows: Vec<Row> = rows
            .filter_map(|(case, costs)| Row::of(case, &costs))
            .collect();
        let outside = outside.map_or_else(Vec::new, |outside| outside.against(&rows));
        Ok(Self { rows, outside })
    }

    /// What a measured time is multiplied with to give that of the reference speed.
    pub(crate) fn speed_factor(&self) -> Option<f64> {
        let row = self.row("deepfm", Form::Binary, 100, 8)?;
        Some(REFERENCE_FLOOR_US / row.floor_us.median)
    }

    fn row(&self, model: &str, form: Form, rows: usize, connections: usize) -> Option<&Row> {
        self.rows
            .iter()
            .find(|row| row.case.is(model, form, rows, connections))
    }

    /// Its bars.
    pub(crate) fn bars(&self) -> Vec<Bar> {
        let factor = self.speed_factor();
        let overheads = [
            (
                "recommend, 100 candidates by id, 32 connections",
                "ml100k_din",
                Form::Recommend,
                32,
                45.0,
                25.0,
            ),
            (
                "OIP binary, DeepFM of 100 rows, 8 connections",
                "deepfm",
                Form::Binary,
                8,
                35.0,
                20.0,
            ),
            (
                "OIP binary, plain DIN of 100 rows, 8 connections",
                "din_plain",
                Form::Binary,
                8,
                45.0,
                20.0,
            ),
            (
                "OIP JSON of 19 kB, DeepFM, 8 connections",
                "deepfm",
                Form::Json,
                8,
                60.0,
                35.0,
            ),
            (
                "OIP JSON of 31 kB, plain DIN, 8 connections",
                "din_plain",
                Form::Json,
                8,
                90.0,
                50.0,
            ),
        ];
        overheads
            .map(|(what, model, form, connections, bar, aim)| {
                let raw = self
                    .row(model, form, 100, connections)
                    .map(|row| row.overhead_us.median);
                let scaled = raw.zip(factor).map(|(raw, factor)| raw * factor);
                Bar::new(format!("overhead: {what}"), scaled, "µs", Side::AtMost, bar)
                    .aiming_at(aim)
                    .before_scaling(raw)
            })
            .into()
    }
}
