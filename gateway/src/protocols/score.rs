//! Scores as every protocol tells them.

/// The double nearest to the decimal text that JSON has of a score, so that a client reads the same
/// number whatever it speaks.
#[must_use]
pub(super) fn as_double(score: f32) -> f64 {
    let mut text = ryu::Buffer::new();
    let text = text.format_finite(score);
    text.parse().unwrap_or_else(|_| f64::from(score))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_score_is_the_number_that_json_shows() {
        for score in [0.0_f32, 0.1, 0.812_345_6, 1.0, f32::MIN_POSITIVE] {
            let json = serde_json::to_string(&score).unwrap();
            let read: f64 = json.parse().unwrap();
            assert_eq!(as_double(score).to_bits(), read.to_bits(), "{json}");
        }
    }
}
