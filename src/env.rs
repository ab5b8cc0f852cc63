//! What a started program finds: environment variables, git's configuration, and the files that
//! they name.

pub mod asked;
pub mod container;
pub mod env_vars;
pub mod git_config;
pub mod helpers;
pub mod programs;
