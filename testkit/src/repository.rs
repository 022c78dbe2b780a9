//! Model repositories made for one test.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::workspace;

const DRILL: &str = r#"
engine = "drill"
[batching]
row_budget = 100
[inputs.candidates]
role = "candidate"
features = ["item.id"]
dtype = "INT64"
shape = [-1]
[outputs.score]
role = "score"
[drill]
"#;

const ALL_EQUAL: &str = r#"
[batching]
row_budget = 100
[inputs.candidates]
role = "candidate"
features = ["item.id"]
[outputs.score]
role = "score"
"#;

/// A folder of models, gone with this value.
pub struct Repository(tempfile::TempDir);

impl Default for Repository {
    fn default() -> Self {
        Self::new()
    }
}

impl Repository {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn write(&self, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, contents).unwrap();
        path
    }

    /// With a copy of the shipped ranker.
    pub fn shipped(self) -> Self {
        for file in ["model.toml", "1/model.onnx", "1/model.bin"] {
            let name = format!("ml100k_din/{file}");
            let contents = fs::read(workspace().join("models").join(&name)).unwrap();
            self.write(&name, contents);
        }
        self
    }

    /// With a model that a drill engine plays, told how by the keys of `[drill]`.
    pub fn drill(self, name: &str, keys: &str) -> Self {
        fs::create_dir_all(self.path().join(name).join("1")).unwrap();
        self.write(&format!("{name}/model.toml"), format!("{DRILL}{keys}\n"));
        self
    }

    /// The same with these keys of the manifest itself, before its tables.
    pub fn drill_with(self, name: &str, manifest: &str, keys: &str) -> Self {
        let repository = self.drill(name, keys);
        let manifest = format!("{manifest}{DRILL}{keys}\n");
        repository.write(&format!("{name}/model.toml"), manifest);
        repository
    }

    /// With an ONNX model that likes all items the same.
    pub fn all_equal(self, name: &str) -> Self {
        self.write(&format!("{name}/model.toml"), ALL_EQUAL);
        self.write(&format!("{name}/1/model.onnx"), crate::onnx::all_equal());
        self
    }
}

/// The same beside the shipped model's `home_feed`: a configuration that names scenes replaces the
/// built-in ones.
pub fn beside_home_feed(models: &[&str]) -> String {
    let shipped = scenes(&["ml100k_din"]).replace("scenes.ml100k_din", "scenes.home_feed");
    shipped + &scenes(models)
}

/// The part of a configuration that makes a scene for each of these models, called as the model is.
pub fn scenes(models: &[&str]) -> String {
    let scene = |model: &&str| {
        format!("[scenes.{model}]\nmodel = \"{model}\"\ncandidates = \"popular\"\npool = 100\n")
    };
    models.iter().map(scene).collect()
}
