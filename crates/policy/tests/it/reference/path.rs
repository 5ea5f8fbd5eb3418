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
        let (anchor, rest) = match text {
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

    /// Returns true when it covers the directory, or something that could lie below it.
    pub(super) fn could_lie_below(&self, directory: &str, place: &Place<'_>) -> bool {
        let path = split(directory);
        self.covers(directory, place)
            || self.bases(place).iter().any(|base| {
                base.starts_with(&path)
                    || (path.starts_with(base) && goes_on_below(&self.segments, &path[base.len()..]))
            })
    }

    /// Returns true when some path that a shell's pattern could match is covered: `rest` is the pattern
    /// below `base`.
    pub(super) fn meets(&self, base: &str, rest: &str, place: &Place<'_>) -> bool {
        let mut shell = split(base);
        shell.extend(split(rest));
        self.bases(place).iter().any(|own| {
            let whole: Vec<String> = own.iter().cloned().chain(self.segments.iter().cloned()).collect();
            (0..=shell.len()).any(|end| segments_meet(&whole, &shell[..end]))
        })
    }
}

fn every_segment(pattern: &[String], path: &[String]) -> bool {
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

/// Returns true when two patterns may have a path in common; two segments with wildcards are taken to.
fn segments_meet(left: &[String], right: &[String]) -> bool {
    match (left.first(), right.first()) {
        (None, None) => true,
        (Some(first), _) if first == "**" => {
            segments_meet(&left[1..], right) || (!right.is_empty() && segments_meet(left, &right[1..]))
        }
        (Some(first), Some(second)) => {
            let plain = |text: &str| !text.contains(['*', '?', '[', '\\']);
            let common = match (plain(first), plain(second)) {
                (_, true) => segment(&letters(first), &letters(second)),
                (true, false) => segment(&letters(second), &letters(first)),
                (false, false) => false,
            };
            common && segments_meet(&left[1..], &right[1..])
        }
        (None, Some(_)) | (Some(_), None) => false,
    }
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
    let end = (1..text.len()).find(|at| text[*at] == ']')?;
    Some((&text[..end], negated, &text[end + 1..]))
}

fn within(body: &[char], letter: char) -> bool {
    match body {
        [low, '-', high, rest @ ..] => (*low <= letter && letter <= *high) || within(rest, letter),
        [one, rest @ ..] => *one == letter || within(rest, letter),
        [] => false,
    }
}
