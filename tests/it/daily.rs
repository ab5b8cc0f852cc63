//! What a user does from day to day: look, mend, change a rule, and leave.

mod doctor;
mod edit;
mod keyring;
mod leave;
mod offer;
mod rules;
mod start;
mod status;
