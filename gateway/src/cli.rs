//! The command line and its environment variables.

use std::path::PathBuf;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use common::{
    config::{Override, Settings, load},
    files::read_regular_text,
};

use crate::boot::Exit;

/// A hundred times what all settings with all comments take.
const MAX_CONFIG_BYTES: u64 = 4 << 20;

/// An ONNX inference gateway for recommendation ranking that keeps its own P99.
#[derive(Debug, Parser)]
#[command(name = "gateway", version)]
pub struct Cli {
    /// Command to run (default: serve).
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Options of every command.
    #[command(flatten)]
    pub options: Options,
}

/// Commands other than serving.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Check the configuration, the feature store and the model repository, and list every problem.
    Check,
    /// Check everything the gateway needs to start and explain how to fix what is wrong.
    Doctor,
    /// Create a feature store from JSON lines (see docs/OPERATIONS.md).
    Import(Import),
}

/// Inputs and output of an import.
#[derive(Debug, Args)]
pub struct Import {
    /// File of items, one JSON object per line.
    #[arg(long)]
    pub catalogue: PathBuf,
    /// File of users, one JSON object per line.
    #[arg(long)]
    pub users: PathBuf,
    /// Feature store to write; an existing one is replaced when the new one is complete.
    #[arg(long)]
    pub out: PathBuf,
}

/// What can be set without a file.
#[derive(Debug, Args)]
pub struct Options {
    /// Configuration file (see docs/CONFIG.md).
    #[arg(long, env = "GATEWAY_CONFIG", global = true)]
    pub config: Option<PathBuf>,
    /// Model repository: a directory with NAME/VERSION/model.onnx.
    #[arg(long, env = "GATEWAY_MODEL_REPOSITORY", global = true)]
    pub model_repository: Option<String>,
    /// Address of the data port.
    #[arg(long, env = "GATEWAY_HTTP", global = true)]
    pub http: Option<String>,
    /// Address of the gRPC port.
    #[arg(long, env = "GATEWAY_GRPC", global = true)]
    pub grpc: Option<String>,
    /// Address of the admin port.
    #[arg(long, env = "GATEWAY_ADMIN", global = true)]
    pub admin: Option<String>,
}

impl Cli {
    /// Reads the command line. The options of serving are taken by every command but `import`, whose
    /// help does not list them.
    pub fn read() -> Result<Self, clap::Error> {
        let mut command = Self::command();
        command.build();
        let own = ["catalogue", "users", "out", "help"];
        let command = command.mut_subcommand("import", |import| {
            import.mut_args(|arg| {
                let hidden = !own.contains(&arg.get_id().as_str());
                arg.hide(hidden)
            })
        });
        Self::from_arg_matches(&command.try_get_matches()?)
    }
}

impl Options {
    /// The settings that all layers give together.
    pub fn settings(&self) -> Result<Settings, Exit> {
        let text = match &self.config {
            None => None,
            Some(path) => Some(read_regular_text(path, MAX_CONFIG_BYTES).map_err(|e| {
                Exit::configuration(format!(
                    "the configuration file {} cannot be read: {e}",
                    path.display()
                ))
            })?),
        };
        let file = self.config.as_deref().zip(text.as_deref());
        load(file, &self.overrides(), &crate::settings::problems).map_err(Exit::configuration)
    }

    fn overrides(&self) -> Vec<Override> {
        let given = [
            (
                "models.repository",
                &self.model_repository,
                "--model-repository or GATEWAY_MODEL_REPOSITORY",
            ),
            ("http.address", &self.http, "--http or GATEWAY_HTTP"),
            ("grpc.address", &self.grpc, "--grpc or GATEWAY_GRPC"),
            ("admin.address", &self.admin, "--admin or GATEWAY_ADMIN"),
        ];
        let taken = given.into_iter().filter_map(|(key, value, origin)| {
            Some(Override {
                key,
                value: value.clone()?,
                origin,
            })
        });
        taken.collect()
    }
}
