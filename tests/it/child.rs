//! The child of `authsome run`: its exit codes, signals, files, environment and terminal are what
//! they would be without us.

mod ahead;
mod descriptors;
mod exit_codes;
mod job_control;
mod proxy_variables;
mod run_directory;
mod secrets;
mod signals;
mod terminal;
mod trust_bundle;
