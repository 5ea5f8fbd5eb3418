//! End-to-end tests of the built program.

mod architecture;
mod audit;
mod bad_input;
mod boundary;
mod check;
mod client;
mod credentials;
mod doctor;
mod doors;
mod egress;
mod explain;
mod export;
mod hook;
mod leaves;
mod lint;
mod losses;
mod permissions;
mod plan;
mod policy_tests;
mod profile;
mod prove;
mod run;
mod scrub;
mod support;
mod terminal;
mod trust;
