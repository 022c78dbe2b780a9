//! How the process ends when it cannot go on: a status and one line that says what to do.

use std::fmt;

use crate::features::StoreError;

/// An end with a status. The statuses follow `sysexits.h` where it has a fitting one.
#[derive(Debug)]
pub struct Exit {
    /// The process's exit status.
    pub status: u8,
    /// What is wrong and how to mend it.
    pub message: String,
}

impl Exit {
    /// The configuration or the command line is wrong.
    pub fn configuration(message: impl fmt::Display) -> Self {
        Self {
            status: 64,
            message: message.to_string(),
        }
    }

    /// A file that is needed is damaged.
    pub fn damaged(message: impl fmt::Display) -> Self {
        Self {
            status: 65,
            message: message.to_string(),
        }
    }

    /// A file or folder that is needed is not there.
    pub fn missing(message: impl fmt::Display) -> Self {
        Self {
            status: 66,
            message: message.to_string(),
        }
    }

    /// The process cannot be mended from inside.
    pub fn wedged(message: impl fmt::Display) -> Self {
        Self {
            status: 70,
            message: message.to_string(),
        }
    }

    /// The library or a port is not to be had.
    pub fn unavailable(message: impl fmt::Display) -> Self {
        Self {
            status: 69,
            message: message.to_string(),
        }
    }
}

/// Ends the process at once, without what usually runs at an exit: threads may still be inside the
/// engine, and its torn-down state is no place for them. Standard output and error hold nothing
/// back.
pub fn end(status: u8) -> ! {
    signal_hook::low_level::exit(i32::from(status))
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Exit {}

impl From<StoreError> for Exit {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::Missing(_) => Self::missing(error),
            // Both keep a gateway from its features; what to mend stands in the message.
            StoreError::Unreadable { .. } | StoreError::Damaged { .. } => Self::damaged(error),
        }
    }
}
