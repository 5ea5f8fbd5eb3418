//! The path patterns of Read and Edit rules: gitignore(5) under one of four anchors.

use super::{AbsPath, Glob};
use crate::lint::language::Language;
use crate::rule::List;

/// A path pattern with its anchor.
///
/// `//x` hangs at the root, `~/x` at the home directory, `/x` at the directory of its settings file,
/// and `x` at the current directory; a name without a slash is found at any depth below it. What
/// matches a directory matches everything in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathPattern {
    base: Base,
    glob: Glob,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Base {
    Fixed(AbsPath),
    /// The project and, for a rule that tightens, the directory of the call as well.
    Current {
        tightens: bool,
        up: usize,
    },
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
}

impl PatternError {
    /// Returns the sentence for a person.
    pub fn message(self) -> &'static str {
        match self {
            Self::Empty => "the path is empty",
            Self::Negated => "a path that begins with `!` would carve a rule open",
            Self::Control => "the path holds a control character",
            Self::Upwards => "`..` may stand only at the beginning of a path",
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
        if let Some(rest) = text.strip_prefix("//") {
            return Self::anchored(Base::Fixed(AbsPath::root()), rest);
        }
        if text == "~" {
            return Self::anchored(Base::Fixed(home.clone()), "");
        }
        if let Some(rest) = text.strip_prefix("~/") {
            return Self::anchored(Base::Fixed(home.clone()), rest);
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
        let inner = rest.trim_end_matches('/');
        let one_directory = inner.strip_suffix("/**").is_some_and(|directory| !directory.contains('/'));
        let any_depth = !explicit && (!inner.contains('/') || (tightens && one_directory));
        let glob = if any_depth && !rest.is_empty() { Glob::parse(&format!("**/{rest}")) } else { glob };
        Ok(Self { base, glob })
    }

    /// Returns the directories that the pattern hangs at, for a call in `cwd` of `project`.
    pub fn bases(&self, project: &AbsPath, cwd: &AbsPath) -> Vec<AbsPath> {
        match &self.base {
            Base::Fixed(base) => vec![base.clone()],
            Base::Current { tightens, up } => {
                let climb = |start: &AbsPath| (0..*up).fold(start.clone(), |path, _| path.join(".."));
                let mut bases = vec![climb(project)];
                if *tightens && cwd != project {
                    bases.push(climb(cwd));
                }
                bases
            }
        }
    }

    /// Returns true when the pattern covers `path`.
    pub fn covers(&self, path: &AbsPath, project: &AbsPath, cwd: &AbsPath) -> bool {
        self.bases(project, cwd).iter().any(|base| {
            path.below(base).is_some_and(|rest| {
                let segments: Vec<&str> = rest.split('/').filter(|segment| !segment.is_empty()).collect();
                self.glob.matches_or_holds(&segments)
            })
        })
    }

    /// Returns true when the pattern covers `path` where letters of another case count as the same, as
    /// some file systems have it.
    pub fn covers_in_any_case(&self, path: &AbsPath, project: &AbsPath, cwd: &AbsPath) -> bool {
        let glob = self.glob.folded();
        self.bases(project, cwd).iter().any(|base| {
            path.below(base).is_some_and(|rest| {
                let lower = rest.to_lowercase();
                let segments: Vec<&str> = lower.split('/').filter(|segment| !segment.is_empty()).collect();
                glob.matches_or_holds(&segments)
            })
        })
    }

    /// Returns true when the pattern covers `directory` or could cover something below it.
    pub fn could_cover_below(&self, directory: &AbsPath, project: &AbsPath, cwd: &AbsPath) -> bool {
        self.covers(directory, project, cwd)
            || self.bases(project, cwd).iter().any(|base| {
                if base.is_within(directory) {
                    return true;
                }
                directory.below(base).is_some_and(|rest| {
                    let segments: Vec<&str> = rest.split('/').filter(|segment| !segment.is_empty()).collect();
                    self.glob.could_match_below(&segments)
                })
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

    /// Returns the directories below which everything it covers lies, and whether each is itself the
    /// one path meant.
    pub fn roots(&self, project: &AbsPath, cwd: &AbsPath) -> Vec<(AbsPath, bool)> {
        let (prefix, whole) = self.glob.literal_prefix();
        let bases = self.bases(project, cwd).into_iter();
        bases.map(|base| (prefix.iter().fold(base, |path, segment| path.join(segment)), whole)).collect()
    }
}
