//! What starts and ends authsome where no person does: containers, service managers, jobs.

mod first_process;
mod nothing_there;
mod stopped;
mod unit;
