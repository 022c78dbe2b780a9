//! A breaker's posture in one 64-bit word.

use crate::transition::State;

// bits 0..2 state, 2..16 share in hundredths of a percent, 16 limited, 17 retired, 32..64 era
const SHARE_SHIFT: u32 = 2;
const SHARE_MASK: u64 = 0x3fff;
const LIMITED: u64 = 1 << 16;
const RETIRED: u64 = 1 << 17;
const ERA_SHIFT: u32 = 32;
const POSTURE: u64 = (1 << ERA_SHIFT) - 1;
const FULL_SHARE: u64 = 10_000;
const WIDE_OPEN: u64 = FULL_SHARE << SHARE_SHIFT;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Word(u64);

impl Word {
    pub(super) fn new(state: State, share_bps: u32, era: u32, limited: bool) -> Self {
        let state = match state {
            State::Closed => 0,
            State::Open => 1,
            State::HalfOpen => 2,
            State::Ramp => 3,
        };
        let share = u64::from(share_bps).min(FULL_SHARE) << SHARE_SHIFT;
        let limited = if limited { LIMITED } else { 0 };
        Self(state | share | limited | u64::from(era) << ERA_SHIFT)
    }

    pub(super) fn closed(era: u32) -> Self {
        Self::new(State::Closed, FULL_SHARE as u32, era, false)
    }

    pub(super) fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    pub(super) fn bits(self) -> u64 {
        self.0
    }

    pub(super) fn retired(self) -> Self {
        Self(self.0 | RETIRED)
    }

    /// Closed, everything admitted, nothing to watch: the common case in one comparison.
    pub(super) fn is_wide_open(self) -> bool {
        self.0 & POSTURE == WIDE_OPEN
    }

    pub(super) fn is_retired(self) -> bool {
        self.0 & RETIRED != 0
    }

    pub(super) fn is_limited(self) -> bool {
        self.0 & LIMITED != 0
    }

    pub(super) fn state(self) -> State {
        match self.0 & 3 {
            0 => State::Closed,
            1 => State::Open,
            2 => State::HalfOpen,
            _ => State::Ramp,
        }
    }

    pub(super) fn share_bps(self) -> u32 {
        (self.0 >> SHARE_SHIFT & SHARE_MASK) as u32
    }

    pub(super) fn era(self) -> u32 {
        (self.0 >> ERA_SHIFT) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_goes_in_comes_out(
            state in prop::sample::select(
                vec![State::Closed, State::Open, State::HalfOpen, State::Ramp]),
            share in 0u32..=10_000, era: u32, limited: bool,
        ) {
            let word = Word::new(state, share, era, limited);
            prop_assert_eq!(
                (word.state(), word.share_bps(), word.era(), word.is_limited()),
                (state, share, era, limited)
            );
            prop_assert_eq!(
                word.is_wide_open(),
                state == State::Closed && share == 10_000 && !limited
            );
            prop_assert!(word.retired().is_retired() && !word.retired().is_wide_open());
        }
    }
}
