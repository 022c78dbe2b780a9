//! Whether a model can be batched as its manifest says.

use inference_actor::{Dim, ModelSpec, OutputRole, Role};

/// Refuses batching that would mix requests up. The error says what to change.
pub(super) fn check(spec: &ModelSpec) -> Result<(), String> {
    let Some(budget) = spec.row_budget else {
        return Ok(());
    };
    let unless = |wrong: Option<String>| wrong.map_or(Ok(()), Err);
    if budget == 0 {
        return Err("a batch needs room for at least 1 row".into());
    }
    let whole = spec.inputs.iter().find(|i| i.role == Role::Whole);
    unless(whole.map(|i| {
        format!(
            "batching needs a role for every input; `{}` has none",
            i.name
        )
    }))?;
    let open = spec.outputs.iter().find(|o| o.role == OutputRole::Whole);
    unless(open.map(|o| {
        format!(
            "batching needs a role for every output; `{}` has none",
            o.name
        )
    }))?;
    let has = |role| spec.inputs.iter().any(|i| i.role == role);
    if has(Role::Request) && !has(Role::RowIndex) {
        return Err("batching per-request inputs needs an input of role row_index".into());
    }
    if !has(Role::Candidate) {
        return Err("batching needs an input with one row a candidate".into());
    }
    let fixed = spec
        .inputs
        .iter()
        .find(|i| !matches!(i.dims.first(), Some(Dim::Dynamic(_))));
    unless(fixed.map(|i| {
        format!(
            "batching needs a dynamic first dimension; that of `{}` is fixed",
            i.name
        )
    }))?;
    // Rows of several requests are laid behind each other, so they must be of one size.
    let ragged = |dims: &[Dim]| {
        dims.iter()
            .skip(1)
            .any(|dim| matches!(dim, Dim::Dynamic(_)))
    };
    let ragged = spec.inputs.iter().find(|i| ragged(&i.dims));
    unless(ragged.map(|i| {
        format!(
            "batching needs fixed dimensions behind the first; `{}` has a dynamic one",
            i.name
        )
    }))?;
    let fixed = spec
        .outputs
        .iter()
        .find(|o| matches!(o.dims.first(), Some(Dim::Fixed(_))));
    unless(fixed.map(|o| {
        format!(
            "batching needs a dynamic first dimension; that of output `{}` is fixed",
            o.name
        )
    }))
}
