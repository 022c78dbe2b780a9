//! How hard pressed the arenas of a process are: a pure machine.

use common::Criticality;

/// See [`State::next`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum State {
    /// Nothing is leased.
    #[default]
    Idle,
    /// Leases are out, and there is room.
    Active,
    /// Nearly all of the budget is held: large leases are shed, empty slabs given back.
    Pressured,
}

/// Tenths of the budget above which the arenas are pressured.
const PRESSURED_ABOVE: u128 = 9;
/// Tenths below which they no longer are.
const ACTIVE_BELOW: u128 = 7;

impl State {
    /// The state after these figures: PRESSURED above 90 % of the budget until it is below 70 %
    /// again, so that it does not flutter.
    #[must_use]
    pub fn next(self, leased_bytes: u64, held_bytes: u64, budget_bytes: u64) -> Self {
        let tenths = u128::from(held_bytes) * 10;
        let budget = u128::from(budget_bytes);
        let stays = self == Self::Pressured && tenths >= budget * ACTIVE_BELOW;
        match leased_bytes {
            _ if tenths > budget * PRESSURED_ABOVE || stays => Self::Pressured,
            0 => Self::Idle,
            _ => Self::Active,
        }
    }

    pub(super) fn code(self) -> u8 {
        self as u8
    }

    pub(super) fn of_code(code: u8) -> Self {
        match code {
            0 => Self::Idle,
            1 => Self::Active,
            _ => Self::Pressured,
        }
    }
}

/// Hundredths of the budget up to which large leases of a class are given while the arenas are
/// pressured: the lowest class is shed at once, the highest not before the budget's end.
#[must_use]
pub fn share_while_pressured(criticality: Criticality) -> u64 {
    match criticality {
        Criticality::Sheddable => 0,
        Criticality::SheddablePlus => 80,
        Criticality::Critical => 95,
        Criticality::CriticalPlus => 100,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pressure_comes_at_ninety_per_cent_and_goes_at_seventy() {
        use State::{Active, Idle, Pressured};
        assert_eq!(Idle.next(0, 0, 100), Idle);
        assert_eq!(Idle.next(1, 90, 100), Active);
        assert_eq!(Active.next(1, 91, 100), Pressured);
        assert_eq!(Pressured.next(1, 70, 100), Pressured);
        assert_eq!(Pressured.next(1, 69, 100), Active);
        assert_eq!(Pressured.next(0, 10, 100), Idle);
        // A budget that shrinks under what is held presses at once.
        assert_eq!(Active.next(1, 60, 60), Pressured);
        for state in [Idle, Active, Pressured] {
            assert_eq!(State::of_code(state.code()), state);
        }
    }

    #[test]
    fn the_lowest_class_is_shed_first() {
        let shares: Vec<_> = Criticality::ALL
            .into_iter()
            .map(share_while_pressured)
            .collect();
        assert!(shares.is_sorted() && shares.first() == Some(&0) && shares.last() == Some(&100));
    }
}
