//! `authsome run --isolate`: no way but the proxy, no variable needed, nothing of the vault there.

mod capture;
mod clients;
mod escape;
mod files;
mod host;
mod lifetime;
mod names;
mod walls;
