//! The path patterns of Read and Edit rules: gitignore(5) under one of four anchors.

use std::borrow::Cow;

use super::{AbsPath, Along, Glob, Hold};
use crate::lint::language::Language;
use crate::rule::List;

/// A path pattern with its anchor.
///
/// `//x` hangs at the root, `~/x` at the home directory, `/x` at the directory of its settings file,
/// and `x` at the current directory; a name without a slash is found at any depth below it. What
/// matches a directory matches everything in it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PathPattern {
    base: Base,
    glob: Glob,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Base {
    Fixed(AbsPath),
    /// The project and, for a rule that tightens, the directory of the call as well.
    Current {
        tightens: bool,
        up: usize,
    },
}

/// Where a path pattern hangs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Root<'a> {
    /// At this directory.
    Fixed(&'a AbsPath),
    /// At the project, and for a rule that tightens at the directory of the call as well.
    Current,
    /// Above these.
    Above,
}

/// Why a path pattern cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PatternError {
    /// Nothing is written.
    Empty,
    /// It begins with `!`: gitignore's negation would carve a rule open.
    Negated,
    /// It holds a NUL or another control character.
    Control,
    /// `..` stands after a wildcard or a name.
    Upwards,
    /// It begins with `~name`: where another user lives is not known.
    OtherHome,
    /// It begins with a variable, and only `$HOME` in a rule that tightens is known.
    Variable,
}

impl PatternError {
    /// Returns the sentence for a person.
    pub fn message(self) -> &'static str {
        match self {
            Self::Empty => "the path is empty",
            Self::Negated => "a path that begins with `!` would carve a rule open",
            Self::Control => "the path holds a control character",
            Self::Upwards => "`..` may stand only at the beginning of a path",
            Self::OtherHome => "the home directory of another user is not known",
            Self::Variable => "variables are not expanded in rules",
        }
    }

    /// Returns what to do, for a person.
    pub fn hint(self) -> Option<&'static str> {
        match self {
            Self::OtherHome | Self::Variable => {
                Some("write the path out: `//` and the path from the root, or `~/` and the path from your home")
            }
            Self::Negated => Some("name what is meant; no rule carves an exception out of another"),
            Self::Empty | Self::Control | Self::Upwards => None,
        }
    }
}

impl PathPattern {
    /// Reads a pattern of a rule of `list`, written in a layer with this anchor.
    pub fn parse(text: &str, list: List, anchor: &AbsPath, home: &AbsPath) -> Result<Self, PatternError> {
        if text.is_empty() {
            return Err(PatternError::Empty);
        }
        if text.starts_with('!') {
            return Err(PatternError::Negated);
        }
        if text.chars().any(char::is_control) {
            return Err(PatternError::Control);
        }
        let tightens = match list {
            List::Deny | List::Ask => true,
            List::Allow => false,
        };
        if let Some(posix) = drive(text) {
            return Self::anchored(Base::Fixed(AbsPath::root()), &posix);
        }
        if text.starts_with('$') {
            let rest = ["$HOME", "${HOME}"].iter().find_map(|name| text.strip_prefix(name)).filter(|_| tightens);
            return match rest {
                Some(rest) if rest.is_empty() || rest.starts_with('/') => {
                    Self::anchored(Base::Fixed(home.clone()), rest)
                }
                Some(_) | None => Err(PatternError::Variable),
            };
        }
        if let Some(rest) = text.strip_prefix("//") {
            return Self::anchored(Base::Fixed(AbsPath::root()), rest);
        }
        if text == "~" {
            return Self::anchored(Base::Fixed(home.clone()), "");
        }
        if let Some(rest) = text.strip_prefix("~/") {
            return Self::anchored(Base::Fixed(home.clone()), rest);
        }
        if text.starts_with('~') && text.chars().nth(1).is_some_and(|letter| letter.is_ascii_alphanumeric()) {
            return Err(PatternError::OtherHome);
        }
        if let Some(rest) = text.strip_prefix('/') {
            return Self::anchored(Base::Fixed(anchor.clone()), rest);
        }
        Self::current(text, tightens)
    }

    fn anchored(base: Base, rest: &str) -> Result<Self, PatternError> {
        if rest.split('/').any(|segment| segment == "..") {
            return Err(PatternError::Upwards);
        }
        let rest: Vec<&str> = rest.split('/').filter(|segment| *segment != ".").collect();
        Ok(Self { base, glob: Glob::parse(&rest.join("/")) })
    }

    fn current(text: &str, tightens: bool) -> Result<Self, PatternError> {
        let explicit = text.starts_with("./") || text.starts_with("../") || text == "." || text == "..";
        let mut rest = text;
        let mut up = 0;
        loop {
            if let Some(after) = rest.strip_prefix("./") {
                rest = after.trim_start_matches('/');
            } else if let Some(after) = rest.strip_prefix("../") {
                rest = after.trim_start_matches('/');
                up += 1;
            } else {
                break;
            }
        }
        if rest == ".." {
            up += 1;
            rest = "";
        } else if rest == "." {
            rest = "";
        }
        let Self { base, glob } = Self::anchored(Base::Current { tightens, up }, rest)?;
        // A slash twice and a `.` between two say nothing.
        let names: Vec<&str> = rest.split('/').filter(|name| !matches!(*name, "" | ".")).collect();
        let bare_name = names.len() == 1 && !rest.trim_end_matches('/').contains('/');
        let one_directory = matches!(names.as_slice(), [_, "**"]);
        let any_depth = !explicit && (bare_name || (tightens && one_directory));
        let glob = if any_depth { Glob::parse(&format!("**/{}", names.join("/"))) } else { glob };
        Ok(Self { base, glob })
    }

    /// Returns the directories that the pattern hangs at, for a call in `cwd` of `project`.
    pub fn bases(&self, project: &AbsPath, cwd: &AbsPath) -> Vec<AbsPath> {
        self.each_base(project, cwd).map(Cow::into_owned).collect()
    }

    fn each_base<'a>(&'a self, project: &'a AbsPath, cwd: &'a AbsPath) -> impl Iterator<Item = Cow<'a, AbsPath>> {
        let (first, second, up) = match &self.base {
            Base::Fixed(base) => (base, None, 0),
            Base::Current { tightens, up } => (project, (*tightens && cwd != project).then_some(cwd), *up),
        };
        std::iter::once(first).chain(second).map(move |start| {
            if up == 0 {
                Cow::Borrowed(start)
            } else {
                Cow::Owned((0..up).fold(start.clone(), |path, _| path.join("..")))
            }
        })
    }

    /// Returns where it hangs, and the segments below that which are certain.
    pub(crate) fn root(&self) -> (Root<'_>, Vec<String>) {
        let root = match &self.base {
            Base::Fixed(base) => Root::Fixed(base),
            Base::Current { tightens: _, up: 0 } => Root::Current,
            Base::Current { tightens: _, up: _ } => Root::Above,
        };
        (root, self.glob.literal_prefix().0)
    }

    /// Returns what some segment of a path must be or have for the pattern to cover it; each is needed.
    pub(crate) fn holds(&self) -> Vec<Hold> {
        let base = match &self.base {
            Base::Fixed(base) => Some(base),
            Base::Current { tightens: _, up: _ } => None,
        };
        base.into_iter().flat_map(AbsPath::segments).map(Hold::name).chain(self.glob.holds()).collect()
    }

    /// Returns true when the pattern covers `path`.
    pub fn covers(&self, path: &AbsPath, project: &AbsPath, cwd: &AbsPath) -> bool {
        self.each_base(project, cwd).any(|base| {
            path.below(&base).is_some_and(|rest| {
                let segments: Vec<&str> = rest.split('/').filter(|segment| !segment.is_empty()).collect();
                self.glob.matches_or_holds(&segments)
            })
        })
    }

    /// Returns the pattern at a directory of a walk, ready for the names in it.
    pub fn along<'a>(&'a self, directory: &AbsPath, project: &AbsPath, cwd: &AbsPath) -> Along<'a> {
        Along::new(&self.glob, self.each_base(project, cwd), directory)
    }

    /// Returns true when the pattern covers every path.
    pub fn covers_all(&self) -> bool {
        matches!(&self.base, Base::Fixed(base) if *base == AbsPath::root()) && self.glob.is_anything()
    }

    /// Returns true when the pattern covers `path` where letters of another case count as the same, and
    /// invisible letters and blanks and points at the end of a name as nothing, as some file systems have it.
    pub fn covers_in_any_case(&self, path: &AbsPath, project: &AbsPath, cwd: &AbsPath) -> bool {
        let glob = self.glob.folded();
        self.each_base(project, cwd).any(|base| {
            path.below(&base).is_some_and(|rest| {
                let lower = rest.to_lowercase();
                let matches = |plain: &str| {
                    let segments: Vec<&str> = plain.split('/').filter(|segment| !segment.is_empty()).collect();
                    let trimmed: Vec<&str> =
                        segments.iter().map(|segment| segment.trim_end_matches([' ', '.'])).collect();
                    glob.matches_or_holds(&segments) || (segments != trimmed && glob.matches_or_holds(&trimmed))
                };
                let (seen, plain) = (super::without_ignorable(&lower), super::in_plain_letters(&lower));
                matches(&seen) || (seen != plain && matches(&plain))
            })
        })
    }

    /// Returns true when the pattern covers `directory` or could cover something below it, where letters of
    /// another case count as the same.
    pub fn could_cover_below(&self, directory: &AbsPath, project: &AbsPath, cwd: &AbsPath) -> bool {
        let glob = self.glob.folded();
        self.each_base(project, cwd).any(|base| {
            if base.is_within(directory) {
                return true;
            }
            directory.below(&base).is_some_and(|rest| {
                // A range of letters may end before it begins once it is folded: as written it counts too.
                let written: Vec<&str> = rest.split('/').filter(|segment| !segment.is_empty()).collect();
                let lower: String = rest.chars().map(super::glob::fold).collect();
                let segments: Vec<&str> = lower.split('/').filter(|segment| !segment.is_empty()).collect();
                self.glob.matches_or_holds(&written)
                    || self.glob.could_match_below(&written)
                    || glob.matches_or_holds(&segments)
                    || glob.could_match_below(&segments)
            })
        })
    }

    /// Returns false where no name on the way to what `shell` could name below `directory` ends as what this covers
    /// does: most rules are about something else, and that is seen here at no cost.
    fn could_end(&self, directory: &AbsPath, shell: &Glob) -> bool {
        self.glob.last_letter().is_none_or(|letter| {
            let ends = |name: &str| {
                name.chars().next_back().is_none_or(|own| !own.is_ascii() || super::glob::fold(own) == letter)
            };
            shell.could_end_in(letter) || directory.segments().any(ends)
        })
    }

    /// Returns false where no name on the way to a path ends as what this covers does, in letters of whatever case: most
    /// rules are about something else, and that is seen here at no cost. Letters that are not seen, blanks and points may
    /// stand at the end of a name on file systems that leave them out.
    pub(crate) fn could_cover_in_any_case(&self, path: &AbsPath) -> bool {
        self.glob.last_letter().is_none_or(|letter| {
            path.segments().any(|name| {
                let last = name.chars().next_back();
                last.is_none_or(|own| !own.is_ascii() || matches!(own, ' ' | '.') || super::glob::fold(own) == letter)
            })
        })
    }

    /// Returns true when it covers a path that `shell` could name, a shell's pattern below `directory`.
    pub fn could_meet(&self, directory: &AbsPath, shell: &Glob, project: &AbsPath, cwd: &AbsPath) -> bool {
        if !self.could_end(directory, shell) {
            return false;
        }
        let shell = shell.below(directory);
        self.bases(project, cwd).iter().any(|base| self.glob.below(base).meets(&shell))
    }

    /// Returns the same where letters of another case count as the same.
    pub fn could_meet_in_any_case(&self, directory: &AbsPath, shell: &Glob, project: &AbsPath, cwd: &AbsPath) -> bool {
        if !self.could_end(directory, shell) {
            return false;
        }
        self.each_base(project, cwd).any(|base| match directory.below(&base) {
            // Where the pattern hangs counts as written.
            Some(rest) => self.glob.folded().meets(&shell.below(&AbsPath::root().join(rest)).folded()),
            None => {
                base.is_within(directory) && self.glob.below(&base).folded().meets(&shell.below(directory).folded())
            }
        })
    }

    /// Returns the paths that the pattern covers at one of the directories that it hangs at.
    pub(crate) fn language(&self, base: &AbsPath) -> Language {
        let mut language = Language::empty_text();
        for segment in base.segments() {
            language.then_text(&format!("/{segment}"));
        }
        self.glob.spell(&mut language);
        language
    }

    /// Returns true when it hangs at the directory of the call too.
    pub(crate) fn follows_the_call(&self) -> bool {
        matches!(self.base, Base::Current { tightens: true, .. })
    }

    /// Returns true when what it covers is told by the name alone: it is found at any depth of any directory,
    /// so that a directory that is renamed holds neither more nor less of it.
    pub fn is_by_name(&self) -> bool {
        matches!(self.base, Base::Current { up: 0, .. } | Base::Fixed(_)) && self.glob.is_by_name()
    }

    /// Returns the directories below which everything it covers lies, and whether each is itself the
    /// one path meant.
    pub fn roots(&self, project: &AbsPath, cwd: &AbsPath) -> Vec<(AbsPath, bool)> {
        let (prefix, whole) = self.glob.literal_prefix();
        let bases = self.bases(project, cwd).into_iter();
        bases.map(|base| (prefix.iter().fold(base, |path, segment| path.join(segment)), whole)).collect()
    }
}

/// Returns the path below the root that a path of Windows stands for: `C:\x` is `/c/x`.
fn drive(text: &str) -> Option<String> {
    let (letter, rest) = text.split_once(':')?;
    let is_drive = letter.len() == 1 && letter.chars().all(|letter| letter.is_ascii_alphabetic());
    let rest = rest.strip_prefix(['\\', '/']).filter(|_| is_drive)?;
    Some(format!("{}/{}", letter.to_ascii_lowercase(), rest.replace('\\', "/")))
}
