//! Forms that ask whatever a rule allows: what a line brings and then runs, what is run later, what hides
//! from the reader, and what reaches further than it says when a variable is empty.

use super::part::{Access, By, Part, Program, Target, Touch};
use super::shellwords::Value;
use super::wrappers;
use crate::path::AbsPath;
use crate::tables::credentials;

/// Programs that fetch files from other machines.
const FETCHERS: &[&str] = &["curl", "wget", "wget2", "aria2c", "scp", "sftp", "rsync", "ftp"];
/// Programs that change everything below a directory without removing it.
const CHANGERS: &[&str] = &["chmod", "chown", "chgrp", "setfacl", "chattr", "chcon"];
/// Programs that are handed lines to run at another time.
const SCHEDULERS: &[&str] = &["crontab", "at", "batch"];
/// Programs that connect a host to a program they start.
const CONNECTORS: &[&str] = &["nc", "ncat", "netcat", "nc.traditional", "nc.openbsd", "socat"];
/// Device files that hold a part of the system's storage, by the beginning of their names.
const STORAGE: &[&str] =
    &["/dev/sd", "/dev/hd", "/dev/vd", "/dev/xvd", "/dev/nvme", "/dev/mmcblk", "/dev/dm-", "/dev/mapper/", "/dev/md"];

/// Marks the parts of a line that are suspicious by themselves or after what stands before them.
pub(super) fn mark(parts: &mut [Part], home: &AbsPath) {
    let mut written: Vec<AbsPath> = Vec::new();
    let mut fetched = false;
    let mut secret: Option<AbsPath> = None;
    for part in parts {
        let read = part.touches.iter().filter(|touch| touch.access == Access::Read && !touch.recursive);
        let read =
            read.flat_map(|touch| touch.target.paths()).find(|path| credentials::holds_secret(path, home)).cloned();
        let why = runs_what_it_writes(part, &written, fetched)
            .or_else(|| sends_secret(part, secret.as_ref(), home))
            .or_else(|| looks_alike(part))
            .or_else(|| foreign_host(part))
            .or_else(|| empty_variable(part))
            .or_else(|| storage(part))
            .or_else(|| named(part));
        if let Some(why) = why {
            part.suspicious.get_or_insert(why);
        }
        secret = secret.or(read);
        let name = base_name(part);
        if name != "chmod" {
            let touches = part.touches.iter().filter(|touch| touch.access == Access::Write);
            written.extend(touches.flat_map(|touch| touch.target.paths().cloned()));
        }
        let scatters = part.does.contains(&programs::Does::Scatters)
            || part.touches.iter().any(|touch| touch.access == Access::Write && !touch.is_device());
        fetched |= FETCHERS.contains(&name) && scatters;
    }
}

fn base_name(part: &Part) -> &str {
    match &part.program {
        Program::Named(name) => wrappers::base_name(name),
        Program::None | Program::Unknown => "",
    }
}

fn known(part: &Part) -> impl Iterator<Item = &str> {
    part.words.iter().filter_map(|word| match word {
        Value::Known(text) => Some(text.as_str()),
        Value::Pattern(_) | Value::Begins(_) | Value::Unknown => None,
    })
}

/// A file that holds a secret, sent to another machine, or read before something is sent there.
fn sends_secret(part: &Part, read: Option<&AbsPath>, home: &AbsPath) -> Option<String> {
    const SENDERS: &[&str] = &["ssh", "http", "https", "xh", "mail", "sendmail"];
    let name = base_name(part);
    let is_sender = [FETCHERS, CONNECTORS, SENDERS].iter().any(|names| names.contains(&name));
    let fed = part.touches.iter().filter(|touch| touch.by == By::Redirect && touch.access == Access::Read);
    let own = part.sends.iter().chain(fed.flat_map(|touch| touch.target.paths()).filter(|_| is_sender));
    let path = own.into_iter().find(|path| credentials::holds_secret(path, home)).or(read.filter(|_| is_sender))?;
    Some(format!("it may send {path}, which holds a secret, to another machine"))
}

/// A file that one part writes, or may have fetched, and a later one runs.
fn runs_what_it_writes(part: &Part, written: &[AbsPath], fetched: bool) -> Option<String> {
    if let Some(path) = part.executes.iter().find(|path| written.contains(path)) {
        return Some(format!("it runs {path}, which this command writes"));
    }
    let path = part.executes.first().filter(|_| fetched)?;
    Some(format!("it runs {path}, which may be what this command fetches"))
}

/// Letters of other scripts that look like letters of English, and signs that look like `/`.
fn looks_alike(part: &Part) -> Option<String> {
    let texts = std::iter::once(part.text.as_str()).chain(known(part));
    let token = texts.flat_map(|text| text.split(is_boundary)).find(|token| is_mixed(token));
    let named = match &part.program {
        Program::Named(name) if name.chars().any(is_double) => Some(name.as_str()),
        Program::Named(_) | Program::None | Program::Unknown => None,
    };
    let shown = named.or(token)?.escape_unicode_beyond_ascii();
    Some(format!("`{shown}` holds letters that look like others"))
}

fn is_boundary(letter: char) -> bool {
    !letter.is_alphanumeric() && !is_sign(letter)
}

fn is_mixed(token: &str) -> bool {
    let has = |test: fn(char) -> bool| token.chars().any(test);
    has(is_sign) || has(is_styled) || has(|letter| letter.is_ascii_alphabetic()) && has(is_double)
}

/// Returns true for a sign that looks like `/` and is none.
fn is_sign(letter: char) -> bool {
    matches!(letter, '\u{2044}' | '\u{2215}' | '\u{29f8}' | '\u{ff0f}' | '\u{ff3c}' | '\u{2216}' | '\u{29f5}')
}

/// Returns true for an English letter or a digit in another width or style.
fn is_styled(letter: char) -> bool {
    matches!(letter, '\u{ff10}'..='\u{ff19}' | '\u{ff21}'..='\u{ff3a}' | '\u{ff41}'..='\u{ff5a}' | '\u{1d400}'..='\u{1d7ff}')
}

/// Returns true for a letter of another script that looks like an English one.
fn is_double(letter: char) -> bool {
    const CYRILLIC: &str = "аеорсухіјѕԁһԛԝѵӏАВЕКМНОРСТУХІЈЅԌ";
    const GREEK: &str = "αονικρυΑΒΕΖΗΙΚΜΝΟΡΤΥΧ";
    const OTHERS: &str = "օոսցհյԼՍՏıɡɑℓⅼⅽⅾⅿⅰⅴⅹⅠⅤⅩⅬⅭⅮⅯᎪᎷᏢᏟ";
    !letter.is_ascii() && (is_styled(letter) || [CYRILLIC, GREEK, OTHERS].iter().any(|set| set.contains(letter)))
}

/// A text in which what is not ASCII is spelled out.
trait Spelled {
    /// Returns the text.
    fn escape_unicode_beyond_ascii(&self) -> String;
}

impl Spelled for str {
    fn escape_unicode_beyond_ascii(&self) -> String {
        let spell = |letter: char| {
            if letter.is_ascii_graphic() { letter.to_string() } else { letter.escape_unicode().to_string() }
        };
        self.chars().map(spell).collect()
    }
}

/// A host whose name is not ASCII: what a reader sees may be another.
fn foreign_host(part: &Part) -> Option<String> {
    let authority = |url: &String| {
        let after = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
        after.split(['/', '?', '#']).next().unwrap_or_default().to_owned()
    };
    let host = part.reaches.iter().map(authority).find(|host| !host.is_ascii())?;
    let shown = host.escape_unicode_beyond_ascii();
    Some(format!("its host `{shown}` has letters that can look like others"))
}

/// A removal, or a change of everything below, under a path that is another one when a variable is empty.
fn empty_variable(part: &Part) -> Option<String> {
    let changes = |touch: &Touch| {
        let mirrors = base_name(part) == "rsync" && known(part).any(|word| word.starts_with("--del"));
        touch.access == Access::Delete
            || touch.access == Access::Write && mirrors
            || touch.access == Access::Write && touch.recursive && CHANGERS.contains(&base_name(part))
    };
    part.touches.iter().filter(|touch| changes(touch)).find_map(|touch| match &touch.target {
        Target::Unknown(word) => {
            let plain = word.replace('"', "");
            let rest = after_expansion(&plain)?;
            rest.starts_with('/').then(|| {
                let verb = if touch.access == Access::Delete { "removes" } else { "changes" };
                format!("it {verb} `{rest}` where what stands before that in `{word}` is empty")
            })
        }
        Target::Paths(_) | Target::Pattern(..) => None,
    })
}

/// Returns what follows an expansion at the beginning of a word that may be empty.
fn after_expansion(word: &str) -> Option<&str> {
    let rest = word.strip_prefix('$')?;
    if let Some(braced) = rest.strip_prefix('{') {
        let (inside, after) = braced.split_once('}')?;
        // `${name:?}` ends the command, `${name:-word}` puts something there.
        let is_filled = [":?", ":-", ":="]
            .iter()
            .any(|operator| inside.split_once(operator).is_some_and(|(_, with)| *operator == ":?" || !with.is_empty()));
        return (!is_filled).then_some(after);
    }
    if rest.starts_with('(') {
        return rest.rsplit_once(')').map(|(_, after)| after);
    }
    Some(rest.trim_start_matches(|letter: char| letter == '_' || letter.is_ascii_alphanumeric()))
}

/// A write over a disk.
fn storage(part: &Part) -> Option<String> {
    let written = part.touches.iter().filter(|touch| !touch.only_reads()).flat_map(|touch| touch.target.paths());
    let is_disk = |path: &&AbsPath| STORAGE.iter().any(|name| path.as_str().starts_with(name));
    if let Some(path) = written.into_iter().find(is_disk) {
        return Some(format!("it writes over the disk {path}"));
    }
    let name = base_name(part);
    let unknown = |touch: &Touch| touch.access == Access::Write && matches!(touch.target, Target::Unknown(_));
    if name == "dd" && part.unknown.iter().any(|word| !word.starts_with("if=") && !word.starts_with("bs=")) {
        return Some("it may write over a disk, by a word that is not known before it runs".to_owned());
    }
    if let Some(touch) = part.touches.iter().find(|touch| name == "dd" && unknown(touch)) {
        return Some(format!("it writes over {}: that may be a disk", touch.target.describe()));
    }
    let formats = name == "mkfs" || name.starts_with("mkfs.") || matches!(name, "wipefs" | "blkdiscard" | "mkswap");
    formats.then(|| format!("`{name}` writes over a disk"))
}

/// Programs of which a form hands something over to be run.
fn named(part: &Part) -> Option<String> {
    let name = base_name(part);
    let mut words = known(part).skip(1);
    if SCHEDULERS.contains(&name) {
        let only_shows = words.all(|word| matches!(word, "-l" | "-V" | "--version" | "--help"));
        let is_bare = part.words.len() < 2 && name == "crontab";
        return (!only_shows || part.words.len() < 2 && !is_bare)
            .then(|| format!("`{name}` runs what it is given at another time"));
    }
    let starts = |word: &str| {
        let short = word.starts_with('-') && !word.starts_with("--") && word.contains(['e', 'c']);
        let long = ["--exec", "--sh-exec", "--lua-exec"].iter().any(|option| word.starts_with(option));
        let address = ["exec:", "system:", "shell:"].iter().any(|kind| word.to_ascii_lowercase().starts_with(kind));
        if name == "socat" { address } else { short || long }
    };
    (CONNECTORS.contains(&name) && words.any(starts))
        .then(|| format!("`{name}` hands a program to whoever is at the other end"))
}
