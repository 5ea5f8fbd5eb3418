//! What a program does with its arguments, by its table.

use std::rc::Rc;

use programs::table::Table;
use programs::{Call, Role, Word};

use super::meant::Meant;
use super::part::{Access, By, Links, Part, Target, Touch};
use super::shellwords::{Body, State, Value};
use super::variables::is_shell_variable;
use super::walk::{Argument, touch};
use super::{languages, pieces, special};
use crate::path::AbsPath;
use crate::tables::programs::{EDITORS, SHELLS};

/// A command inside a command.
#[derive(Debug, Clone)]
pub(super) enum Inner {
    /// An argument list.
    Words(Vec<Argument>),
    /// A text for a shell.
    Text(String),
    /// A function of the script.
    Function(Rc<Body>),
    /// A command that starts in one of these directories; in one that is not known, where there are none.
    In(Vec<AbsPath>, Box<Inner>),
}

/// Reads what a listed program does; what it starts is returned.
pub(super) fn understand(
    state: &mut State,
    base: &str,
    rest: &[Argument],
    table: &'static Table<'static>,
    part: &mut Part,
) -> Vec<Inner> {
    if base == "read" {
        state.variables.insert("REPLY".to_owned(), Value::Unknown);
    }
    let words: Vec<Word<'_>> = rest.iter().map(Argument::word).collect();
    let call = programs::by_table(table, &words);
    part.meant = Some(Meant::of_call(base, &call));
    let mut reading = Reading { state, base, rest, call: &call, part, inner: Vec::new(), proven: true };
    reading.whole();
    let Reading { inner, proven, part, .. } = reading;
    let plain = call.unknown.is_empty() && call.asks.is_empty();
    part.exact_only |= call.exact || (matches!(base, "make" | "gmake") && sets_shell(&call));
    // `xargs` without options is looked through, as documented.
    let bare_xargs = base == "xargs"
        && call.arguments.iter().all(|argument| argument.option.is_none())
        && call.commands.first().is_some_and(|command| command.start == 0);
    part.clear = call.clear || bare_xargs;
    part.starts.extend(call.starts.iter().map(|name| (*name).to_owned()));
    if let Some(why) = call.asks.first() {
        part.suspicious.get_or_insert(format!("`{base}` {why}"));
    }
    part.does.extend(call.does.iter().copied());
    part.unlisted.extend(call.unknown.iter().map(|why| format!("`{base}`: {why}")));
    let plain = plain && part.does.is_empty() && part.unlisted.is_empty();
    part.reads_only = proven && plain && part.touches.iter().all(Touch::only_reads);
    let edits = call.edits || part.touches.iter().all(|touch| touch.by == By::Redirect || touch.only_reads());
    part.edits_only = edits && proven && plain && !part.reads_only && part.changes_known_files();
    inner
}

/// Returns true where `make` is given the program that runs its recipes, or more files or options.
fn sets_shell(call: &Call<'_, '_>) -> bool {
    const NAMES: &[&str] = &["SHELL", ".SHELLFLAGS", "MAKEFLAGS", "GNUMAKEFLAGS", "MAKEFILES"];
    let names = call.plain.iter().filter_map(|word| word.known()).filter_map(|word| word.split_once('='));
    names.map(|(name, _)| name.trim_end_matches([':', '+', '?', '!'])).any(|name| NAMES.contains(&name))
}

/// Returns true where every word of `tar` is known, or one of them says what else it does than extract.
fn names_mode(rest: &[Argument]) -> bool {
    let letters = rest.first().and_then(Argument::known).filter(|word| !word.starts_with("--"));
    letters.is_some_and(|word| word.contains(['c', 't', 'r', 'u', 'A', 'd']))
        || rest.iter().all(|word| word.known().is_some())
        || rest
            .iter()
            .filter_map(Argument::known)
            .any(|word| word.starts_with("--create") || word.starts_with("--list"))
}

fn is_shell_operand(argument: &programs::Argument<'_>) -> bool {
    argument.role == Role::Shell && argument.option.is_none()
}

/// A reading in progress.
struct Reading<'r, 'w> {
    state: &'r mut State,
    base: &'r str,
    rest: &'r [Argument],
    call: &'r Call<'static, 'w>,
    part: &'r mut Part,
    inner: Vec<Inner>,
    /// False when something else than reading may happen that neither a touch nor `does` says.
    proven: bool,
}

impl Reading<'_, '_> {
    fn whole(&mut self) {
        // Where an option says in which directory it works, both that and this one count.
        let outside = self.state.cwds.clone();
        self.unpacked();
        for argument in self.call.arguments.iter().filter(|argument| !is_shell_operand(argument)) {
            self.argument(argument);
        }
        self.shell_operands();
        self.copies();
        self.saved();
        special::serves(self.state, self.base, self.rest, self.part);
        for (role, path) in &self.call.alone {
            self.role(*role, &Argument::literal(path));
        }
        for range in &self.call.commands {
            self.command(self.rest.get(range.clone()).unwrap_or_default(), range.start);
        }
        if matches!(self.base, "xargs" | "gxargs") && self.call.commands.is_empty() {
            self.command(&[Argument::literal("echo")], 0);
        }
        let inside = std::mem::replace(&mut self.state.cwds, outside);
        if inside != self.state.cwds {
            let place = |inner| Inner::In(inside.clone(), Box::new(inner));
            self.inner = std::mem::take(&mut self.inner).into_iter().map(place).collect();
        }
    }

    fn argument(&mut self, argument: &programs::Argument<'_>) {
        let source = self.rest.get(argument.index).map_or_else(String::new, |word| word.source.clone());
        let value = match argument.word {
            Word::Known(text) => Value::Known(text.to_owned()),
            Word::Pattern(text) => Value::Pattern(text.to_owned()),
            Word::Begins(text) => Value::Begins(text.to_owned()),
            Word::Unknown => Value::Unknown,
        };
        // A suffix makes `sed -i` keep what was there under another name.
        let keeps_backup = self.base.ends_with("sed") && matches!(argument.option, Some("i" | "I" | "--in-place"));
        if keeps_backup && argument.word != Word::Known("") {
            self.part.does.push(programs::Does::Scatters);
        }
        let links = self.rest.get(argument.index).map_or(Links::Matched, |word| word.links);
        self.role(argument.role, &Argument { value, source, links });
    }

    fn role(&mut self, role: Role, word: &Argument) {
        let recursive = self.call.recursive;
        match role {
            Role::Text => {}
            Role::Look => self.touch(word, Access::Look, false),
            Role::Read => self.touch(word, Access::Read, recursive),
            Role::Tree => self.touch(word, Access::Read, true),
            Role::Write => self.touch(word, Access::Write, recursive),
            Role::WriteTree => self.write_into(word, true),
            // Of what a pattern matches any may be the directory into which a name goes that is a link there.
            Role::Into => self.write_into(word, recursive || self.moves() || word.known().is_none()),
            Role::Delete | Role::Move => self.touch(word, Access::Delete, recursive || role == Role::Move),
            Role::Directory => self.directory(word),
            Role::Response if !may_begin_with_at(word) => self.touch(word, Access::Read, recursive),
            Role::List | Role::Response => {
                self.touch(word, Access::Read, false);
                let target = Target::Unknown(format!("what {} names", word.source));
                self.part.touches.push(Touch {
                    access: Access::Read,
                    by: By::Operand,
                    target,
                    recursive: true,
                    links: Links::Matched,
                });
            }
            Role::Code => self.code(word),
            Role::Shell => self.shell_text(word),
            Role::Host | Role::Url => self.host(word),
            Role::RemoteRead | Role::RemoteWrite => self.remote(role, word),
            Role::Upload => self.upload(word),
            Role::Form => self.form(word),
            Role::Sed | Role::Awk | Role::Jq => {
                if !languages::only_selects(role, word.known()) {
                    self.proven = false;
                    self.source(word);
                    self.suspect("its script may read, write or run something");
                }
            }
            Role::Source => self.program_text(word),
            Role::Assignment => self.assignment(word),
            Role::Variable => self.variable(word),
            // Its words are taken from the ranges of commands.
            Role::Command | Role::CommandUntil => {}
            Role::Unknown => {
                self.proven = false;
                self.part
                    .unlisted
                    .push(format!("`{}`: what its word `{}` means is not listed", self.base, word.source));
            }
        }
    }

    /// A program in another language, which runs.
    fn program_text(&mut self, word: &Argument) {
        self.part.does.push(programs::Does::Builds);
        if EDITORS.contains(&self.base) {
            self.suspect("the commands it is given may read, write or run something");
        }
        if word.known().is_none() && languages::is_brought(&word.source) {
            self.suspect("the program it is given is not known before it runs");
        }
        if languages::decodes_and_runs(word.known().unwrap_or(&word.source)) {
            self.part.suspicious.get_or_insert("it decodes a text and runs it".to_owned());
        }
        self.source(word);
    }

    /// A file that is run, or loaded as code.
    fn code(&mut self, word: &Argument) {
        self.touch(word, Access::Read, false);
        if EDITORS.contains(&self.base) || matches!(self.base, "sed" | "gsed" | "ssed") || self.base.ends_with("awk") {
            self.suspect("the file of commands may read, write or run something");
        }
        self.part.executes.extend(word.known().into_iter().flat_map(|text| self.state.paths(text)));
        if word.source.starts_with("<(") {
            self.part.suspicious.get_or_insert(format!("`{}` runs whatever a command prints", self.base));
        }
        self.part.does.push(programs::Does::Builds);
    }

    fn suspect(&mut self, why: &str) {
        self.part.suspicious.get_or_insert(format!("`{}`: {why}", self.base));
    }

    fn touch(&mut self, word: &Argument, access: Access, recursive: bool) {
        let before = self.part.touches.len();
        self.touch_itself(word, access, recursive);
        // Who removes or moves something does it to the link.
        if self.call.follows && access != Access::Delete {
            self.follow(before);
        }
    }

    fn touch_itself(&mut self, word: &Argument, access: Access, recursive: bool) {
        if word.known() == Some("-") {
            return;
        }
        if let Some(("REV", path)) = self.revision_path(word) {
            touch(self.state, &Argument::literal(&path), access, By::Operand, recursive, self.part);
            return;
        }
        touch(self.state, word, access, By::Operand, recursive, self.part);
    }

    /// `git show REV:path` reads the path as it was.
    fn revision_path(&self, word: &Argument) -> Option<(&'static str, String)> {
        let (_, path) = word.known().filter(|_| self.base == "git")?.split_once(':')?;
        Some(("REV", path.to_owned()))
    }

    fn directory(&mut self, word: &Argument) {
        // A program that works elsewhere may find a configuration there.
        self.touch(word, Access::Read, false);
        match word.known() {
            Some(text) => {
                let paths = self.state.paths(text);
                self.state.cwds.extend(paths);
                self.state.cwds.dedup();
            }
            None => {
                self.state.cwds.clear();
                self.proven = false;
            }
        }
    }

    /// The operands that are a text for a shell are joined to one.
    fn shell_operands(&mut self) {
        let operands = self.call.arguments.iter().filter(|argument| is_shell_operand(argument));
        let words: Vec<&Argument> = operands.filter_map(|argument| self.rest.get(argument.index)).collect();
        if words.is_empty() {
            return;
        }
        let texts: Option<Vec<&str>> = words.iter().map(|word| word.known()).collect();
        let source = words.iter().map(|word| word.source.as_str()).collect::<Vec<_>>().join(" ");
        let value = texts.map_or(Value::Unknown, |texts| Value::Known(texts.join(" ")));
        self.shell_text(&Argument::new(value, source));
    }

    fn shell_text(&mut self, word: &Argument) {
        // Other programs append words of their own to what they start.
        let is_shell = SHELLS.contains(&self.base);
        self.proven &= is_shell;
        if !is_shell && !self.part.starts.iter().any(|name| name == "sh") {
            self.part.starts.push("sh".to_owned());
        }
        match word.known() {
            Some(text) => self.inner.push(Inner::Text(text.to_owned())),
            None => {
                self.proven = false;
                self.part
                    .suspicious
                    .get_or_insert(format!("`{}` is given a text to run that is not known before it runs", self.base));
            }
        }
    }

    /// Every piece of a text in another language that may be a path counts as mentioned.
    fn source(&mut self, word: &Argument) {
        let text = word.known().unwrap_or(&word.source);
        pieces::may_name(self.state, text, self.part);
        pieces::may_name_in(self.state, text, self.part);
    }

    /// A file that goes to another machine.
    fn upload(&mut self, word: &Argument) {
        self.proven = false;
        self.touch(word, Access::Read, false);
        if let Some(text) = word.known() {
            let paths = self.state.paths(text);
            self.part.sends.extend(paths);
            if text.contains(['{', '[']) {
                // Some programs match patterns of their own.
                let target = Target::Unknown(word.source.clone());
                self.part.touches.push(Touch {
                    access: Access::Read,
                    by: By::Operand,
                    target,
                    recursive: false,
                    links: Links::Matched,
                });
            }
        }
    }

    /// A text that goes to another machine, and the files that it names.
    fn form(&mut self, word: &Argument) {
        self.proven = false;
        let Some(text) = word.known() else {
            self.touch(word, Access::Read, false);
            return;
        };
        for name in languages::files_of_form(text) {
            self.touch(&Argument::literal(&name), Access::Read, false);
            let paths = self.state.paths(&name);
            self.part.sends.extend(paths);
        }
        for name in languages::files_of_format(text) {
            self.touch(&Argument::literal(&name), Access::Write, false);
        }
    }

    /// `curl -O URL` names the file as the URL does, and so does `wget URL`.
    fn saved(&mut self) {
        let has = |name: &str| self.call.options.iter().any(|given| given.name == name);
        let saves = match self.base {
            "curl" => has("--remote-name") || has("--remote-name-all"),
            "wget" => !has("--output-document") && !has("--spider"),
            _ => false,
        };
        let urls = if saves { self.words_of(&[Role::Url]) } else { Vec::new() };
        for url in urls {
            let path = url.known().and_then(|url| url.split(['?', '#']).next()).unwrap_or_default();
            let path = path.split_once("://").map_or(path, |(_, rest)| rest);
            if let Some(name) = path.rsplit_once('/').map(|(_, name)| name).filter(|name| !name.is_empty()) {
                self.touch(&Argument::literal(name), Access::Write, false);
            }
        }
    }

    /// Where an archive or a patch is unpacked.
    fn unpacked(&mut self) {
        // Without an option that only looks into it.
        let may_extract = matches!(self.base, "tar" | "gtar" | "bsdtar") && !names_mode(self.rest);
        if (self.base == "unzip" && !self.call.unknown.is_empty()) || may_extract {
            self.part.does.push(programs::Does::Unpacks);
        }
        if !self.part.does.contains(&programs::Does::Unpacks) && !self.call.does.contains(&programs::Does::Unpacks) {
            return;
        }
        // `git apply --stat` and `patch --dry-run` change nothing.
        let looks = ["--stat", "--numstat", "--summary", "--check", "--dry-run"];
        let given = |name: &str| self.call.options.iter().any(|given| given.name == name);
        if looks.iter().any(|name| given(name)) && !given("--apply") {
            return;
        }
        let chosen =
            self.call.arguments.iter().filter(|argument| matches!(argument.role, Role::Directory | Role::WriteTree));
        let chosen: Option<Vec<AbsPath>> = chosen
            .map(|argument| argument.word.known().map(|text| self.state.paths(text)).filter(|paths| !paths.is_empty()))
            .try_fold(Vec::new(), |mut all: Vec<AbsPath>, paths| {
                all.extend(paths?);
                Some(all)
            });
        let target = match chosen {
            Some(paths) if !paths.is_empty() => Target::Paths(paths),
            Some(_) if !self.state.cwds.is_empty() => Target::Paths(self.state.cwds.clone()),
            Some(_) | None => Target::Unknown("the directory that it unpacks into".to_owned()),
        };
        let links = Links::Below;
        self.part.touches.push(Touch { access: Access::Write, by: By::Operand, target, recursive: true, links });
    }

    fn host(&mut self, word: &Argument) {
        self.proven = false;
        match word.known() {
            Some(text) => {
                let scheme = text.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("file:"));
                if let Some(rest) = text.get(5..).filter(|_| scheme) {
                    let path = rest
                        .strip_prefix("//")
                        .map_or(rest, |rest| rest.get(rest.find('/').unwrap_or(0)..).unwrap_or(rest));
                    self.touch(&Argument::literal(path), Access::Read, false);
                }
                self.part.reaches.push(text.to_owned());
            }
            None => self.part.reaches.push(word.source.clone()),
        }
    }

    fn remote(&mut self, role: Role, word: &Argument) {
        let is_remote = |text: &str| {
            text.contains("://")
                || text.split_once(':').is_some_and(|(host, _)| !host.is_empty() && !host.contains('/'))
        };
        match word.known() {
            Some(text) if is_remote(text) => self.host(word),
            Some(_) | None => {
                let access = if role == Role::RemoteRead { Access::Read } else { Access::Write };
                match access {
                    Access::Write => self.write_into(word, true),
                    Access::Look | Access::Read | Access::Delete => self.touch(word, access, true),
                }
                let leaves =
                    self.call.arguments.iter().any(|argument| {
                        argument.role == Role::RemoteWrite && argument.word.known().is_some_and(is_remote)
                    });
                if let Some(text) = word.known().filter(|_| leaves && access == Access::Read) {
                    let paths = self.state.paths(text);
                    self.part.sends.extend(paths);
                }
            }
        }
    }

    fn moves(&self) -> bool {
        self.call.arguments.iter().any(|argument| argument.role == Role::Move)
    }

    /// Files are made in a directory. Who copies writes through the links that lie there; who moves puts something
    /// in their place.
    fn write_into(&mut self, word: &Argument, recursive: bool) {
        let before = self.part.touches.len();
        self.touch(word, Access::Write, recursive);
        if recursive && !self.moves() {
            self.follow(before);
        }
    }

    /// What was touched since then is touched with the links below it followed.
    fn follow(&mut self, before: usize) {
        self.part.touches.iter_mut().skip(before).for_each(|touch| touch.links = Links::Below);
    }

    /// `NAME=value` for what runs.
    fn assignment(&mut self, word: &Argument) {
        let name = word.known().and_then(|text| text.split_once('=')).map(|(name, _)| name);
        if name.is_none_or(is_shell_variable) {
            self.proven = false;
            let name = name.unwrap_or(&word.source);
            self.part
                .suspicious
                .get_or_insert(format!("it sets `{name}` for the command, which can change what it runs"));
        }
    }

    /// The name of a variable that is set: a subscript in it would be evaluated.
    fn variable(&mut self, word: &Argument) {
        let is_name =
            |text: &&str| !text.is_empty() && text.chars().all(|letter| letter == '_' || letter.is_alphanumeric());
        match word.known().filter(is_name) {
            Some(name) => {
                self.state.variables.insert(name.to_owned(), Value::Unknown);
                if is_shell_variable(name) {
                    self.proven = false;
                    self.part
                        .suspicious
                        .get_or_insert(format!("it sets `{name}`, which changes what later words mean or run"));
                }
            }
            None => {
                self.proven = false;
                self.part.suspicious.get_or_insert("the name of the variable that it sets is evaluated".to_owned());
            }
        }
    }

    /// `cp a b/`: when the last operand is a directory, the file made is `b/a`.
    fn copies(&mut self) {
        let operands: Vec<&programs::Argument<'_>> =
            self.call.arguments.iter().filter(|argument| argument.option.is_none()).collect();
        let directory = self.call.arguments.iter().any(|argument| argument.option.is_some());
        if let ("ln", [one], false) = (self.base, operands.as_slice(), directory) {
            // One operand alone is linked to from here.
            let name = one.word.known().map(|text| text.trim_end_matches('/').rsplit('/').next().unwrap_or_default());
            let made = match name {
                Some(name) => Argument::literal(name),
                None => Argument::new(Value::Unknown, String::new()),
            };
            touch(self.state, &made, Access::Write, By::Operand, false, self.part);
        }
        let sources: Vec<Argument> = self.words_of(&[Role::Read, Role::Tree, Role::Move, Role::Text]);
        let chosen = self.call.options.iter().filter(|given| given.name == "--target-directory");
        let chosen = chosen.filter_map(|given| given.value).map(Argument::literal);
        let directories: Vec<Argument> = self.words_of(&[Role::Into]).into_iter().chain(chosen).collect();
        for directory in directories {
            let Some(directory) = directory.known() else { continue };
            for source in &sources {
                if source.known().is_none() {
                    // What a pattern matches gets a name of its own there.
                    self.write_into(&Argument::literal(directory), true);
                }
                if let Some(name) = source.known().and_then(|source| source.trim_end_matches('/').rsplit('/').next()) {
                    let made = Argument::literal(&format!("{directory}/{name}"));
                    touch(self.state, &made, Access::Write, By::Operand, self.call.recursive, self.part);
                }
            }
        }
    }

    fn words_of(&self, roles: &[Role]) -> Vec<Argument> {
        let is_one = |argument: &&programs::Argument<'_>| {
            roles.contains(&argument.role) && (argument.option.is_none() || argument.role == Role::Into)
        };
        self.call
            .arguments
            .iter()
            .filter(is_one)
            .map(|argument| match argument.word {
                Word::Known(text) => Argument::literal(text),
                Word::Pattern(_) | Word::Begins(_) | Word::Unknown => Argument::new(Value::Unknown, String::new()),
            })
            .collect()
    }

    /// A command of its own in the argument list, and where it begins.
    fn command(&mut self, words: &[Argument], start: usize) {
        let mut words = words.to_vec();
        match self.base {
            "xargs" | "gxargs" | "parallel" => special::append_input(self.call, &mut words),
            "find" | "gfind" | "fd" | "fdfind" => {
                let before = self.rest.get(..start).unwrap_or_default();
                return self.found(before, &words);
            }
            _ => {}
        }
        if words.is_empty() {
            self.proven = false;
            return;
        }
        self.inner.push(Inner::Words(words));
    }

    /// A command that `find` starts with what it finds: below each place where it starts.
    fn found(&mut self, before: &[Argument], words: &[Argument]) {
        if words.is_empty() {
            self.proven = false;
            return;
        }
        // `-execdir` starts it in whichever directory it found something in.
        if before.last().is_some_and(special::starts_elsewhere) {
            let named = special::fill_in_found(self.call, before, words, None);
            self.inner.push(Inner::In(Vec::new(), Box::new(Inner::Words(named))));
        }
        let places = special::found_below(self.call);
        if places.is_empty() || self.state.cwds.is_empty() {
            self.inner.push(Inner::Words(special::fill_in_found(self.call, before, words, None)));
        }
        for below in places {
            let named = special::fill_in_found(self.call, before, words, Some(&below));
            self.inner.push(Inner::Words(named));
        }
    }
}

/// Returns true when the word's value may begin with an `@`.
fn may_begin_with_at(word: &Argument) -> bool {
    match &word.value {
        Value::Known(text) => text.starts_with('@'),
        Value::Pattern(text) | Value::Begins(text) => {
            !text.starts_with(|letter: char| letter.is_ascii_alphanumeric() || "./_-".contains(letter))
        }
        Value::Unknown => true,
    }
}
