//! `palisade check`: one tool call a line in, one decision a line out.

use std::io::{self, BufRead};

use policy::{AbsPath, Policy, Scope};
use settings::layer_from_json_text;

use crate::cli::CheckOptions;
use crate::exit::Exit;
use crate::say;
use crate::setup::Setup;

/// Bytes of one line; a longer one is denied unread.
const LINE_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Answers every line, in order.
pub(crate) fn check(options: &CheckOptions) -> anyhow::Result<Exit> {
    let setup = Setup::at(&options.settings, &options.place)?;
    for diagnostic in &setup.diagnostics {
        say::diagnostic(diagnostic);
    }
    let mut input = io::stdin().lock();
    let mut end = if setup.policy.failures().is_empty() { Exit::Yes } else { Exit::Settings };
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = io::Read::take(&mut input, LINE_BYTES_MAX as u64 + 1).read_until(b'\n', &mut line)?;
        if read == 0 {
            return Ok(end);
        }
        if line.len() > LINE_BYTES_MAX && line.last() != Some(&b'\n') {
            skip_line(&mut input)?;
            say::data(&hooks::check::encode_malformed(
                None,
                &format!("the line is longer than {LINE_BYTES_MAX} bytes"),
            ));
            end = Exit::Finding;
            continue;
        }
        match std::str::from_utf8(&line) {
            Ok(text) if text.trim().is_empty() => {}
            Ok(text) => end = answer(&setup, options, text.trim_end_matches(['\n', '\r']), end),
            Err(error) => {
                let reason = format!("the line is not UTF-8 at byte {}", error.valid_up_to());
                say::data(&hooks::check::encode_malformed(None, &reason));
                end = Exit::Finding;
            }
        }
    }
}

fn skip_line(input: &mut impl BufRead) -> io::Result<()> {
    loop {
        let buffer = input.fill_buf()?;
        let (length, found) = match buffer.iter().position(|byte| *byte == b'\n') {
            Some(at) => (at + 1, true),
            None => (buffer.len(), buffer.is_empty()),
        };
        input.consume(length);
        if found {
            return Ok(());
        }
    }
}

/// Answers one line and returns how the command will end.
fn answer(setup: &Setup, options: &CheckOptions, line: &str, end: Exit) -> Exit {
    let call = match hooks::check::decode(line, &setup.place.project) {
        Ok(call) => call,
        Err(error) => {
            let reason = anyhow::Error::from(error);
            let id = hooks::check::id(line);
            say::data(&hooks::check::encode_malformed(id.as_ref(), &format!("{reason:#}")));
            return Exit::Finding;
        }
    };
    let mode = call.mode.or(options.settings.mode);
    let proof = match &call.settings {
        Some(text) => {
            let policy = with_settings(setup, text, &call.action.cwd);
            guard::explain(&policy, &setup.place, &call.action, mode)
        }
        None => guard::explain(&setup.policy, &setup.place, &call.action, mode),
    };
    say::data(&hooks::check::encode(call.id.as_ref(), &proof));
    end
}

/// Returns the policy with one more layer that counts like a `--settings` file.
fn with_settings(setup: &Setup, text: &str, anchor: &AbsPath) -> Policy {
    let (layer, _) = layer_from_json_text("the line's `settings`", text, anchor.clone(), Scope::Flag);
    let mut layers = setup.loaded.layers.clone();
    let above = layers.iter().position(|layer| layer.scope == Scope::Managed).unwrap_or(layers.len());
    layers.insert(above, layer);
    Policy::compile(&layers, &setup.places.home).0
}
