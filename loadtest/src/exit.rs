//! Exit statuses, the same for every command.

use std::process::ExitCode;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Everything held.
    Held,
    /// Bad usage.
    Usage,
    /// The target cannot be reached.
    Unreachable,
    /// The generator itself failed.
    Internal,
    /// The run says nothing about the server.
    Invalid,
    /// A threshold failed, or the second report is slower.
    Failed,
}

impl Exit {
    /// The process's status.
    pub fn code(self) -> u8 {
        match self {
            Self::Held => 0,
            Self::Usage => 64,
            Self::Unreachable => 69,
            Self::Internal => 70,
            Self::Invalid => 75,
            Self::Failed => 99,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
