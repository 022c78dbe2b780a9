//! The command that a start prints for a person to try. Pure: it tries only what is served.

use std::collections::BTreeMap;

use common::config::Scene;

/// The scene that a request without one asks for.
const DEFAULT_SCENE: &str = "home_feed";

/// A command against the data port at `http`: a scene whose model is served, else a served model's
/// inputs, else readiness. `serves` says whether a model is.
pub(super) fn try_line(http: &str, scenes: &BTreeMap<String, Scene>, models: &[String]) -> String {
    let served = |scene: &Scene| models.iter().any(|model| *model == scene.model.to_string());
    let chosen = match scenes.get(DEFAULT_SCENE) {
        Some(scene) if served(scene) => Some(DEFAULT_SCENE),
        _ => {
            let mut named = scenes.iter().filter(|(_, scene)| served(scene));
            named.next().map(|(name, _)| name.as_str())
        }
    };
    if let Some(scene) = chosen {
        let scene = match scene {
            DEFAULT_SCENE => String::new(),
            other => format!(r#""scene":"{other}","#),
        };
        let body = format!(r#"{{"user_id":"196",{scene}"top_k":5,"include":["title"]}}"#);
        let url = format!("http://{http}/v2/recommend/item");
        return format!("try: curl -s {url} -H 'content-type: application/json' -d '{body}'");
    }
    match models.first() {
        Some(model) => format!("try: curl -s http://{http}/v2/models/{model}"),
        None => format!("try: curl -s http://{http}/v2/health/ready"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scenes(named: &[&str]) -> BTreeMap<String, Scene> {
        let texts = named.iter().map(|name| {
            format!("[scenes.{name}]\nmodel = \"m\"\npool = 5\ncandidates = \"popular\"\n")
        });
        let text: String = texts.collect();
        let file = (std::path::Path::new("c.toml"), text.as_str());
        common::config::load(Some(file), &[], &|_| Vec::new())
            .unwrap()
            .scenes
    }

    #[test]
    fn it_tries_what_is_there() {
        let m = ["m".to_owned()];
        let line = |named: &[&str], models: &[String]| try_line("h:1", &scenes(named), models);
        let recommend = line(&["cart", "home_feed"], &m);
        assert!(
            recommend.contains("recommend/item") && !recommend.contains("scene"),
            "{recommend}"
        );
        assert!(line(&["cart"], &m).contains(r#""scene":"cart""#));
        assert_eq!(
            line(&["cart"], &["n".to_owned()]),
            "try: curl -s http://h:1/v2/models/n"
        );
        assert_eq!(
            line(&["cart"], &[]),
            "try: curl -s http://h:1/v2/health/ready"
        );
    }
}
