//! Items as `catalogue.jsonl` has them.

use serde::Serialize;

use super::movielens::{Item, Rating};

#[derive(Debug, Serialize)]
pub(super) struct CatalogueRow<'a> {
    /// The id that callers name.
    item: String,
    /// The row of the model's item table; MovieLens' own number.
    index: u32,
    title: &'a str,
    year: Option<u16>,
    genres: &'a [String],
    /// How many ratings it has.
    popularity: u32,
}

pub(super) fn catalogue<'a>(items: &'a [Item], ratings: &[Rating]) -> Vec<CatalogueRow<'a>> {
    let mut popularity = vec![0; items.len()];
    for rating in ratings {
        // Items are 1…n without gaps, and ratings name known items.
        popularity[rating.item as usize - 1] += 1;
    }
    items
        .iter()
        .zip(popularity)
        .map(|(item, popularity)| CatalogueRow {
            item: item.index.to_string(),
            index: item.index,
            title: &item.title,
            year: item.year,
            genres: &item.genres,
            popularity,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_the_agreed_form_and_popularity_counts_ratings() {
        let items = [Item {
            index: 1,
            title: "Toy \"Story\"".to_owned(),
            year: None,
            genres: vec!["Comedy".to_owned()],
        }];
        let rating = |user| Rating {
            user,
            item: 1,
            stars: 1,
            at_s: 0,
        };
        let rows = catalogue(&items, &[rating(1), rating(2)]);
        assert_eq!(
            serde_json::to_string(&rows[0]).unwrap(),
            r#"{"item":"1","index":1,"title":"Toy \"Story\"","year":null,"genres":["Comedy"],"popularity":2}"#
        );
    }
}
