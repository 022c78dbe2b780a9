//! Vocabulary shared by every crate.
