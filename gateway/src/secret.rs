//! Comparing secrets.

/// Compares in a time that does not depend on where the texts differ, so that a secret cannot be
/// guessed byte by byte.
#[must_use]
pub(crate) fn equal(a: &str, b: &str) -> bool {
    let bits = |seen: u8, (a, b): (u8, u8)| std::hint::black_box(seen | (a ^ b));
    let differing = a.bytes().zip(b.bytes()).fold(0, bits);
    differing == 0 && a.len() == b.len()
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
