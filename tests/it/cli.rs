//! Every command's words, data and exit codes, and what it says where the input is bad.

mod definitions;
mod exit_codes;
mod export;
mod forget;
mod get;
mod home;
mod list;
mod log;
mod login_given;
mod output;
mod vault;
