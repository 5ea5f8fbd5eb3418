//! Text to tree, by recursive descent.
//!
//! The parser reads characters, not tokens: which characters end a word, and which words are
//! reserved, depends on where it stands, as in bash. It never backs out of an error. The first text
//! it cannot read becomes a doubt and moves the cursor to the end, so every loop ends and the tree
//! is what was read until then.
//!
//! Read in this order: `cursor`, `list`, `command`, `compound`, `word`, `expansion`; the others are
//! details of one construct each.

mod arithmetic;
mod assignment;
mod brace;
pub(crate) mod characters;
mod command;
mod compound;
mod cursor;
mod dialect;
mod escape;
mod expansion;
mod fill;
mod heredoc;
mod list;
mod loops;
mod redirect;
mod test;
mod word;

use crate::limits;
use crate::tree::{Doubt, DoubtKind, Item, Script, Span, Word};

/// Returns the tree of a command text as bash would read it, with every doubt about it.
pub fn parse(text: &str) -> Script {
    let whole = Span { start: 0, end: text.len() };
    if text.len() > limits::TEXT_BYTES_MAX {
        return Script { items: Vec::new(), doubts: vec![Doubt { kind: DoubtKind::Limit, span: whole }] };
    }
    let mut ledger = Ledger { doubts: characters::doubts(text), ..Ledger::default() };
    let mut parser = Parser {
        text,
        pos: 0,
        origin: Origin::At(0),
        depth: 0,
        failed: false,
        in_substitution: false,
        pending: Vec::new(),
        ledger: &mut ledger,
    };
    let mut items = parser.whole_text();
    fill::fill(&mut items, &mut ledger.bodies);
    let mut doubts = ledger.doubts;
    doubts.sort_by_key(|doubt| (doubt.span.start, doubt.span.end, doubt.kind));
    doubts.dedup();
    Script { items, doubts }
}

/// What all parsers of one text share.
#[derive(Default)]
struct Ledger {
    /// Doubts in the order they arose.
    doubts: Vec<Doubt>,
    /// Commands read, nested ones included.
    commands: usize,
    /// Bytes read a second time.
    reread: usize,
    /// Bodies of here-documents. A body is known only at the end of the line, when its redirection
    /// is already in the tree; until `fill` the redirection carries the index into this list.
    bodies: Vec<Word>,
}

impl Ledger {
    fn add(&mut self, doubt: Doubt) {
        if self.doubts.len() < limits::DOUBTS_MAX || !self.doubts.iter().any(|known| known.kind == doubt.kind) {
            self.doubts.push(doubt);
        }
    }
}

/// Where the text of a parser stands in the outer text.
#[derive(Clone, Copy)]
enum Origin {
    /// It is a piece of the outer text that starts here.
    At(usize),
    /// It was rewritten (unescaped, expanded) from this piece.
    Within(Span),
}

/// A here-document whose body has not been reached.
struct Pending {
    body: usize,
    delimiter: String,
    expanded: bool,
    strips_tabs: bool,
    span: Span,
}

struct Parser<'t> {
    text: &'t str,
    // INVARIANT: a character boundary of `text`, at most its length.
    pos: usize,
    origin: Origin,
    depth: usize,
    /// Set by the first failure, after which nothing more is read and no more is said.
    failed: bool,
    /// True between `$(` and `)`, where a here-document may also end before the parenthesis.
    in_substitution: bool,
    pending: Vec<Pending>,
    ledger: &'t mut Ledger,
}

impl Parser<'_> {
    /// Reads to the end of the text; text that is left over is a syntax doubt.
    fn whole_text(&mut self) -> Vec<Item> {
        let items = self.list();
        if self.peek().is_some() {
            self.fail(DoubtKind::Syntax);
        }
        self.leave_heredocs();
        items
    }

    /// Reads all of the text as a script of its own.
    fn whole_script(&mut self) -> Script {
        let mark = self.ledger.doubts.len();
        let items = self.whole_text();
        Script { items, doubts: self.doubts_since(mark) }
    }

    /// Returns a parser for `text`, which came from this parser's text.
    ///
    /// What is read twice is paid for, so that nesting cannot multiply the work.
    fn inner<'b>(&'b mut self, text: &'b str, origin: Origin) -> Parser<'b> {
        let mut text = text;
        if !self.pay(text.len()) || self.depth >= limits::DEPTH_MAX {
            self.fail(DoubtKind::Limit);
            text = "";
        }
        let depth = self.depth + 1;
        Parser {
            text,
            pos: 0,
            origin,
            depth,
            failed: false,
            in_substitution: false,
            pending: Vec::new(),
            ledger: &mut *self.ledger,
        }
    }

    /// Returns true while the text may still be read again for `bytes`.
    fn pay(&mut self, bytes: usize) -> bool {
        self.ledger.reread = self.ledger.reread.saturating_add(bytes);
        self.ledger.reread <= limits::REREAD_BYTES_MAX
    }

    /// Runs `read` one level deeper; at the bound it fails instead and returns `None`.
    fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> T) -> Option<T> {
        if self.depth >= limits::DEPTH_MAX {
            self.fail(DoubtKind::Limit);
            return None;
        }
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        Some(result)
    }

    /// Counts a command; false means that there are too many.
    fn count_command(&mut self) -> bool {
        self.ledger.commands += 1;
        let within = self.ledger.commands <= limits::COMMANDS_MAX;
        if !within {
            self.fail(DoubtKind::Limit);
        }
        within
    }

    /// Gives up: a doubt where the cursor stands, and the cursor to the end.
    fn fail(&mut self, kind: DoubtKind) {
        if !self.failed {
            self.failed = true;
            let end = self.rest().chars().next().map_or(0, char::len_utf8) + self.pos;
            self.doubt(kind, self.pos, end);
        }
        self.pos = self.text.len();
    }

    fn doubt(&mut self, kind: DoubtKind, start: usize, end: usize) {
        let span = self.span(start, end);
        self.ledger.add(Doubt { kind, span });
    }

    /// Returns the doubts that arose after `mark`, for the script they arose in.
    fn doubts_since(&self, mark: usize) -> Vec<Doubt> {
        let mut doubts = self.ledger.doubts.get(mark..).unwrap_or_default().to_vec();
        doubts.dedup();
        doubts
    }

    /// Returns the span in the outer text of a range of this text.
    fn span(&self, start: usize, end: usize) -> Span {
        match self.origin {
            Origin::At(base) => Span { start: base + start, end: base + end },
            Origin::Within(span) => span,
        }
    }
}
