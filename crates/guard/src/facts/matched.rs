//! What the shell's patterns of a call match now, and where the links among it lead.

use std::collections::BTreeMap;

use policy::effects::Target;
use policy::facts::Resolved;
use policy::tables::executed;
use policy::{AbsPath, Effects};

use super::{removal, resolve};
use crate::limits;

/// Expands each pattern; what it matches that is a link, lies behind one, or is run later is resolved. Where there are too
/// many of them the rest is left unresolved, and what is not resolved asks.
pub(super) fn links(effects: &Effects, resolved: &mut BTreeMap<AbsPath, Resolved>) -> BTreeMap<String, Vec<AbsPath>> {
    let mut matched: BTreeMap<String, Vec<AbsPath>> = BTreeMap::new();
    for touch in effects.parts.iter().flat_map(|part| &part.touches) {
        let Target::Pattern(pattern, bases) = &touch.target else { continue };
        if matched.contains_key(pattern) {
            continue;
        }
        let mut links = Vec::new();
        for path in removal::present(&touch.target) {
            let Ok(found) = resolve::resolve(&path) else {
                links.push(path);
                continue;
            };
            let is_plain = bases.iter().any(|base| {
                let real = resolved.get(base).map_or(base, |base| &base.real);
                path.below(base).is_some_and(|rest| real.join(rest) == found.real)
            });
            let segments: Vec<&str> = path.segments().collect();
            if is_plain && executed::find(&segments).is_none() {
                continue;
            }
            links.push(path.clone());
            if links.len() > limits::LINKS_MATCHED_MAX {
                break;
            }
            resolved.insert(path, found);
        }
        matched.insert(pattern.clone(), links);
    }
    matched
}
