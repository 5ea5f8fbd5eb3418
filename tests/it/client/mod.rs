//! The real Claude Code client, driven by a scripted model, with the program as its hook.
//!
//! Each test runs itself again inside a network namespace of its own, where nothing but loopback
//! exists: the model server and the client are both in there, and neither reaches anything else.
//!
//! What a machine needs: Linux on x86-64 or ARM64; `unshare` (util-linux, part of every Debian),
//! and either root or user namespaces for ordinary users. To fetch the client once: `npm` and
//! `tar`. Loopback is brought up over netlink, so iproute2 is not needed.
//!
//! - `PALISADE_CLAUDE`: the `claude` program to drive instead of the pinned one.
//! - `PALISADE_PROGRAM`: the `palisade` to test instead of the one beside the test program.
//!
//! Reading order: `testclient` answers and drives, [`decides`], [`confines`], [`refuses`], [`fails`], [`agrees`] check.
#![expect(
    clippy::disallowed_methods,
    reason = "the world around the program is played here: its processes and servers"
)]

mod agrees;
mod confines;
mod decides;
mod fails;
mod refuses;

use testclient::namespace;

#[test]
fn real_client_keeps_each_verdict() {
    namespace::isolated("client::real_client_keeps_each_verdict", decides::with_the_same_settings);
}

#[test]
fn real_client_knows_no_rule_but_the_hook() {
    namespace::isolated("client::real_client_knows_no_rule_but_the_hook", decides::with_the_hook_alone);
}

#[test]
fn real_client_runs_commands_confined() {
    namespace::isolated("client::real_client_runs_commands_confined", confines::commands);
}

#[test]
fn real_client_gets_no_rules_from_a_confined_command() {
    namespace::isolated("client::real_client_gets_no_rules_from_a_confined_command", confines::planting);
}

#[test]
fn real_client_runs_what_a_person_approved() {
    namespace::isolated("client::real_client_runs_what_a_person_approved", confines::approved);
}

#[test]
fn real_client_is_refused_with_broken_settings() {
    namespace::isolated("client::real_client_is_refused_with_broken_settings", refuses::with_broken_settings);
}

#[test]
fn real_client_is_refused_without_a_journal() {
    namespace::isolated("client::real_client_is_refused_without_a_journal", refuses::without_a_journal);
}

#[test]
fn real_client_is_refused_without_trust() {
    namespace::isolated("client::real_client_is_refused_without_trust", refuses::without_trust);
}

#[test]
fn real_client_stops_when_the_hook_fails() {
    namespace::isolated("client::real_client_stops_when_the_hook_fails", fails::hooks);
}

#[test]
fn real_client_checks_the_rewritten_command_only() {
    namespace::isolated("client::real_client_checks_the_rewritten_command_only", fails::rewritten);
}

#[test]
fn real_client_agrees() {
    agrees::sample("client::real_client_agrees");
}
