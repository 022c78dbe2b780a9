//! Who asks: user ids by popularity rank, drawn with a Zipf exponent.

use std::path::Path;

use rand::Rng;
use rand_distr::{Distribution, Zipf};
use serde::{Deserialize, Serialize};

/// MovieLens 100K knows the users 1 to 943.
const MOVIELENS_USERS: u32 = 943;
/// A file of users is read whole; this many ids bound its memory.
const MAX_USERS: usize = 5_000_000;

/// A file of users that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum UsersError {
    /// Reading failed.
    #[error("cannot read users from {path}")]
    Read {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// No id in it, or too many.
    #[error("{path} holds {count} user ids; one per line, 1 to {MAX_USERS}, are needed")]
    Count {
        /// The file.
        path: String,
        /// How many were found.
        count: usize,
    },
    /// Exponent below zero.
    #[error("a Zipf exponent of {0} means nothing; give 0 (all users alike) or more")]
    Exponent(f64),
}

/// User ids by rank, the most active first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Users {
    /// Ids in order of rank; empty for 1 to `count`.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    ids: Vec<String>,
    count: u32,
    zipf: f64,
}

impl Users {
    /// MovieLens' users.
    pub fn movielens(zipf: f64) -> Result<Self, UsersError> {
        check(zipf)?;
        Ok(Self {
            ids: Vec::new(),
            count: MOVIELENS_USERS,
            zipf,
        })
    }

    /// The given ids, the most active first.
    pub fn from_ids(ids: Vec<String>, zipf: f64, origin: &str) -> Result<Self, UsersError> {
        check(zipf)?;
        let fault = || UsersError::Count {
            path: origin.to_owned(),
            count: ids.len(),
        };
        if ids.is_empty() || ids.len() > MAX_USERS {
            return Err(fault());
        }
        let count = u32::try_from(ids.len()).map_err(|_| fault())?;
        Ok(Self { ids, count, zipf })
    }

    /// Ids from a file, one a line; the first line is the most active user.
    pub fn from_file(path: &Path, zipf: f64) -> Result<Self, UsersError> {
        let origin = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|source| UsersError::Read {
            path: origin.clone(),
            source,
        })?;
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        Self::from_ids(lines.map(str::to_owned).collect(), zipf, &origin)
    }

    /// Writes the id of the next user.
    pub fn draw(&self, rng: &mut impl Rng, into: &mut Vec<u8>) {
        let rank = self.draw_rank(rng);
        match self.ids.get(rank) {
            Some(id) => push_escaped(into, id),
            None => push_number(into, rank as u64 + 1),
        }
    }

    fn draw_rank(&self, rng: &mut impl Rng) -> usize {
        // `new` has checked both parameters, so the distribution exists.
        let Ok(zipf) = Zipf::new(f64::from(self.count), self.zipf) else {
            return 0;
        };
        let rank: f64 = zipf.sample(rng);
        (rank as usize).clamp(1, self.count as usize) - 1
    }
}

fn check(zipf: f64) -> Result<(), UsersError> {
    if zipf.is_finite() && zipf >= 0.0 {
        Ok(())
    } else {
        Err(UsersError::Exponent(zipf))
    }
}

/// Appends a decimal number.
pub(super) fn push_number(into: &mut Vec<u8>, mut value: u64) {
    let mut digits = [0_u8; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    into.extend_from_slice(&digits[at..]);
}

/// Appends the inside of a JSON string.
pub(super) fn push_escaped(into: &mut Vec<u8>, text: &str) {
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => into.extend_from_slice(&[b'\\', byte]),
            0..=0x1f => into.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            _ => into.push(byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::ChaCha8Rng};

    use super::*;

    fn shares(zipf: f64, draws: usize) -> Vec<f64> {
        let users = Users::movielens(zipf).expect("users");
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut counts = vec![0_u32; MOVIELENS_USERS as usize];
        for _ in 0..draws {
            counts[users.draw_rank(&mut rng)] += 1;
        }
        counts
            .into_iter()
            .map(|count| f64::from(count) / draws as f64)
            .collect()
    }

    #[test]
    fn the_first_rank_is_drawn_as_often_as_zipf_says() {
        // With exponent 1 over n ranks, rank k has probability 1/(k·H(n)).
        let harmonic: f64 = (1..=MOVIELENS_USERS).map(|k| 1.0 / f64::from(k)).sum();
        let shares = shares(1.0, 200_000);
        for rank in [1_usize, 2, 10] {
            let wanted = 1.0 / (rank as f64 * harmonic);
            let ratio = shares[rank - 1] / wanted;
            assert!((ratio - 1.0).abs() < 0.08, "rank {rank}: {ratio}");
        }
    }

    #[test]
    fn an_exponent_of_zero_draws_all_users_alike() {
        let shares = shares(0.0, 943_000);
        assert!(
            shares
                .iter()
                .all(|share| (share * 943.0 - 1.0).abs() < 0.16)
        );
    }

    #[test]
    fn ids_from_a_file_are_escaped_for_json() {
        let users = Users::from_ids(vec!["a\"b\\c".to_owned()], 1.0, "test").expect("users");
        let mut out = Vec::new();
        users.draw(&mut ChaCha8Rng::seed_from_u64(1), &mut out);
        assert_eq!(out, br#"a\"b\\c"#);
    }

    #[test]
    fn empty_lists_and_negative_exponents_are_refused() {
        assert!(Users::from_ids(Vec::new(), 1.0, "test").is_err());
        assert!(Users::movielens(-0.1).is_err());
        assert!(Users::movielens(f64::NAN).is_err());
    }

    #[test]
    fn numbers_are_written_in_decimal() {
        for value in [0, 7, 10, 943, u64::MAX] {
            let mut out = Vec::new();
            push_number(&mut out, value);
            assert_eq!(out, value.to_string().into_bytes());
        }
    }
}
