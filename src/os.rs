//! What the operating system provides: private files, processes, the owners of sockets, limits.

pub mod given_path;
pub mod home;
pub mod home_lock;
pub mod host_name;
pub mod interfaces;
pub mod lock_wait;
pub mod peer;
pub mod port_owner;
pub mod private_file;
pub mod private_memory;
pub mod private_socket;
pub mod process_tree;
pub mod program_path;
pub mod run_dir;
pub mod second_thread;
pub mod socket_owner;
pub mod terminal;
pub mod ulimits;
pub mod user_name;
