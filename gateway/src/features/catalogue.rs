//! Every item, in memory: a few hundred bytes each, read by many requests at once.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

/// One item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    /// The id callers use.
    #[serde(rename = "item")]
    pub id: String,
    /// The id models use: a row of their embeddings.
    pub index: u32,
    /// What a person reads.
    pub title: String,
    /// Year of release, where known.
    pub year: Option<u16>,
    /// Genres.
    pub genres: Vec<String>,
    /// How often it was rated; what "popular" means.
    pub popularity: u64,
}

/// Where an item stands in the catalogue.
pub(super) type Slot = u32;

/// All items, by slot, by id and by popularity.
#[derive(Debug, Default)]
pub struct Catalogue {
    items: Vec<Item>,
    by_id: HashMap<Box<str>, Slot, foldhash::fast::FixedState>,
    /// The same for ids that are plain numbers: found by their place, without a hash.
    by_number: Vec<Slot>,
    by_index: Vec<Slot>,
    by_popularity: Vec<Slot>,
    by_genre: HashMap<String, Vec<Slot>>,
}

const NO_SLOT: Slot = Slot::MAX;

impl Catalogue {
    /// Most items, so that a table by model index stays small.
    pub const MAX_ITEMS: usize = 1 << 24;

    /// A catalogue of these items; fails with a reason where ids or indexes clash.
    pub fn new(items: Vec<Item>) -> Result<Self, String> {
        if items.len() > Self::MAX_ITEMS {
            return Err(format!(
                "{} items, more than {}",
                items.len(),
                Self::MAX_ITEMS
            ));
        }
        let mut catalogue = Self::default();
        for (slot, item) in (0..).zip(&items) {
            let index = item.index as usize;
            if index >= Self::MAX_ITEMS {
                return Err(format!(
                    "item `{}` has index {index}, above {}",
                    item.id,
                    Self::MAX_ITEMS
                ));
            }
            if catalogue
                .by_id
                .insert(item.id.as_str().into(), slot)
                .is_some()
            {
                return Err(format!("item `{}` stands twice", item.id));
            }
            if catalogue.by_index.len() <= index {
                catalogue.by_index.resize(index + 1, NO_SLOT);
            }
            if std::mem::replace(&mut catalogue.by_index[index], slot) != NO_SLOT {
                return Err(format!(
                    "item `{}` shares its index {index} with another",
                    item.id
                ));
            }
        }
        catalogue.by_number = by_number(&items);
        let mut order: Vec<Slot> = (0..).take(items.len()).collect();
        let rank = |slot: &Slot| &items[*slot as usize];
        order.sort_by(|a, b| {
            rank(b)
                .popularity
                .cmp(&rank(a).popularity)
                .then_with(|| rank(a).id.cmp(&rank(b).id))
        });
        for slot in &order {
            for genre in &items[*slot as usize].genres {
                let of_genre = catalogue.by_genre.entry(genre.clone()).or_default();
                of_genre.push(*slot);
            }
        }
        catalogue.by_popularity = order;
        catalogue.items = items;
        Ok(catalogue)
    }

    /// How many items there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The item at a slot that this catalogue gave out.
    #[must_use]
    pub fn item(&self, slot: Slot) -> &Item {
        &self.items[slot as usize]
    }

    /// Where an item stands.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<Slot> {
        match number(id).and_then(|number| self.by_number.get(number)) {
            Some(slot) => Some(*slot).filter(|slot| *slot != NO_SLOT),
            None => self.by_id.get(id).copied(),
        }
    }

    /// Where the item of a model's index stands.
    #[must_use]
    pub fn slot_of_index(&self, index: u32) -> Option<Slot> {
        self.by_index
            .get(index as usize)
            .copied()
            .filter(|slot| *slot != NO_SLOT)
    }

    /// All slots, the most popular first.
    #[must_use]
    pub fn by_popularity(&self) -> &[Slot] {
        &self.by_popularity
    }

    /// The slots of a genre, the most popular first; none if no item has it.
    #[must_use]
    pub fn by_genre(&self, genre: &str) -> &[Slot] {
        self.by_genre.get(genre).map_or(&[], Vec::as_slice)
    }

    /// Every genre that some item has.
    pub fn genres(&self) -> impl Iterator<Item = &str> {
        self.by_genre.keys().map(String::as_str)
    }
}

/// The table of ids that are plain numbers, as long as the largest; empty where that would leave it
/// mostly so.
fn by_number(items: &[Item]) -> Vec<Slot> {
    const MAX_PLACES_AN_ITEM: usize = 4;
    let numbers = || {
        (0..)
            .zip(items)
            .filter_map(|(slot, item)| Some((number(&item.id)?, slot)))
    };
    let places = numbers().map(|(number, _)| number + 1).max().unwrap_or(0);
    if places > numbers().count() * MAX_PLACES_AN_ITEM {
        return Vec::new();
    }
    let mut table = vec![NO_SLOT; places];
    numbers().for_each(|(number, slot): (usize, Slot)| table[number] = slot);
    table
}

/// The number that an id is the usual way of writing, if it is one of a few digits.
fn number(id: &str) -> Option<usize> {
    const MAX_DIGITS: usize = 9;
    let bytes = id.as_bytes();
    let usual = (1..=MAX_DIGITS).contains(&bytes.len()) && (bytes[0] != b'0' || bytes.len() == 1);
    if !usual {
        return None;
    }
    let digit = |number: usize, byte: &u8| {
        let digit = byte.wrapping_sub(b'0');
        (digit <= 9).then(|| number * 10 + usize::from(digit))
    };
    bytes.iter().try_fold(0, digit)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn item(id: &str, index: u32, popularity: u64) -> Item {
        let title = format!("Title of \"{id}\"");
        Item {
            id: id.into(),
            index,
            title,
            year: Some(1995),
            genres: vec![],
            popularity,
        }
    }

    #[test]
    fn items_are_found_by_id_index_and_popularity() {
        let catalogue =
            Catalogue::new(vec![item("a", 7, 1), item("b", 2, 9), item("c", 3, 9)]).unwrap();
        assert_eq!((catalogue.find("b"), catalogue.find("z")), (Some(1), None));
        assert_eq!(
            (catalogue.slot_of_index(7), catalogue.slot_of_index(4)),
            (Some(0), None)
        );
        assert_eq!(catalogue.by_popularity(), [1, 2, 0]);
    }

    #[test]
    fn an_id_that_looks_like_a_number_is_the_text_it_is() {
        let ids = ["0", "7", "07", "3", "12", "-1", "1234567890123"];
        let items = (0..).zip(ids).map(|(index, id)| item(id, index, 1));
        let catalogue = Catalogue::new(items.collect()).unwrap();
        assert_eq!(catalogue.by_number.len(), 13);
        for (slot, id) in (0..).zip(ids) {
            assert_eq!(catalogue.find(id), Some(slot), "{id}");
        }
        for absent in [
            "",
            "1",
            "00",
            "012",
            "13",
            "999999999",
            "9999999999999999999999",
        ] {
            assert_eq!(catalogue.find(absent), None, "{absent}");
        }
        // Numbers far apart are not worth a table.
        let sparse = Catalogue::new(vec![item("5", 0, 1), item("900000", 1, 1)]).unwrap();
        assert!(sparse.by_number.is_empty());
        assert_eq!(sparse.find("900000"), Some(1));
    }

    #[test]
    fn clashes_are_refused() {
        assert!(
            Catalogue::new(vec![item("a", 1, 1), item("a", 2, 1)])
                .unwrap_err()
                .contains("twice")
        );
        assert!(
            Catalogue::new(vec![item("a", 1, 1), item("b", 1, 1)])
                .unwrap_err()
                .contains("index 1")
        );
        assert!(Catalogue::new(vec![item("a", u32::MAX, 1)]).is_err());
    }
}
