//! What of authsome's own reaches nobody else: its memory, its key, the secrets in the environment,
//! a place for its files.

mod files;
mod memory;
mod variables;
