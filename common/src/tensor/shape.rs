//! Dimensions, with every product checked.

use std::fmt;

use smallvec::SmallVec;

/// Why a shape cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ShapeError {
    /// The number of elements or bytes does not fit in memory's address range.
    #[error("shape {0} has more elements than can be addressed")]
    Overflow(Shape),
    /// Data and shape disagree.
    #[error("the shape has {expected} elements, the data {found}")]
    Length {
        /// Elements by the shape.
        expected: usize,
        /// Elements in the data.
        found: usize,
    },
    /// Bytes were given for a type whose elements have no fixed width.
    #[error("BYTES tensors have no fixed width")]
    NotFixedWidth,
}

/// A tensor's dimensions, outermost first. No dimension is negative; zero is allowed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Shape(SmallVec<[usize; 6]>);

impl Shape {
    /// The shape with these dimensions; none for a scalar.
    #[must_use]
    pub fn from_dims(dims: impl IntoIterator<Item = usize>) -> Self {
        Self(dims.into_iter().collect())
    }

    /// The dimensions.
    #[must_use]
    pub fn dims(&self) -> &[usize] {
        &self.0
    }

    /// The first dimension; one for a scalar.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.0.first().copied().unwrap_or(1)
    }

    /// The same shape with another first dimension. A scalar has none and stays as it is.
    #[must_use]
    pub fn with_rows(&self, rows: usize) -> Self {
        let mut dims = self.0.clone();
        if let Some(first) = dims.first_mut() {
            *first = rows;
        }
        Self(dims)
    }

    /// How many elements there are.
    pub fn elements(&self) -> Result<usize, ShapeError> {
        // A zero anywhere makes the tensor empty, but the other dimensions must still be sane.
        let product = self
            .0
            .iter()
            .filter(|d| **d != 0)
            .try_fold(1usize, |n, d| n.checked_mul(*d));
        match product {
            Some(n) if i64::try_from(n).is_ok() => Ok(if self.0.contains(&0) { 0 } else { n }),
            _ => Err(ShapeError::Overflow(self.clone())),
        }
    }

    /// How many bytes the elements take.
    pub fn bytes(&self, width_bytes: usize) -> Result<usize, ShapeError> {
        let bytes = self.elements()?.checked_mul(width_bytes);
        bytes
            .filter(|n| isize::try_from(*n).is_ok())
            .ok_or_else(|| ShapeError::Overflow(self.clone()))
    }

    /// Refuses data that has another number of elements.
    pub fn expect_elements(&self, found: usize) -> Result<(), ShapeError> {
        let expected = self.elements()?;
        if expected == found {
            Ok(())
        } else {
            Err(ShapeError::Length { expected, found })
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.0).finish()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn zeros_scalars_and_overflow() {
        assert_eq!(Shape::default().elements(), Ok(1));
        assert_eq!(Shape::from_dims([0, 5]).elements(), Ok(0));
        assert!(Shape::from_dims([0, usize::MAX, 2]).elements().is_err());
        assert!(Shape::from_dims([usize::MAX / 2]).bytes(8).is_err());
        assert_eq!(Shape::default().with_rows(7), Shape::default());
    }

    proptest! {
        #[test]
        fn the_product_agrees_with_wide_arithmetic(dims in proptest::collection::vec(0usize..1 << 22, 0..6)) {
            let wide: u128 = dims.iter().map(|d| *d as u128).product();
            if let Ok(n) = Shape::from_dims(dims.clone()).elements() {
                prop_assert_eq!(n as u128, wide);
            } else {
                let nonzero: u128 = dims.iter().filter(|d| **d != 0).map(|d| *d as u128).product();
                prop_assert!(nonzero > i64::MAX as u128);
            }
        }
    }
}
