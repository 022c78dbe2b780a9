//! Users as `users.jsonl` has them: the profile in the model's buckets, and the history.

use std::collections::HashMap;

use serde::Serialize;

use super::movielens::{Rating, User};

#[derive(Debug, Serialize)]
pub(super) struct UserRow {
    user: String,
    profile: Profile,
    /// Item indexes, most recent first.
    history: Vec<u32>,
    /// Stars of the same positions.
    ratings: Vec<u8>,
}

/// In each field 0 means unknown.
#[derive(Debug, Serialize, PartialEq, Eq)]
struct Profile {
    gender: u8,
    age: u8,
    occupation: u8,
}

/// MovieLens 100K's occupations by the alphabet: the first is 1.
const OCCUPATIONS: [&str; 21] = [
    "administrator",
    "artist",
    "doctor",
    "educator",
    "engineer",
    "entertainment",
    "executive",
    "healthcare",
    "homemaker",
    "lawyer",
    "librarian",
    "marketing",
    "none",
    "other",
    "programmer",
    "retired",
    "salesman",
    "scientist",
    "student",
    "technician",
    "writer",
];

/// First age of each bucket from the second on (MovieLens 1M's buckets): 1 is below 18, 7 is 56
/// and above.
const AGE_BUCKETS_FROM: [u32; 6] = [18, 25, 35, 45, 50, 56];

pub(super) fn users(users: &[User], ratings: &[Rating]) -> Vec<UserRow> {
    let mut by_user: HashMap<u32, Vec<&Rating>> = HashMap::new();
    for rating in ratings {
        by_user.entry(rating.user).or_default().push(rating);
    }
    let mut sorted: Vec<&User> = users.iter().collect();
    sorted.sort_by_key(|user| user.id);
    sorted
        .into_iter()
        .map(|user| {
            let mut rated = by_user.remove(&user.id).unwrap_or_default();
            // Stable, then reversed: of two at the same second the later in the file is the more
            // recent one.
            rated.sort_by_key(|rating| rating.at_s);
            rated.reverse();
            UserRow {
                user: user.id.to_string(),
                profile: profile(user),
                history: rated.iter().map(|rating| rating.item).collect(),
                ratings: rated.iter().map(|rating| rating.stars).collect(),
            }
        })
        .collect()
}

fn profile(user: &User) -> Profile {
    let gender = match user.gender.as_str() {
        "F" => 1,
        "M" => 2,
        _ => 0,
    };
    let age = match user.age_years {
        0 => 0,
        years => {
            1 + AGE_BUCKETS_FROM
                .iter()
                .filter(|from| years >= **from)
                .count() as u8
        }
    };
    let position = OCCUPATIONS.iter().position(|name| *name == user.occupation);
    Profile {
        gender,
        age,
        occupation: position.map_or(0, |position| position as u8 + 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(age_years: u32, gender: &str, occupation: &str) -> User {
        User {
            id: 196,
            age_years,
            gender: gender.into(),
            occupation: occupation.into(),
        }
    }

    #[test]
    fn profiles_fall_into_the_agreed_buckets() {
        let ages = [0, 7, 17, 18, 24, 25, 34, 35, 44, 45, 49, 50, 55, 56, 73];
        let buckets = ages.map(|years| profile(&user(years, "M", "none")).age);
        assert_eq!(buckets, [0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7]);
        assert_eq!(
            profile(&user(49, "F", "writer")),
            Profile {
                gender: 1,
                age: 5,
                occupation: 21
            }
        );
        assert_eq!(
            profile(&user(49, "?", "astronaut")),
            Profile {
                gender: 0,
                age: 5,
                occupation: 0
            }
        );
        assert!(OCCUPATIONS.is_sorted());
    }

    #[test]
    fn history_is_most_recent_first_and_ties_follow_the_file() {
        let rating = |item, stars, at_s| Rating {
            user: 196,
            item,
            stars,
            at_s,
        };
        let ratings = [
            rating(5, 1, 20),
            rating(6, 2, 10),
            rating(7, 3, 20),
            rating(8, 4, 30),
        ];
        let rows = users(&[user(49, "M", "student")], &ratings);
        assert_eq!(
            serde_json::to_string(&rows[0]).unwrap(),
            r#"{"user":"196","profile":{"gender":2,"age":5,"occupation":19},"history":[8,7,5,6],"ratings":[4,3,1,2]}"#
        );
    }
}
