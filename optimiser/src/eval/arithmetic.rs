//! Operators on elements.

use super::{
    array::{Array, Data, broadcast, source},
    input,
};
use crate::{
    op::{Attr, Op},
    tensor::Elem,
};

pub(super) fn apply(op: &Op, inputs: &[Option<Array>]) -> Option<Array> {
    unary(op, inputs)
        .or_else(|| binary(op, inputs))
        .or_else(|| several(op, inputs))
}

fn unary(op: &Op, inputs: &[Option<Array>]) -> Option<Array> {
    let x = input(inputs, 0)?;
    if op.name == "Cast" {
        return cast(x, Elem::of(i32::try_from(op.int("to")?).ok()?));
    }
    if let ("Neg", Data::Int(v)) = (op.name.as_str(), &x.data) {
        let negative = v.iter().map(|v| -v).collect();
        return Some(Array::ints(x.elem, x.dims.clone(), negative));
    }
    if let ("Not", Data::Int(v)) = (op.name.as_str(), &x.data) {
        let not = v.iter().map(|v| i64::from(*v == 0)).collect();
        return Some(Array::ints(Elem::Bool, x.dims.clone(), not));
    }
    let alpha = |default: f32| op.float("alpha").unwrap_or(default);
    let f: Box<dyn Fn(f32) -> f32> = match op.name.as_str() {
        "Relu" => Box::new(|v| v.max(0.0)),
        "Sigmoid" => Box::new(|v| 1.0 / (1.0 + (-v).exp())),
        "Tanh" => Box::new(f32::tanh),
        "Exp" => Box::new(f32::exp),
        "Log" => Box::new(f32::ln),
        "Sqrt" => Box::new(f32::sqrt),
        "Neg" => Box::new(|v| -v),
        "Abs" => Box::new(f32::abs),
        "Reciprocal" => Box::new(f32::recip),
        "Floor" => Box::new(f32::floor),
        "LeakyRelu" => {
            let slope = alpha(0.01);
            Box::new(move |v| if v < 0.0 { slope * v } else { v })
        }
        "Elu" => {
            let scale = alpha(1.0);
            Box::new(move |v| if v < 0.0 { scale * (v.exp() - 1.0) } else { v })
        }
        "Identity" => return Some(x.clone()),
        _ => return None,
    };
    let values = x.as_floats()?.iter().map(|v| f(*v)).collect();
    Some(Array::floats(x.dims.clone(), values))
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "as the operator is defined"
)]
fn cast(x: &Array, to: Elem) -> Option<Array> {
    let dims = x.dims.clone();
    let flag = to == Elem::Bool;
    Some(match (&x.data, to) {
        (_, Elem::Other(_)) => return None,
        (Data::Float(v), Elem::F32) => Array::floats(dims, v.clone()),
        (Data::Int(v), Elem::F32) => Array::floats(dims, v.iter().map(|v| *v as f32).collect()),
        (Data::Float(v), to) => {
            let each = v.iter().map(|v| {
                if flag {
                    i64::from(*v != 0.0)
                } else {
                    *v as i64
                }
            });
            Array::ints(to, dims, each.collect())
        }
        (Data::Int(v), to) => {
            let narrow = |v: i64| match to {
                Elem::Bool => i64::from(v != 0),
                Elem::I32 => i64::from(v as i32),
                _ => v,
            };
            Array::ints(to, dims, v.iter().map(|v| narrow(*v)).collect())
        }
    })
}

fn binary(op: &Op, inputs: &[Option<Array>]) -> Option<Array> {
    let (x, y) = (input(inputs, 0)?, input(inputs, 1)?);
    let dims = broadcast(&x.dims, &y.dims)?;
    let count = dims.iter().product::<usize>();
    let (from_x, from_y) = (|i| source(i, &dims, &x.dims), |i| source(i, &dims, &y.dims));
    match (&x.data, &y.data) {
        (Data::Float(a), Data::Float(b)) => {
            let pairs = (0..count).map(|i| (a[from_x(i)], b[from_y(i)]));
            if let Some(test) = comparison(&op.name) {
                let flags = pairs.map(|(a, b)| i64::from(a.partial_cmp(&b).is_some_and(test)));
                let flags = flags.collect();
                return Some(Array::ints(Elem::Bool, dims, flags));
            }
            let f: fn(f32, f32) -> f32 = match op.name.as_str() {
                "Add" => |a, b| a + b,
                "Sub" => |a, b| a - b,
                "Mul" => |a, b| a * b,
                "Div" => |a, b| a / b,
                "Pow" => f32::powf,
                "PRelu" => |a, slope| if a < 0.0 { slope * a } else { a },
                _ => return None,
            };
            let values = pairs.map(|(a, b)| f(a, b)).collect();
            Some(Array::floats(dims, values))
        }
        (Data::Int(a), Data::Int(b)) => {
            let pairs = (0..count).map(|i| (a[from_x(i)], b[from_y(i)]));
            if let Some(test) = comparison(&op.name) {
                let flags = pairs.map(|(a, b)| i64::from(test(a.cmp(&b)))).collect();
                return Some(Array::ints(Elem::Bool, dims, flags));
            }
            let f: fn(i64, i64) -> Option<i64> = match op.name.as_str() {
                "Add" => i64::checked_add,
                "Sub" => i64::checked_sub,
                "Mul" => i64::checked_mul,
                "Div" => i64::checked_div,
                "And" => |a, b| Some(i64::from(a != 0 && b != 0)),
                "Or" => |a, b| Some(i64::from(a != 0 || b != 0)),
                _ => return None,
            };
            let values = pairs.map(|(a, b)| f(a, b)).collect::<Option<_>>()?;
            Some(Array::ints(x.elem, dims, values))
        }
        // `Pow` alone takes two types.
        (Data::Float(a), Data::Int(b)) if op.name == "Pow" => {
            let pairs = (0..count).map(|i| a[from_x(i)].powf(b[from_y(i)] as f32));
            Some(Array::floats(dims.clone(), pairs.collect()))
        }
        _ => None,
    }
}

fn comparison(name: &str) -> Option<fn(std::cmp::Ordering) -> bool> {
    Some(match name {
        "Equal" => std::cmp::Ordering::is_eq,
        "Greater" => std::cmp::Ordering::is_gt,
        "Less" => std::cmp::Ordering::is_lt,
        "GreaterOrEqual" => std::cmp::Ordering::is_ge,
        "LessOrEqual" => std::cmp::Ordering::is_le,
        _ => return None,
    })
}

fn several(op: &Op, inputs: &[Option<Array>]) -> Option<Array> {
    match op.name.as_str() {
        "Where" => {
            let (test, x, y) = (input(inputs, 0)?, input(inputs, 1)?, input(inputs, 2)?);
            let dims = broadcast(&broadcast(&test.dims, &x.dims)?, &y.dims)?;
            let test_at = |i| source(i, &dims, &test.dims);
            let flags = test.as_ints()?;
            let count = dims.iter().product::<usize>();
            let both = (&x.data, &y.data);
            let (x_at, y_at) = (|i| source(i, &dims, &x.dims), |i| source(i, &dims, &y.dims));
            let data = match both {
                (Data::Float(a), Data::Float(b)) => Data::Float(
                    (0..count)
                        .map(|i| {
                            if flags[test_at(i)] != 0 {
                                a[x_at(i)]
                            } else {
                                b[y_at(i)]
                            }
                        })
                        .collect(),
                ),
                (Data::Int(a), Data::Int(b)) => Data::Int(
                    (0..count)
                        .map(|i| {
                            if flags[test_at(i)] != 0 {
                                a[x_at(i)]
                            } else {
                                b[y_at(i)]
                            }
                        })
                        .collect(),
                ),
                _ => return None,
            };
            let elem = x.elem;
            Some(Array {
                elem,
                dims: dims.clone(),
                data,
            })
        }
        "BatchNormalization" if op.outputs == 1 => {
            let x = input(inputs, 0)?;
            let of = |at: usize| input(inputs, at)?.as_floats();
            let (gain, shift, mean, variance) = (of(1)?, of(2)?, of(3)?, of(4)?);
            let epsilon = op.float("epsilon").unwrap_or(1e-5);
            let behind = x.dims.get(2..)?.iter().product::<usize>();
            let one = |(at, value): (usize, &f32)| {
                let c = at / behind % gain.len();
                (value - mean[c]) / (variance[c] + epsilon).sqrt() * gain[c] + shift[c]
            };
            let values = x.as_floats()?.iter().enumerate().map(one).collect();
            Some(Array::floats(x.dims.clone(), values))
        }
        "Clip" => {
            let x = input(inputs, 0)?;
            let bound = |at: usize, open: f32| match input(inputs, at) {
                None => Some(open),
                Some(array) => array.as_floats()?.first().copied(),
            };
            let (min, max) = (bound(1, f32::NEG_INFINITY)?, bound(2, f32::INFINITY)?);
            let values = x.as_floats()?.iter().map(|v| v.max(min).min(max)).collect();
            Some(Array::floats(x.dims.clone(), values))
        }
        "ConstantOfShape" => {
            let dims = sizes(input(inputs, 0)?)?;
            let count = dims.iter().product::<usize>();
            match op.attrs.get("value") {
                None => Some(Array::floats(dims, vec![0.0; count])),
                Some(Attr::Tensor(value)) => Array::of(value)?.picked(dims, |_| Some(0)),
                Some(_) => None,
            }
        }
        _ => None,
    }
}

/// A list of sizes.
pub(super) fn sizes(array: &Array) -> Option<Vec<usize>> {
    let each = array.as_ints()?.iter();
    each.map(|v| usize::try_from(*v).ok()).collect()
}
