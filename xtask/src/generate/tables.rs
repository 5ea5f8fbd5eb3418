//! Pages made from the product's own tables.

use policy::lint::Check;
use policy::tables::caches::{CACHES, SEEDS};
use policy::tables::closed::NEEDED;
use policy::tables::credentials::STORES;
use policy::tables::executed;
use policy::tables::protected::{EXCEPTIONS, Held, NAMES};
use settings::env::Variable;

use super::table;

fn code(text: &str) -> String {
    format!("`{text}`")
}

pub(super) fn credential_stores() -> String {
    let instead = |text: Option<&str>| match text.map(str::trim) {
        None => String::new(),
        Some("") => "nothing".to_owned(),
        Some(text) => code(text),
    };
    let rows: Vec<Vec<String>> =
        STORES.iter().map(|store| vec![code(store.path), store.why.to_owned(), instead(store.instead)]).collect();
    format!(
        "# Credential stores\n\nInside the boundary nothing below these paths can be read. A path that is not there is \
        skipped. Some programs end when there is a file that they may not read: where mounts hold it, another text is read \
        in its place.\n\n{}",
        table(&["path", "what is in it", "what is read instead"], &rows)
    )
}

pub(super) fn private_caches() -> String {
    let caches: Vec<Vec<String>> = CACHES
        .iter()
        .map(|row| vec![row.tool.to_owned(), code(row.variable), code(row.value), row.why.to_owned()])
        .collect();
    let seeds: Vec<Vec<String>> = SEEDS
        .iter()
        .map(|row| {
            let below = if row.below.is_empty() { String::new() } else { format!("/{}", row.below) };
            let named = row.variable.map(|name| format!("`${name}{below}`, or ")).unwrap_or_default();
            let host = format!("{named}`~/{}{below}`", row.home);
            vec![code(&format!("DIR/{}", row.place)), host, row.why.to_owned()]
        })
        .collect();
    format!(
        "# Private caches\n\nInside the boundary these variables are set. `DIR` is a directory of the project's own: \
        `palisade/projects/` in the user's cache directory and a digest of the project's path. A variable that names a \
        place in a writable directory already stays as it is.\n\n{}\n## What the host has already\n\nSeen in the \
        directory, read-only, where the host has it.\n\n{}",
        table(&["tool", "variable", "value", "what is there"], &caches),
        table(&["place", "on the host", "what it is"], &seeds)
    )
}

pub(super) fn closed_profile() -> String {
    let rows: Vec<Vec<String>> = NEEDED.iter().map(|row| vec![code(row.path), row.why.to_owned()]).collect();
    format!(
        "# The closed profile\n\nWith `palisade run --profile closed` these paths can be read, where they exist. A path that \
        is not there is skipped.\n\n{}",
        table(&["path", "what needs it"], &rows)
    )
}

pub(super) fn lint() -> String {
    let rows: Vec<Vec<String>> = Check::ALL
        .iter()
        .map(|check| vec![code(check.id()), check.name().to_owned(), check.about().replace('\n', " ")])
        .collect();
    format!(
        "# Findings of `palisade lint`\n\nAn id never changes its meaning. How much a finding weighs depends on the \
        case: what opens something is a warning, what only surprises a note.\n\n{}",
        table(&["id", "name", "what is found"], &rows)
    )
}

pub(super) fn protected_names() -> String {
    let rows: Vec<Vec<String>> = NAMES
        .iter()
        .map(|name| {
            let kind = if name.directory { "directory, and all in it" } else { "file" };
            let held = match name.held {
                Held::Everywhere => "asks, and the boundary forbids it where the name exists",
                Held::Rules => "asks",
            };
            vec![code(name.name), kind.to_owned(), held.to_owned(), name.why.to_owned()]
        })
        .collect();
    let exceptions: Vec<String> = EXCEPTIONS.iter().map(|name| code(name)).collect();
    format!(
        "# Protected names\n\nThese names decide what runs later, wherever they stand. No allow rule approves a write \
        to them. Letters of another case count as the same.\n\n{}\nNot protected, though below a protected directory: \
        {}.\n",
        table(&["name", "what", "a write", "why"], &rows),
        exceptions.join(", ")
    )
}

pub(super) fn executed_names() -> String {
    let rows: Vec<Vec<String>> =
        executed::NAMES.iter().map(|name| vec![code(name.name), name.why.to_owned()]).collect();
    format!(
        "# Names that are run later\n\nWriting one of these is running what it will run: mode `acceptEdits` and rules \
        for all of a tool or with `*` do not cover it, and a rule `Edit(...)` for the file does. A name is found at any \
        depth; `/**` means everything in the directory.\n\n{}",
        table(&["name", "why"], &rows)
    )
}

pub(super) fn environment() -> String {
    let read: Vec<Vec<String>> = Variable::ALL.iter().map(|row| vec![code(row.name()), row.doc().to_owned()]).collect();
    let kept: Vec<Vec<String>> =
        sandbox::environment::kept().map(|(name, why)| vec![code(&name), why.to_owned()]).collect();
    let dropped: Vec<Vec<String>> =
        sandbox::environment::dropped().map(|(name, why)| vec![code(&name), why.to_owned()]).collect();
    format!(
        "# Environment\n\n## Variables that Palisade reads\n\nNo other variable changes what Palisade does. An empty \
        value is as good as none; a directory that is no absolute path is an error.\n\n{}\n## Variables that a command \
        sees inside the boundary\n\nEvery other variable is left out, and `palisade run --report` names it with the \
        reason. `HOME` and `PWD` are set to where the command runs, `TMPDIR` to `/tmp`, and the variables of \
        [package managers](private-caches.md) to private places.\n\n{}\n## Variables that are left out for a reason of \
        their own\n\nWhat is in neither table is left out because it is not on the list. The first row that fits is told. \
        `sandbox.credentials.envVars` with `mask` shows a placeholder of one of them all the same, but for the credentials \
        of the agent and of cloud providers while `CLAUDE_CODE_SUBPROCESS_ENV_SCRUB` is set.\n\n{}",
        table(&["variable", "what it does"], &read),
        table(&["variable", "why it passes"], &kept),
        table(&["variable", "why it is left out"], &dropped)
    )
}
