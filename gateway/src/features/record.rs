//! A user's record as it lies in the store: read in place, copied only into tensors.
//!
//! Little-endian: `u16` number of profile values, the values as `u32`, `u32` length of the history,
//! the item indexes as `u32`, most recent first, then one rating byte each.

/// A user's record, borrowed from the store's page.
#[derive(Debug, Clone, Copy)]
pub struct UserRecord<'a> {
    profile: &'a [[u8; 4]],
    items: &'a [[u8; 4]],
    ratings: &'a [u8],
}

impl<'a> UserRecord<'a> {
    /// Splits a record into its parts; none if it is not whole.
    #[must_use]
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (count, rest) = bytes.split_first_chunk::<2>()?;
        let (profile, rest) = rest.split_at_checked(usize::from(u16::from_le_bytes(*count)) * 4)?;
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let length = u32::from_le_bytes(*length) as usize;
        let (items, ratings) = rest.split_at_checked(length.checked_mul(4)?)?;
        let whole = ratings.len() == length;
        whole.then_some(Self {
            profile: profile.as_chunks().0,
            items: items.as_chunks().0,
            ratings,
        })
    }

    /// Writes a record.
    #[must_use]
    pub fn encode(profile: &[u32], items: &[u32], ratings: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(6 + profile.len() * 4 + items.len() * 5);
        let count =
            u16::try_from(profile.len()).expect("profiles have few features: checked at import");
        bytes.extend(count.to_le_bytes());
        profile.iter().for_each(|v| bytes.extend(v.to_le_bytes()));
        let length = u32::try_from(items.len()).expect("histories are bounded: checked at import");
        bytes.extend(length.to_le_bytes());
        items.iter().for_each(|v| bytes.extend(v.to_le_bytes()));
        bytes.extend(ratings);
        bytes
    }

    /// The value of the profile feature at `position`; 0, unknown, where the record lacks it.
    #[must_use]
    pub fn profile(&self, position: usize) -> u32 {
        self.profile
            .get(position)
            .map_or(0, |v| u32::from_le_bytes(*v))
    }

    /// Item indexes with the ratings given, most recent first.
    pub fn history(self) -> impl Iterator<Item = (u32, u8)> + 'a {
        self.items
            .iter()
            .zip(self.ratings)
            .map(|(item, rating)| (u32::from_le_bytes(*item), *rating))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_read_back_and_cut_ones_are_refused() {
        let bytes = UserRecord::encode(&[2, 5, 21], &[242, 7], &[3, 5]);
        let record = UserRecord::parse(&bytes).unwrap();
        assert_eq!((record.profile(2), record.profile(9)), (21, 0));
        assert_eq!(record.history().collect::<Vec<_>>(), [(242, 3), (7, 5)]);
        for cut in 0..bytes.len() {
            assert!(UserRecord::parse(&bytes[..cut]).is_none(), "{cut}");
        }
    }
}
