use super::{environment, is_scrubbed};

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

/// What the documented switch takes away is on no list of what passes.
#[test]
fn credentials_never_pass() {
    let names = "ANTHROPIC_API_KEY ANTHROPIC_AUTH_TOKEN ANTHROPIC_AWS_API_KEY ANTHROPIC_CUSTOM_HEADERS \
                 ANTHROPIC_FOUNDRY_API_KEY ANTHROPIC_FOUNDRY_AUTH_TOKEN AWS_BEARER_TOKEN_BEDROCK CLAUDE_CODE_OAUTH_TOKEN \
                 CLAUDE_CODE_OAUTH_REFRESH_TOKEN CLAUDE_CODE_CLIENT_KEY CLAUDE_CODE_CLIENT_KEY_PASSPHRASE \
                 AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AZURE_CLIENT_SECRET ARM_CLIENT_SECRET \
                 GOOGLE_APPLICATION_CREDENTIALS GOOGLE_API_KEY CLOUDSDK_AUTH_ACCESS_TOKEN";
    for name in names.split_whitespace() {
        assert!(is_scrubbed(name), "{name}");
        let found = environment([(name.into(), "x".into())].into_iter());
        assert!(found.kept.is_empty() && found.dropped[0].why.starts_with("may be a credential of "), "{name}");
    }
    assert!(!is_scrubbed("GH_TOKEN") && !is_scrubbed("PATH"));
}

#[test]
fn a_repeated_name_counts_once() {
    check("HOME=/a HOME=/b", "HOME=/a\n- HOME is a repetition\n");
    check("=x", "-  is not a proper name\n");
}
