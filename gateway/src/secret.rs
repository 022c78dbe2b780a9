//! Comparing secrets.

use constant_time_eq::constant_time_eq;

/// Compares in a time that does not depend on where the texts differ, so that a secret cannot be
/// guessed byte by byte. Texts of different lengths are told apart at once.
#[must_use]
pub(crate) fn equal(a: &str, b: &str) -> bool {
    constant_time_eq(a.as_bytes(), b.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::equal;

    #[test]
    fn only_the_same_text_is_equal() {
        assert!(equal("abc", "abc") && equal("", ""));
        assert!(!equal("abc", "abd") && !equal("abc", "ab") && !equal("", "a"));
    }
}
