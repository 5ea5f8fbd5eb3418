use policy::AbsPath;

use super::{Pointer, added, check, check_modules, check_next, check_todo, parse, pointed};

const OLD: &str = "[core]\n\tbare = false\n\thooksPath = /dev/null\n[remote \"origin\"]\n\turl = https://example.com/a\n\
                   [branch \"main\"]\n\tremote = origin\n";

fn verdict(new: &str) -> Result<(), String> {
    check(OLD, new, |path| path == "../../../sub", |name| name == "remote.own.url")
}

#[test]
fn values_are_read_as_git_reads_them() {
    let text = "# a\n[A]\nb\n c = d # e\n  f=\"g;h\" i\\\n j\n[k \"L\\\"m\"] n = \\\"o\\\\ \n[p.Q]r=\n";
    let shown: Vec<(String, Option<String>)> =
        parse(text).unwrap().iter().map(|entry| (entry.name(), entry.value.clone())).collect();
    let expected =
        [("a.b", None), ("a.c", Some("d")), ("a.f", Some("g;h i j")), ("k.L\"m.n", Some("\"o\\")), ("p.q.r", Some(""))];
    let expected: Vec<_> = expected.map(|(name, value)| (name.to_owned(), value.map(str::to_owned))).to_vec();
    assert_eq!(shown, expected);
}

/// What stands before anything that counts is not counted: `"" /x` is `/x`.
#[test]
fn blanks_are_read_as_git_reads_them() {
    let cases = [
        ("\"\" /x", "/x"),
        ("\"\"\t-x", "-x"),
        ("\r/x", "/x"),
        ("x\r\r\n", "x"),
        ("x\ty\t \n", "x\ty"),
        ("x \"\"\n", "x "),
        ("\\\n \\\n /x", "/x"),
        ("x \\\n\n", "x "),
        ("\" \"x", " x"),
        ("x ; y\n", "x"),
        ("x\r", "x"),
    ];
    for (text, value) in cases {
        let entries = parse(&format!("[a]\nb ={text}")).unwrap();
        assert_eq!(entries.first().unwrap().value.as_deref(), Some(value), "{text:?}");
    }
}

#[test]
fn what_is_no_configuration_is_not_read() {
    let bad = ["[]\nb = c\n", "[a]\nb # c\n", "[a]\nb\rc\n", "[a]\nb = /c\0/../d\n", "[a \"\\\r\n\"]\n"];
    let worse =
        ["a = b\n", "[a\nb = c\n", "[a]\n= b\n", "[a \"b]\n", "[a]\nb = \"c\n", "[a]\nb = \\x\n", "[a]\n1 = 2\n"];
    for text in bad.iter().chain(&worse) {
        assert_eq!(parse(text), None, "{text:?}");
    }
}

#[test]
fn keys_that_run_nothing_may_be_set() {
    let goods = [
        format!("{OLD}[branch \"x\"]\n\tremote = origin\n\tmerge = refs/heads/x\n"),
        format!("{OLD}[submodule \"s\"]\n\tactive = true\n\turl = ../s\n"),
        format!("{OLD}[remote \"other\"]\n\turl = git@example.com:b\n\tfetch = +refs/heads/*:refs/remotes/other/*\n"),
        format!("{OLD}[core]\n\tworktree = ../../../sub\n"),
        OLD.replace("[branch \"main\"]\n\tremote = origin\n", ""),
    ];
    for new in goods {
        assert_eq!(verdict(&new), Ok(()), "{new}");
    }
}

#[test]
fn keys_that_run_something_may_not() {
    let bads = [
        ("core.fsmonitor", format!("{OLD}[core]\n\tfsmonitor = evil\n")),
        ("core.hookspath", OLD.replace("/dev/null", "evil")),
        ("core.hookspath", OLD.replace("\thooksPath = /dev/null\n", "")),
        ("include.path", format!("{OLD}[include]\n\tpath = evil\n")),
        ("remote.origin.url", OLD.replace("example.com/a", "evil.example/a")),
        ("remote.origin.url", OLD.replace("\turl = https://example.com/a\n", "\tfetch = +refs/heads/*:refs/x/*\n")),
        ("remote.o.url", format!("{OLD}[remote \"o\"]\n\turl = ext::sh -c evil\n")),
        ("remote.o.url", format!("{OLD}[remote \"o\"]\n\turl = ssh://-oProxyCommand=evil/x\n")),
        ("remote.o.uploadpack", format!("{OLD}[remote \"o\"]\n\tuploadpack = evil\n")),
        ("submodule.s.update", format!("{OLD}[submodule \"s\"]\n\tupdate = !evil\n")),
        ("core.worktree", format!("{OLD}[core]\n\tworktree = /home/me\n")),
        ("core.sshcommand", format!("{OLD}[core] sshCommand = evil\n")),
        ("alias.x", format!("{OLD}[alias]\nx = !evil\n")),
    ];
    for (key, new) in bads {
        let error = verdict(&new).expect_err(&new);
        assert!(error.contains(key) || error.contains("remote.origin"), "{error} for {new}");
    }
    assert!(verdict("not a configuration").is_err());
}

#[test]
fn pointers_stay_in_the_project() {
    let path = |text: &str| AbsPath::parse(text).unwrap();
    let data = |text: &str| pointed(Pointer::DataDirectory, &path("/p/wt/.git"), text);
    assert_eq!(data(""), None);
    assert_eq!(data("gitdir: /p/.git/work"), None);
    assert_eq!(data("gitdir: /p/.git/worktrees/wt\n"), Some(Ok(path("/p/.git/worktrees/wt"))));
    assert_eq!(data("gitdir: ../.git/modules/a/b\n"), Some(Ok(path("/p/.git/modules/a/b"))));
    for bad in ["gitdir: /evil\n", "gitdir: evil\n", "evil\n", "gitdir: /p/.git\n", "gitdir: a\ngitdir: b\n"] {
        assert!(matches!(data(bad), Some(Err(_))), "{bad}");
    }
    let common = |text: &str| pointed(Pointer::CommonDirectory, &path("/p/.git/worktrees/wt/commondir"), text);
    assert_eq!(common("../..\n"), Some(Ok(path("/p/.git"))));
    assert!(matches!(common("/evil\n"), Some(Err(_))));
    let elsewhere = pointed(Pointer::CommonDirectory, &path("/p/.git/commondir"), "../..\n");
    assert!(matches!(elsewhere, Some(Err(_))));
}

/// A megabyte of keys, each another one, is compared while a caller waits, and everybody else with it.
#[test]
fn long_configurations_take_no_longer_than_their_length() {
    let text = |first: usize| -> String {
        let sections = (first..first + 30_000).map(|number| format!("[branch \"b{number}\"]\nmerge=x\n"));
        sections.collect()
    };
    let start = std::time::Instant::now();
    assert_eq!(check(&text(0), &text(15_000), |_| false, |_| false), Ok(()));
    let old: String = (0..60_000).map(|number| format!("[x]\nk{number}=y\n")).collect();
    assert!(check(&old, &text(0), |_| false, |_| false).is_err());
    assert!(start.elapsed() < std::time::Duration::from_secs(5), "{:?}", start.elapsed());
}

#[test]
fn lists_of_submodules_are_data_but_for_commands() {
    let good =
        "[submodule \"a/b\"]\npath = lib\nurl = https://example.com/x\nbranch = main\nupdate = rebase\nnote = x\n";
    assert_eq!(check_modules(good), Ok(()));
    let bad = [
        "[submodule \"a\"]\nupdate = !touch x\n",
        "[submodule \"a\"]\nUPDATE = \"!touch x\"\n",
        "[submodule \"a\"]\nurl = ext::sh -c x\n",
        "[submodule \"a\"]\nurl = -u./x\n",
        "[submodule \"../../x\"]\nurl = y\n",
        "[submodule.a]\nupdate = !x\n",
        "[core]\nfsmonitor = x\n",
        "[submodule]\nfetchJobs = 3\n",
        "[submodule \"a\"\n",
    ];
    for text in bad {
        assert!(check_modules(text).is_err(), "{text}");
    }
}

#[test]
fn a_rebase_runs_nothing_from_inside() {
    for text in ["pick 1 exec x\nfixup 2\n# exec x\nbreak\nlabel x1\n", "", "pick ÿ\n", "execute\n"] {
        assert_eq!(check_todo(text.as_bytes()), Ok(()), "{text}");
    }
    for text in ["pick 1\nexec x\n", "x touch y", " \texec\tx\r\n", "EXEC x", "x\n"] {
        assert!(check_todo(text.as_bytes()).is_err(), "{text}");
    }
}

/// A mirror deletes on the other side what is not here.
#[test]
fn a_remote_that_is_there_becomes_no_mirror() {
    assert!(verdict(&format!("{OLD}[remote \"origin\"]\n\tmirror = true\n")).is_err());
    assert_eq!(verdict(&format!("{OLD}[remote \"m\"]\n\turl = ../m\n\tmirror = true\n")), Ok(()));
}

/// What this run has set itself it may change and take away: a remote that it added gets another name.
#[test]
fn own_keys_may_change() {
    let with = |text: &str| format!("{OLD}{text}");
    let old = with("[remote \"own\"]\n\turl = https://example.com/o\n");
    let try_out = |new: &str| check(&old, new, |_| false, |name| name == "remote.own.url");
    assert_eq!(try_out(OLD), Ok(()));
    assert_eq!(try_out(&with("[remote \"own\"]\n\turl = https://example.com/p\n")), Ok(()));
    assert_eq!(try_out(&with("[remote \"new\"]\n\turl = https://example.com/o\n")), Ok(()));
    assert!(try_out(&old.replace("https://example.com/a", "https://example.com/b")).is_err());
    assert!(check(&old, OLD, |_| false, |_| false).is_err());
    assert_eq!(added(OLD, &old), ["remote.own.url"]);
}

/// git runs `git-merge-` and what stands there: with a slash in it that is a file of the worktree.
#[test]
fn strategies_are_words() {
    for (name, text) in
        [("strategy", "ort\n"), ("Strategy", "my-own_1"), ("opts", "[options]\n\tstrategy = ours\n\tmainline = 1\n")]
    {
        assert_eq!(check_next(name, text.as_bytes()), Ok(()), "{name} {text}");
    }
    for (name, text) in [
        ("strategy", "x/run\n"),
        ("strategy", "ort\nx/run\n"),
        ("strategy", "ort\0/x"),
        ("strategy", "ort \n"),
        ("opts", "[options]\n\tstrategy = ours\n\tStrategy = \"x\"/run\n"),
        ("opts", "[options]\n\tstrategy = x\\\n/run\n"),
        ("opts", "[options\n"),
        ("git-rebase-todo", "pick 1\nexec x\n"),
    ] {
        assert!(check_next(name, text.as_bytes()).is_err(), "{name} {text}");
    }
}
