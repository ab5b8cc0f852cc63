//! CI jobs: connections travel in sealed files, and a new pair goes back to where the next job
//! finds it.

mod components;
mod ends;
mod export;
mod import;
mod job;
mod orders;
mod rotate;
mod variable;
