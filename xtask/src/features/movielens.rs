//! The three tab-separated files as rows, each field validated. A field is
//! taken as it is: titles keep their article at the end ("Usual Suspects, The").

use std::collections::{HashMap, HashSet};

/// Where a file is not what it should be. Lines count from 1, the header is line 1.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{file}:{line}: {problem}")]
pub(crate) struct BadInput {
    file: &'static str,
    line: usize,
    problem: String,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Item {
    /// MovieLens' own id, 1…n without gaps.
    pub index: u32,
    pub title: String,
    /// `None` where the file holds no year ("unkonwn", and one "V" that belongs to a title).
    pub year: Option<u16>,
    pub genres: Vec<String>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct User {
    pub id: u32,
    pub age_years: u32,
    pub gender: String,
    pub occupation: String,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Rating {
    pub user: u32,
    pub item: u32,
    /// 1…5.
    pub stars: u8,
    pub at_s: u64,
}

const ITEM: &str = "ml-100k.item";
const USER: &str = "ml-100k.user";
const RATING: &str = "ml-100k.inter";

pub(super) fn items(bytes: &[u8]) -> Result<Vec<Item>, BadInput> {
    let header = "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq";
    let mut items = Vec::new();
    for row in Rows::<4>::new(ITEM, bytes, header)? {
        let row = row?;
        let [_, title, year, genres] = row.fields;
        let index = row.number(0)?;
        let expected = items.len() as u32 + 1;
        if index != expected {
            return Err(row.bad(format!("item {index} where {expected} comes next")));
        }
        if title.is_empty() || genres.is_empty() {
            return Err(row.bad("a title or a genre is missing"));
        }
        items.push(Item {
            index,
            title: title.to_owned(),
            year: year.parse().ok().filter(|year| (1890..2000).contains(year)),
            genres: genres.split(' ').map(str::to_owned).collect(),
        });
    }
    Ok(items)
}

pub(super) fn users(bytes: &[u8]) -> Result<Vec<User>, BadInput> {
    let header = "user_id:token\tage:token\tgender:token\toccupation:token\tzip_code:token";
    let mut users = Vec::new();
    let mut seen = HashSet::new();
    for row in Rows::<5>::new(USER, bytes, header)? {
        let row = row?;
        let [_, _, gender, occupation, _] = row.fields;
        let (id, age_years) = (row.number(0)?, row.number(1)?);
        if !seen.insert(id) {
            return Err(row.bad(format!("user {id} a second time")));
        }
        users.push(User {
            id,
            age_years,
            gender: gender.to_owned(),
            occupation: occupation.to_owned(),
        });
    }
    Ok(users)
}

/// In the file's order, each naming a known user and item.
pub(super) fn ratings(
    bytes: &[u8],
    items: &[Item],
    users: &[User],
) -> Result<Vec<Rating>, BadInput> {
    let header = "user_id:token\titem_id:token\trating:float\ttimestamp:float";
    let known: HashSet<u32> = users.iter().map(|user| user.id).collect();
    let mut first_rated: HashMap<(u32, u32), usize> = HashMap::new();
    let mut ratings = Vec::new();
    for row in Rows::<4>::new(RATING, bytes, header)? {
        let row = row?;
        let (user, item) = (row.number(0)?, row.number(1)?);
        let stars = row.number(2)?;
        if !known.contains(&user) {
            return Err(row.bad(format!("user {user} is not in {USER}")));
        }
        if !(1..=items.len() as u32).contains(&item) {
            return Err(row.bad(format!("item {item} is not in {ITEM}")));
        }
        if !(1..=5).contains(&stars) {
            return Err(row.bad(format!("{stars} stars")));
        }
        if let Some(line) = first_rated.insert((user, item), row.line) {
            return Err(row.bad(format!(
                "user {user} rated item {item} on line {line} already"
            )));
        }
        ratings.push(Rating {
            user,
            item,
            stars: stars as u8,
            at_s: row.number(3)?.into(),
        });
    }
    Ok(ratings)
}

/// Rows of `N` tab-separated fields below a known header.
struct Rows<'a, const N: usize> {
    file: &'static str,
    lines: std::iter::Enumerate<std::str::Lines<'a>>,
}

struct Row<'a, const N: usize> {
    file: &'static str,
    line: usize,
    fields: [&'a str; N],
}

impl<'a, const N: usize> Rows<'a, N> {
    fn new(file: &'static str, bytes: &'a [u8], header: &str) -> Result<Self, BadInput> {
        let bad = |line, problem| BadInput {
            file,
            line,
            problem,
        };
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let newlines = bytes[..error.valid_up_to()]
                .iter()
                .filter(|byte| **byte == b'\n');
            bad(newlines.count() + 1, "not UTF-8".to_owned())
        })?;
        let mut lines = text.lines().enumerate();
        match lines.next() {
            Some((_, first)) if first == header => Ok(Self { file, lines }),
            _ => Err(bad(
                1,
                format!("the header is not `{}`", header.escape_default()),
            )),
        }
    }
}

impl<'a, const N: usize> Iterator for Rows<'a, N> {
    type Item = Result<Row<'a, N>, BadInput>;

    fn next(&mut self) -> Option<Self::Item> {
        let (index, text) = self.lines.next()?;
        let (file, line) = (self.file, index + 1);
        let fields: Vec<&str> = text.split('\t').collect();
        let found = fields.len();
        Some(
            fields
                .try_into()
                .map(|fields| Row { file, line, fields })
                .map_err(|_| BadInput {
                    file,
                    line,
                    problem: format!("{found} fields where {N} belong"),
                }),
        )
    }
}

impl<const N: usize> Row<'_, N> {
    fn number(&self, field: usize) -> Result<u32, BadInput> {
        let text = self.fields[field];
        text.parse()
            .map_err(|_| self.bad(format!("`{text}` is not a whole number")))
    }

    fn bad(&self, problem: impl Into<String>) -> BadInput {
        BadInput {
            file: self.file,
            line: self.line,
            problem: problem.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ITEMS: &str = "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n\
                         1\tMis\u{e9}rables, Les\t1995\tDrama Musical\n\
                         2\tunkonwn\tunkonwn\tunknown\n\
                         3\tLand Before Time III (1995)\tV\tAnimation Children's\n";
    const USERS: &str = "user_id:token\tage:token\tgender:token\toccupation:token\tzip_code:token\n\
                         7\t24\tM\ttechnician\t85711\n";
    const RATINGS: &str = "user_id:token\titem_id:token\trating:float\ttimestamp:float\n\
                           7\t3\t5\t881250949\n";

    #[test]
    fn titles_are_kept_as_they_are_and_a_year_that_is_none_is_absent() {
        let items = items(ITEMS.as_bytes()).unwrap();
        assert_eq!(items[0].title, "Mis\u{e9}rables, Les");
        assert_eq!(items[0].genres, ["Drama", "Musical"]);
        let years: Vec<_> = items.iter().map(|item| item.year).collect();
        assert_eq!(years, [Some(1995), None, None]);
    }

    #[test]
    fn what_does_not_belong_is_shown_with_its_file_and_line() {
        let items_ok = items(ITEMS.as_bytes()).unwrap();
        let users_ok = users(USERS.as_bytes()).unwrap();
        let of_items = |from: &str, to: &str| items(ITEMS.replace(from, to).as_bytes()).err();
        let of_users = |from: &str, to: &str| users(USERS.replace(from, to).as_bytes()).err();
        let of_ratings = |from: &str, to: &str| {
            ratings(RATINGS.replace(from, to).as_bytes(), &items_ok, &users_ok).err()
        };
        for (bad, expected) in [
            (of_items("item_id", "id"), "ml-100k.item:1: the header"),
            (
                of_items("2\tunk", "4\tunk"),
                "ml-100k.item:3: item 4 where 2 comes next",
            ),
            (
                of_items("\tunknown", ""),
                "ml-100k.item:3: 3 fields where 4 belong",
            ),
            (of_items("2\tunkonwn", "2\t"), "ml-100k.item:3: a title"),
            (
                of_users("24", "old"),
                "ml-100k.user:2: `old` is not a whole number",
            ),
            (
                of_users("85711\n", "1\n7\t1\tF\tother\t2\n"),
                "ml-100k.user:3: user 7 a second time",
            ),
            (
                of_ratings("7\t3", "8\t3"),
                "ml-100k.inter:2: user 8 is not in",
            ),
            (
                of_ratings("7\t3", "7\t4"),
                "ml-100k.inter:2: item 4 is not in",
            ),
            (of_ratings("\t5\t", "\t6\t"), "ml-100k.inter:2: 6 stars"),
            (
                of_ratings("949\n", "949\n7\t3\t1\t1\n"),
                "ml-100k.inter:3: user 7 rated item 3",
            ),
        ] {
            let text = bad.expect(expected).to_string();
            assert!(text.starts_with(expected), "{text}");
        }
    }

    #[test]
    fn another_encoding_is_shown_with_its_line() {
        let error = items(&[ITEMS.as_bytes(), b"4\tMis\xe9rables\t1995\tDrama\n"].concat());
        assert_eq!(error.unwrap_err().to_string(), "ml-100k.item:5: not UTF-8");
    }
}
