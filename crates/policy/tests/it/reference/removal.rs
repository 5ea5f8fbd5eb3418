//! Removals that nobody approves beforehand, and names that are protected.

use policy::effects::{Access, Target, Touch};
use policy::{AbsPath, Action, Facts};

use super::path::segment;

const DIRECTORIES: [&str; 14] = [
    ".git",
    ".config/git",
    ".vscode",
    ".idea",
    ".husky",
    ".cargo",
    ".devcontainer",
    ".yarn",
    ".mvn",
    ".claude",
    ".palisade",
    ".codex",
    ".gemini",
    ".cursor",
];
const FILES: [&str; 37] = [
    ".gitconfig",
    ".gitmodules",
    ".bashrc",
    ".bash_profile",
    ".bash_login",
    ".bash_aliases",
    ".bash_logout",
    ".zshrc",
    ".zprofile",
    ".zshenv",
    ".zlogin",
    ".zlogout",
    ".profile",
    ".envrc",
    ".npmrc",
    ".yarnrc",
    ".yarnrc.yml",
    ".pnp.cjs",
    ".pnp.loader.mjs",
    ".pnpmfile.cjs",
    "bunfig.toml",
    ".bunfig.toml",
    ".bazelrc",
    ".bazelversion",
    ".bazeliskrc",
    ".pre-commit-config.yaml",
    "lefthook.yml",
    "lefthook.yaml",
    ".lefthook.yml",
    ".lefthook.yaml",
    "gradle-wrapper.properties",
    "maven-wrapper.properties",
    ".devcontainer.json",
    ".ripgreprc",
    "pyrightconfig.json",
    ".mcp.json",
    ".claude.json",
];

pub(super) fn segments(path: &str) -> Vec<&str> {
    path.split('/').filter(|segment| !segment.is_empty()).collect()
}

/// Returns true when a write to the path is never approved beforehand.
pub(super) fn protected(path: &str) -> bool {
    let lower = path.to_lowercase();
    let inner = format!("/{}/", segments(&lower).join("/"));
    let within = |name: &str| inner.contains(&format!("/{name}/"));
    let named = |name: &&str| inner.ends_with(&format!("/{name}/"));
    if within(".claude/worktrees") && !within(".git") {
        return false;
    }
    DIRECTORIES.iter().any(|name| within(name)) || FILES.iter().any(named)
}

/// Returns the part of a shell's pattern that stands behind the directory it names plainly.
pub(super) fn below_stem(pattern: &str) -> &str {
    let stem = pattern.find(['*', '?', '[']).unwrap_or(pattern.len());
    pattern[..stem].rfind('/').map_or(pattern, |at| &pattern[at + 1..])
}

/// Returns true when a name that a shell's pattern matches could be protected.
pub(super) fn pattern_meets_protected(pattern: &str, bases: &[AbsPath], facts: &Facts) -> bool {
    let named = |base: &AbsPath| {
        let resolved = facts.resolved.get(base);
        let further = resolved.into_iter().flat_map(|resolved| resolved.hops.iter().chain([&resolved.real]));
        [base].into_iter().chain(further).map(|name| name.as_str().to_owned()).collect::<Vec<_>>()
    };
    let unplaced = bases.is_empty().then(|| vec![String::new()]);
    let places = bases.iter().map(named).chain(unplaced).flatten();
    let rest = if bases.is_empty() { pattern } else { below_stem(pattern) };
    places.into_iter().any(|base| protected(&base) || could_be_protected(&segments(&base), rest))
}

/// Returns true when a pattern could name something protected of which at least the end stands in the pattern.
fn could_be_protected(base: &[&str], rest: &str) -> bool {
    let path: Vec<&str> = base.iter().copied().chain(segments(rest)).collect();
    let fits = |written: &str, name: &str| {
        let wild = written.starts_with(['*', '?', '[']) && name.starts_with('.');
        let letters = |text: &str| text.chars().collect::<Vec<_>>();
        let plain = !written.contains(['*', '?', '[', '\\']);
        !wild && (segment(&letters(written), &letters(name)) || (plain && written.eq_ignore_ascii_case(name)))
    };
    let stands = |name: &str, directory: bool| {
        let name: Vec<&str> = name.split('/').collect();
        (0..path.len()).any(|start| {
            let end = start + name.len();
            let whole = end == path.len() || (directory && end < path.len());
            whole && end > base.len() && path[start..end].iter().zip(&name).all(|(written, name)| fits(written, name))
        })
    };
    DIRECTORIES.iter().any(|name| stands(name, true)) || FILES.iter().any(|name| stands(name, false))
}

/// Returns true when a removal asks in every mode: the root and what stands in it, the home directory, the
/// directories of the call and of the project, and whatever holds one of these; everything in one of them
/// or in an added directory; what lies under a variable.
pub(super) fn is_critical(touch: &Touch, action: &Action, facts: &Facts) -> bool {
    if touch.access != Access::Delete {
        return false;
    }
    if touch.target.paths().any(|path| !facts.resolved.contains_key(path)) {
        return true;
    }
    match &touch.target {
        Target::Paths(paths) => paths.iter().any(|path| {
            let resolved = facts.resolved.get(path);
            let further = resolved.into_iter().flat_map(|resolved| resolved.hops.iter().chain([&resolved.real]));
            [path].into_iter().chain(further).any(|name| is_high(name.as_str(), action, facts))
        }),
        Target::Pattern(pattern, bases) => {
            let rest = below_stem(pattern);
            let sweeps = ["*", ".*"].contains(&rest) || rest.ends_with("/*") || rest.ends_with("/.*");
            (sweeps && bases.is_empty())
                || bases.iter().any(|base| {
                    let added = facts.working_directories.iter().any(|work| work.is_within(base));
                    (sweeps && (added || is_high(base.as_str(), action, facts)))
                        || names_a_high_one(base, rest, action, facts)
                })
        }
        Target::Unknown(word) => {
            let plain = word.replace('"', "");
            // What is left of it when the variable in it is empty.
            let left = plain.find(['$', '`']).map(|at| &plain[..at]).filter(|left| left.ends_with('/'));
            let named = left.map(|left| match left.strip_prefix('~') {
                Some(rest) => facts.home.join(rest.trim_start_matches('/')),
                None => action.cwd.join(left),
            });
            let here = [".", ".."].contains(&word.trim_matches('"'));
            here || plain.ends_with('*')
                || plain.ends_with('/')
                || named.is_some_and(|path| is_high(path.as_str(), action, facts))
        }
    }
}

/// The root and what stands in it.
fn stands_high(path: &str) -> bool {
    segments(path).len() <= 1
}

fn is_high(path: &str, action: &Action, facts: &Facts) -> bool {
    let holds = |inner: &AbsPath| segments(inner.as_str()).starts_with(&segments(path));
    stands_high(path) || holds(&facts.home) || holds(&action.cwd) || holds(&facts.project)
}

/// Returns true when a pattern in `base` could name one of them.
fn names_a_high_one(base: &AbsPath, rest: &str, action: &Action, facts: &Facts) -> bool {
    let pattern: Vec<String> = segments(base.as_str()).into_iter().chain(segments(rest)).map(str::to_owned).collect();
    let letters = |text: &str| text.chars().collect::<Vec<_>>();
    let named = |inner: &AbsPath| {
        let path = segments(inner.as_str());
        let hidden = |written: &str, name: &str| written.starts_with(['*', '?', '[']) && name.starts_with('.');
        path.len() >= pattern.len()
            && pattern
                .iter()
                .zip(&path)
                .all(|(written, name)| !hidden(written, name) && segment(&letters(written), &letters(name)))
    };
    pattern.len() <= 1 || named(&facts.home) || named(&action.cwd) || named(&facts.project)
}
