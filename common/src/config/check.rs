//! Rules that concern several keys, or a key's range.

use std::time::Duration;

use super::{CandidateSource, Settings};

/// Every broken rule, as the key to change and what to change it to.
pub(super) fn whole(s: &Settings) -> Vec<(String, String)> {
    let mut broken = Vec::new();
    let mut rule = |holds: bool, key: &str, message: &str| {
        if !holds {
            broken.push((key.to_owned(), message.to_owned()));
        }
    };
    addresses(s, &mut rule);
    ranges(s, &mut rule);
    let usable = |t: &str| t.len() >= 16 && t.bytes().all(|b| b.is_ascii_graphic());
    let key = s.admission.priority_key.reveal();
    rule(
        key.is_none_or(usable),
        "admission.priority_key",
        "use at least 16 printable characters without spaces",
    );
    rule(
        s.drain.delay < s.drain.grace,
        "drain.delay",
        "must be shorter than drain.grace, which it is a part of",
    );
    rule(
        is_log_filter(&s.log.level),
        "log.level",
        "must be off, error, warn, info, debug or trace, and may add levels of modules: info,pool=debug",
    );
    let host = |h: &String| !h.is_empty() && h.bytes().all(|b| b.is_ascii_graphic() && b != b':');
    rule(
        s.admin.hosts.iter().all(host),
        "admin.hosts",
        "must be host names without a port",
    );
    for (name, scene) in &s.scenes {
        let key = format!("scenes.{name}.pool");
        rule(scene.pool >= 1, &key, "must be at least 1");
        rule(
            scene.pool <= s.limits.candidates,
            &key,
            "must not exceed limits.candidates",
        );
        let by_genre = scene.candidates == CandidateSource::Genre;
        let key = format!("scenes.{name}.genre");
        rule(
            by_genre == scene.genre.is_some(),
            &key,
            "is needed where candidates = \"genre\", and only there",
        );
    }
    broken
}

/// Whether every part is a level or a module with a level: what is neither would be taken for a
/// module's name and silence all others.
fn is_log_filter(text: &str) -> bool {
    const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
    let is_level = |text: &str| LEVELS.iter().any(|level| text.eq_ignore_ascii_case(level));
    text.split(',')
        .map(str::trim)
        .all(|part| match part.split_once('=') {
            Some((module, level)) => !module.is_empty() && is_level(level),
            None => is_level(part),
        })
}

fn addresses(s: &Settings, rule: &mut impl FnMut(bool, &str, &str)) {
    let open = !s.admin.address.ip().is_loopback();
    rule(
        !open || s.admin.token.reveal().is_some(),
        "admin.token",
        "the admin address is not a loopback one: set a token, or listen on 127.0.0.1",
    );
    let usable = |t: &str| t.len() >= 16 && t.bytes().all(|b| b.is_ascii_graphic());
    rule(
        s.admin.token.reveal().is_none_or(usable),
        "admin.token",
        "use at least 16 printable characters without spaces",
    );
    let same = s.http.address == s.admin.address && s.http.address.port() != 0;
    rule(
        !same,
        "admin.address",
        "must differ from http.address: the admin paths never share the data port",
    );
}

fn ranges(s: &Settings, rule: &mut impl FnMut(bool, &str, &str)) {
    let second = Duration::from_secs(1);
    let hour = Duration::from_secs(3600);
    rule(
        s.http.workers <= 512,
        "http.workers",
        "must be at most 512; 0 means one per core",
    );
    rule(
        (1..=1_000_000).contains(&s.http.max_connections),
        "http.max_connections",
        "must be 1 to 1000000",
    );
    rule(
        (1..=65_535).contains(&s.http.backlog),
        "http.backlog",
        "must be 1 to 65535",
    );
    for (key, value) in [
        ("http.keep_alive", s.http.keep_alive),
        ("http.header_timeout", s.http.header_timeout),
        ("http.body_timeout", s.http.body_timeout),
        ("http.write_timeout", s.http.write_timeout),
        ("limits.deadline", s.limits.deadline),
        ("limits.infer_deadline", s.limits.infer_deadline),
        ("models.load_timeout", s.models.load_timeout),
        ("models.watch_interval", s.models.watch_interval),
        ("models.watch_debounce", s.models.watch_debounce),
        ("supervision.restart_delay", s.supervision.restart_delay),
        ("supervision.stall_after", s.supervision.stall_after),
        ("supervision.hang_grace", s.supervision.hang_grace),
        ("drain.grace", s.drain.grace),
        ("arena.idle", s.arena.idle),
        ("arena.lease_limit", s.arena.lease_limit),
        ("admission.queue_delay", s.admission.queue_delay),
        (
            "admission.concurrency_update_interval",
            s.admission.concurrency_update_interval,
        ),
        ("admission.codel_target", s.admission.codel_target),
        ("admission.codel_interval", s.admission.codel_interval),
        ("breaker.slo", s.breaker.slo),
    ] {
        let fits = value.0 >= Duration::from_millis(1) && value.0 <= hour;
        rule(fits, key, "must be from 1ms to 1h");
    }
    rule(
        s.http.header_timeout.0 >= second,
        "http.header_timeout",
        "must be at least 1s: headers cross real networks",
    );
    rule(
        s.supervision.restart_delay <= s.supervision.restart_delay_max,
        "supervision.restart_delay_max",
        "must not be below supervision.restart_delay",
    );
    rule(
        s.supervision.park_after >= 1,
        "supervision.park_after",
        "must be at least 1",
    );
    rule(
        s.models.dedicated_threads <= 512,
        "models.dedicated_threads",
        "must be at most 512; 0 means one per core",
    );
    rule(
        (1..=512).contains(&s.supervision.quarantine),
        "supervision.quarantine",
        "must be 1 to 512",
    );
    rule(
        (1..=1 << 20).contains(&s.models.queue),
        "models.queue",
        "must be 1 to 1048576",
    );
    rule(
        s.models.max_busy_poll.0 <= Duration::from_millis(10),
        "models.max_busy_poll",
        "must be at most 10ms: nothing else of the thread goes on meanwhile; 0s ends it after each run",
    );
    rule(
        (1..=1 << 20).contains(&s.limits.candidates),
        "limits.candidates",
        "must be 1 to 1048576",
    );
    let class = 64..=1 << 30;
    rule(
        s.arena.classes.len() <= 16 && s.arena.classes.iter().all(|c| class.contains(&c.0)),
        "arena.classes",
        "must be at most 16 sizes of 64B to 1GiB",
    );
    rule(
        (1..=90).contains(&s.arena.share_percent),
        "arena.share_percent",
        "must be 1 to 90",
    );
    let largest = s.limits.recommend_body.0.max(s.limits.infer_body.0);
    rule(
        s.limits.bodies_in_flight.0 >= largest.saturating_mul(2),
        "limits.bodies_in_flight",
        "must be at least twice the largest of limits.recommend_body and limits.infer_body",
    );
    rule(
        (1..=10_000).contains(&s.http.http2_streams),
        "http.http2_streams",
        "must be 1 to 10000",
    );
    rule(
        (4 << 10..=1 << 20).contains(&s.http.http2_head.0),
        "http.http2_head",
        "must be 4KiB to 1MiB",
    );
    rule(
        s.limits.answers_in_flight.0 >= 64 << 20,
        "limits.answers_in_flight",
        "must be at least 64MiB: a single answer may take that",
    );
    let body = 1 << 10..=1 << 30;
    rule(
        body.contains(&s.limits.recommend_body.0),
        "limits.recommend_body",
        "must be 1KiB to 1GiB",
    );
    rule(
        body.contains(&s.limits.infer_body.0),
        "limits.infer_body",
        "must be 1KiB to 1GiB",
    );
}
