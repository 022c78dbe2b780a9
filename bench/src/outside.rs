//! The floor once more, outside the gateway: the same model and inputs in a loop on every core, and
//! behind a plain server.

pub mod alone;

use std::{path::Path, path::PathBuf, process::Command, time::Duration};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use crate::{
    bars::{Bar, Side},
    cases::{Bodies, Case, Form},
    cost::plain,
    load::closed,
    process::{Server, beside},
    row::Row,
    spread::Spread,
};

/// The cases inside the gateway that the models outside it must agree with: those of the bars on
/// overhead, with as many callers. All of them have as many rows as one run takes, or belong to a
/// model that does not batch.
const COMPARED: [(&str, Form, usize); 5] = [
    ("ml100k_din", Form::Json, 32),
    ("deepfm", Form::Binary, 8),
    ("deepfm", Form::Json, 8),
    ("din_plain", Form::Binary, 8),
    ("din_plain", Form::Json, 8),
];
const ROWS: usize = 100;
/// How far apart the two may lie.
const MAX_APART_PERCENT: f64 = 5.0;

/// What `bench-outside` prints.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Alone {
    /// Runs of all threads.
    pub runs: u64,
    /// Processor time of one.
    pub cpu_us: f64,
}

/// All floors of one case.
#[derive(Debug, Serialize)]
pub struct Outside {
    /// The case.
    #[serde(flatten)]
    pub case: Case,
    /// In a loop on every core.
    pub loop_us: Spread,
    /// Behind a plain server, which runs the model as soon as it has read a request.
    pub served_us: Spread,
    /// Inside the gateway.
    pub inside_us: Spread,
    /// By how much the inside is higher than the loop, in each round.
    pub apart_percent: Spread,
    /// And than that behind a plain server.
    pub apart_from_served_percent: Spread,
}

/// Runs outside the gateway, each straight after the like inside it.
pub struct Rounds {
    library: PathBuf,
    models: Vec<Model>,
    cases: Vec<Compared>,
}

struct Model {
    name: &'static str,
    file: PathBuf,
    body: PathBuf,
    server: Server,
}

/// A case and what it cost in each round.
struct Compared {
    case: Case,
    loop_us: Vec<f64>,
    served_us: Vec<f64>,
}

impl Rounds {
    /// Of the cases that are compared.
    pub fn new(models: &Path, bodies: &Bodies<'_>) -> Result<Self> {
        let library = library()?;
        let model = |name: &'static str| -> Result<Model> {
            let file = models.join("models").join(name).join("1/model.onnx");
            let body = bodies.json(name, ROWS);
            let server = behind_plain(&library, &file, &body)?;
            Ok(Model {
                name,
                file,
                body,
                server,
            })
        };
        let compared = |(model, form, connections)| -> Result<Compared> {
            Ok(Compared {
                case: bodies.case(model, form, ROWS, connections)?,
                loop_us: Vec::new(),
                served_us: Vec::new(),
            })
        };
        let models = ["ml100k_din", "deepfm", "din_plain"].map(model);
        Ok(Self {
            models: models.into_iter().collect::<Result<_>>()?,
            cases: COMPARED.map(compared).into_iter().collect::<Result<_>>()?,
            library,
        })
    }

    /// Runs the model of this case outside, if it is among those that are compared.
    pub fn beside(&mut self, inside: &Case, time: Duration) -> Result<()> {
        let like = |one: &&mut Compared| one.case.is_like(inside);
        let Some(one) = self.cases.iter_mut().find(like) else {
            return Ok(());
        };
        let of_case = |model: &&Model| model.name == one.case.model;
        let model = self.models.iter().find(of_case).context("its model")?;
        let looped = alone(&self.library, &model.file, &model.body, time)?;
        one.loop_us.push(looped.cpu_us);
        let (request, connections) = (&one.case.request, one.case.connections);
        let served = closed(&model.server, &one.case.name(), request, connections, time)?;
        one.served_us.push(plain(&served)?.run_us);
        Ok(())
    }

    /// Beside what the gateway measured.
    pub fn against(self, rows: &[Row]) -> Vec<Outside> {
        let outside = |one: Compared| {
            let inside = rows.iter().find(|row| row.case.is_like(&one.case))?;
            let apart_from = |outside: &[f64]| {
                let rounds = inside.floors_us.iter().zip(outside);
                Spread::of(rounds.map(|(inside, outside)| (inside / outside - 1.0) * 100.0))
            };
            Some(Outside {
                case: one.case,
                apart_percent: apart_from(&one.loop_us)?,
                apart_from_served_percent: apart_from(&one.served_us)?,
                loop_us: Spread::of(one.loop_us)?,
                served_us: Spread::of(one.served_us)?,
                inside_us: inside.floor_us,
            })
        };
        self.cases.into_iter().filter_map(outside).collect()
    }
}

impl Outside {
    /// Its bars.
    pub fn bars(&self) -> [Bar; 2] {
        [
            self.bar("outside", &self.apart_percent),
            self.bar("behind a plain server", &self.apart_from_served_percent),
        ]
    }

    fn bar(&self, outside: &str, apart_percent: &Spread) -> Bar {
        let what = format!(
            "floor inside against {outside}: {} {}, {} connections",
            self.case.model,
            self.case.form.name(),
            self.case.connections
        );
        Bar::new(
            what,
            Some(apart_percent.median.abs()),
            "%",
            Side::AtMost,
            MAX_APART_PERCENT,
        )
    }
}

/// A plain server that runs this model, on this body, for each request.
pub fn behind_plain(library: &Path, model: &Path, body: &Path) -> Result<Server> {
    let arguments = [library, model, body].map(|path| path.display().to_string());
    Server::start("bench-plain", &arguments.each_ref().map(String::as_str))
}

/// Runs a model alone, on every core.
pub fn alone(library: &Path, model: &Path, body: &Path, time: Duration) -> Result<Alone> {
    let output = Command::new(beside("bench-outside")?)
        .args([library, model, body])
        .arg(time.as_secs_f64().to_string())
        .output()?;
    if !output.status.success() {
        bail!("bench-outside: {}", String::from_utf8_lossy(&output.stderr));
    }
    serde_json::from_slice(&output.stdout).context("the answer of bench-outside")
}

/// ONNX Runtime where the gateway finds it: the usual variable, else what the workspace fetched.
pub fn library() -> Result<PathBuf> {
    if let Some(given) = std::env::var_os("ORT_DYLIB_PATH") {
        return Ok(given.into());
    }
    let fetched = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.cache/onnxruntime");
    let versions = std::fs::read_dir(&fetched)
        .with_context(|| format!("{} is not there; run `make fetch`", fetched.display()))?;
    let files = versions.flatten().flat_map(|version| {
        std::fs::read_dir(version.path())
            .into_iter()
            .flatten()
            .flatten()
    });
    let is_library = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("libonnxruntime.") && !name.contains("providers")
    };
    let found = files.map(|file| file.path()).find(is_library);
    found.with_context(|| format!("no library in {}; run `make fetch`", fetched.display()))
}
