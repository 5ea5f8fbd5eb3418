//! Files of cases, in the form of `spec/`: prose, and blocks that are read by name.
//!
//! | block | what |
//! |---|---|
//! | `settings` | the settings under test, alone; before the first heading for the whole file |
//! | `world` | `mode NAME` and `cwd DIR`, a line each |
//! | `verdicts` | a call a line: `deny  Bash: rm -rf x <- deny Bash(rm *)` |

use cases::{Block, Fault};
use guard::Place;
use policy::layer::{Diagnostic, Severity};
use policy::rule::{TOOLS, nearest};
use policy::{AbsPath, Layer, Mode, Policy, Scope, Verdict};
use settings::layer_from_json_text;

const NAMES: [&str; 3] = ["settings", "world", "verdicts"];
/// Blocks that are prose.
const PROSE: [&str; 10] = ["", "text", "txt", "sh", "bash", "shell", "console", "json", "jsonc", "markdown"];
const LINE: &str = "write `deny Bash: rm -rf x`, and ` <- deny Bash(rm *)` behind it to name the rule that decides";

/// One call and what must be decided about it.
#[derive(Debug, Clone)]
pub(super) struct Case {
    /// The file, as it was named.
    pub(super) file: String,
    /// The line of the call.
    pub(super) line: usize,
    /// The heading above it.
    pub(super) name: String,
    pub(super) expected: Verdict,
    pub(super) tool: String,
    pub(super) subject: String,
    /// The rule that must decide: its list and text.
    pub(super) rule: Option<String>,
    pub(super) mode: Option<Mode>,
    /// The directory of the call, from the project.
    pub(super) cwd: Option<String>,
    /// The settings that stand in the file, by their number.
    pub(super) settings: Option<usize>,
}

/// What is wrong in a file of cases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mistake {
    pub(super) file: String,
    pub(super) line: usize,
    pub(super) message: String,
    pub(super) hint: String,
}

/// Everything that files of cases say.
#[derive(Debug, Default)]
pub(super) struct Cases {
    pub(super) cases: Vec<Case>,
    /// The settings that stand in files.
    pub(super) layers: Vec<Layer>,
    /// The policies compiled from them.
    pub(super) policies: Vec<Policy>,
    pub(super) mistakes: Vec<Mistake>,
    /// What is wrong in settings that stand in files, though they can be read.
    pub(super) warnings: Vec<Diagnostic>,
}

/// What stands above a case.
#[derive(Debug, Clone, Default)]
struct Above {
    settings: Option<usize>,
    mode: Option<Mode>,
    cwd: Option<String>,
}

/// Reads one file into the cases.
pub(super) fn read(cases: &mut Cases, file: &str, text: &str, place: &Place) {
    let mut reader = Reader { cases, file, project: &place.project, home: &place.home };
    match cases::parse(text) {
        Err(Fault::Open { line }) => {
            reader.mistake(line, "the block is not closed", "end it with a line of three backticks")
        }
        Ok(document) => {
            let mut above = Above::default();
            for block in &document.preamble {
                reader.above(block, &mut above, "");
            }
            if document.cases.is_empty() {
                reader.mistake(1, "the file has no case", "begin a case with a heading: `## what must hold`");
            }
            for case in &document.cases {
                reader.case(case, above.clone());
            }
        }
    }
}

/// Returns the case of a line under the settings of another, in the default mode at the top of the project.
pub(super) fn case_like(like: &Case, line: &str) -> Option<Case> {
    let Call { expected, tool, subject, rule } = call(line).ok()?;
    Some(Case { expected, tool, subject, rule, mode: None, cwd: None, ..like.clone() })
}

struct Reader<'a> {
    cases: &'a mut Cases,
    file: &'a str,
    project: &'a AbsPath,
    home: &'a AbsPath,
}

impl Reader<'_> {
    fn mistake(&mut self, line: usize, message: impl Into<String>, hint: impl Into<String>) {
        let file = self.file.to_owned();
        self.cases.mistakes.push(Mistake { file, line, message: message.into(), hint: hint.into() });
    }

    fn case(&mut self, case: &cases::Case, mut above: Above) {
        let before = self.cases.mistakes.len();
        let mut calls = 0;
        for block in &case.blocks {
            if name(block) == Some("verdicts") {
                calls += self.verdicts(block, &case.name, &above);
            } else {
                self.above(block, &mut above, &case.name);
            }
        }
        if calls == 0 && self.cases.mistakes.len() == before {
            let message = format!("case `{}` decides nothing", case.name);
            self.mistake(case.line, message, "give it a `verdicts` block with a call a line");
        }
    }

    /// Takes in a block that says what the calls below it are decided by.
    fn above(&mut self, block: &Block, above: &mut Above, case: &str) {
        match name(block) {
            Some("settings") => above.settings = Some(self.settings(block)),
            Some("world") => self.world(block, above),
            Some("verdicts") => {
                self.mistake(
                    block.line,
                    "verdicts before the first case",
                    "put a heading above them: `## what must hold`",
                );
            }
            Some(_) | None if PROSE.contains(&block.info.as_str()) => {}
            Some(_) | None => {
                let near = nearest(&block.info, NAMES.into_iter());
                let hint = near.map_or_else(
                    || "the blocks are `settings`, `world` and `verdicts`; for prose write `text`".to_owned(),
                    |near| format!("did you mean `{near}`?"),
                );
                let place = if case.is_empty() { String::new() } else { format!(" in case `{case}`") };
                self.mistake(block.line, format!("there is no block `{}`{place}", block.info), hint);
            }
        }
    }

    fn settings(&mut self, block: &Block) -> usize {
        // Lines before the text keep the line numbers of the file.
        let text = format!("{}{}", "\n".repeat(block.line), block.text);
        let (layer, found) = layer_from_json_text(self.file, &text, self.project.clone(), Scope::Flag);
        found.into_iter().for_each(|diagnostic| self.told(diagnostic));
        let (policy, found) = Policy::compile(std::slice::from_ref(&layer), self.home);
        found.into_iter().for_each(|diagnostic| self.told(diagnostic));
        self.cases.layers.push(layer);
        self.cases.policies.push(policy);
        self.cases.layers.len() - 1
    }

    fn told(&mut self, diagnostic: Diagnostic) {
        match diagnostic.severity {
            Severity::Error => {
                let hint = diagnostic.hint.unwrap_or_else(|| "write the settings as in a settings file".to_owned());
                self.mistake(diagnostic.origin.line as usize, diagnostic.message, hint);
            }
            Severity::Warning => self.cases.warnings.push(diagnostic),
        }
    }

    fn world(&mut self, block: &Block, above: &mut Above) {
        for (line, text) in lines(block) {
            match text.split_once(' ').map(|(key, value)| (key, value.trim())) {
                Some(("mode", value)) => match Mode::parse(value) {
                    Some((mode, _)) => above.mode = Some(mode),
                    None => {
                        let near = nearest(value, Mode::ALL.into_iter().map(Mode::name));
                        let known: Vec<&str> = Mode::ALL.iter().map(|mode| mode.name()).collect();
                        let hint = near.map_or_else(
                            || format!("the modes are {}", known.join(", ")),
                            |near| format!("did you mean `{near}`?"),
                        );
                        self.mistake(line, format!("there is no mode `{value}`"), hint);
                    }
                },
                Some(("cwd", value)) => above.cwd = Some(value.to_owned()),
                Some(_) | None => {
                    self.mistake(
                        line,
                        format!("`{text}` says nothing about the world"),
                        "write `mode NAME` or `cwd DIR`",
                    );
                }
            }
        }
    }

    /// Takes in the calls of a block and returns how many there are.
    fn verdicts(&mut self, block: &Block, name: &str, above: &Above) -> usize {
        let mut count = 0;
        for (line, text) in lines(block) {
            count += 1;
            match call(text) {
                Ok(Call { expected, tool, subject, rule }) => self.cases.cases.push(Case {
                    file: self.file.to_owned(),
                    line,
                    name: name.to_owned(),
                    expected,
                    tool,
                    subject,
                    rule,
                    mode: above.mode,
                    cwd: above.cwd.clone(),
                    settings: above.settings,
                }),
                Err((message, hint)) => self.mistake(line, message, hint),
            }
        }
        count
    }
}

/// Returns the name by which a block is read; `json settings` is `settings`, for the sake of colours.
fn name(block: &Block) -> Option<&'static str> {
    let info = block.info.strip_prefix("json ").unwrap_or(&block.info);
    NAMES.into_iter().find(|name| *name == info)
}

/// Returns the lines of a block that say something, with their numbers in the file.
fn lines(block: &Block) -> impl Iterator<Item = (usize, &str)> {
    let numbered = block.text.lines().enumerate().map(|(index, text)| (block.line + 1 + index, text.trim()));
    numbered.filter(|(_, text)| !text.is_empty() && !text.starts_with('#'))
}

struct Call {
    expected: Verdict,
    tool: String,
    subject: String,
    rule: Option<String>,
}

fn call(text: &str) -> Result<Call, (String, String)> {
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    let expected = match word {
        "allow" => Verdict::Allow,
        "ask" => Verdict::Ask,
        "deny" => Verdict::Deny,
        other => {
            let near = nearest(other.trim_end_matches(':'), ["allow", "ask", "deny"].into_iter());
            let hint = near.map_or_else(|| LINE.to_owned(), |near| format!("did you mean `{near}`?"));
            return Err((format!("`{other}` is no verdict: a line begins with allow, ask or deny"), hint));
        }
    };
    let (call, rule) = match rest.rsplit_once(" <- ") {
        Some((call, rule)) => (call, Some(rule.trim().to_owned())),
        None => (rest, None),
    };
    let begins = |rule: &String| ["allow ", "ask ", "deny "].iter().any(|list| rule.starts_with(list));
    if let Some(rule) = rule.as_ref().filter(|rule| !begins(rule)) {
        return Err((
            format!("`{rule}` does not begin with a list"),
            format!("name the rule with its list, as in `deny {rule}`"),
        ));
    }
    let Some((tool, subject)) = call.trim().split_once(':') else {
        return Err((format!("`{}` has no colon behind the tool", call.trim()), LINE.to_owned()));
    };
    if !TOOLS.contains(&tool) && !tool.starts_with("mcp__") {
        let near = nearest(tool, TOOLS.into_iter());
        let hint = near.map_or_else(
            || "name a tool of the agent, or one of a server as `mcp__server__tool`".to_owned(),
            |near| format!("did you mean `{near}`?"),
        );
        return Err((format!("no tool is known by the name `{tool}`"), hint));
    }
    let subject = subject.strip_prefix(' ').unwrap_or(subject).replace('⏎', "\n").replace('␉', "\t");
    Ok(Call { expected, tool: tool.to_owned(), subject, rule })
}
