//! The candidates that a request names, looked up in the catalogue as they are read.

use super::{limits::RequestError, slot_set::SlotSet};
use crate::features::Catalogue;

/// Room that is made for a list before its length is known.
const USUAL_CANDIDATES: usize = 128;

/// Candidates that a request names.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct CandidateSlots {
    /// Known ones, as catalogue slots, in the order of the request; each once.
    pub slots: Vec<u32>,
    /// How many were not in the catalogue.
    pub unknown: usize,
}

/// Reads candidates one by one, without a copy of their ids.
pub(crate) struct CandidateReader<'c> {
    catalogue: &'c Catalogue,
    max: usize,
    taken: SlotSet,
    found: CandidateSlots,
}

impl<'c> CandidateReader<'c> {
    /// A reader of at most `max` candidates.
    #[must_use]
    pub(crate) fn new(catalogue: &'c Catalogue, max: usize) -> Self {
        Self {
            catalogue,
            max,
            taken: SlotSet::new(catalogue.len()),
            found: CandidateSlots {
                slots: Vec::with_capacity(USUAL_CANDIDATES.min(max)),
                unknown: 0,
            },
        }
    }

    /// Takes the next candidate's id.
    pub(crate) fn push(&mut self, id: &str) -> Result<(), RequestError> {
        let found = &mut self.found;
        match self.catalogue.find(id) {
            // A list that shows an item twice helps nobody.
            Some(slot) if self.taken.insert(slot) => found.slots.push(slot),
            Some(_) => {}
            None => found.unknown += 1,
        }
        match found.slots.len() + found.unknown > self.max {
            true => Err(RequestError::CandidateCount(self.max)),
            false => Ok(()),
        }
    }

    /// The candidates that were read.
    #[must_use]
    pub(crate) fn finish(self) -> CandidateSlots {
        self.found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::tests::item;

    #[test]
    fn candidates_keep_their_order_once_each_and_unknown_ones_are_counted() {
        let items = (1..=5).map(|i| item(&i.to_string(), i, 1)).collect();
        let catalogue = Catalogue::new(items).unwrap();
        let mut reader = CandidateReader::new(&catalogue, 3);
        for id in ["3", "x", "1", "3"] {
            reader.push(id).unwrap();
        }
        assert_eq!(reader.push("2"), Err(RequestError::CandidateCount(3)));
        let mut reader = CandidateReader::new(&catalogue, 3);
        for id in ["3", "x", "1", "3"] {
            reader.push(id).unwrap();
        }
        let expected = CandidateSlots {
            slots: vec![2, 0],
            unknown: 1,
        };
        assert_eq!(reader.finish(), expected);
    }
}
