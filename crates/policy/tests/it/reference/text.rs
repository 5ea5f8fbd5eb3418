//! Patterns of one line, by trying every way.

/// Returns true when `pattern` can be made into `text` by putting any characters in the place of each `*`.
pub(super) fn stars(pattern: &str, text: &str) -> bool {
    match pattern.chars().next() {
        None => text.is_empty(),
        Some('*') => {
            let rest = &pattern[1..];
            text.char_indices().map(|(at, _)| at).chain([text.len()]).any(|at| stars(rest, &text[at..]))
        }
        Some(letter) => text.strip_prefix(letter).is_some_and(|rest| stars(&pattern[letter.len_utf8()..], rest)),
    }
}

/// Returns true when two patterns with `*` have a text in common.
pub(super) fn meet(left: &str, right: &str) -> bool {
    let (mut first, mut second) = (left.chars(), right.chars());
    match (first.next(), second.next()) {
        (None, None) => true,
        (Some('*'), _) => meet(first.as_str(), right) || second_is_letter(left, right),
        (_, Some('*')) => meet(left, second.as_str()) || second_is_letter(right, left),
        (Some(one), Some(other)) => one == other && meet(first.as_str(), second.as_str()),
        (None, Some(_)) | (Some(_), None) => false,
    }
}

/// The star at the head of `starred` takes a letter of the other in.
fn second_is_letter(starred: &str, other: &str) -> bool {
    let mut rest = other.chars();
    rest.next().is_some() && meet(starred, rest.as_str())
}

/// What a command pattern stands for: the plain patterns of which one must match.
///
/// A last ` *` or `:*` is a word's end: the words before it alone, or followed by a blank and anything.
pub(super) fn command_forms(written: &str) -> Vec<String> {
    let text: Vec<&str> = written.split_whitespace().collect();
    let text = text.join(" ");
    for end in [" *", ":*"] {
        if text.ends_with(end) {
            let stem = &text[..text.len() - end.len()];
            return vec![stem.to_owned(), format!("{stem} *")];
        }
    }
    vec![text]
}

/// The same for a rule that tightens, in which a `:*` in the middle is what its author takes it for too.
pub(super) fn tightening_forms(written: &str) -> Vec<String> {
    let own = command_forms(written);
    let inner = |form: &String| form.contains(":*");
    if !own.iter().any(inner) {
        return own;
    }
    let readings = [(":*", " *"), (":*/", " "), (":*/", " * ")];
    let spelt = |(from, to): (&str, &str)| own.iter().map(|form| form.replace(from, to)).collect::<Vec<_>>();
    readings.into_iter().flat_map(spelt).chain(own.clone()).collect()
}

/// Returns a line with a blank around each operator between commands; a line's end is one like `;`.
pub(super) fn spaced_operators(line: &str) -> String {
    let mut text = line.trim().replace('\n', ";");
    for operator in ["&&", "||", ";"] {
        text = text.replace(operator, &format!(" {operator} "));
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Names of PowerShell that stand for others, of those that are tried; the last two are programs elsewhere.
const ALIASES: [(&str, &str); 4] =
    [("gci", "get-childitem"), ("ri", "remove-item"), ("ls", "get-childitem"), ("rm", "remove-item")];

fn with_alias(forms: Vec<String>, aliases: &[(&str, &str)]) -> Vec<String> {
    let head = |form: &String| form.split([' ', '*', ':']).next().unwrap_or_default().to_owned();
    let full = |form: &String| {
        let alias = aliases.iter().find(|(alias, _)| *alias == head(form))?;
        Some(form.replacen(alias.0, alias.1, 1))
    };
    let further: Vec<String> = forms.iter().filter_map(full).collect();
    forms.into_iter().chain(further).collect()
}

/// Returns what a rule of PowerShell that tightens covers.
pub(super) fn any_name(forms: &[String]) -> Vec<String> {
    with_alias(forms.iter().map(|form| form.to_lowercase()).collect(), &ALIASES)
}

/// Returns what a rule of PowerShell that allows covers: of another program the case of the arguments
/// counts, and an alias that may be a program is that.
pub(super) fn own_names(forms: &[String]) -> Vec<String> {
    let read = |form: &String| {
        let lower = form.to_lowercase();
        let head = lower.split([' ', '*', ':']).next().unwrap_or_default();
        let is_command = head.contains('-') || ["gci", "ri"].contains(&head);
        if is_command { lower } else { format!("{head}{}", &form[head.len()..]) }
    };
    with_alias(forms.iter().map(read).collect(), &ALIASES[..2])
}
