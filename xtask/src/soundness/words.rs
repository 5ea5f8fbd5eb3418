//! Lets bash run commands where no program exists, and compares the words it would have passed with those
//! that were predicted.
//!
//! 1. Bash has an empty place for `PATH`, and a handler for commands that are not found: it logs its words and
//!    ends well in one run and badly in another, so that both sides of `&&` and `if` are seen.
//! 2. Builtins that a handler can stand for, or that could do harm, are turned off; those that change what
//!    later words are stay.
//! 3. Each logged list of words must be one that some part predicts.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, anyhow};
use policy::effects::{Part, Value};

use super::cell::{Cell, finish};
use super::commands::{Source, collected, corpora};
use super::compare::glob;
use super::report::bound;
use super::tree::{Model, removed};
use super::{PROJECT, Wish, analysed, spellings};
use crate::End;
use crate::place::Scratch;

/// Commands that share a cell.
const CHUNK: usize = 60;
const CHUNK_SECONDS: u64 = 12;
/// Generated spellings, when no number is wished.
const GENERATED: usize = 6_000;

/// Stands for a line's end in what is logged: bash writes a text out at each, and another command's comes between.
const LINE_END: &str = "\x1d";

/// Sourced by each bash before the command.
const PRELUDE: &str = r#"unset BASH_ENV
command_not_found_handle() { enable printf; printf '%s\0' "$#" "${@//$'\n'/$'\x1d'}" >&9; return "$PALISADE_STATUS"; }
enable -n : [ alias bg bind caller compgen complete compopt disown echo false fc fg hash help history jobs kill \
    logout printf suspend test times true type ulimit umask unalias
"#;

/// Runs the commands of `/in` one after the other.
const DRIVER: &str = r#"
for file in /in/*; do
    number=${file##*/} text=$(<"$file") statuses=0
    # Where nothing looks at a status, one run shows everything.
    case $text in *'&&'* | *'||'* | *if* | *while* | *until* | *'!'* | *set* | *trap*) statuses='0 1' ;; esac
    for status in $statuses; do
        (
            cd "$1" && ulimit -t 1 -f 100 &&
            PATH=/nowhere BASH_ENV=/tools/prelude PALISADE_STATUS=$status \
                exec -a bash /tools/bash -c "$text" 9>>"/out/$number.$status"
        )
    done
    : >"/out/$number.done"
done
"#;

/// What came of the words of one command.
#[derive(Debug, Default)]
struct Tally {
    ran: usize,
    lists: usize,
    exact: usize,
    vague: usize,
    marked: usize,
    missed: usize,
    hung: usize,
    misses: Vec<String>,
}

/// How a list of words was predicted.
enum Fit {
    Exact,
    Vague,
}

pub(super) fn run(wish: &Wish) -> anyhow::Result<End> {
    let mut sources = collected(wish)?;
    if wish.corpora.is_empty() && wish.only.is_none() {
        let count = wish.count.unwrap_or(GENERATED).min(GENERATED);
        sources.push(Source { name: "generated".to_owned(), commands: spellings::generated(wish.seed, count) });
    }
    let scratch = Scratch::new("words")?;
    let model = Model::new(scratch.path(), corpora().map(|directory| directory.join("fixture.tgz")).as_deref())?;
    let chunks: Vec<(usize, &[String])> = sources
        .iter()
        .enumerate()
        .flat_map(|(at, source)| source.commands.chunks(CHUNK).map(move |chunk| (at, chunk)))
        .collect();
    let tallies: Vec<Mutex<Tally>> = sources.iter().map(|_| Mutex::default()).collect();
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..wish.workers.max(1))
            .map(|number| {
                let (scratch, model, chunks, next, tallies) = (&scratch, &model, &chunks, &next, &tallies);
                scope.spawn(move || worker(scratch.path(), number, model, chunks, next, tallies))
            })
            .collect();
        workers.into_iter().try_for_each(|worker| worker.join().map_err(|_| anyhow!("a worker broke"))?)
    })?;
    let tallies: Result<Vec<Tally>, _> = tallies.into_iter().map(Mutex::into_inner).collect();
    Ok(told(&sources, &tallies.map_err(|_| anyhow!("a worker broke"))?))
}

fn worker(
    scratch: &Path,
    number: usize,
    model: &Model,
    chunks: &[(usize, &[String])],
    next: &AtomicUsize,
    tallies: &[Mutex<Tally>],
) -> anyhow::Result<()> {
    let cell = Cell::new(scratch, number)?;
    loop {
        let Some((source, chunk)) = chunks.get(next.fetch_add(1, Ordering::Relaxed)) else { return Ok(()) };
        let mut rest = *chunk;
        // A command that hangs ends its cell; those after it get another one.
        while !rest.is_empty() {
            let (tree, _) = model.tree(&cell, "")?;
            let done = together(&cell, &tree, rest)?;
            let tally = tallies.get(*source).context("every source has a tally")?;
            let mut tally = tally.lock().map_err(|_| anyhow!("a worker broke"))?;
            for (at, text) in rest.iter().take(done).enumerate() {
                let seen = [0, 1].map(|status| logged(&cell.directory().join("out").join(format!("{at:04}.{status}"))));
                compare(text, seen.into_iter().flatten().collect(), &mut tally)?;
            }
            if let Some(text) = rest.get(done) {
                tally.hung += 1;
                eprintln!("xtask soundness: did not end: {}", text.replace('\n', "\\n"));
            }
            rest = rest.get(done + 1..).unwrap_or_default();
        }
    }
}

/// Runs commands in one cell; returns how many of them ended.
fn together(cell: &Cell, tree: &Path, texts: &[String]) -> anyhow::Result<usize> {
    for name in ["in", "out", "tools"] {
        let directory = cell.directory().join(name);
        if directory.exists() {
            removed(&directory)?;
        }
        std::fs::create_dir(&directory)?;
        cell.own(&directory)?;
    }
    for (at, text) in texts.iter().enumerate() {
        std::fs::write(cell.directory().join("in").join(format!("{at:04}")), text)?;
    }
    let tools = cell.directory().join("tools");
    std::fs::write(tools.join("prelude"), PRELUDE)?;
    std::fs::copy("/usr/bin/bash", tools.join("bash"))?;
    let mut command = cell.limited();
    command.args(["timeout", "--signal=KILL", &CHUNK_SECONDS.to_string()]);
    cell.enclosed(&mut command);
    command.arg("--ro-bind").arg(&tools).arg("/tools");
    command.arg("--ro-bind").arg(cell.directory().join("in")).arg("/in");
    command.arg("--bind").arg(cell.directory().join("out")).arg("/out");
    for name in ["lib", "lib64"] {
        command.args(["--ro-bind", &format!("/{name}"), &format!("/{name}")]);
    }
    for name in ["home", "tmp"] {
        command.arg("--bind").arg(tree.join(name)).arg(format!("/{name}"));
    }
    command.args(["/tools/bash", "-c", DRIVER, "driver", PROJECT]);
    finish(command, Duration::from_secs(CHUNK_SECONDS + 5))?;
    let is_done = |at: &usize| cell.directory().join("out").join(format!("{at:04}.done")).exists();
    Ok((0..texts.len()).take_while(is_done).count())
}

/// Returns the lists of words in a log: a number, and so many words, each ended by a zero byte.
fn logged(file: &Path) -> Vec<Vec<String>> {
    let mut bytes = std::fs::read(file).unwrap_or_default();
    // What stands behind the last zero byte was cut off by the bound on files.
    bytes.truncate(bytes.iter().rposition(|byte| *byte == 0).unwrap_or_default());
    let mut words = bytes.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).replace(LINE_END, "\n"));
    let mut lists = Vec::new();
    while let Some(count) = words.next().and_then(|count| count.parse::<usize>().ok()) {
        let list: Vec<String> = words.by_ref().take(count).collect();
        if list.len() < count {
            break;
        }
        lists.push(list);
    }
    lists
}

fn compare(text: &str, seen: BTreeSet<Vec<String>>, tally: &mut Tally) -> anyhow::Result<()> {
    let effects = analysed(text)?;
    tally.ran += 1;
    let may_be_any = effects.opaque.is_some() || effects.parts.iter().any(|part| part.suspicious.is_some());
    for list in seen {
        tally.lists += 1;
        let fits: Vec<Fit> = effects.parts.iter().filter_map(|part| fit(part, &list)).collect();
        if fits.iter().any(|fit| matches!(fit, Fit::Exact)) {
            tally.exact += 1;
        } else if !fits.is_empty() {
            tally.vague += 1;
        } else if may_be_any {
            tally.marked += 1;
        } else {
            tally.missed += 1;
            let predicted: Vec<&Vec<Value>> = effects.parts.iter().map(|part| &part.words).collect();
            tally.misses.push(format!(
                "MISSED: {}\n    bash passes {list:?}\n    predicted {predicted:?}",
                text.replace('\n', "\\n")
            ));
        }
    }
    Ok(())
}

/// Returns how a part predicts a list of words, if it does.
fn fit(part: &Part, list: &[String]) -> Option<Fit> {
    let mut words = part.words.as_slice();
    loop {
        if matches(words, list) {
            let is_exact = words.iter().all(|word| matches!(word, Value::Known(_)));
            return Some(if is_exact { Fit::Exact } else { Fit::Vague });
        }
        // Bash looks behind these itself.
        match words.split_first() {
            Some((Value::Known(first), rest)) if matches!(first.as_str(), "command" | "-p" | "--") => words = rest,
            Some(_) | None => return None,
        }
    }
}

fn matches(words: &[Value], list: &[String]) -> bool {
    match (words.split_first(), list.split_first()) {
        (None, None) => true,
        // A pattern without a match vanishes under `nullglob`.
        (Some((Value::Unknown | Value::Pattern(_), rest)), None) => matches(rest, list),
        (Some(_), None) | (None, Some(_)) => false,
        (Some((Value::Known(known), rest)), Some((word, after))) => known == word && matches(rest, after),
        (Some((Value::Begins(begin), rest)), Some((word, after))) => word.starts_with(begin) && matches(rest, after),
        (Some((Value::Unknown, rest)), Some((_, after))) => matches(rest, list) || matches(words, after),
        (Some((Value::Pattern(pattern), rest)), Some((word, after))) => {
            let is_extended = pattern.contains('(');
            let is_match = is_extended || pattern == word || glob(pattern.as_bytes(), word.as_bytes());
            matches(rest, list) || is_match && (matches(rest, after) || matches(words, after))
        }
    }
}

fn told(sources: &[Source], tallies: &[Tally]) -> End {
    println!("| commands of | compared | hung | lists of words | exact | with unknown words | marked | missed |");
    println!("|---|---|---|---|---|---|---|---|");
    for (source, tally) in sources.iter().zip(tallies) {
        println!(
            "| {} | {} | {} | {} | {} | {} | {} | {} |",
            source.name, tally.ran, tally.hung, tally.lists, tally.exact, tally.vague, tally.marked, tally.missed
        );
    }
    let sum = |of: fn(&Tally) -> usize| tallies.iter().map(of).sum::<usize>();
    let missed = sum(|tally| tally.missed);
    println!();
    bound("lists of words that nothing predicts", missed, sum(|tally| tally.lists - tally.marked));
    for miss in tallies.iter().flat_map(|tally| &tally.misses) {
        println!("{miss}");
    }
    if missed == 0 { End::Good } else { End::Finding }
}

#[cfg(test)]
mod tests {
    use policy::effects::Value;

    use super::matches;

    #[test]
    fn unknown_words_are_any_number() {
        let known = |text: &str| Value::Known(text.to_owned());
        let list = ["ls", "a", "b"].map(str::to_owned);
        assert!(matches(&[known("ls"), Value::Unknown], &list));
        assert!(matches(&[known("ls"), Value::Unknown, known("b")], &list));
        assert!(matches(&[known("ls"), Value::Pattern("?".to_owned())], &list));
        assert!(!matches(&[known("ls"), known("a")], &list));
        assert!(!matches(&[known("ls"), Value::Pattern("x*".to_owned())], &list));
    }
}
