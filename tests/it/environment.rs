//! The child's variables and the files that they name: ours are there, and nothing that the user
//! set for other purposes is lost.

mod inherited;
mod instance;
mod secrets;
