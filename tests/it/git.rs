//! git and git-lfs as a child, by the oldest and the newest git of this machine: nothing is
//! configured, and exactly one credential arrives.

mod clone;
mod credentials;
mod forges;
mod lfs;
mod ssh;
