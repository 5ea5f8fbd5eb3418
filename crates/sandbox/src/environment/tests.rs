use super::environment;

/// Reads `NAME=value` words and renders what passes and what does not.
fn check(input: &str, expected: &str) {
    let host =
        input.split(' ').filter_map(|word| word.split_once('=')).map(|(name, value)| (name.into(), value.into()));
    let found = environment(host);
    let kept = found.kept.iter().map(|(name, value)| format!("{}={}\n", name.display(), value.display()));
    let dropped = found.dropped.iter().map(|row| format!("- {} {}\n", row.name.display(), row.why));
    assert_eq!(kept.chain(dropped).collect::<String>(), expected, "for `{input}`");
}

#[test]
fn listed_names_pass_with_their_values() {
    check("PATH=/bin LC_ALL=C CLICOLOR_FORCE=1 CI=true", "PATH=/bin\nLC_ALL=C\nCLICOLOR_FORCE=1\nCI=true\n");
}

#[test]
fn everything_else_is_dropped_by_name() {
    check(
        "GITHUB_TOKEN=x SSH_AUTH_SOCK=x LD_PRELOAD=x BASH_ENV=x NODE_OPTIONS=x PYTHONPATH=x FOO=x path=x",
        "- GITHUB_TOKEN may be a secret\n- SSH_AUTH_SOCK names a socket of the host\n\
         - LD_PRELOAD loads code into every program\n- BASH_ENV runs code in every shell\n\
         - NODE_OPTIONS loads code into every program\n- PYTHONPATH loads code into every program\n\
         - FOO is not on the list of variables that pass\n- path is not on the list of variables that pass\n",
    );
    check("BASH_FUNC_ls%%=x TMPDIR=/x", "- BASH_FUNC_ls%% runs code in every shell\n- TMPDIR is set to /tmp\n");
}

#[test]
fn a_repeated_name_counts_once() {
    check("HOME=/a HOME=/b", "HOME=/a\n- HOME is a repetition\n");
    check("=x", "-  is not a proper name\n");
}
