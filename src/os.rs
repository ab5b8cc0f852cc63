//! What the operating system gives: private files, processes, sockets' owners, limits.

pub mod home;
pub mod port_owner;
pub mod private_memory;
pub mod process_tree;
pub mod program_path;
pub mod run_dir;
pub mod socket_owner;
pub mod ulimits;
