//! CI jobs: connections travel in sealed files.

mod export;
