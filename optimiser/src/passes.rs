//! The rewrites. A rule looks at one node that is about to be made and may write it in another way;
//! a phase is a list of rules. The doc comment of each rule gives its equation.
//!
//! Notation: `u` is a value of a request, `R(u)` the same for each of its candidates, `c` a value of
//! a candidate, `k` and `W` constants, `[a, b]` a concatenation.

pub(crate) mod cleanup;
pub(crate) mod columns;
pub(crate) mod fold_constants;
pub(crate) mod interaction_fold;
pub(crate) mod item_tables;
pub(crate) mod layout;
pub(crate) mod lower;
pub(crate) mod normalise;
pub(crate) mod split_products;
pub(crate) mod sums;
pub(crate) mod user_once;

use crate::builder::Rule;

/// Which rules hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// None.
    Plain,
    /// Those that put the user's side and the candidates' side apart.
    Rank,
    /// Those of [`Self::Rank`], one of them wrong.
    #[cfg(test)]
    Wrong,
    /// Those that write it for runs of one request.
    One,
    /// Those that write it for runs of several requests.
    Many,
}

macro_rules! rules {
    ($($name:literal: $apply:path),* $(,)?) => {
        &[$(Rule { name: $name, apply: $apply }),*]
    };
}

const RANK: &[Rule] = rules![
    "shape arithmetic": fold_constants::shapes,
    "constant choice": fold_constants::choice,
    "no-op removed": cleanup::identity,
    "cast removed": cleanup::casts,
    "reshape": cleanup::reshapes,
    "expand": cleanup::expands,
    "transpose": cleanup::transposes,
    "normal form": normalise::forms,
    "batch normalisation": normalise::batch_norm,
    "user once": user_once::hoist,
    "rows merged": layout::rows_merged,
    "transposed layer": interaction_fold::swapped,
    "columns apart": columns::distribute,
    "sum of products": lower::sum_of_products,
    "interaction fold": interaction_fold::fold,
    "split product": split_products::split,
    "scale folded": sums::scale,
    "sum ordered": sums::order,
];

const ONE: &[Rule] = rules![
    "no-op removed": cleanup::identity,
    "reshape": cleanup::reshapes,
    "transpose": cleanup::transposes,
    "one request": lower::one::lower,
    "one kernel": lower::fused::gemm,
    "sum as product": lower::fused::field_sum,
    "rows gathered": lower::gathered,
];

const MANY: &[Rule] = rules![
    "no-op removed": cleanup::identity,
    "reshape": cleanup::reshapes,
    "transpose": cleanup::transposes,
    "several requests": lower::many::lower,
    "one kernel": lower::fused::gemm,
    "sum as product": lower::fused::field_sum,
    "rows gathered": lower::gathered,
];

impl Phase {
    pub(crate) fn rules(self) -> &'static [Rule] {
        match self {
            Self::Plain => &[],
            Self::Rank => RANK,
            #[cfg(test)]
            Self::Wrong => tests::WRONG,
            Self::One => ONE,
            Self::Many => MANY,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{builder::Builder, graph::Id, op::Op};

    /// As [`RANK`], but for a sum that loses a term, which every graph with a layer meets.
    pub(super) const WRONG: &[Rule] = rules![
        "shape arithmetic": fold_constants::shapes,
        "no-op removed": cleanup::identity,
        "reshape": cleanup::reshapes,
        "expand": cleanup::expands,
        "normal form": normalise::forms,
        "batch normalisation": normalise::batch_norm,
        "user once": user_once::hoist,
        "columns apart": columns::distribute,
        "split product": split_products::split,
        "wrong": loses_a_term,
    ];

    /// `R(u) + c = c`.
    fn loses_a_term(b: &mut Builder, op: &Op, inputs: &[Id]) -> Option<Vec<Id>> {
        let one = |id: Id| b.of_request(id).is_some();
        let lost = op.name == "Add" && one(inputs[1]) && !one(inputs[0]);
        (lost && b.dims(inputs[0]) == b.dims(inputs[1])).then(|| vec![inputs[0]])
    }
}
