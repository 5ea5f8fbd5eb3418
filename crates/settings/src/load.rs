//! Every layer that is in force, and what was looked at to find it.

use std::fmt;

use policy::layer::{Diagnostic, Layer, Origin, Severity};
use policy::{AbsPath, Mode, Scope};

use crate::layer;
use crate::limits::{DROP_INS_MAX, SETTINGS_BYTES_MAX};
use crate::places::{Discovery, Lookup, Owner, Places};
use crate::read;
use crate::trust;

/// What a `--settings` argument that is no file is called; one of several also has its number.
const INLINE: &str = "--settings";

/// What the settings say, layer by layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// The layers, low to high: for single values the last one counts.
    pub layers: Vec<Layer>,
    /// What is wrong in them, and in the records of trust, in the order of reading.
    pub diagnostics: Vec<Diagnostic>,
    /// Whether the folder is trusted, and who says so.
    pub trust: trust::Status,
    /// Everything that was looked for, in the order of the layers.
    pub sources: Vec<Source>,
}

/// A file that was looked for, or a text that was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Where it stands.
    pub scope: Scope,
    /// Whose format it is in.
    pub owner: Owner,
    /// What messages call it.
    pub file: String,
    /// Where it is; `None` for text on the command line.
    pub path: Option<AbsPath>,
    /// What was found.
    pub state: SourceState,
}

/// What was found where a file was looked for.
#[derive(Clone, PartialEq, Eq)]
pub enum SourceState {
    /// There is none.
    Absent,
    /// It was read; these are its bytes, understood or not.
    Read(Vec<u8>),
    /// It is there and could not be read: its layer refuses.
    Unreadable,
}

impl fmt::Debug for SourceState {
    /// Settings can hold secrets, so their bytes are not shown.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => formatter.write_str("Absent"),
            Self::Read(bytes) => write!(formatter, "Read({} bytes)", bytes.len()),
            Self::Unreadable => formatter.write_str("Unreadable"),
        }
    }
}

impl Loaded {
    /// Hands over, piece by piece, everything that decided what was loaded.
    ///
    /// Two loads with the same pieces have the same layers, so a digest of them tells when the
    /// settings must be compiled anew. Lengths go before texts: no two different loads give the same bytes.
    pub fn digest_into(&self, mut take: impl FnMut(&[u8])) {
        let mut piece = |bytes: &[u8]| {
            take(&(bytes.len() as u64).to_le_bytes());
            take(bytes);
        };
        piece(&[u8::from(self.trust.trusted)]);
        piece(self.trust.key.as_str().as_bytes());
        for source in &self.sources {
            piece(source.scope.name().as_bytes());
            piece(source.file.as_bytes());
            match &source.state {
                SourceState::Absent => piece(b"absent"),
                SourceState::Unreadable => piece(b"unreadable"),
                SourceState::Read(bytes) => {
                    piece(b"read");
                    piece(bytes);
                }
            }
        }
        for layer in &self.layers {
            piece(&[u8::from(layer.trusted), u8::from(layer.failure.is_some())]);
            piece(layer.anchor.as_str().as_bytes());
        }
    }
}

/// Reads every settings file.
///
/// 1. The record of trust.
/// 2. The user's files, the project's, the local ones; Palisade's directly above Claude Code's.
/// 3. What `--settings` gives, in order.
/// 4. The administrator's files.
pub fn load(places: &Places) -> Loaded {
    let trust = trust::status(places);
    let diagnostics = trust.diagnostics.clone();
    let mut loader =
        Loader { places, mode: None, loaded: Loaded { layers: Vec::new(), diagnostics, trust, sources: Vec::new() } };
    match places.discovery {
        Discovery::Discovered => loader.discovered(),
        Discovery::OnlyGiven => {}
    }
    for (index, given) in places.given.iter().enumerate() {
        let name = if places.given.len() == 1 { INLINE.to_owned() } else { format!("{INLINE} #{}", index + 1) };
        loader.given(name, given);
    }
    if let Some(directory) = &places.managed_claude {
        loader.managed(Owner::Claude, directory, ("managed-settings.json", "managed-settings.d"));
    }
    if let Some(directory) = &places.managed_palisade {
        loader.managed(Owner::Palisade, directory, ("settings.json", "settings.d"));
    }
    loader.loaded
}

/// Whether a file may be missing.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Presence {
    Optional,
    Required,
}

struct Loader<'p> {
    places: &'p Places,
    /// The mode in force so far.
    mode: Option<Mode>,
    loaded: Loaded,
}

impl Loader<'_> {
    fn discovered(&mut self) {
        for lookup in self.places.discovered() {
            // In the home directory the project's file is the user's: it stands once, as the user's.
            let is_known = self.loaded.sources.iter().any(|source| source.path.as_ref() == Some(&lookup.path));
            if !is_known {
                self.file(lookup, Presence::Optional);
            }
        }
    }

    fn given(&mut self, name: String, argument: &str) {
        let project = &self.places.project;
        let is_text = argument.trim_start().starts_with('{');
        if !is_text && !argument.is_empty() && !argument.contains('\0') {
            let path = project.join(argument);
            let anchor = path.parent().unwrap_or_else(AbsPath::root);
            let lookup = Lookup { scope: Scope::Flag, owner: Owner::Claude, path, anchor, folder: None };
            return self.file(lookup, Presence::Required);
        }
        let empty = Layer::empty(Scope::Flag, &name, project.clone());
        let state = if is_text {
            self.text(empty, Owner::Claude, argument.as_bytes());
            SourceState::Read(argument.as_bytes().to_vec())
        } else {
            let message = "the argument names no file".to_owned();
            self.add(layer::refusing(empty, message, "give a file, or json text that begins with a brace"));
            SourceState::Unreadable
        };
        let source = Source { scope: Scope::Flag, owner: Owner::Claude, file: name, path: None, state };
        self.loaded.sources.push(source);
    }

    fn managed(&mut self, owner: Owner, directory: &AbsPath, names: (&str, &str)) {
        let (file, drop_ins) = names;
        let lookup = |path: AbsPath, anchor: &AbsPath| Lookup {
            scope: Scope::Managed,
            owner,
            path,
            anchor: anchor.clone(),
            folder: None,
        };
        self.file(lookup(directory.join(file), directory), Presence::Optional);
        let inner = directory.join(drop_ins);
        match drop_in_names(&inner) {
            Ok(Some(names)) => {
                for name in names {
                    self.file(lookup(inner.join(&name), &inner), Presence::Required);
                }
            }
            Ok(None) => self.source(lookup(inner, directory), SourceState::Absent),
            Err((message, hint)) => self.refusing(lookup(inner, directory), message, hint),
        }
    }

    fn file(&mut self, lookup: Lookup, presence: Presence) {
        let mut opened = match read::open(&lookup.path) {
            Ok(Some(opened)) => opened,
            Ok(None) if presence == Presence::Optional => return self.source(lookup, SourceState::Absent),
            Ok(None) => return self.refusing(lookup, "there is no such file".to_owned(), "name a file that exists"),
            Err(error) => return self.refusing(lookup, error.message(), error.hint()),
        };
        let bytes = match opened.read(SETTINGS_BYTES_MAX) {
            Ok(bytes) => bytes,
            Err(error) => return self.refusing(lookup, error.message(), error.hint()),
        };
        let mut empty = self.empty(&lookup);
        if let Some(folder) = &lookup.folder {
            let lies_inside = opened.lies_in(folder);
            empty.trusted = self.loaded.trust.trusted && lies_inside;
            if !lies_inside {
                self.loaded.diagnostics.push(outside(lookup.scope, empty.file.clone()));
            }
        }
        self.text(empty, lookup.owner, &bytes);
        self.source(lookup, SourceState::Read(bytes));
    }

    fn refusing(&mut self, lookup: Lookup, message: String, hint: &str) {
        self.add(layer::refusing(self.empty(&lookup), message, hint));
        self.source(lookup, SourceState::Unreadable);
    }

    fn empty(&self, lookup: &Lookup) -> Layer {
        Layer::empty(lookup.scope, &self.places.shown(&lookup.path), lookup.anchor.clone())
    }

    fn text(&mut self, empty: Layer, owner: Owner, bytes: &[u8]) {
        let parsed = layer::parse(empty, owner, bytes, self.mode);
        if let Some(mode) = parsed.0.default_mode.as_ref().map(|mode| mode.value) {
            let is_stricter = matches!(mode, Mode::Plan | Mode::DontAsk);
            if parsed.0.trusted || is_stricter {
                self.mode = Some(mode);
            }
        }
        self.add(parsed);
    }

    fn add(&mut self, (layer, diagnostics): (Layer, Vec<Diagnostic>)) {
        self.loaded.layers.push(layer);
        self.loaded.diagnostics.extend(diagnostics);
    }

    fn source(&mut self, lookup: Lookup, state: SourceState) {
        let Lookup { scope, owner, path, anchor: _, folder: _ } = lookup;
        self.loaded.sources.push(Source { scope, owner, file: self.places.shown(&path), path: Some(path), state });
    }
}

/// Returns the names of the settings files in a directory, in order; `None` when it is not there.
fn drop_in_names(directory: &AbsPath) -> Result<Option<Vec<String>>, (String, &'static str)> {
    let Some(found) = read::names(directory).map_err(|error| (error.message(), error.hint()))? else { return Ok(None) };
    if found.len() > DROP_INS_MAX {
        return Err((format!("the directory has more than {DROP_INS_MAX} entries"), "keep only settings files in it"));
    }
    let mut names = Vec::new();
    for name in found {
        let bytes = name.as_encoded_bytes();
        if bytes.starts_with(b".") || !bytes.ends_with(b".json") {
            continue;
        }
        let Ok(name) = name.into_string() else {
            return Err(("the name of a settings file is not utf-8".to_owned(), "rename the file"));
        };
        names.push(name);
    }
    names.sort();
    Ok(Some(names))
}

fn outside(scope: Scope, file: String) -> Diagnostic {
    Diagnostic {
        severity: Severity::Warning,
        origin: Origin { scope, file, line: 0 },
        column: 0,
        message: "the file lies outside the folder, behind a symbolic link, and can only tighten".to_owned(),
        hint: Some("put the file itself into the folder for its allow rules to count".to_owned()),
    }
}
