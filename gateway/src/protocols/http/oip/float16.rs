//! From numbers as written to half precision, rounded once.

use half::f16;

/// The half nearest to `value`, ties to even.
///
/// Going through single precision would round twice. So the step to single precision rounds to odd:
/// what is cut off leaves its trace in the last bit, and the second rounding falls as the first
/// would have.
pub(super) fn nearest(value: f64) -> f16 {
    let near = value as f32;
    let exact = f64::from(near) == value || !near.is_finite();
    if exact || near.to_bits() & 1 == 1 {
        return f16::from_f32(near);
    }
    // Away from or towards zero, on the bits: the neighbour between which two the value lies.
    let outward = value.abs() > f64::from(near).abs();
    let bits = match (outward, near == 0.0) {
        (true, _) => near.to_bits() + 1,
        // Zero has no neighbour towards zero, and none is needed: zero is only reached from above.
        (false, true) => near.to_bits(),
        (false, false) => near.to_bits() - 1,
    };
    f16::from_f32(f32::from_bits(bits))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The nearest half by looking at both neighbours.
    fn by_search(value: f64) -> f16 {
        let rough = f16::from_f64(value).to_bits();
        let near = [rough.wrapping_sub(1), rough, rough.wrapping_add(1)].map(f16::from_bits);
        let finite = near.into_iter().filter(|h| h.is_finite());
        let same_side = finite.filter(|h| h.is_sign_negative() == value.is_sign_negative());
        let distance = |h: &f16| (f64::from(*h) - value).abs();
        same_side
            .min_by(|a, b| {
                let odd = |h: &f16| h.to_bits() & 1;
                distance(a)
                    .total_cmp(&distance(b))
                    .then(odd(a).cmp(&odd(b)))
            })
            .unwrap()
    }

    #[test]
    fn ties_go_to_even_and_hairs_above_do_not() {
        let tie = 1.0 + f64::from(f32::EPSILON) * 4096.0;
        assert_eq!(nearest(tie), f16::ONE);
        assert_eq!(
            nearest(f64::from_bits(tie.to_bits() + 1)),
            f16::from_bits(0x3c01)
        );
        assert_eq!(nearest(65519.99), f16::MAX);
        assert_eq!(nearest(65520.0), f16::INFINITY);
        assert_eq!(nearest(-1e300), f16::NEG_INFINITY);
        assert_eq!(nearest(2f64.powi(-25)), f16::ZERO);
        assert_eq!(nearest(2f64.powi(-25) * 1.000_000_1), f16::from_bits(1));
        assert_eq!(nearest(-1e-300).to_bits(), 0x8000);
        assert!(nearest(f64::NAN).is_nan());
    }

    proptest! {
        #[test]
        fn agrees_with_looking_at_both_neighbours(value in -65000f64..65000.0, shift in 0i32..32) {
            let value = value * 2f64.powi(-shift);
            prop_assert_eq!(nearest(value).to_bits(), by_search(value).to_bits());
        }
    }
}
