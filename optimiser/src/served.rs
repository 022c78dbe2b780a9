//! The inputs of the rewritten model: those of the file, or parts of them.

/// Whose rows an input has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// One row a request.
    Request,
    /// One row a candidate.
    Candidate,
}

/// An input of the rewritten model.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Served {
    /// Its name.
    pub name: String,
    /// The input of the file that it is or is a part of.
    pub source: String,
    /// Whose rows it has.
    pub part: Part,
    /// The columns of the source that it holds; none for all.
    pub columns: Option<Vec<usize>>,
}

impl Served {
    pub(crate) fn columns(&self) -> &[usize] {
        self.columns.as_deref().unwrap_or_default()
    }

    pub(crate) fn len(&self) -> usize {
        self.columns().len()
    }
}

/// The two parts of an input whose `request` columns are the same for all candidates.
#[must_use]
pub fn parts(name: &str, request: &[usize], width: usize) -> [Served; 2] {
    let part = |part: Part, suffix: &str, columns: Vec<usize>| Served {
        name: format!("{name}.{suffix}"),
        source: name.to_owned(),
        part,
        columns: Some(columns),
    };
    let others = (0..width)
        .filter(|column| !request.contains(column))
        .collect();
    [
        part(Part::Request, "request", request.to_vec()),
        part(Part::Candidate, "candidate", others),
    ]
}
