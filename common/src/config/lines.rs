//! Where in a file a key stands, so that a problem can name its line.

use std::collections::HashMap;

use toml::de::{DeTable, DeValue};

/// The line of every key of a file, by its dotted path.
#[derive(Debug, Default)]
pub(super) struct KeyLines(HashMap<String, usize>);

impl KeyLines {
    /// Reads the positions; a text that does not parse has none.
    pub(super) fn of(text: &str) -> Self {
        let mut lines = Self::default();
        if let Ok(table) = DeTable::parse(text) {
            lines.collect(text, "", table.get_ref());
        }
        lines
    }

    /// The line of the key, or of the nearest table around it.
    pub(super) fn line(&self, path: &str) -> Option<usize> {
        let mut path = path;
        loop {
            if let Some(line) = self.0.get(path) {
                return Some(*line);
            }
            path = path.rsplit_once('.')?.0;
        }
    }

    fn collect(&mut self, text: &str, prefix: &str, table: &DeTable<'_>) {
        for (key, value) in table {
            let path = format!("{prefix}{}", key.get_ref());
            self.0.insert(path.clone(), line_of(text, key.span().start));
            if let DeValue::Table(inner) = value.get_ref() {
                self.collect(text, &format!("{path}."), inner);
            }
        }
    }
}

/// The line of a byte position, counted from one.
pub(super) fn line_of(text: &str, position_bytes: usize) -> usize {
    text.bytes()
        .take(position_bytes)
        .filter(|b| *b == b'\n')
        .count()
        + 1
}
