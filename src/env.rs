//! What a program that is started finds: variables, git's configuration, files beside them.

pub mod env_vars;
pub mod git_config;
pub mod helpers;
pub mod programs;
