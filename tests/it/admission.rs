//! Who is admitted without the session's password, and who is not with it: the attacks of the
//! threat model, by real processes.

mod admitted;
mod password;
mod users;
