//! Programs that change files: their operands are written or deleted.

use super::part::{Access, By, Part, Target, Touch};
use super::shellwords::State;
use super::walk::{Argument, touch};
use crate::tables::programs::{CHANGERS, Changes};

/// The words of a program that changes files, sorted.
struct Sorted<'a> {
    operands: Vec<&'a Argument>,
    /// The directory of `-t DIR` or `--target-directory`.
    target: Option<Argument>,
    recursive: bool,
    /// False when an option gives the operands roles that are not modelled.
    plain: bool,
}

/// Reads what such a program does; false when it is none.
pub(super) fn understand(state: &State, base: &str, rest: &[Argument], part: &mut Part) -> bool {
    let Some((_, changes, valued, edits)) = CHANGERS.iter().find(|(name, ..)| *name == base) else { return false };
    let mut sorted = sort(*changes, valued, rest);
    // `shred -u` tries names of its own, and backups have theirs.
    let has = |letter: char, long: &str| {
        rest.iter().filter_map(Argument::known).any(|word| {
            word.starts_with(long) || (word.starts_with('-') && !word.starts_with("--") && word.contains(letter))
        })
    };
    sorted.plain &= match changes {
        Changes::Copied | Changes::Moved => !has('b', "--b") && !has('S', "--s"),
        Changes::Deleted => base != "shred" || !has('u', "--r"),
        Changes::Written | Changes::AfterFirst => true,
    };
    if base == "ln" && sorted.target.is_none() && sorted.operands.len() == 1 {
        // One operand alone is linked to from here.
        sorted.target = Some(Argument::literal("."));
    }
    let Sorted { operands, target, recursive, plain } = &sorted;
    let count = operands.len();
    for (index, operand) in operands.iter().enumerate() {
        let last = index + 1 == count && target.is_none();
        let access = match changes {
            Changes::Written => Access::Write,
            Changes::Deleted => Access::Delete,
            Changes::Copied | Changes::Moved if last => Access::Write,
            Changes::Copied => Access::Read,
            Changes::Moved => Access::Delete,
            Changes::AfterFirst if index == 0 => continue,
            Changes::AfterFirst => Access::Write,
        };
        // A directory is moved with everything in it.
        let whole = *recursive || *changes == Changes::Moved;
        touch(state, operand, access, By::Operand, whole, part);
    }
    if matches!(changes, Changes::Copied | Changes::Moved) {
        let sources = if target.is_some() { count } else { count.saturating_sub(1) };
        let directory = target.as_ref().or_else(|| operands.last().copied());
        if let Some(directory) = directory {
            if target.is_some() {
                touch(state, directory, Access::Write, By::Operand, *recursive, part);
            }
            into_directory(state, operands.get(..sources).unwrap_or_default(), directory, part);
        }
    }
    if !plain {
        let target = Target::Unknown(part.text.clone());
        part.touches.push(Touch { access: Access::Write, by: By::Operand, target, recursive: *recursive });
    }
    part.edits_only = *edits && *plain && count > 0 && operands.iter().all(|operand| operand.known().is_some());
    true
}

/// Sorts words into options and operands.
fn sort<'a>(changes: Changes, valued: &str, rest: &'a [Argument]) -> Sorted<'a> {
    let mut sorted = Sorted { operands: Vec::new(), target: None, recursive: false, plain: true };
    let takes_target = matches!(changes, Changes::Copied | Changes::Moved);
    let mut words = rest.iter();
    let mut only_operands = false;
    while let Some(argument) = words.next() {
        let word = match argument.known() {
            Some(word) if !only_operands && word.starts_with('-') && word != "-" => word,
            Some(_) | None => {
                sorted.operands.push(argument);
                continue;
            }
        };
        let is_long = word.starts_with("--");
        sorted.recursive |= word == "--recursive" || (!is_long && word.contains(['r', 'R', 'a']));
        let last = word.chars().last().unwrap_or('-');
        if word == "--" {
            only_operands = true;
        } else if let Some(directory) = word.strip_prefix("--target-directory=").filter(|_| takes_target) {
            sorted.target = Some(Argument::literal(directory));
        } else if takes_target && (word == "--target-directory" || (!is_long && last == 't')) {
            sorted.target = words.next().cloned();
            sorted.plain &= sorted.target.is_some();
        } else if is_long {
            // Other spellings of the options that give operands other roles.
            sorted.plain &= !word.starts_with("--t") && !word.starts_with("--ref") && !word.starts_with("--no-t");
        } else {
            sorted.plain &= !(takes_target && word.contains('t'));
            if valued.contains(last) {
                words.next();
            }
        }
    }
    sorted
}

/// `cp a b/`: when the last operand is a directory, the file made is `b/a`.
fn into_directory(state: &State, sources: &[&Argument], directory: &Argument, part: &mut Part) {
    let Some(directory) = directory.known() else { return };
    for source in sources {
        if source.known().is_none() {
            // What a pattern matches gets a name of its own there.
            touch(state, &Argument::literal(directory), Access::Write, By::Operand, true, part);
        }
        if let Some(name) = source.known().and_then(|source| source.trim_end_matches('/').rsplit('/').next()) {
            let made = Argument::literal(&format!("{directory}/{name}"));
            touch(state, &made, Access::Write, By::Operand, false, part);
        }
    }
}
