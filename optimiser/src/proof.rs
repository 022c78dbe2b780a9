//! Inputs on which the rewritten model must give what the original gives, and the comparison.
//!
//! Random rows, the edges of the ranges, one request with few and with many candidates, and several
//! requests in one run. The same batch is written twice: with the user's side repeated for each
//! candidate, as the original takes it, and once a request with a row index.

use crate::{
    InputRole,
    served::{Part, Served},
    tensor::{Elem, Tensor},
};

/// Largest difference, relative to the largest value of the output, for `float32`.
pub const MAX_DIFFERENCE: f64 = 1e-5;

/// Candidates of each request of each batch that is drawn.
const BATCHES: &[&[usize]] = &[&[1], &[10], &[100], &[3, 1, 5], &[1, 1], &[100], &[20, 30]];

/// An input of the original.
#[derive(Debug, Clone)]
pub struct Input {
    /// Its name.
    pub name: String,
    /// Its element type.
    pub elem: Elem,
    /// Its dimensions behind the rows.
    pub dims: Vec<usize>,
    /// What it is.
    pub role: InputRole,
    /// Smallest and largest value: none for the default, one for all elements, or one a column.
    pub ranges: Vec<(i64, i64)>,
}

/// One run of both models.
#[derive(Debug, Clone)]
pub struct Batch {
    /// Inputs of the original, in its order.
    pub original: Vec<Tensor>,
    /// Inputs of the rewritten model, in its order, the row index last.
    pub rewritten: Vec<Tensor>,
}

#[derive(Clone, Copy)]
enum Draw {
    Random,
    Smallest,
    Largest,
}

/// Draws all batches. `served` are the inputs of the rewritten model.
pub fn batches(
    inputs: &[Input],
    served: &[Served],
    random: &mut fastrand::Rng,
) -> Option<Vec<Batch>> {
    let mut all = Vec::new();
    for sizes in BATCHES {
        all.push(batch(inputs, served, sizes, Draw::Random, random)?);
    }
    for edge in [Draw::Smallest, Draw::Largest] {
        all.push(batch(inputs, served, &[4], edge, random)?);
    }
    Some(all)
}

fn batch(
    inputs: &[Input],
    served: &[Served],
    sizes: &[usize],
    draw: Draw,
    random: &mut fastrand::Rng,
) -> Option<Batch> {
    let rows: usize = sizes.iter().sum();
    let mut first = Vec::with_capacity(sizes.len());
    let mut index = Vec::with_capacity(rows);
    for (request, size) in sizes.iter().enumerate() {
        first.push(index.len());
        index.extend(std::iter::repeat_n(request, *size));
    }
    let original: Vec<Rows> = inputs
        .iter()
        .map(|input| Rows::draw(input, &first, &index, draw, random))
        .collect();
    let mut rewritten = Vec::with_capacity(served.len() + 1);
    for part in served {
        let at = inputs.iter().position(|input| input.name == part.source)?;
        let picked: Vec<usize> = match part.part {
            Part::Request => first.clone(),
            Part::Candidate => (0..rows).collect(),
        };
        rewritten.push(original[at].picked(&inputs[at], &picked, part.columns.as_deref()));
    }
    let index: Vec<i64> = index
        .iter()
        .map(|i| i64::try_from(*i).unwrap_or(0))
        .collect();
    rewritten.push(Tensor::ints(Elem::I32, &[rows], &index));
    let original = inputs.iter().zip(&original);
    Some(Batch {
        original: original
            .map(|(input, all)| all.tensor(input, rows))
            .collect(),
        rewritten,
    })
}

/// Elements of an input, row by row.
struct Rows {
    width: usize,
    values: Vec<f64>,
}

impl Rows {
    fn draw(
        input: &Input,
        first: &[usize],
        index: &[usize],
        draw: Draw,
        random: &mut fastrand::Rng,
    ) -> Self {
        let width = input.dims.iter().product::<usize>();
        let columns = input.dims.last().copied().unwrap_or(1).max(1);
        let shared = |column: usize| match &input.role {
            InputRole::Request => true,
            InputRole::Candidate => false,
            InputRole::Columns(list) => list.contains(&(column % columns)),
        };
        let mut values: Vec<f64> = Vec::with_capacity(width * index.len());
        for (row, request) in index.iter().enumerate() {
            for column in 0..width {
                let leader = first[*request];
                let value = if shared(column) && row != leader {
                    values[leader * width + column]
                } else {
                    element(input, column % columns, draw, random)
                };
                values.push(value);
            }
        }
        Self { width, values }
    }

    fn tensor(&self, input: &Input, rows: usize) -> Tensor {
        let dims = [&[rows], &input.dims[..]].concat();
        tensor(input.elem, &dims, &self.values)
    }

    fn picked(&self, input: &Input, rows: &[usize], columns: Option<&[usize]>) -> Tensor {
        let all: Vec<usize> = (0..self.width).collect();
        let columns = columns.unwrap_or(&all);
        let values: Vec<f64> = rows
            .iter()
            .flat_map(|row| columns.iter().map(move |column| row * self.width + column))
            .map(|at| self.values[at])
            .collect();
        let behind = if columns.len() == self.width {
            input.dims.clone()
        } else {
            vec![columns.len()]
        };
        tensor(input.elem, &[&[rows.len()], &behind[..]].concat(), &values)
    }
}

fn element(input: &Input, column: usize, draw: Draw, random: &mut fastrand::Rng) -> f64 {
    let range = input.ranges.get(column).or(input.ranges.first());
    #[expect(
        clippy::cast_precision_loss,
        reason = "ids of tables are far below 2^52"
    )]
    match (range, input.elem) {
        (Some((min, max)), _) => match draw {
            Draw::Smallest => *min as f64,
            Draw::Largest => *max as f64,
            Draw::Random => random.i64(*min..=*max) as f64,
        },
        (None, Elem::F32) => match draw {
            Draw::Smallest => -3.0,
            Draw::Largest => 3.0,
            // About normal: the sum of four uniform numbers.
            Draw::Random => (0..4).map(|_| random.f64() - 0.5).sum::<f64>() * 1.7,
        },
        (None, _) => match draw {
            Draw::Smallest => 0.0,
            Draw::Largest => 1.0,
            Draw::Random => f64::from(random.u8(0..2)),
        },
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "integers were drawn as such"
)]
fn tensor(elem: Elem, dims: &[usize], values: &[f64]) -> Tensor {
    if elem == Elem::F32 {
        let narrow: Vec<f32> = values.iter().map(|v| *v as f32).collect();
        return Tensor::floats(dims, &narrow);
    }
    let whole: Vec<i64> = values.iter().map(|v| *v as i64).collect();
    Tensor::ints(elem, dims, &whole)
}

/// Why the rewritten model is not served.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum Disproof {
    /// A value differs by more than rounding.
    #[error(
        "output {output} differs by {difference:.1e} of its largest value, more than {MAX_DIFFERENCE:.0e}"
    )]
    Differs {
        /// Which output, from zero.
        output: usize,
        /// How much.
        difference: f64,
    },
    /// Candidates are ranked otherwise, beyond ties.
    #[error("output {output} ranks two candidates otherwise")]
    Ranking {
        /// Which output, from zero.
        output: usize,
    },
    /// It gives something else altogether.
    #[error("output {output} has another shape or value that is no number")]
    Shape {
        /// Which output, from zero.
        output: usize,
    },
}

/// What both models gave, batch by batch.
#[derive(Debug, Default)]
pub struct Comparison {
    outputs: Vec<Vec<(Vec<f32>, Vec<f32>)>>,
}

impl Comparison {
    /// Takes one output of one batch in.
    pub fn add(&mut self, output: usize, original: Vec<f32>, rewritten: Vec<f32>) {
        if self.outputs.len() <= output {
            self.outputs.resize(output + 1, Vec::new());
        }
        self.outputs[output].push((original, rewritten));
    }

    /// The largest difference relative to scale.
    ///
    /// # Errors
    ///
    /// What differs.
    pub fn verdict(&self) -> Result<f64, Disproof> {
        let mut largest = 0.0f64;
        for (output, pairs) in self.outputs.iter().enumerate() {
            let all = pairs.iter().flat_map(|(original, _)| original);
            let scale = all
                .map(|v| f64::from(v.abs()))
                .filter(|v| v.is_finite())
                .fold(0.0, f64::max);
            let allowed = MAX_DIFFERENCE * scale;
            for (original, rewritten) in pairs {
                if original.len() != rewritten.len() {
                    return Err(Disproof::Shape { output });
                }
                for (x, y) in original.iter().zip(rewritten) {
                    if x == y || (x.is_nan() && y.is_nan()) {
                        continue;
                    }
                    let difference = (f64::from(*x) - f64::from(*y)).abs();
                    if difference.is_nan() || !difference.is_finite() {
                        return Err(Disproof::Shape { output });
                    }
                    if difference > allowed {
                        let difference = difference / scale;
                        return Err(Disproof::Differs { output, difference });
                    }
                    largest = largest.max(difference / scale);
                }
                if !same_ranking(original, rewritten, allowed) {
                    return Err(Disproof::Ranking { output });
                }
            }
        }
        Ok(largest)
    }
}

/// Whether candidates in the order of the rewritten scores are in that of the original ones, but for
/// those that lie closer than twice the bound.
fn same_ranking(original: &[f32], rewritten: &[f32], allowed: f64) -> bool {
    let mut order: Vec<usize> = (0..rewritten.len()).collect();
    order.sort_by(|a, b| rewritten[*b].total_cmp(&rewritten[*a]));
    let mut lowest = f64::INFINITY;
    order.iter().all(|at| {
        let value = f64::from(original[*at]);
        let fits = value.is_nan() || value <= lowest + 2.0 * allowed;
        lowest = lowest.min(value);
        fits
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_beyond_rounding_is_refused() {
        let mut comparison = Comparison::default();
        comparison.add(0, vec![0.5, 0.25], vec![0.5, 0.250_001]);
        assert!(comparison.verdict().unwrap() < MAX_DIFFERENCE);
        comparison.add(0, vec![0.5, 0.25], vec![0.5, 0.2501]);
        assert!(matches!(
            comparison.verdict(),
            Err(Disproof::Differs { output: 0, .. })
        ));
    }

    #[test]
    fn other_shapes_and_lost_numbers_are_refused() {
        let mut comparison = Comparison::default();
        comparison.add(0, vec![0.5], vec![0.5, 0.5]);
        assert_eq!(comparison.verdict(), Err(Disproof::Shape { output: 0 }));
        let mut comparison = Comparison::default();
        comparison.add(0, vec![0.5], vec![f32::NAN]);
        assert_eq!(comparison.verdict(), Err(Disproof::Shape { output: 0 }));
    }

    #[test]
    fn ranking_differs_only_beyond_ties() {
        assert!(same_ranking(
            &[0.9, 0.5, 0.500_000_1],
            &[0.9, 0.500_000_1, 0.5],
            1e-6
        ));
        assert!(!same_ranking(&[0.9, 0.5, 0.6], &[0.9, 0.6, 0.5], 1e-6));
    }

    #[test]
    fn both_forms_of_a_batch_hold_the_same_rows() {
        let input = |name: &str, role| Input {
            name: name.into(),
            elem: Elem::I64,
            dims: vec![2],
            role,
            ranges: vec![(0, 9), (10, 19)],
        };
        let inputs = [
            input("user", InputRole::Request),
            input("both", InputRole::Columns(vec![1])),
        ];
        let [user, item] = crate::parts("both", &[1], 2);
        let own = Served {
            name: "user".into(),
            source: "user".into(),
            part: Part::Request,
            columns: None,
        };
        let all = batches(
            &inputs,
            &[own, user, item],
            &mut fastrand::Rng::with_seed(1),
        )
        .unwrap();
        let batch = &all[3];
        let ints = |t: &Tensor| t.to_i64().unwrap();
        let (full, both) = (ints(&batch.original[0]), ints(&batch.original[1]));
        let (once, column, other, index) = (
            ints(&batch.rewritten[0]),
            ints(&batch.rewritten[1]),
            ints(&batch.rewritten[2]),
            ints(&batch.rewritten[3]),
        );
        assert_eq!(index, [0, 0, 0, 1, 2, 2, 2, 2, 2]);
        for (row, request) in index.iter().enumerate() {
            let request = usize::try_from(*request).unwrap();
            assert_eq!(
                full[2 * row..2 * row + 2],
                once[2 * request..2 * request + 2]
            );
            assert_eq!(both[2 * row + 1], column[request]);
            assert_eq!(both[2 * row], other[row]);
        }
    }
}
