//! Laying the layers over each other and collecting every problem.

use std::{fmt, path::Path};

use toml::{Table, Value};

use super::{
    DEFAULTS, Settings, check,
    lines::{KeyLines, line_of},
};

/// A value from the environment or the command line.
#[derive(Debug, Clone)]
pub struct Override {
    /// The key it replaces, dotted.
    pub key: &'static str,
    /// The text given.
    pub value: String,
    /// Where it came from, for messages: `--http` or `GATEWAY_HTTP`.
    pub origin: &'static str,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where: `config.toml:12` or `--http`.
    pub place: String,
    /// The key, dotted; empty where the text itself does not parse.
    pub key: String,
    /// What is wrong and how to mend it.
    pub message: String,
}

/// Everything that is wrong, found in one go.
#[derive(Debug, thiserror::Error)]
pub struct ConfigProblems(pub Vec<Problem>);

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            place,
            key,
            message,
        } = self;
        if key.is_empty() {
            write!(f, "{place}: {message}")
        } else {
            write!(f, "{place}: {key}: {message}")
        }
    }
}

impl fmt::Display for ConfigProblems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

/// What a crate above this one finds wrong in settings it alone can read: key and message.
pub type Rules<'r> = &'r dyn Fn(&Settings) -> Vec<(String, String)>;

/// Reads defaults, the file (its path is for messages, its text is parsed), then the overrides;
/// then checks the whole, by `further` rules as well.
pub fn load(
    file: Option<(&Path, &str)>,
    overrides: &[Override],
    further: Rules<'_>,
) -> Result<Settings, ConfigProblems> {
    let mut merged: Table = DEFAULTS
        .parse()
        .expect("the built-in defaults parse: tested");
    let defaults = merged.clone();
    let mut places = Places {
        file: String::new(),
        lines: KeyLines::default(),
        overrides,
    };
    if let Some((path, text)) = file {
        places.file = path.display().to_string();
        let table = text.parse::<Table>().map_err(|e| {
            let line = e.span().map_or(1, |s| line_of(text, s.start));
            ConfigProblems(vec![Problem {
                place: format!("{}:{line}", places.file),
                key: String::new(),
                message: e.message().trim().replace('\n', ", "),
            }])
        })?;
        places.lines = KeyLines::of(text);
        keep_named_scenes(&mut merged, &table);
        lay_over(&mut merged, table);
    }
    for given in overrides {
        set(&mut merged, given.key, Value::String(given.value.clone()));
    }
    let mut problems = Vec::new();
    let settings = read(merged, &defaults, &places, &mut problems);
    if let Some(settings) = &settings {
        for (key, message) in check::whole(settings).into_iter().chain(further(settings)) {
            // A value that was refused and replaced by its default cannot break a rule.
            if !problems.iter().any(|p| p.key == key) {
                problems.push(Problem {
                    place: places.of(&key),
                    key,
                    message,
                });
            }
        }
    }
    match settings {
        Some(settings) if problems.is_empty() => Ok(settings),
        _ => Err(ConfigProblems(problems)),
    }
}

struct Places<'a> {
    file: String,
    lines: KeyLines,
    overrides: &'a [Override],
}

impl Places<'_> {
    fn of(&self, key: &str) -> String {
        if let Some(given) = self.overrides.iter().find(|o| o.key == key) {
            return given.origin.to_owned();
        }
        match self.lines.line(key) {
            Some(line) => format!("{}:{line}", self.file),
            None => "configuration".to_owned(),
        }
    }
}

/// Deserialises; each refused key is noted, put back to its default and read again, so that one
/// mistake does not hide the next. Every round removes one wrong key, which bounds the loop.
fn read(
    mut merged: Table,
    defaults: &Table,
    places: &Places<'_>,
    problems: &mut Vec<Problem>,
) -> Option<Settings> {
    const MAX_PROBLEMS: usize = 50;
    while problems.len() < MAX_PROBLEMS {
        let error = match serde_path_to_error::deserialize(Value::Table(merged.clone())) {
            Ok(settings) => return Some(settings),
            Err(error) => error,
        };
        let mut key = error.path().to_string();
        let message = error.inner().message().trim().replace('\n', ", ");
        // Putting a wrong value back can leave its table without a field that it never lacked.
        if message.starts_with("missing field")
            && problems
                .iter()
                .any(|p| p.key.starts_with(&format!("{key}.")))
        {
            if !remove(&mut merged, &key) {
                return None;
            }
            continue;
        }
        // The path of a missing field is its table's.
        if let Some(field) = message
            .strip_prefix("missing field `")
            .and_then(|m| m.split('`').next())
        {
            key = format!("{key}.{field}");
        }
        problems.push(Problem {
            place: places.of(&key),
            key: key.clone(),
            message,
        });
        let restored = match lookup(defaults, &key) {
            Some(default) => set(&mut merged, &key, default.clone()),
            None => remove(&mut merged, &key) || remove_parent(&mut merged, &key),
        };
        if !restored {
            return None;
        }
    }
    None
}

/// A file that has scenes replaces the built-in ones: of those, only what it names stays, as the
/// defaults of the keys that it leaves out.
fn keep_named_scenes(base: &mut Table, file: &Table) {
    let Some(Value::Table(named)) = file.get("scenes") else {
        return;
    };
    if let Some(Value::Table(built_in)) = base.get_mut("scenes") {
        built_in.retain(|scene, _| named.contains_key(scene));
    }
}

fn lay_over(base: &mut Table, over: Table) {
    for (key, value) in over {
        match (base.get_mut(&key), value) {
            (Some(Value::Table(base)), Value::Table(over)) => lay_over(base, over),
            (_, value) => {
                base.insert(key, value);
            }
        }
    }
}

fn lookup<'t>(table: &'t Table, key: &str) -> Option<&'t Value> {
    match key.split_once('.') {
        None => table.get(key),
        Some((head, rest)) => lookup(table.get(head)?.as_table()?, rest),
    }
}

fn set(table: &mut Table, key: &str, value: Value) -> bool {
    match key.split_once('.') {
        None => {
            table.insert(key.into(), value);
            true
        }
        Some((head, rest)) => match table.get_mut(head) {
            Some(Value::Table(inner)) => set(inner, rest, value),
            _ => false,
        },
    }
}

fn remove(table: &mut Table, key: &str) -> bool {
    match key.split_once('.') {
        None => table.remove(key).is_some(),
        Some((head, rest)) => match table.get_mut(head) {
            Some(Value::Table(inner)) => remove(inner, rest),
            _ => false,
        },
    }
}

/// A table that lacks a needed field is taken out whole, so that the rest can be read.
fn remove_parent(table: &mut Table, key: &str) -> bool {
    key.rsplit_once('.')
        .is_some_and(|(parent, _)| remove(table, parent))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn no_more(_: &Settings) -> Vec<(String, String)> {
        Vec::new()
    }

    fn with_file(text: &str) -> Result<Settings, ConfigProblems> {
        load(Some((Path::new("config.toml"), text)), &[], &no_more)
    }

    fn problems(text: &str) -> Vec<String> {
        with_file(text).map_or_else(
            |p| p.0.iter().map(ToString::to_string).collect(),
            |_| Vec::new(),
        )
    }

    #[test]
    fn the_defaults_are_complete_and_hold_their_own_rules() {
        let settings = load(None, &[], &no_more).unwrap();
        assert_eq!(settings.http.address.port(), 8000);
        assert_eq!(settings.limits.deadline.to_string(), "800ms");
    }

    #[test]
    fn every_default_key_is_documented() {
        fn walk(prefix: &str, table: &Table, doc: &str) {
            for (key, value) in table {
                match value {
                    Value::Table(inner) => walk(&format!("{prefix}{key}."), inner, doc),
                    _ => assert!(
                        doc.contains(&format!("`{key}`")),
                        "docs/CONFIG.md lacks {prefix}{key}"
                    ),
                }
            }
        }
        let doc = include_str!("../../../docs/CONFIG.md");
        walk("", &DEFAULTS.parse().unwrap(), doc);
    }

    #[test]
    fn overrides_beat_the_file_and_the_file_beats_the_defaults() {
        let file = "[http]\naddress = \"127.0.0.1:9000\"\nworkers = 3\n";
        let given = [Override {
            key: "http.address",
            value: "127.0.0.1:0".into(),
            origin: "--http",
        }];
        let settings = load(Some((Path::new("c.toml"), file)), &given, &no_more).unwrap();
        assert_eq!(
            (settings.http.address.port(), settings.http.workers),
            (0, 3)
        );
    }

    #[test]
    fn all_problems_show_at_once_with_their_lines() {
        let text = "[http]\nworkers = \"many\"\nadress = \"x\"\n\n[limits]\ndeadline = \"800\"\n[nope]\na = 1\n";
        let found = problems(text);
        assert_eq!(found.len(), 4, "{found:#?}");
        assert!(
            found
                .iter()
                .any(|p| p.starts_with("config.toml:2: http.workers: ")),
            "{found:#?}"
        );
        assert!(
            found
                .iter()
                .any(|p| p.starts_with("config.toml:3: ") && p.contains("`adress`")),
            "{found:#?}"
        );
        assert!(
            found
                .iter()
                .any(|p| p.starts_with("config.toml:6: limits.deadline: `800`")),
            "{found:#?}"
        );
        assert!(
            found
                .iter()
                .any(|p| p.starts_with("config.toml:7: ") && p.contains("nope")),
            "{found:#?}"
        );
    }

    #[test]
    fn broken_syntax_names_its_line() {
        let found = problems("[http]\nworkers = \n");
        assert!(found[0].starts_with("config.toml:2: "), "{found:?}");
    }

    #[test]
    fn a_scene_that_lacks_its_model_is_one_problem() {
        let found = problems("[scenes.cart]\npool = 5\ncandidates = \"popular\"\n");
        assert_eq!(found.len(), 1, "{found:#?}");
        assert!(found[0].contains("scenes.cart.model"), "{found:#?}");
    }

    #[test]
    fn a_wrong_value_of_a_new_scene_is_one_problem() {
        let text = "[scenes.cart]\nmodel = \"m\"\npool = \"many\"\ncandidates = \"popular\"\n";
        let found = problems(text);
        assert_eq!(found.len(), 1, "{found:#?}");
        assert!(
            found[0].starts_with("config.toml:3: scenes.cart.pool: "),
            "{found:#?}"
        );
    }

    #[test]
    fn a_file_with_scenes_replaces_the_built_in_ones() {
        let names =
            |text: &str| -> Vec<String> { with_file(text).unwrap().scenes.into_keys().collect() };
        let cart = "[scenes.cart]\nmodel = \"m\"\npool = 5\ncandidates = \"popular\"\n";
        assert_eq!(names(cart), ["cart"]);
        assert_eq!(names("[scenes.catalogue]\npool = 7\n"), ["catalogue"]);
        assert!(names("[scenes]\n").is_empty());
        assert_eq!(names("[log]\nlevel = \"warn\"\n").len(), 3);
    }

    #[test]
    fn addresses_may_be_written_short() {
        let http = |address: &str| {
            let text = format!("[http]\naddress = \"{address}\"\n");
            with_file(&text).map(|s| s.http.address.to_string())
        };
        assert_eq!(http("localhost:9000").unwrap(), "127.0.0.1:9000");
        assert_eq!(http(":9000").unwrap(), "0.0.0.0:9000");
        assert_eq!(http("*:9000").unwrap(), "0.0.0.0:9000");
        assert_eq!(http("[::1]:9000").unwrap(), "[::1]:9000");
        for wrong in ["9000", "example.org:80", "127.0.0.1", "localhost:99999"] {
            let told = http(wrong).unwrap_err().to_string();
            assert!(told.contains("127.0.0.1:8000"), "{wrong}: {told}");
        }
    }

    #[test]
    fn a_log_level_that_is_none_is_refused() {
        let level = |level: &str| problems(&format!("[log]\nlevel = \"{level}\"\n"));
        for good in [
            "info",
            "WARN",
            "off",
            "info,pool=debug",
            "gateway::boot=trace",
        ] {
            assert!(level(good).is_empty(), "{good}");
        }
        for wrong in ["verbose", "", "info,verbose", "info,pool=loud"] {
            let found = level(wrong);
            assert_eq!(found.len(), 1, "{wrong}: {found:?}");
            assert!(found[0].contains("log.level"), "{found:?}");
        }
    }

    #[test]
    fn rules_between_keys_are_checked() {
        let found = problems("[admin]\naddress = \"0.0.0.0:8002\"\n[drain]\ndelay = \"30s\"\n");
        assert_eq!(found.len(), 2, "{found:#?}");
        assert!(found[0].contains("admin.token"), "{found:#?}");
    }
}
