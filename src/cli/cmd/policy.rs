//! `authsome policy`.

mod check;
mod file;
mod observed;
mod suggest;

use crate::cli::args::Policy;
use crate::cli::context::Context;
use crate::cli::failure::{Exit, Failure};

pub(in crate::cli) fn run(arguments: Policy, context: &Context<'_>) -> Result<u8, Failure> {
    match arguments {
        Policy::Check(arguments) => check::run(*arguments, context),
        Policy::Suggest(arguments) => suggest::run(&arguments, context).map(|()| Exit::Ok as u8),
    }
}
