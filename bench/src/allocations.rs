//! Heap allocations of a recommend request, beyond those of a plain server.

use anyhow::Result;
use serde::Serialize;

use crate::{
    bars::{Bar, Side},
    cases::{Bodies, Form},
    cli::Cli,
    counting::ask,
    floor::ROOMY,
    load::{Load, Request},
    process::Server,
};

/// Of one request.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct PerRequest {
    /// Which kind.
    pub what: String,
    /// Blocks asked for.
    pub allocations: f64,
    /// Blocks asked to change their size.
    pub reallocations: f64,
}

/// Of every kind.
#[derive(Debug, Serialize)]
pub(crate) struct Allocations {
    /// The plain server, then the gateway's kinds of request.
    pub rows: Vec<PerRequest>,
}

impl Allocations {
    /// Counts in both servers, each driven by a generator in another process.
    pub(crate) fn measure(cli: &Cli) -> Result<Self> {
        let bodies = Bodies::of(&cli.models)?;
        let recommend = Request::recommend(100);
        let mut plain = Server::start("bench-counted", &["plain"])?;
        let mut rows = vec![count(cli, &mut plain, "plain POST".to_owned(), &recommend)?];
        drop(plain);
        let mut gateway =
            Server::gateway_within("bench-counted", &["gateway"], &cli.models, ROOMY)?;
        let kinds = [
            ("ml100k_din", Form::Recommend),
            ("deepfm", Form::Binary),
            ("deepfm", Form::Json),
        ];
        for (model, form) in kinds {
            let request = bodies.request(model, form, 100)?;
            let what = format!("{model}, {}", form.name());
            rows.push(count(cli, &mut gateway, what, &request)?);
        }
        Ok(Self { rows })
    }

    /// The recommend request against the plain one.
    pub(crate) fn bar(&self) -> Bar {
        let of = |index: usize| {
            let row: &PerRequest = self.rows.get(index)?;
            Some(row.allocations + row.reallocations)
        };
        let beyond = of(1).zip(of(0)).map(|(gateway, plain)| gateway - plain);
        let what = "heap allocations of a recommend request beyond a plain POST";
        Bar::new(what, beyond, "", Side::AtMost, 25.0).aiming_at(8.0)
    }
}

fn count(cli: &Cli, server: &mut Server, what: String, request: &Request) -> Result<PerRequest> {
    // Metrics are not read here: a scrape allocates as well. The first run fills what is kept.
    let run = |server: &Server, name: &str| {
        let time = format!("{}ms", cli.case_time().as_millis());
        let arguments = ["--closed", "--connections", "8", "--duration", &time];
        Load::start(server, name, request, &arguments)?.finish()
    };
    run(server, "first")?;
    let before = ask(server)?;
    let report = run(server, "counted")?;
    let after = ask(server)?;
    let sent = (report.counts.sent + report.counts.warmup) as f64;
    let of = |after: u64, before: u64| (after - before) as f64 / sent;
    Ok(PerRequest {
        what,
        allocations: of(after.allocations, before.allocations),
        reallocations: of(after.reallocations, before.reallocations),
    })
}
