//! Pushes as git makes them, and as it does not.

mod history;
mod real_git;
mod repository;
mod words;
