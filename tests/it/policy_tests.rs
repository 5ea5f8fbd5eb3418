//! `palisade test`: cases that hold and that do not, other spellings, mutants, and files that cannot be read.

use serde_json::json;

use crate::support::{Scene, User, each_user};

#[test]
fn says_which_cases_do_not_hold_and_which_spellings_get_further() {
    each_user(|scene| {
        scene.settings(&json!({"permissions": {"deny": ["Bash(rm -rf build/* src)"], "defaultMode": "acceptEdits"}}));
        scene.write(
            "project/.palisade/tests/trees.md",
            "# Trees\n\nProse.\n\n## Removing\n```verdicts\ndeny Bash: rm -rf build/a src <- deny Bash(rm -rf build/* src)\nallow Bash: rm -r build <- allow Bash(rm *)\nask Read: a\n```\n",
        );
        let finished = scene.palisade(["test"]).run();
        let (code, out, err) = finished.told(scene);
        assert_eq!((code, err.as_str()), (1, ""));
        let expected = ".palisade/tests/trees.md:8: Removing
    Bash: rm -r build
    expected by `allow Bash(rm *)`, decided by `no rule`
    because `rm -r build` changes files in the working directories, which mode `acceptEdits` accepts

.palisade/tests/trees.md:9: Removing
    Read: a
    expected ask, found allow
    because `a` lies in the working directories

.palisade/tests/trees.md:7: Removing: another spelling gets further, with its options apart
    Bash: rm -r -f build/a src
    expected deny as for `rm -rf build/a src`, found allow
    because `rm -r -f build/a src` changes files in the working directories, which mode `acceptEdits` accepts

.palisade/tests/trees.md:7: Removing: another spelling gets further, with its options in another order
    Bash: rm -fr build/a src
    expected deny as for `rm -rf build/a src`, found allow
    because `rm -fr build/a src` changes files in the working directories, which mode `acceptEdits` accepts

1 of 3 cases hold
";
        assert!(out.starts_with(expected), "{out}");
        assert!(!scene.exists("home/.local"), "something is on record");
    });
}

/// A whole program that is denied or asks is so in every spelling.
#[test]
fn no_spelling_of_a_whole_program_gets_further() {
    let scene = Scene::new(User::Own);
    scene.write(
        "project/cases.md",
        "```settings\n{\"permissions\": {\"allow\": [\"Bash\"], \"deny\": [\"Bash(rm *)\", \"Bash(curl *)\"], \"ask\": [\"Bash(git push *)\"]}}\n```
## Programs
```verdicts
deny Bash: rm -rf build
deny Bash: rm --recursive --force 'a b'
deny Bash: curl https://example.com/ > out
deny Bash: make && curl https://example.com/ & # later
ask  Bash: git push --force
ask  Bash: git push | cat
```\n",
    );
    let answer = scene.palisade(["test", "--json", "cases.md"]).run();
    assert_eq!(answer.code, 0, "{}", answer.stdout);
    let spellings = answer.json()["spellings"].clone();
    assert!(spellings["tried"].as_u64().unwrap() > 120, "{spellings}");
    assert_eq!(spellings["weaker"], json!([]));
}

#[test]
fn says_which_rules_no_case_would_miss() {
    let scene = Scene::new(User::Own);
    let settings = json!({"permissions": {"allow": ["Bash(npm test)"], "deny": ["Bash(curl *)", "Bash(rm *)"]}});
    scene.write("project/strict.json", settings.to_string());
    scene.write(
        "project/cases.md",
        "## Some\n```verdicts\ndeny Bash: curl x\ndeny Bash: rm\nallow Bash: npm test\n```\n",
    );
    let words =
        ["test", "cases.md", "--only-given-settings", "--settings", "strict.json", "--mutants", "--no-spellings"];
    let finished = scene.palisade(words).run();
    assert_eq!(
        finished.told(&scene),
        (
            1,
            "<scene>/project/strict.json:1: deny `Bash(rm *)` narrowed to `Bash(rm)`: no case would miss it
    add one: `deny Bash: rm other`

<scene>/project/strict.json:1: allow `Bash(npm test)` widened to `Bash(npm test *)`: no case would miss it
    add one: `ask Bash: npm test other`

3 of 3 cases hold
6 mutants, 2 of them missed by every case
"
            .into(),
            String::new()
        )
    );
    // The lines that it names are what was missing.
    scene.write(
        "project/cases.md",
        "## Some\n```verdicts\ndeny Bash: curl x\ndeny Bash: rm other\nallow Bash: npm test\nask Bash: npm test other\n```\n",
    );
    let finished = scene.palisade(words).run();
    assert_eq!(finished.stdout, "4 of 4 cases hold\n6 mutants, 0 of them missed by every case\n");
    assert_eq!(finished.code, 0);
}

#[test]
fn a_case_says_its_mode_and_directory() {
    let scene = Scene::new(User::Own);
    scene.write(
        "project/.palisade/policy-test.md",
        "```json settings\n{\"permissions\": {\"deny\": [\"Read(/src/key)\"], \"ask\": [\"Agent(model:opus)\"]}}\n```
## Here\n```verdicts\nask Edit: a\nallow Read: key\ndeny Read: src/key\nask Agent: {\"subagent_type\": \"x\", \"model\": \"opus\"}\nallow Agent: x\nask Bash: mkdir a⏎mkdir b\n```
## There\n```world\ncwd src\nmode acceptEdits\n```\n```verdicts\nallow Edit: a\ndeny Read: key\n```\n",
    );
    let finished = scene.palisade(["test", "--no-spellings"]).run();
    assert_eq!((finished.code, finished.stdout.as_str()), (0, "8 of 8 cases hold\n"));
}

#[test]
fn what_cannot_be_read_is_told_with_its_line() {
    let scene = Scene::new(User::Own);
    let mistakes = |text: &str| {
        scene.write("project/bad.md", text);
        let finished = scene.palisade(["test", "bad.md"]).run();
        (finished.code, finished.stdout, finished.stderr)
    };
    let told = |text: &str| (5, String::new(), text.to_owned());
    assert_eq!(
        mistakes("## One\n```verdicts\ndney Bash: x\ndeny Bahs: x\ndeny Bash x\ndeny Bash: x <- Bash(x)\n```\n"),
        told(
            "bad.md:3: error: `dney` is no verdict: a line begins with allow, ask or deny
    did you mean `deny`?
bad.md:4: error: no tool is known by the name `Bahs`
    did you mean `Bash`?
bad.md:5: error: `Bash x` has no colon behind the tool
    write `deny Bash: rm -rf x`, and ` <- deny Bash(rm *)` behind it to name the rule that decides
bad.md:6: error: `Bash(x)` does not begin with a list
    name the rule with its list, as in `deny Bash(x)`
"
        )
    );
    assert_eq!(
        mistakes(
            "```settings\n{\"permissions\":\n{\"deny\": [\"Bash(x\"]}}\n```\n## One\n```world\nmode acceptEdit\nfoo\n```\n"
        ),
        told(
            "bad.md:3: error: `Bash(x` has no closing parenthesis
    write `Tool` or `Tool(specifier)`
bad.md:7: error: there is no mode `acceptEdit`
    did you mean `acceptEdits`?
bad.md:8: error: `foo` says nothing about the world
    write `mode NAME` or `cwd DIR`
"
        )
    );
    assert_eq!(
        mistakes("## One\n```verdict\nask Bash: x\n```\n## Two\n"),
        told(
            "bad.md:2: error: there is no block `verdict` in case `One`
    did you mean `verdicts`?
bad.md:5: error: case `Two` decides nothing
    give it a `verdicts` block with a call a line
"
        )
    );
    assert_eq!(
        mistakes("## One\n```verdicts\nask Bash: x\n"),
        told("bad.md:2: error: the block is not closed\n    end it with a line of three backticks\n")
    );
    let none = scene.palisade(["test"]).run();
    assert_eq!(
        (none.code, none.stderr.as_str()),
        (
            6,
            "palisade: there are no cases: write `.palisade/tests/NAME.md` or `.palisade/policy-test.md`, or name a file\n"
        )
    );
}
