//! Which events are logged, from `log.level`.

use tracing_subscriber::{EnvFilter, filter::LevelFilter};

/// Libraries that tell of every session or thread they start: only their warnings concern an operator.
const QUIET_TARGETS: [&str; 3] = ["onnxruntime", "ort", "actix_server"];

/// Why `log.level` cannot be used, if it cannot.
pub(crate) fn check_level(level: &str) -> Result<(), String> {
    filter(level).map(|_| ())
}

/// The filter that `log.level` asks for.
pub(super) fn filter(level: &str) -> Result<EnvFilter, String> {
    let default = default_level(level)?;
    let quiet = default.min(LevelFilter::WARN);
    let targets = QUIET_TARGETS.map(|target| format!("{target}={quiet}"));
    // What the configuration says of one of these targets comes later and holds.
    EnvFilter::try_new(format!("{},{level}", targets.join(","))).map_err(|e| e.to_string())
}

/// The level of all targets that the text does not name; none of them is logged where it has none.
fn default_level(text: &str) -> Result<LevelFilter, String> {
    let mut default = LevelFilter::OFF;
    for part in text.split(',').map(str::trim).filter(|p| !p.is_empty()) {
        // `target=level` and `[span]=level` are left to the library.
        if part.contains(['=', '[']) {
            continue;
        }
        default = part.parse().map_err(|_| {
            format!(
                "`{part}` is no level; write off, error, warn, info, debug or trace, or target=level"
            )
        })?;
    }
    Ok(default)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(level: &str) -> String {
        filter(level).unwrap().to_string()
    }

    #[test]
    fn the_engine_is_never_louder_than_the_level_asked_for() {
        for (level, engine) in [
            ("off", "onnxruntime=off"),
            ("error", "onnxruntime=error"),
            ("warn", "onnxruntime=warn"),
            ("info", "onnxruntime=warn"),
            ("trace", "onnxruntime=warn"),
            ("pool=debug", "onnxruntime=off"),
            ("info,onnxruntime=debug", "onnxruntime=debug"),
        ] {
            assert!(
                shown(level).contains(engine),
                "{level} gives {}",
                shown(level)
            );
        }
    }

    #[test]
    fn a_word_that_is_no_level_is_refused_instead_of_silencing_everything() {
        for bad in ["verbose", "info,quiet", "pool=loud"] {
            assert!(filter(bad).is_err(), "{bad}");
        }
        assert!(
            filter("verbose")
                .unwrap_err()
                .contains("`verbose` is no level")
        );
    }
}
