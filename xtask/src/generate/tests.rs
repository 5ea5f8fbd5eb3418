use super::exits::{Row, rows};
use super::{MARK, cli, table, tables};

#[test]
fn commands_are_read_from_help() {
    let help = "What it is.\n\nUsage: x\n\nCommands:\n  run    Run it, and\n         wait\n  trust  Trust\n  help   Print\n\nOptions:\n  -h\n";
    assert_eq!(cli::commands(help), ["run", "trust"]);
    assert_eq!(cli::commands("Usage: x\n"), [""; 0]);
}

#[test]
fn exit_codes_are_read_with_their_comments() {
    let source = "/// How.\nenum Exit {\n    /// Yes: done.\n    Yes = 0,\n    /// No,\n    /// never.\n    No = 3,\n}\n\
        pub(crate) const NOT_RUN: u8 = 125;\n";
    let expected =
        [(0, "Yes: done."), (3, "No, never."), (125, "")].map(|(code, doc)| Row { code, doc: doc.to_owned() });
    assert_eq!(rows(source), expected);
}

#[test]
fn a_bar_stays_within_its_cell() {
    assert_eq!(table(&["a", "b"], &[vec!["x|y".to_owned(), "z".to_owned()]]), "| a | b |\n|---|---|\n| x\\|y | z |\n");
}

#[test]
fn pages_from_tables_have_rows() {
    let names = [tables::protected_names(), tables::executed_names()];
    for page in names.into_iter().chain([tables::credential_stores(), tables::environment(), tables::lint()]) {
        assert!(page.matches("\n| `").count() > 10, "{page}");
    }
    assert!(MARK.contains("cargo xtask generate"));
}
