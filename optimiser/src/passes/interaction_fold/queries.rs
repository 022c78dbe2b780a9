//! The matrix `Q [units, d + 1]` of each candidate.

use crate::{
    builder::Builder,
    graph::{Dim, Id},
    tensor::Tensor,
};

/// Up to this width one product that writes all of `Q` is cheaper than element-wise operators, whose
/// rows are then too short; its work grows with the square of the width.
const MAX_WIDTH_OF_PRODUCT: usize = 24;

/// What `Q` is made of.
pub(super) struct Queries {
    /// `d`.
    pub(super) width: usize,
    pub(super) units: usize,
    /// `i [rows, 1, d]` and its weights `[d, units]`: `diag(i)·W`.
    pub(super) pairs: Vec<(Id, Id)>,
    /// Weights `[d, units]` of the history alone.
    pub(super) own: Vec<Id>,
    /// `c [rows, 1, e]` and its weights `[e, units]`: what is added.
    pub(super) added: Vec<(Id, Id)>,
}

impl Queries {
    pub(super) fn emit(self, b: &mut Builder) -> Option<Id> {
        match self.width <= MAX_WIDTH_OF_PRODUCT {
            true => self.by_product(b),
            false => self.by_element(b),
        }
    }

    /// `Q` row by row is linear in `[i, c]`: one product with constant weights, most of them zero.
    fn by_product(self, b: &mut Builder) -> Option<Id> {
        let (width, units) = (self.width, self.units);
        let columns = units * (width + 1);
        let mut sources: Vec<Id> = Vec::new();
        let mut weights: Vec<Vec<f32>> = Vec::new();
        let mut rows_of = |b: &Builder, id: Id| -> Option<usize> {
            if let Some(at) = sources.iter().position(|s| *s == id) {
                return Some(at);
            }
            sources.push(id);
            weights.push(vec![0.0; b.fixed(id, 2)? * columns]);
            Some(sources.len() - 1)
        };
        let mut entries: Vec<(usize, usize, f32)> = Vec::new();
        for (item, weight) in &self.pairs {
            let at = rows_of(b, *item)?;
            let values = b.tensor(*weight)?.to_f32()?;
            for (index, value) in values.into_iter().enumerate() {
                let (row, unit) = (index / units, index % units);
                entries.push((at, row * columns + unit * (width + 1) + row, value));
            }
        }
        for (other, weight) in &self.added {
            let at = rows_of(b, *other)?;
            let values = b.tensor(*weight)?.to_f32()?;
            for (index, value) in values.into_iter().enumerate() {
                let (row, unit) = (index / units, index % units);
                entries.push((at, row * columns + unit * (width + 1) + width, value));
            }
        }
        for (at, index, value) in entries {
            *weights[at].get_mut(index)? += value;
        }
        let mut bias = vec![0.0; columns];
        for weight in &self.own {
            let values = b.tensor(*weight)?.to_f32()?;
            for (index, value) in values.into_iter().enumerate() {
                bias[index % units * (width + 1) + index / units] += value;
            }
        }
        let mut flat = Vec::with_capacity(sources.len());
        let mut total = 0;
        for id in &sources {
            let size = b.fixed(*id, 2)?;
            total += size;
            flat.push(b.reshape(*id, &[b.dims(*id)?[0], Dim::Fixed(size)])?);
        }
        let x = b.concat(1, &flat);
        let weight = b.floats(&[total, columns], &weights.concat());
        let bias = b.floats(&[columns], &bias);
        let product = b.matmul(x, weight);
        let sum = b.add(product, bias);
        b.reshape(
            sum,
            &[Dim::Rows(1), Dim::Fixed(units), Dim::Fixed(width + 1)],
        )
    }

    fn by_element(self, b: &mut Builder) -> Option<Id> {
        let mut queries: Option<Id> = None;
        for (item, weight) in self.pairs {
            let columns = b.transpose(weight, &[1, 0]);
            let part = b.mul(item, columns);
            queries = Some(queries.map_or(part, |all| b.add(all, part)));
        }
        let mut queries = queries?;
        for weight in self.own {
            let columns = b.transpose(weight, &[1, 0]);
            queries = b.add(queries, columns);
        }
        let mut last: Option<Id> = None;
        for (other, weight) in self.added {
            let size = b.fixed(other, 2)?;
            let flat = b.reshape(other, &[b.dims(other)?[0], Dim::Fixed(size)])?;
            let part = b.matmul(flat, weight);
            last = Some(last.map_or(part, |all| b.add(all, part)));
        }
        let last = match last {
            Some(last) => last,
            // A column of zeros, as long as the others.
            None => {
                let first = b.slice(queries, 2, 0, 1);
                let zero = b.floats(&[], &[0.0]);
                let zeros = b.mul(first, zero);
                b.reshape(zeros, &[Dim::Rows(1), Dim::Fixed(self.units)])?
            }
        };
        let bias = b.floats(&[self.units], &vec![0.0; self.units]);
        let last = b.plain(crate::op::Op::new("Add"), &[last, bias])[0];
        let last = b.reshape(last, &[Dim::Rows(1), Dim::Fixed(self.units), Dim::Fixed(1)])?;
        Some(b.concat(2, &[queries, last]))
    }
}

/// `Q` with a constant added to its last column.
pub(super) fn biased(b: &mut Builder, queries: Id, constant: Id) -> Option<Id> {
    let (units, width) = (b.fixed(queries, 1)?, b.fixed(queries, 2)?);
    let constant = b.tensor(constant)?.to_f32()?;
    let value = |unit: usize| constant.get(unit).or(constant.first()).copied();
    if let Some(node) = b.node(queries, "Reshape") {
        let node = b.node(node.inputs[0], "Add")?;
        let (product, bias) = (node.inputs[0], node.inputs[1]);
        let mut values = b.tensor(bias)?.to_f32()?;
        for unit in 0..units {
            *values.get_mut(unit * width + width - 1)? += value(unit)?;
        }
        let bias = b.constant(Tensor::floats(&[values.len()], &values));
        let sum = b.add(product, bias);
        return b.reshape(sum, &[Dim::Rows(1), Dim::Fixed(units), Dim::Fixed(width)]);
    }
    let node = b.node(queries, "Concat")?;
    let (matrix, last) = (node.inputs[0], node.inputs[1]);
    let node = b.node(b.node(last, "Reshape")?.inputs[0], "Add")?;
    let (added, bias) = (node.inputs[0], node.inputs[1]);
    let old = b.tensor(bias)?.to_f32()?;
    let values: Option<Vec<f32>> = (0..units).map(|u| Some(old.get(u)? + value(u)?)).collect();
    let bias = b.floats(&[units], &values?);
    let last = b.plain(crate::op::Op::new("Add"), &[added, bias])[0];
    let last = b.reshape(last, &[Dim::Rows(1), Dim::Fixed(units), Dim::Fixed(1)])?;
    Some(b.concat(2, &[matrix, last]))
}
