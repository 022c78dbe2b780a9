//! What is asked of the gateway: models, forms, sizes and callers.

use std::{collections::BTreeMap, path::Path};

use anyhow::{Context, Result};
use serde::Serialize;

use crate::load::Request;

/// How a request comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// `POST /v2/recommend/item`, candidates by id.
    Recommend,
    /// Open Inference Protocol, everything in JSON.
    Json,
    /// The same, tensors as binary data.
    Binary,
}

/// One kind of request from so many callers.
#[derive(Debug, Clone, Serialize)]
pub struct Case {
    /// The model.
    pub model: &'static str,
    /// The form.
    pub form: Form,
    /// Candidates, or rows.
    pub rows: usize,
    /// Callers, each of whom waits for its answer.
    pub connections: usize,
    /// What is sent.
    #[serde(skip)]
    pub request: Request,
}

/// Models and forms of the comparison.
const KINDS: [(&str, Form); 5] = [
    ("ml100k_din", Form::Recommend),
    ("deepfm", Form::Binary),
    ("deepfm", Form::Json),
    ("din_plain", Form::Binary),
    ("din_plain", Form::Json),
];
const ROWS: [usize; 2] = [100, 10];
const CONNECTIONS: [usize; 4] = [1, 8, 32, 64];

impl Case {
    /// A short name, good for a file too.
    pub fn name(&self) -> String {
        let Self {
            model,
            rows,
            connections,
            ..
        } = self;
        format!("{model}-{}-{rows}x{connections}", self.form.name())
    }

    /// Whether both are the same.
    pub fn is_like(&self, other: &Self) -> bool {
        self.is(other.model, other.form, other.rows, other.connections)
    }

    /// Whether it is this kind of request.
    pub fn is(&self, model: &str, form: Form, rows: usize, connections: usize) -> bool {
        self.model == model
            && self.form == form
            && self.rows == rows
            && self.connections == connections
    }
}

impl Form {
    /// In tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Recommend => "recommend",
            Self::Json => "json",
            Self::Binary => "binary",
        }
    }
}

/// Where the bodies lie that `make_models.py` wrote.
pub struct Bodies<'m> {
    models: &'m Path,
    json_bytes: BTreeMap<String, u64>,
}

impl<'m> Bodies<'m> {
    /// Of a folder of models.
    pub fn of(models: &'m Path) -> Result<Self> {
        let index = models.join("bodies/bodies.json");
        let text = std::fs::read(&index).with_context(|| {
            format!("{} is not there; run `make bench-models`", index.display())
        })?;
        let json_bytes = serde_json::from_slice(&text)?;
        Ok(Self { models, json_bytes })
    }

    /// The JSON body of a model and so many rows.
    pub fn json(&self, model: &str, rows: usize) -> std::path::PathBuf {
        self.models.join(format!("bodies/{model}-{rows}.json"))
    }

    /// The request of a kind.
    pub fn request(&self, model: &str, form: Form, rows: usize) -> Result<Request> {
        Ok(match form {
            Form::Recommend => Request::recommend(rows),
            Form::Json => Request::infer(model, &self.json(model, rows), None),
            Form::Binary => {
                let file = format!("{model}-{rows}.bin");
                let length = self.json_bytes.get(&file).copied();
                let length = length.with_context(|| format!("bodies.json does not list {file}"))?;
                Request::infer(model, &self.models.join("bodies").join(&file), Some(length))
            }
        })
    }

    /// Every case; for a look only those that a bar is set on.
    pub fn cases(&self, quick: bool) -> Result<Vec<Case>> {
        // The shipped model on the very inputs that it gets outside the gateway, for that comparison.
        let mut cases = vec![self.case("ml100k_din", Form::Json, 100, 32)?];
        for (model, form) in KINDS {
            for rows in ROWS {
                for connections in CONNECTIONS {
                    let barred = rows == 100 && (connections == 8 || connections == 32);
                    if quick && !barred {
                        continue;
                    }
                    cases.push(self.case(model, form, rows, connections)?);
                }
            }
        }
        Ok(cases)
    }

    /// One case.
    pub fn case(
        &self,
        model: &'static str,
        form: Form,
        rows: usize,
        connections: usize,
    ) -> Result<Case> {
        Ok(Case {
            model,
            form,
            rows,
            connections,
            request: self.request(model, form, rows)?,
        })
    }
}
