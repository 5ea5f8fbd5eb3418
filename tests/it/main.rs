//! End-to-end tests of the built program.

mod architecture;
mod client;
mod hook;
mod run;
mod support;
mod terminal;
