//! Path patterns, by trying every way.

use policy::AbsPath;

/// A pattern of a path rule.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    /// The directory that it hangs at; `None` for the current one.
    anchor: Option<AbsPath>,
    /// Directories that it climbs first.
    up: usize,
    segments: Vec<String>,
    tightens: bool,
}

/// Where a call takes place.
pub(super) struct Place<'a> {
    pub(super) project: &'a AbsPath,
    pub(super) cwd: &'a AbsPath,
}

/// Splits a path at its slashes, leaving out what says nothing.
fn split(text: &str) -> Vec<String> {
    text.split('/').filter(|segment| !segment.is_empty() && *segment != ".").map(str::to_owned).collect()
}

impl Pattern {
    /// Reads a pattern; `None` when it is no path pattern.
    pub(super) fn read(text: &str, tightens: bool, anchor: &AbsPath, home: &AbsPath) -> Option<Self> {
        if text.is_empty() || text.starts_with('!') || text.chars().any(char::is_control) {
            return None;
        }
        // A variable is read in a rule that tightens, if it is the home directory; another user's home is not.
        let at_home = ["$HOME", "${HOME}"].iter().find_map(|name| text.strip_prefix(name)).filter(|_| tightens);
        let other_home = text.starts_with('~') && text[1..].starts_with(|letter: char| letter.is_ascii_alphanumeric());
        let bytes = text.as_bytes();
        let drive = bytes.len() > 2 && bytes[0].is_ascii_alphabetic() && bytes[1] == b':' && b"\\/".contains(&bytes[2]);
        let posix = drive.then(|| format!("{}/{}", text[..1].to_lowercase(), text[3..].replace('\\', "/")));
        let (anchor, rest) = match text {
            _ if posix.is_some() => (Some(AbsPath::root()), posix.as_deref()?),
            _ if text.starts_with('$') => {
                (Some(home.clone()), at_home.filter(|rest| rest.is_empty() || rest.starts_with('/'))?)
            }
            _ if other_home => return None,
            "~" => (Some(home.clone()), ""),
            _ if text.starts_with("//") => (Some(AbsPath::root()), &text[2..]),
            _ if text.starts_with("~/") => (Some(home.clone()), &text[2..]),
            _ if text.starts_with('/') => (Some(anchor.clone()), &text[1..]),
            _ => (None, text),
        };
        let mut segments = split(rest);
        let up = if anchor.is_none() { segments.iter().take_while(|segment| *segment == "..").count() } else { 0 };
        segments.drain(..up);
        if segments.iter().any(|segment| segment == "..") {
            return None;
        }
        let written_from_here = rest == "." || rest == ".." || rest.starts_with("./") || rest.starts_with("../");
        let bare_name = segments.len() == 1 && !rest.trim_end_matches('/').contains('/');
        let one_directory = segments.len() == 2 && segments[1] == "**";
        if anchor.is_none() && !written_from_here && (bare_name || (tightens && one_directory)) {
            segments.insert(0, "**".to_owned());
        }
        Some(Self { anchor, up, segments, tightens })
    }

    /// Returns the directories that it hangs at: a rule that tightens counts from the call's directory too.
    fn bases(&self, place: &Place<'_>) -> Vec<Vec<String>> {
        let here = match &self.anchor {
            Some(anchor) => vec![anchor],
            None if self.tightens => vec![place.project, place.cwd],
            None => vec![place.project],
        };
        let climb = |path: &AbsPath| {
            let segments = split(path.as_str());
            segments[..segments.len().saturating_sub(self.up)].to_vec()
        };
        here.into_iter().map(climb).collect()
    }

    /// Returns true when the pattern names the path or a directory that holds it.
    pub(super) fn covers(&self, path: &str, place: &Place<'_>) -> bool {
        let path = split(path);
        self.bases(place).iter().any(|base| {
            path.starts_with(base)
                && (base.len()..=path.len()).any(|end| every_segment(&self.segments, &path[base.len()..end]))
        })
    }

    /// The same, where the case of letters is not looked at.
    pub(super) fn covers_in_any_case(&self, path: &str, place: &Place<'_>) -> bool {
        let path = split(path);
        let lower = |segments: &[String]| segments.iter().map(|segment| segment.to_lowercase()).collect::<Vec<_>>();
        self.bases(place).iter().any(|base| {
            let rest = lower(path.get(base.len()..).unwrap_or_default());
            path.starts_with(base) && (0..=rest.len()).any(|end| every_segment(&lower(&self.segments), &rest[..end]))
        })
    }

    /// Returns true when it covers the directory, or something that could lie below it; the case of letters
    /// is not looked at.
    pub(super) fn could_lie_below(&self, directory: &str, place: &Place<'_>) -> bool {
        let path = split(directory);
        let lower = |segments: &[String]| segments.iter().map(|segment| segment.to_lowercase()).collect::<Vec<_>>();
        self.covers(directory, place)
            || self.covers_in_any_case(directory, place)
            || self.bases(place).iter().any(|base| {
                base.starts_with(&path)
                    || (path.starts_with(base)
                        && (goes_on_below(&self.segments, &path[base.len()..])
                            || goes_on_below(&lower(&self.segments), &lower(&path[base.len()..]))))
            })
    }

    /// Returns true when there is no path that it does not cover.
    pub(super) fn is_everything(&self) -> bool {
        self.anchor == Some(AbsPath::root()) && self.segments.iter().all(|segment| segment == "**")
    }

    /// Returns true when it is the path, and not a directory that holds it.
    pub(super) fn is(&self, path: &str, place: &Place<'_>) -> bool {
        let path = split(path);
        let here = self.bases(place);
        here.iter().any(|base| path.starts_with(base) && every_segment(&self.segments, &path[base.len()..]))
    }

    /// Reads a whole path with wildcards, relative ones to a directory.
    pub(super) fn whole(text: &str, anchor: &AbsPath, home: &AbsPath) -> Self {
        let text = text.trim();
        let (anchor, rest) = match text {
            "~" => (home.clone(), ""),
            _ if text.starts_with("~/") => (home.clone(), &text[2..]),
            _ if text.starts_with('/') => (AbsPath::root(), &text[1..]),
            _ => (anchor.clone(), text.trim_start_matches("./")),
        };
        let segments = rest.split('/').filter(|segment| !segment.is_empty()).map(str::to_owned).collect();
        Self { anchor: Some(anchor), up: 0, segments, tightens: false }
    }

    /// Returns true when some path that a shell's pattern could match is covered: `rest` is the pattern
    /// below `base`. In doubt a bracket is any letter, and `**` any number of directories.
    pub(super) fn meets(&self, base: &str, rest: &str, coarse: bool, place: &Place<'_>) -> bool {
        self.met(place, |own| Meeting { coarse, open: false }.paths(own, &shell(base, rest)))
    }

    /// The same, where the case of letters is not looked at in what stands before the wildcards.
    pub(super) fn meets_in_any_case(&self, base: &str, rest: &str, place: &Place<'_>) -> bool {
        let shell = shell(base, rest);
        self.bases(place).iter().any(|base| {
            // Where the pattern hangs counts as written.
            let lower = |names: &[Piece]| {
                let names = names.iter().enumerate();
                names.map(|(at, name)| if at < base.len() { name.clone() } else { name.lower() }).collect::<Vec<_>>()
            };
            Meeting { coarse: false, open: false }.paths(&lower(&self.below(base)), &lower(&shell))
        })
    }

    /// The same, where what lies below counts too.
    pub(super) fn meets_below(&self, base: &str, rest: &str, place: &Place<'_>) -> bool {
        self.met(place, |own| Meeting { coarse: false, open: true }.paths(own, &shell(base, rest)))
    }

    fn met(&self, place: &Place<'_>, test: impl Fn(&[Piece]) -> bool) -> bool {
        self.bases(place).iter().any(|base| test(&self.below(base)))
    }

    fn below(&self, base: &[String]) -> Vec<Piece> {
        let literal = base.iter().map(|name| Piece::Literal(name.clone()));
        literal.chain(self.segments.iter().cloned().map(Piece::Pattern)).collect()
    }
}

/// A segment of a path with wildcards.
#[derive(Debug, Clone)]
pub(super) enum Piece {
    Literal(String),
    Pattern(String),
}

/// Returns a shell's pattern below a directory.
pub(super) fn shell(base: &str, rest: &str) -> Vec<Piece> {
    split(base).into_iter().map(Piece::Literal).chain(split(rest).into_iter().map(Piece::Pattern)).collect()
}

/// Returns the segments of a name that is found at any depth.
pub(super) fn anywhere(name: &[&str]) -> Vec<Piece> {
    std::iter::once("**").chain(name.iter().copied()).map(|text| Piece::Pattern(text.to_owned())).collect()
}

impl Piece {
    fn lower(&self) -> Self {
        match self {
            Self::Literal(text) => Self::Literal(text.to_lowercase()),
            Self::Pattern(text) => Self::Pattern(text.to_lowercase()),
        }
    }

    fn is_any(&self) -> bool {
        matches!(self, Self::Pattern(text) if text == "**")
    }

    fn marks(&self) -> Vec<Mark> {
        match self {
            Self::Literal(text) => text.chars().map(Mark::Letter).collect(),
            Self::Pattern(text) => marks(&letters(text)),
        }
    }
}

/// What one mark of a segment stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Mark {
    Letter(char),
    One,
    Run,
    Class(Vec<char>, bool),
}

fn marks(text: &[char]) -> Vec<Mark> {
    let (mark, rest) = match text {
        [] => return Vec::new(),
        ['*', rest @ ..] => (Mark::Run, rest),
        ['?', rest @ ..] => (Mark::One, rest),
        ['\\', letter, rest @ ..] => (Mark::Letter(*letter), rest),
        ['[', rest @ ..] => match bracket(rest) {
            Some((body, negated, after)) => (Mark::Class(body.to_vec(), negated), after),
            None => (Mark::Letter('['), rest),
        },
        [letter, rest @ ..] => (Mark::Letter(*letter), rest),
    };
    [vec![mark], marks(rest)].concat()
}

/// How two patterns are held against each other: one as a rule has it, one as a shell has it.
#[derive(Clone, Copy)]
pub(super) struct Meeting {
    /// A bracket is any letter, `**` of a shell any number of directories.
    pub(super) coarse: bool,
    /// What lies below what the shell's pattern names counts.
    pub(super) open: bool,
}

impl Meeting {
    /// Returns true when they have a path in common, or the rule's has a directory that holds one.
    pub(super) fn paths(self, rule: &[Piece], shell: &[Piece]) -> bool {
        let Some(own) = rule.first() else { return true };
        let Some(other) = shell.first() else { return self.open || (own.is_any() && self.paths(&rule[1..], shell)) };
        if own.is_any() {
            return self.paths(&rule[1..], shell) || self.paths(rule, &shell[1..]);
        }
        if other.is_any() && self.coarse {
            return self.paths(rule, &shell[1..]) || self.paths(&rule[1..], shell);
        }
        self.names(&own.marks(), &other.marks(), true) && self.paths(&rule[1..], &shell[1..])
    }

    /// Returns true when they have a name in common; a shell's wildcard at the beginning takes no dot.
    fn names(self, rule: &[Mark], shell: &[Mark], first: bool) -> bool {
        match (rule, shell) {
            ([], []) => true,
            ([Mark::Run, rest @ ..], _) if self.names(rest, shell, first) => true,
            (_, [Mark::Run, rest @ ..]) if self.behind_nothing(rule, rest, first) => true,
            ([], _) | (_, []) => false,
            ([own, rule_rest @ ..], [other, shell_rest @ ..]) => {
                let rule_rest = if *own == Mark::Run { rule } else { rule_rest };
                let shell_rest = if *other == Mark::Run { shell } else { shell_rest };
                self.letter(own, other, first)
                    && (first || *own != Mark::Run || *other != Mark::Run)
                    && self.names(rule_rest, shell_rest, false)
            }
        }
    }

    /// A run that takes nothing still stood at the beginning: what follows it takes no dot there either.
    fn behind_nothing(self, rule: &[Mark], shell: &[Mark], first: bool) -> bool {
        let dotted = |marks: &[Mark]| marks.first() == Some(&Mark::Letter('.'));
        !(first && !self.coarse && dotted(shell)) && self.names(rule, shell, first)
    }

    /// Returns true when one letter is both.
    fn letter(self, own: &Mark, other: &Mark, first: bool) -> bool {
        let candidates = |mark: &Mark| match mark {
            Mark::Letter(letter) => vec![*letter],
            Mark::Class(body, _) => body.clone(),
            Mark::One | Mark::Run => Vec::new(),
        };
        let plain = ('a'..='z').chain('A'..='Z').chain('0'..='9').chain(['.', '-', '_', '~']);
        let mut all = plain.chain(candidates(own)).chain(candidates(other));
        let takes = |mark: &Mark, letter: char| match mark {
            Mark::Letter(own) => *own == letter,
            Mark::One | Mark::Run => true,
            Mark::Class(body, negated) => self.coarse || within(body, letter) != *negated,
        };
        let hidden = |letter: char| first && letter == '.' && !matches!(other, Mark::Letter(_));
        all.any(|letter| {
            takes(own, letter)
                && takes(other, letter)
                && (!hidden(letter) || (self.coarse && *own != Mark::Letter('.')))
        })
    }
}

pub(super) fn every_segment(pattern: &[String], path: &[String]) -> bool {
    let Some(first) = pattern.first() else { return path.is_empty() };
    if first == "**" {
        return (0..=path.len()).any(|taken| every_segment(&pattern[1..], &path[taken..]));
    }
    path.first().is_some_and(|name| segment(&letters(first), &letters(name)))
        && every_segment(&pattern[1..], &path[1..])
}

/// Returns true when the pattern can match `path` with more behind it.
fn goes_on_below(pattern: &[String], path: &[String]) -> bool {
    let Some(first) = pattern.first() else { return false };
    if path.is_empty() || first == "**" {
        return true;
    }
    segment(&letters(first), &letters(&path[0])) && goes_on_below(&pattern[1..], &path[1..])
}

fn letters(text: &str) -> Vec<char> {
    text.chars().collect()
}

/// Returns true when a name matches one segment of a pattern: `*`, `?`, `[...]`, and `\` before a letter.
pub(super) fn segment(pattern: &[char], name: &[char]) -> bool {
    match pattern {
        [] => name.is_empty(),
        ['*', rest @ ..] => (0..=name.len()).any(|taken| segment(rest, &name[taken..])),
        ['?', rest @ ..] => !name.is_empty() && segment(rest, &name[1..]),
        ['\\', letter, rest @ ..] => name.first() == Some(letter) && segment(rest, &name[1..]),
        ['[', rest @ ..] => match bracket(rest) {
            Some((body, negated, after)) => {
                name.first().is_some_and(|letter| within(body, *letter) != negated) && segment(after, &name[1..])
            }
            None => name.first() == Some(&'[') && segment(rest, &name[1..]),
        },
        [letter, rest @ ..] => name.first() == Some(letter) && segment(rest, &name[1..]),
    }
}

/// Splits `body]rest`, the first letter of the body being no end.
fn bracket(text: &[char]) -> Option<(&[char], bool, &[char])> {
    let negated = matches!(text.first(), Some('!' | '^'));
    let text = if negated { &text[1..] } else { text };
    let mut end = 0;
    while end == 0 || *text.get(end)? != ']' {
        end += match &text[end..] {
            ['[', rest @ ..] if named(rest).is_some() => named(rest)?.2 + 1,
            [_, '-', high, ..] if *high != ']' => 3,
            [_, ..] => 1,
            [] => return None,
        };
    }
    Some((&text[..end], negated, &text[end + 1..]))
}

/// Splits `:alpha:]rest` into its mark, its name and how many letters that took.
fn named(text: &[char]) -> Option<(char, String, usize)> {
    let mark = *text.first().filter(|mark| ":=.".contains(**mark))?;
    let end = (1..text.len()).find(|at| text[*at] == mark && text.get(at + 1) == Some(&']'))?;
    Some((mark, text[1..end].iter().collect(), end + 2))
}

/// Returns true when a letter may be of a class: what a locale decides may be so.
fn is_of_class(mark: char, name: &str, letter: char) -> bool {
    let own = match (mark, name) {
        (':', "alpha") => letter.is_ascii_alphabetic(),
        (':', "digit") => return letter.is_ascii_digit(),
        (':', "alnum") => letter.is_ascii_alphanumeric(),
        (':', "word") => letter.is_ascii_alphanumeric() || letter == '_',
        (':', "lower") => letter.is_ascii_lowercase(),
        (':', "upper") => letter.is_ascii_uppercase(),
        (':', "xdigit") => return letter.is_ascii_hexdigit(),
        (':', "space") => matches!(letter, '\t'..='\r' | ' '),
        (':', "blank") => matches!(letter, '\t' | ' '),
        (':', "cntrl") => letter.is_ascii_control(),
        (':', "punct") => letter.is_ascii_punctuation(),
        (':', "graph") => letter.is_ascii_graphic(),
        (':', "print") => letter == ' ' || letter.is_ascii_graphic(),
        (':', "ascii") => return letter.is_ascii(),
        (':', _) => return false,
        ('.', one) if one.chars().count() == 1 => return one.starts_with(letter),
        _ => return true,
    };
    own || !letter.is_ascii()
}

fn within(body: &[char], letter: char) -> bool {
    match body {
        ['[', rest @ ..] if named(rest).is_some() => {
            let Some((mark, name, used)) = named(rest) else { return false };
            is_of_class(mark, &name, letter) || within(&rest[used..], letter)
        }
        [low, '-', high, rest @ ..] => (*low <= letter && letter <= *high) || within(rest, letter),
        [one, rest @ ..] => *one == letter || within(rest, letter),
        [] => false,
    }
}
