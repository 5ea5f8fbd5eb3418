//! Operands: which of them is what.

use super::{Argument, Call, Reader, Word};
use crate::table::{Place, Role, Times};

/// Returns the role of the operand at a position, counted from the front.
pub(super) fn role_from_front(places: &[Place], position: usize) -> Option<Role> {
    let mut left = position;
    for place in places {
        match place.times {
            Times::Many => return Some(place.role),
            Times::Once | Times::Maybe if left == 0 => return Some(place.role),
            Times::Once | Times::Maybe => left -= 1,
        }
    }
    None
}

impl<'t, 'a> Reader<'_, 't, 'a>
where
    't: 'a,
{
    /// Returns the roles of the operands, as options have changed them.
    fn places(&mut self) -> Vec<Place> {
        let mut places = self.places.take().unwrap_or_default();
        if self.given && !places.is_empty() {
            places.remove(0);
        }
        if self.writes {
            for place in places.iter_mut().filter(|place| matches!(place.role, Role::Read | Role::Tree)) {
                place.role = Role::Write;
            }
        }
        places
    }

    /// `env A=1 B=2 command`: takes the assignments, which end where a word is none.
    fn assignments(&mut self, places: &mut Vec<Place>, call: &mut Call<'t, 'a>) {
        if places.first().is_none_or(|place| place.role != Role::Assignment) {
            return;
        }
        places.remove(0);
        let is_assignment = |word: &Word<'_>| word.known().is_some_and(|text| text.contains('='));
        let count = self.operands.iter().take_while(|(_, word)| is_assignment(word)).count();
        let assigned = self.operands.drain(..count);
        let argument = |(index, word)| Argument { role: Role::Assignment, word, index, option: None };
        call.arguments.extend(assigned.map(argument));
    }

    /// Gives each operand its role.
    pub(super) fn operands(&mut self, call: &mut Call<'t, 'a>) {
        let mut places = self.places();
        self.assignments(&mut places, call);
        let operands = std::mem::take(&mut self.operands);
        let count = operands.len();
        let tail = match places.iter().position(|place| place.times == Times::Many) {
            Some(many) => places.len() - many - 1,
            None => 0,
        };
        let head = places.len() - tail;
        let several = operands.iter().position(|(_, word)| word.may_be_several());
        if several.is_some() && places.iter().all(|place| place.times != Times::Many && place.role != Role::Command) {
            call.unknown.push("it may be given more words than are listed".to_owned());
        }
        for (position, (index, word)) in operands.iter().enumerate() {
            let after = operands.get(position + 1..).unwrap_or_default();
            let from_end = count - position;
            let is_plain = !word.may_be_several() && after.iter().all(|(_, word)| !word.may_be_several());
            let first = several.filter(|first| position >= *first);
            let roles: Vec<Role> = if from_end <= tail && is_plain {
                places.get(places.len() - from_end).map(|place| place.role).into_iter().collect()
            } else {
                let (front, last) = places.split_at_checked(head).unwrap_or((&places, &[]));
                let mut roles = match first {
                    Some(first) => distinct(front.get(first.min(head.saturating_sub(1))..).unwrap_or_default()),
                    None => role_from_front(front, position).into_iter().collect(),
                };
                // Words that may be none at all let this one be among the last.
                let surely_after = after.iter().filter(|(_, word)| *word != Word::Unknown).count();
                if surely_after < tail && !is_plain {
                    roles.extend(distinct(last));
                }
                roles
            };
            if roles.is_empty() {
                call.unknown.push(unlisted(*word));
                call.arguments.push(Argument { role: Role::Unknown, word: *word, index: *index, option: None });
            }
            let end = operands.last().map_or(*index, |(last, _)| last + 1);
            if roles.first() == Some(&Role::Command) {
                call.commands.push(*index..end);
                return;
            }
            if roles.contains(&Role::Command) {
                // A word before it may be several or none: the command may begin at any of these.
                call.unknown.push("where the command that it runs begins is not known".to_owned());
                call.commands.push(*index..end);
            }
            for role in roles {
                call.arguments.push(Argument { role, word: *word, index: *index, option: None });
            }
        }
        let wanted = places.iter().filter(|place| place.times == Times::Once).count();
        if count < wanted && call.alone.is_empty() {
            call.unknown.push("it has fewer words than it wants".to_owned());
        }
    }
}

fn unlisted(word: Word<'_>) -> String {
    match word {
        Word::Known(text) => format!("what its word `{text}` means is not listed"),
        Word::Pattern(_) | Word::Begins(_) | Word::Unknown => "what one of its words means is not listed".to_owned(),
    }
}

/// Returns the roles of places, each once.
fn distinct(places: &[Place]) -> Vec<Role> {
    let mut roles = Vec::new();
    for place in places {
        if !roles.contains(&place.role) {
            roles.push(place.role);
        }
    }
    roles
}
