//! Globs in the language of gitignore(5): `*`, `?`, `[...]`, `\x` within a segment, `**` across them.

use std::hash::{Hash, Hasher};

use crate::lint::language::{Language, Letters};

mod meet;
mod progress;

pub(crate) use progress::Progress;

/// A glob over the segments of a path.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Glob {
    segments: Vec<Segment>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    /// `**`: any number of segments, none included.
    Any,
    /// Anything else.
    One(Vec<Token>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Char(char),
    /// `?`
    One,
    /// `*`
    Run,
    /// `[...]`: negated, and ranges.
    Class(bool, Vec<(char, char)>),
}

/// What some segment of a path must be or have for a glob to match it, in letters of any case: all of
/// these are in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Hold {
    /// It is this.
    Name(String),
    /// It ends with a dot and this, in which there is no dot.
    Extension(String),
    /// It holds this.
    Within(String),
}

impl Hold {
    /// Returns the hold that a segment of this name is.
    pub(crate) fn name(name: &str) -> Self {
        Self::Name(name.chars().map(fold).collect())
    }
}

/// Returns a letter in lower case, where that is one letter; otherwise the first of them.
pub(crate) fn fold(letter: char) -> char {
    if letter.is_ascii() { letter.to_ascii_lowercase() } else { letter.to_lowercase().next().unwrap_or(letter) }
}

impl Glob {
    /// Reads a glob; `/` separates segments, empty ones are dropped.
    pub fn parse(text: &str) -> Self {
        let segments = text.split('/').filter(|segment| !segment.is_empty());
        Self { segments: segments.map(Segment::parse).collect() }
    }

    /// Returns the glob below a directory.
    pub fn below(&self, directory: &super::AbsPath) -> Self {
        let literal = |name: &str| Segment::One(name.chars().map(Token::Char).collect());
        Self { segments: directory.segments().map(literal).chain(self.segments.iter().cloned()).collect() }
    }

    /// Returns the letter in which every name ends that the last segment matches, without its case.
    pub(crate) fn last_letter(&self) -> Option<char> {
        match self.segments.last() {
            Some(Segment::One(tokens)) => match tokens.last() {
                Some(Token::Char(letter)) if letter.is_ascii() => Some(fold(*letter)),
                Some(Token::Char(_) | Token::One | Token::Run | Token::Class(..)) | None => None,
            },
            Some(Segment::Any) | None => None,
        }
    }

    /// Returns true when some segment could match a name that ends in this letter, whatever its case.
    pub(crate) fn could_end_in(&self, letter: char) -> bool {
        self.segments.iter().any(|segment| match segment {
            Segment::Any => true,
            Segment::One(tokens) => match tokens.last() {
                Some(Token::Char(own)) => !own.is_ascii() || fold(*own) == letter,
                Some(Token::One | Token::Run | Token::Class(..)) | None => true,
            },
        })
    }

    /// Returns true when it is `**` and one segment more.
    pub(crate) fn is_by_name(&self) -> bool {
        matches!(self.segments.as_slice(), [Segment::Any, Segment::One(_)])
    }

    /// Returns the number of segments.
    pub fn len(&self) -> usize {
        self.segments.len()
    }

    /// Returns true when there is no segment: only the empty path matches.
    pub fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    /// Returns the leading segments that contain no wildcard, as text, and whether the glob is no more
    /// than these, or these and everything below them.
    pub fn literal_prefix(&self) -> (Vec<String>, bool) {
        let prefix: Vec<String> = self.segments.iter().map_while(Segment::literal).collect();
        let whole = self.segments.iter().skip(prefix.len()).all(|segment| *segment == Segment::Any);
        (prefix, whole)
    }

    /// Returns what some segment of a path must be or have for the glob to match it or a directory that
    /// holds it; each of them is needed.
    pub(crate) fn holds(&self) -> impl Iterator<Item = Hold> {
        self.segments.iter().flat_map(|segment| match segment {
            Segment::Any => Vec::new(),
            Segment::One(tokens) => holds(tokens),
        })
    }

    /// Returns true when the whole of `path` matches.
    pub fn matches(&self, path: &[&str]) -> bool {
        let reach = self.segments.iter().fold(start(path), |reach, segment| segment.step(&reach, path));
        reach.last() == Some(&true)
    }

    /// Returns true when `path` or one of the directories above it matches, as gitignore has it.
    pub fn matches_or_holds(&self, path: &[&str]) -> bool {
        // Most rules are about something else, and that is seen here at little cost.
        self.begins(path) && (0..=path.len()).rev().any(|end| path.get(..end).is_some_and(|start| self.matches(start)))
    }

    /// Returns false when what stands before the first `**` is not how a path begins: then neither it nor a directory above
    /// it matches.
    fn begins(&self, path: &[&str]) -> bool {
        let mut names = path.iter();
        self.segments
            .iter()
            .map_while(Segment::tokens)
            .all(|tokens| names.next().is_some_and(|name| matches(tokens, name)))
    }

    /// Returns true when it matches every path.
    pub fn is_anything(&self) -> bool {
        self.segments.iter().all(|segment| matches!(segment, Segment::Any))
    }

    /// Returns the glob in lower case.
    pub fn folded(&self) -> Self {
        let token = |token: &Token| match token {
            Token::Char(letter) => Token::Char(fold(*letter)),
            Token::One => Token::One,
            Token::Run => Token::Run,
            Token::Class(negated, ranges) => {
                Token::Class(*negated, ranges.iter().map(|(low, high)| (fold(*low), fold(*high))).collect())
            }
        };
        let segment = |segment: &Segment| match segment {
            Segment::Any => Segment::Any,
            Segment::One(tokens) => Segment::One(tokens.iter().map(token).collect()),
        };
        Self { segments: self.segments.iter().map(segment).collect() }
    }

    /// Appends to the paths of a language what the glob matches, and everything below that.
    pub(crate) fn spell(&self, language: &mut Language) {
        for segment in &self.segments {
            match segment {
                Segment::Any => language.then_segments(),
                Segment::One(tokens) => {
                    language.then_text("/");
                    tokens.iter().for_each(|token| token.spell(language));
                }
            }
        }
        language.then_segments();
    }

    /// Returns true when something below the directory `path` could match.
    pub fn could_match_below(&self, path: &[&str]) -> bool {
        let mut reach = start(path);
        for segment in &self.segments {
            if reach.last() == Some(&true) {
                return true;
            }
            reach = segment.step(&reach, path);
        }
        false
    }
}

/// The tokens of a segment as one text: a digest of many globs takes no long.
impl Hash for Segment {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let mut text = String::new();
        match self {
            Self::Any => text.push_str("\0**"),
            Self::One(tokens) => tokens.iter().for_each(|token| token.write(&mut text)),
        }
        text.hash(state);
    }
}

/// Before the first segment of a glob: it can only stand before the first of the path.
fn start(path: &[&str]) -> Vec<bool> {
    let mut reach = vec![false; path.len() + 1];
    if let Some(first) = reach.first_mut() {
        *first = true;
    }
    reach
}

impl Segment {
    fn parse(text: &str) -> Self {
        if text == "**" { Self::Any } else { Self::One(tokens(text)) }
    }

    /// Takes the segment in: `reach[i]` says that the glob so far can end before `path[i]`.
    fn step(&self, reach: &[bool], path: &[&str]) -> Vec<bool> {
        let ends = |index: usize| match self {
            Self::Any => reach.iter().take(index + 1).any(|reached| *reached),
            Self::One(tokens) => {
                index > 0
                    && reach.get(index - 1) == Some(&true)
                    && path.get(index - 1).is_some_and(|name| matches(tokens, name))
            }
        };
        (0..=path.len()).map(ends).collect()
    }

    fn tokens(&self) -> Option<&[Token]> {
        match self {
            Self::Any => None,
            Self::One(tokens) => Some(tokens),
        }
    }

    fn literal(&self) -> Option<String> {
        match self {
            Self::Any => None,
            Self::One(tokens) => tokens
                .iter()
                .map(|token| match token {
                    Token::Char(letter) => Some(*letter),
                    Token::One | Token::Run | Token::Class(..) => None,
                })
                .collect(),
        }
    }
}

/// Returns what a name must be or have for the tokens to match it.
fn holds(tokens: &[Token]) -> Vec<Hold> {
    let mut runs = vec![String::new()];
    for token in tokens {
        match token {
            Token::Char(letter) => {
                if let Some(run) = runs.last_mut() {
                    run.push(fold(*letter));
                }
            }
            Token::One | Token::Run | Token::Class(..) => runs.push(String::new()),
        }
    }
    let extension = runs.last().and_then(|tail| tail.rsplit_once('.')).map(|(_, extension)| extension.to_owned());
    match runs.as_slice() {
        [_] => runs.into_iter().map(Hold::Name).collect(),
        _ => extension.map(Hold::Extension).into_iter().chain(runs.into_iter().map(Hold::Within)).collect(),
    }
}

fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let letters: Vec<char> = text.chars().collect();
    let mut index = 0;
    while let Some(letter) = letters.get(index) {
        index += 1;
        match letter {
            '*' => {
                if tokens.last() != Some(&Token::Run) {
                    tokens.push(Token::Run);
                }
            }
            '?' => tokens.push(Token::One),
            '\\' => {
                tokens.push(Token::Char(letters.get(index).copied().unwrap_or('\\')));
                index += 1;
            }
            '[' => match class(letters.get(index..).unwrap_or_default()) {
                Some((token, used)) => {
                    tokens.push(token);
                    index += used;
                }
                None => tokens.push(Token::Char('[')),
            },
            other => tokens.push(Token::Char(*other)),
        }
    }
    tokens
}

/// Reads the rest of a bracket expression and says how many characters it took; `None` when it never ends.
fn class(rest: &[char]) -> Option<(Token, usize)> {
    let negated = matches!(rest.first(), Some('!' | '^'));
    let start = usize::from(negated);
    let mut ranges = Vec::new();
    let mut index = start;
    loop {
        let low = *rest.get(index)?;
        if low == ']' && index > start {
            return Some((Token::Class(negated, ranges), index + 1));
        }
        if low == '['
            && let Some((named, used)) = named_class(rest.get(index + 1..).unwrap_or_default())
        {
            ranges.extend_from_slice(&named);
            index += used + 1;
            continue;
        }
        match (rest.get(index + 1), rest.get(index + 2)) {
            (Some('-'), Some(high)) if *high != ']' => {
                ranges.push((low, *high));
                index += 3;
            }
            (Some(_) | None, _) => {
                ranges.push((low, low));
                index += 1;
            }
        }
    }
}

/// Reads `:alpha:]`, `=e=]` or `.hyphen.]` and says how many characters it took.
fn named_class(rest: &[char]) -> Option<(Vec<(char, char)>, usize)> {
    let mark = *rest.first().filter(|mark| matches!(mark, ':' | '=' | '.'))?;
    let length = rest.iter().skip(1).zip(rest.iter().skip(2)).position(|pair| pair == (&mark, &']'))?;
    let name: String = rest.iter().skip(1).take(length).collect();
    // What letters of other scripts are depends on the locale: every one of them counts.
    const BEYOND: (char, char) = ('\u{80}', char::MAX);
    let mut letters = name.chars();
    let ranges = match (mark, name.as_str()) {
        (':', "alpha") => vec![('a', 'z'), ('A', 'Z'), BEYOND],
        (':', "digit") => vec![('0', '9')],
        (':', "alnum") => vec![('a', 'z'), ('A', 'Z'), ('0', '9'), BEYOND],
        (':', "word") => vec![('a', 'z'), ('A', 'Z'), ('0', '9'), ('_', '_'), BEYOND],
        (':', "lower") => vec![('a', 'z'), BEYOND],
        (':', "upper") => vec![('A', 'Z'), BEYOND],
        (':', "xdigit") => vec![('0', '9'), ('a', 'f'), ('A', 'F')],
        (':', "space") => vec![('\t', '\r'), (' ', ' '), BEYOND],
        (':', "blank") => vec![('\t', '\t'), (' ', ' '), BEYOND],
        (':', "cntrl") => vec![('\0', '\u{1f}'), ('\u{7f}', '\u{7f}'), BEYOND],
        (':', "punct") => vec![('!', '/'), (':', '@'), ('[', '`'), ('{', '~'), BEYOND],
        (':', "graph") => vec![('!', '~'), BEYOND],
        (':', "print") => vec![(' ', '~'), BEYOND],
        (':', "ascii") => vec![('\0', '\u{7f}')],
        // No shell knows a class of this name, and none matches it.
        (':', _) => Vec::new(),
        // Letters of one sound, and letters by name: which they are is the locale's to say.
        _ => match (letters.next(), letters.next()) {
            (Some(one), None) if mark == '.' => vec![(one, one)],
            _ => vec![('\0', char::MAX)],
        },
    };
    Some((ranges, length + 3))
}

/// Returns true when the whole of `name` matches: greedy with one point to return to, so linear in
/// practice and quadratic at worst.
fn matches(tokens: &[Token], name: &str) -> bool {
    // Before the first `*` each letter has its token.
    let mut found = name.chars();
    for token in tokens.iter().take_while(|token| **token != Token::Run) {
        if !found.next().is_some_and(|letter| token.takes(letter)) {
            return false;
        }
    }
    let letters: Vec<char> = name.chars().collect();
    let (mut at, mut letter) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    loop {
        match (tokens.get(at), letters.get(letter)) {
            (None, None) => return true,
            (Some(Token::Run), _) => {
                retry = Some((at + 1, letter));
                at += 1;
                continue;
            }
            (Some(token), Some(found)) if token.takes(*found) => {
                at += 1;
                letter += 1;
                continue;
            }
            (Some(_) | None, _) => {}
        }
        match retry {
            Some((token, start)) if start < letters.len() => {
                retry = Some((token, start + 1));
                at = token;
                letter = start + 1;
            }
            Some(_) | None => return false,
        }
    }
}

impl Token {
    /// Writes the token so that no two of them are written alike.
    fn write(&self, text: &mut String) {
        match self {
            Self::Char('\0') => text.push_str("\0\0"),
            Self::Char(letter) => text.push(*letter),
            Self::One => text.push_str("\0?"),
            Self::Run => text.push_str("\0*"),
            Self::Class(negated, ranges) => {
                text.push_str(if *negated { "\0!" } else { "\0[" });
                ranges.iter().for_each(|(low, high)| text.extend(['\0', '-', *low, *high]));
                text.push_str("\0]");
            }
        }
    }

    /// Appends what the token matches; no name holds a slash.
    fn spell(&self, language: &mut Language) {
        match self {
            Self::Char(letter) => language.then(&Letters::one(*letter)),
            Self::One => language.then(&Letters::but('/')),
            Self::Run => language.then_many(&Letters::but('/')),
            Self::Class(true, ranges) => {
                let ranges: Vec<(char, char)> = ranges.iter().copied().chain([('/', '/')]).collect();
                language.then(&Letters::ranges(true, &ranges));
            }
            Self::Class(false, ranges) => {
                let below = ranges.iter().map(|(low, high)| (*low, (*high).min('.')));
                let above = ranges.iter().map(|(low, high)| ((*low).max('0'), *high));
                let kept: Vec<(char, char)> = below.chain(above).filter(|(low, high)| low <= high).collect();
                language.then(&Letters::ranges(false, &kept));
            }
        }
    }

    fn takes(&self, letter: char) -> bool {
        match self {
            Self::Char(own) => *own == letter,
            Self::One => true,
            Self::Run => false,
            Self::Class(negated, ranges) => {
                ranges.iter().any(|(low, high)| (*low..=*high).contains(&letter)) != *negated
            }
        }
    }
}
