//! `authsome run` where something is short: descriptors, processes, permissions, `/proc`, roots,
//! room for the log.

mod descriptors;
mod disk;
mod processes;
