//! CI jobs: connections travel in sealed files, and a new pair goes back to where the next job
//! finds it.

mod components;
mod export;
mod job;
mod orders;
mod rotate;
mod variable;
