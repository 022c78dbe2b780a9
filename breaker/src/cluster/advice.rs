//! What remote verdicts mean for a local breaker that is closed.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Advice {
    /// Nothing known against the key.
    Carry,
    /// Half the admission, one sample instead of two.
    BeCautious,
    /// Enough instances opened on their own evidence.
    Open,
}

/// `live` instances, this one included, of which `open` others are open by their own verdict.
/// A minority makes cautious; `max(2, half)` opens. One instance alone, however wrong, can at most
/// halve the others.
pub(super) fn advise(live: usize, open: usize) -> Advice {
    let quorum = live.div_ceil(2).max(2);
    match open {
        0 => Advice::Carry,
        n if n >= quorum => Advice::Open,
        _ => Advice::BeCautious,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_open_instance_never_opens_another() {
        assert!((2..20).all(|live| advise(live, 1) == Advice::BeCautious));
    }

    #[test]
    fn half_of_the_instances_but_at_least_two_open_the_rest() {
        assert_eq!(advise(3, 2), Advice::Open);
        assert_eq!(advise(10, 4), Advice::BeCautious);
        assert_eq!(advise(10, 5), Advice::Open);
        assert_eq!(advise(10, 0), Advice::Carry);
    }
}
