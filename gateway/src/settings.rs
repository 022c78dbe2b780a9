//! Settings that only this crate can read: those of the breaker's rules, and the log's filter.

use breaker::BreakerSettings;
use common::config::Settings;

/// What is wrong with what only this crate can read: key and message.
pub(crate) fn problems(settings: &Settings) -> Vec<(String, String)> {
    let level = crate::logging::check_level(&settings.log.level);
    let level = level.err().map(|told| ("log.level".to_owned(), told));
    let breaker = breaker_problems(settings);
    level.into_iter().chain(breaker).collect()
}

fn breaker_problems(settings: &Settings) -> Vec<(String, String)> {
    match read(settings) {
        Err(problem) => vec![problem],
        Ok(breaker) => {
            let told = |p: breaker::SettingsError| {
                (
                    format!("breaker.{}", p.field),
                    format!("must be {}", p.expected),
                )
            };
            breaker.problems().into_iter().map(told).collect()
        }
    }
}

/// The breaker's settings, of a configuration that was checked.
#[must_use]
pub(crate) fn breaker(settings: &Settings) -> BreakerSettings {
    read(settings).unwrap_or_default()
}

fn read(settings: &Settings) -> Result<BreakerSettings, (String, String)> {
    let rules = toml::Value::Table(settings.breaker.rules.clone());
    serde_path_to_error::deserialize(rules).map_err(|e| {
        let key = format!("breaker.{}", e.path());
        (key, e.inner().message().trim().replace('\n', ", "))
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn load(text: &str) -> Result<Settings, String> {
        common::config::load(Some((Path::new("c.toml"), text)), &[], &problems)
            .map_err(|e| e.to_string())
    }

    #[test]
    fn the_annotated_defaults_are_the_breakers_own() {
        let settings = common::config::load(None, &[], &problems).unwrap();
        assert_eq!(breaker(&settings), BreakerSettings::default());
    }

    #[test]
    fn wrong_keys_and_values_show_their_line() {
        let wrong = |text: &str| load(text).unwrap_err();
        assert!(wrong("[breaker]\npreset = \"magic\"\n").contains("c.toml:2: breaker.preset"));
        assert!(wrong("[breaker.evidence]\nvotse = 2\n").contains("c.toml:2: breaker.evidence"));
        assert!(
            wrong("[breaker.classic]\nalpha = 7.0\n")
                .contains("c.toml:2: breaker.classic.alpha: must be")
        );
    }
}
