//! What crosses a process or leaves the program: the plan, the messages, the report.

mod limits;

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use policy::bounds::{Bound, BoundKind};
use policy::controls::Network;
use policy::{AbsPath, Origin, Scope};
use serde::{Deserialize, Serialize};

use crate::plan::{Hatch, Plan, Root, Shown, Step, Zone};
use crate::report::{Exit, Report};
use crate::shape::Shape;
use shape::{ShapeWire, shape_from_wire, shape_to_wire};

mod machine;
mod shape;

pub(crate) use limits::Inside;

/// The version of the report's form.
const REPORT_SCHEMA: u32 = 1;

/// Everything the boundary process needs, as it is handed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) plan: Plan,
    pub(crate) argv: Vec<OsString>,
    pub(crate) environment: Vec<(OsString, OsString)>,
    /// Which of the standard streams are the command's own terminal.
    pub(crate) terminal: [bool; 3],
    /// How the boundary is built, with what was found outside of it.
    pub(crate) shape: Shape,
    /// Whether a broker acts for the command. Where the kernel allows none, mounts alone hold what exists.
    pub(crate) brokered: bool,
    /// Which limits are set inside.
    pub(crate) inside: Inside,
    /// How much is done before the command comes.
    pub(crate) waits: Waits,
    /// How many control groups of version 1 the first process below this one enters by itself; their files come after
    /// the other descriptors.
    pub(crate) entrances: u8,
    /// Standard streams that are opened anew inside, where only the launcher saw the host's files.
    pub(crate) inputs: Vec<Input>,
    /// Signals that the command ignores, where it does not have that of its launcher.
    pub(crate) ignored: Vec<i32>,
}

/// How much of a boundary is done before its command comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Waits {
    /// Nothing: its command comes with the order.
    Not,
    /// Everything is built. The command may have a terminal, a control group in which it is born, and streams that
    /// something is to be done for.
    Built,
    /// The command's process is there too, confined and watched by the broker, and has its program to run.
    Confined,
}

/// What of an order comes with the command, when the rest stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Errand {
    pub(crate) cwd: AbsPath,
    pub(crate) argv: Vec<OsString>,
    pub(crate) environment: Vec<(OsString, OsString)>,
    pub(crate) terminal: [bool; 3],
    pub(crate) inside: Inside,
    pub(crate) inputs: Vec<Input>,
    pub(crate) ignored: Vec<i32>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ErrandWire {
    cwd: String,
    terminal: [bool; 3],
    inside: Inside,
    inputs: Vec<Input>,
    ignored: Vec<i32>,
    arguments: usize,
    variables: usize,
}

/// A standard stream that was opened for reading a file in a writable directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    pub(crate) number: i32,
    pub(crate) path: String,
    pub(crate) device: (u32, u32),
    pub(crate) inode: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OrderWire {
    steps: Vec<StepWire>,
    cwd: String,
    home: String,
    project: String,
    bounds: Vec<BoundWire>,
    checks_reads: bool,
    root: RootWire,
    set: Vec<(String, String)>,
    terminal: [bool; 3],
    shape: ShapeWire,
    brokered: bool,
    inside: Inside,
    waits: Waits,
    entrances: u8,
    inputs: Vec<Input>,
    ignored: Vec<i32>,
    /// The ports that lead to the proxy, where there is one.
    captured: Option<Vec<u16>>,
    shown: Vec<ShownWire>,
    for_hatches: usize,
    hatches: Vec<HatchWire>,
    arguments: usize,
    variables: usize,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
enum StepWire {
    Read { path: String, why: String },
    Link { path: String, target: String },
    Cache { path: String, zone: Option<ZoneWire> },
    Seed { from: String, at: String },
    Private { zone: ZoneWire },
    Writable { path: String, zone: Option<ZoneWire> },
    Pin { path: String },
    ReadOnly { path: String, why: String },
    ByKey { path: String, why: String },
    Hide { path: String, why: String },
    Veil { path: String, parts: Vec<String>, why: String },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
enum HatchWire {
    Path { path: String },
    Port { port: u16 },
    Calls,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ShownWire {
    path: String,
    /// In hexadecimal digits.
    content: String,
    why: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct BoundWire {
    kind: BoundKindWire,
    text: String,
    anchor: String,
    scope: String,
    file: String,
    line: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum BoundKindWire {
    Rule,
    DenyWrite,
    DenyRead,
    Credential,
    AllowRead,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum RootWire {
    Host,
    Empty,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ZoneWire {
    Tmp,
    VarTmp,
    Run,
    VarRun,
}

impl Order {
    /// Returns the order of a boundary that can become this one's: everything that is done before there is a command.
    pub(crate) fn template(&self, waits: Waits) -> Self {
        let Self { plan, shape, brokered, inside, .. } = self;
        Self {
            plan: Plan { cwd: AbsPath::root(), variables: Vec::new(), ..plan.clone() },
            shape: shape.clone(),
            brokered: *brokered,
            inside: Inside { private_bytes: inside.private_bytes, ..Inside::default() },
            argv: Vec::new(),
            environment: Vec::new(),
            terminal: [false; 3],
            waits,
            entrances: 0,
            inputs: Vec::new(),
            ignored: Vec::new(),
        }
    }

    /// Returns what comes with the command.
    pub(crate) fn errand(&self) -> Errand {
        let Self { plan, argv, environment, terminal, inside, inputs, ignored, .. } = self;
        Errand {
            cwd: plan.cwd.clone(),
            argv: argv.clone(),
            environment: environment.clone(),
            terminal: *terminal,
            inside: *inside,
            inputs: inputs.clone(),
            ignored: ignored.clone(),
        }
    }

    /// Returns the order of a boundary that stood before its command came.
    pub(crate) fn with_errand(self, errand: Errand) -> Self {
        let Errand { cwd, argv, environment, terminal, inside, inputs, ignored } = errand;
        let plan = Plan { cwd, ..self.plan };
        Self { plan, argv, environment, terminal, inside, inputs, ignored, waits: Waits::Not, ..self }
    }

    /// Renders as one line of JSON, then the arguments and the variables' names and values, each ended
    /// by NUL.
    pub(crate) fn render(&self) -> Result<Vec<u8>, String> {
        let wire = OrderWire {
            steps: self.plan.steps.iter().map(step_to_wire).collect(),
            cwd: self.plan.cwd.to_string(),
            home: self.plan.home.to_string(),
            project: self.plan.project.to_string(),
            bounds: self.plan.bounds.iter().map(bound_to_wire).collect(),
            checks_reads: self.plan.checks_reads,
            root: match self.plan.root {
                Root::Host => RootWire::Host,
                Root::Empty => RootWire::Empty,
            },
            set: self.plan.variables.clone(),
            terminal: self.terminal,
            shape: shape_to_wire(&self.shape),
            brokered: self.brokered,
            inside: self.inside,
            waits: self.waits,
            entrances: self.entrances,
            inputs: self.inputs.clone(),
            ignored: self.ignored.clone(),
            captured: match &self.plan.network {
                Network::None => None,
                Network::Proxied { captured } => Some(captured.clone()),
            },
            shown: self.plan.shown.iter().map(shown_to_wire).collect(),
            for_hatches: self.plan.for_hatches,
            hatches: self.plan.hatches.iter().map(hatch_to_wire).collect(),
            arguments: self.argv.len(),
            variables: self.environment.len(),
        };
        render_with_texts(&wire, &self.argv, &self.environment)
    }

    /// Reads what [`Order::render`] wrote.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let (wire, rest): (OrderWire, _) = parse_line(bytes)?;
        let (argv, environment) = parse_texts(rest, wire.arguments, wire.variables)?;
        let steps: Option<Vec<Step>> = wire.steps.into_iter().map(step_from_wire).collect();
        let bounds: Option<Vec<Bound>> = wire.bounds.into_iter().map(bound_from_wire).collect();
        let shown: Option<Vec<Shown>> = wire.shown.into_iter().map(shown_from_wire).collect();
        let hatches: Option<Vec<Hatch>> = wire.hatches.into_iter().map(hatch_from_wire).collect();
        let plan = Plan {
            steps: steps?,
            cwd: AbsPath::parse(&wire.cwd)?,
            home: AbsPath::parse(&wire.home)?,
            project: AbsPath::parse(&wire.project)?,
            bounds: bounds?,
            checks_reads: wire.checks_reads,
            root: match wire.root {
                RootWire::Host => Root::Host,
                RootWire::Empty => Root::Empty,
            },
            variables: wire.set,
            network: wire.captured.map_or(Network::None, |captured| Network::Proxied { captured }),
            shown: shown?,
            for_hatches: wire.for_hatches,
            hatches: hatches?,
        };
        let shape = shape_from_wire(wire.shape);
        let (terminal, brokered, inside) = (wire.terminal, wire.brokered, wire.inside);
        let (waits, entrances, inputs, ignored) = (wire.waits, wire.entrances, wire.inputs, wire.ignored);
        Some(Self { plan, argv, environment, terminal, shape, brokered, inside, waits, entrances, inputs, ignored })
    }
}

impl Errand {
    /// Renders as an order is rendered.
    pub(crate) fn render(&self) -> Result<Vec<u8>, String> {
        let Self { cwd, argv, environment, terminal, inside, inputs, ignored } = self;
        let wire = ErrandWire {
            cwd: cwd.to_string(),
            terminal: *terminal,
            inside: *inside,
            inputs: inputs.clone(),
            ignored: ignored.clone(),
            arguments: argv.len(),
            variables: environment.len(),
        };
        render_with_texts(&wire, argv, environment)
    }

    /// Reads what [`Errand::render`] wrote.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let (wire, rest): (ErrandWire, _) = parse_line(bytes)?;
        let ErrandWire { cwd, terminal, inside, inputs, ignored, arguments, variables } = wire;
        let (argv, environment) = parse_texts(rest, arguments, variables)?;
        Some(Self { cwd: AbsPath::parse(&cwd)?, argv, environment, terminal, inside, inputs, ignored })
    }
}

/// Names and values.
type Variables = Vec<(OsString, OsString)>;

fn render_with_texts(wire: &impl Serialize, argv: &[OsString], environment: &Variables) -> Result<Vec<u8>, String> {
    let mut bytes = serde_json::to_vec(wire).map_err(|error| error.to_string())?;
    bytes.push(b'\n');
    let variables = environment.iter().flat_map(|(name, value)| [name, value]);
    for text in argv.iter().chain(variables) {
        if text.as_bytes().contains(&0) {
            return Err("an argument or a variable holds a NUL".to_owned());
        }
        bytes.extend_from_slice(text.as_bytes());
        bytes.push(0);
    }
    Ok(bytes)
}

/// Reads the line of JSON, and returns what comes behind it.
fn parse_line<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Option<(T, &'a [u8])> {
    let line = bytes.iter().position(|byte| *byte == b'\n')?;
    let (json, rest) = bytes.split_at_checked(line)?;
    Some((serde_json::from_slice(json).ok()?, rest.strip_prefix(b"\n")?))
}

/// Reads so many arguments and variables, which must be all that there is.
fn parse_texts(bytes: &[u8], arguments: usize, variables: usize) -> Option<(Vec<OsString>, Variables)> {
    let mut texts = bytes.split(|byte| *byte == 0).map(|text| OsStr::from_bytes(text).to_owned());
    let argv: Vec<OsString> = texts.by_ref().take(arguments).collect();
    let mut environment = Vec::new();
    for _ in 0..variables {
        environment.push((texts.next()?, texts.next()?));
    }
    let is_whole = argv.len() == arguments && texts.next()?.is_empty() && texts.next().is_none();
    is_whole.then_some((argv, environment))
}

fn step_to_wire(step: &Step) -> StepWire {
    match step {
        Step::Read { path, why } => StepWire::Read { path: path.to_string(), why: why.clone() },
        Step::Link { path, target } => StepWire::Link { path: path.to_string(), target: target.clone() },
        Step::Cache { path, zone } => StepWire::Cache { path: path.to_string(), zone: zone.map(zone_to_wire) },
        Step::Seed { from, at } => StepWire::Seed { from: from.to_string(), at: at.to_string() },
        Step::Private { zone } => StepWire::Private { zone: zone_to_wire(*zone) },
        Step::Writable { path, zone } => StepWire::Writable { path: path.to_string(), zone: zone.map(zone_to_wire) },
        Step::Pin { path } => StepWire::Pin { path: path.to_string() },
        Step::ReadOnly { path, why } => StepWire::ReadOnly { path: path.to_string(), why: why.clone() },
        Step::ByKey { path, why } => StepWire::ByKey { path: path.to_string(), why: why.clone() },
        Step::Hide { path, why } => StepWire::Hide { path: path.to_string(), why: why.clone() },
        Step::Veil { path, parts, why } => StepWire::Veil {
            path: path.to_string(),
            parts: parts.iter().map(AbsPath::to_string).collect(),
            why: why.clone(),
        },
    }
}

fn step_from_wire(step: StepWire) -> Option<Step> {
    Some(match step {
        StepWire::Read { path, why } => Step::Read { path: AbsPath::parse(&path)?, why },
        StepWire::Link { path, target } => Step::Link { path: AbsPath::parse(&path)?, target },
        StepWire::Cache { path, zone } => {
            Step::Cache { path: AbsPath::parse(&path)?, zone: zone.as_ref().map(zone_from_wire) }
        }
        StepWire::Seed { from, at } => Step::Seed { from: AbsPath::parse(&from)?, at: AbsPath::parse(&at)? },
        StepWire::Private { zone } => Step::Private { zone: zone_from_wire(&zone) },
        StepWire::Writable { path, zone } => {
            Step::Writable { path: AbsPath::parse(&path)?, zone: zone.as_ref().map(zone_from_wire) }
        }
        StepWire::Pin { path } => Step::Pin { path: AbsPath::parse(&path)? },
        StepWire::ReadOnly { path, why } => Step::ReadOnly { path: AbsPath::parse(&path)?, why },
        StepWire::ByKey { path, why } => Step::ByKey { path: AbsPath::parse(&path)?, why },
        StepWire::Hide { path, why } => Step::Hide { path: AbsPath::parse(&path)?, why },
        StepWire::Veil { path, parts, why } => {
            let parts: Option<Vec<AbsPath>> = parts.iter().map(|part| AbsPath::parse(part)).collect();
            Step::Veil { path: AbsPath::parse(&path)?, parts: parts?, why }
        }
    })
}

fn shown_to_wire(shown: &Shown) -> ShownWire {
    let Shown { path, content, why } = shown;
    ShownWire {
        path: path.to_string(),
        content: content.iter().map(|byte| format!("{byte:02x}")).collect(),
        why: why.clone(),
    }
}

fn shown_from_wire(shown: ShownWire) -> Option<Shown> {
    let ShownWire { path, content, why } = shown;
    let digits = content.as_bytes().chunks(2);
    let content: Option<Vec<u8>> =
        digits.map(|pair| u8::from_str_radix(core::str::from_utf8(pair).ok()?, 16).ok()).collect();
    Some(Shown { path: AbsPath::parse(&path)?, content: content?, why })
}

fn bound_to_wire(bound: &Bound) -> BoundWire {
    let Bound { kind, text, anchor, origin } = bound;
    BoundWire {
        kind: match kind {
            BoundKind::Rule => BoundKindWire::Rule,
            BoundKind::DenyWrite => BoundKindWire::DenyWrite,
            BoundKind::DenyRead => BoundKindWire::DenyRead,
            BoundKind::Credential => BoundKindWire::Credential,
            BoundKind::AllowRead => BoundKindWire::AllowRead,
        },
        text: text.clone(),
        anchor: anchor.to_string(),
        scope: origin.scope.name().to_owned(),
        file: origin.file.clone(),
        line: origin.line,
    }
}

fn bound_from_wire(bound: BoundWire) -> Option<Bound> {
    let BoundWire { kind, text, anchor, scope, file, line } = bound;
    let kind = match kind {
        BoundKindWire::Rule => BoundKind::Rule,
        BoundKindWire::DenyWrite => BoundKind::DenyWrite,
        BoundKindWire::DenyRead => BoundKind::DenyRead,
        BoundKindWire::Credential => BoundKind::Credential,
        BoundKindWire::AllowRead => BoundKind::AllowRead,
    };
    let origin = Origin { scope: Scope::parse(&scope)?, file, line };
    Some(Bound { kind, text, anchor: AbsPath::parse(&anchor)?, origin })
}

fn hatch_to_wire(hatch: &Hatch) -> HatchWire {
    match hatch {
        Hatch::Path(path) => HatchWire::Path { path: path.to_string() },
        Hatch::Port(port) => HatchWire::Port { port: *port },
        Hatch::Calls => HatchWire::Calls,
    }
}

fn hatch_from_wire(hatch: HatchWire) -> Option<Hatch> {
    Some(match hatch {
        HatchWire::Path { path } => Hatch::Path(AbsPath::parse(&path)?),
        HatchWire::Port { port } => Hatch::Port(port),
        HatchWire::Calls => Hatch::Calls,
    })
}

fn zone_to_wire(zone: Zone) -> ZoneWire {
    match zone {
        Zone::Tmp => ZoneWire::Tmp,
        Zone::VarTmp => ZoneWire::VarTmp,
        Zone::Run => ZoneWire::Run,
        Zone::VarRun => ZoneWire::VarRun,
    }
}

fn zone_from_wire(zone: &ZoneWire) -> Zone {
    match zone {
        ZoneWire::Tmp => Zone::Tmp,
        ZoneWire::VarTmp => Zone::VarTmp,
        ZoneWire::Run => Zone::Run,
        ZoneWire::VarRun => Zone::VarRun,
    }
}

/// What a socket is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Door {
    Clients,
    Names,
    Captured,
    /// That of the hatch with this number in the plan.
    Hatch(usize),
    /// One that is connected nowhere yet, for a call to a server inside.
    Call,
    /// By which the kernel is asked who has a connection.
    Owners,
}

/// What the boundary tells the launcher.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub(crate) enum Message {
    /// The command's terminal; its master comes with the message. The boundary waits for `Start`.
    Terminal,
    /// The filter's listener comes with the message, from the command's process to its parent.
    Listener,
    /// A socket of the network namespace comes with the message, from the boundary process to the first inside.
    Network,
    /// Something was refused; `times` counts from the beginning.
    Refused { what: String, program: String, command: String, by: Option<String>, times: u64 },
    /// Further refusals that are not told one by one.
    RefusedMore { times: u64 },
    /// So many files were opened for reading by the broker, in so much time.
    Reads { opened: u64, micros: u64 },
    /// A held path was not there.
    NotPresent { path: String },
    /// Something this kernel lacks.
    Missing { what: String, meaning: String },
    /// A socket of the proxy comes with the message; all have come with the last.
    Door { door: Door, is_last: bool },
    /// The program runs.
    Started { landlock_abi: u32 },
    /// The program was stopped by a signal.
    Stopped { signal: i32 },
    /// The program exited.
    Exited { code: u8 },
    /// A signal ended the program.
    Signaled { signal: i32 },
    /// A step failed; nothing ran.
    Failed { step: String, path: Option<String>, errno: i32 },
    /// The program could not be started; nothing ran.
    NotStarted { errno: i32 },
    /// The boundary ends the command because it no longer holds.
    Ended { why: String },
    /// Nothing is left inside.
    Gone,
    /// Everything is built, and waits for a command.
    Waiting,
    /// What was handed over is in place; the command waits for `Start`.
    Taken,
}

/// What the launcher tells the boundary.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub(crate) enum Request {
    /// The terminal is ready; the command that was handed over may start.
    Start,
    /// A command that comes when all stands. With it come its errand in sealed memory, its standard streams, if there is
    /// one the directory of its control group of version 2, and the files by which it enters those of version 1.
    /// `template` is the digest of what must have been built.
    Take { template: String, has_birthplace: bool },
    /// Pass a signal to the command.
    Signal { signal: i32 },
}

/// What a launcher asks a holder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub(crate) enum Question {
    /// A boundary of this key. `seen` is what the holder shows, and what the launcher shows is under `number`.
    Take { key: String, seen: String, number: i32 },
    /// Build one for the order that comes with the message, and answer when it stands.
    Warm { key: String, seen: String },
}

/// What a holder answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub(crate) enum Answer {
    /// What the holder shows is under this number; it comes first.
    Shows { number: i32 },
    /// The control socket of a boundary comes with the message, and its process. `seen` is what the launcher shows.
    Control { seen: String },
    /// It stands.
    Warm,
    /// There is none.
    None,
}

/// Renders a message for the control socket.
pub(crate) fn render_message(message: &impl Serialize) -> Option<Vec<u8>> {
    serde_json::to_vec(message).ok()
}

/// Reads a message of the control socket.
pub(crate) fn parse_message<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Option<T> {
    serde_json::from_slice(bytes).ok()
}

#[derive(Serialize)]
struct ReportWire<'a> {
    schema_version: u32,
    tier: &'static str,
    exit: ExitWire,
    wall_ms: u64,
    enforced: Vec<&'static str>,
    landlock_abi: u32,
    missing: Vec<MissingWire<'a>>,
    refused: Vec<RefusedWire<'a>>,
    refused_more: u64,
    not_present: &'a [String],
    cannot_show: &'a [&'static str],
    environment_dropped: Vec<DroppedWire>,
    temporary: &'a [&'static str],
    ended_by_boundary: Option<&'a str>,
    limits: Vec<limits::LimitWire<'a>>,
    from_holder: bool,
    late_reads: Option<LateReadsWire<'a>>,
}

#[derive(Serialize)]
struct LateReadsWire<'a> {
    rules: &'a [String],
    held: bool,
    opened: Option<u64>,
    took_us: Option<u64>,
    meaning: &'static str,
}

#[derive(Serialize)]
struct ExitWire {
    code: u8,
    signal: Option<i32>,
}

#[derive(Serialize)]
struct MissingWire<'a> {
    what: &'a str,
    meaning: &'a str,
}

#[derive(Serialize)]
struct RefusedWire<'a> {
    what: &'a str,
    program: &'a str,
    command: &'a str,
    by: Option<&'a str>,
    times: u64,
}

#[derive(Serialize)]
struct DroppedWire {
    name: String,
    why: &'static str,
}

impl Report {
    /// Renders the report as JSON, indented, without a final newline.
    pub fn render_json(&self) -> String {
        let Self {
            tier,
            exit,
            wall,
            started: _,
            enforced,
            missing,
            landlock_abi,
            refused,
            refused_more,
            not_present,
            cannot_show,
            environment_dropped,
            temporary,
            ended_by_boundary,
            limits,
            from_holder,
            late_reads,
        } = self;
        let wire = ReportWire {
            schema_version: REPORT_SCHEMA,
            tier: tier.name(),
            exit: exit_to_wire(*exit),
            wall_ms: u64::try_from(wall.as_millis()).unwrap_or(u64::MAX),
            enforced: enforced.iter().map(|layer| layer.name()).collect(),
            landlock_abi: *landlock_abi,
            missing: missing.iter().map(|row| MissingWire { what: &row.what, meaning: &row.meaning }).collect(),
            refused: refused
                .iter()
                .map(|row| RefusedWire {
                    what: &row.what,
                    program: &row.program,
                    command: &row.command,
                    by: row.by.as_deref(),
                    times: row.times,
                })
                .collect(),
            refused_more: *refused_more,
            not_present,
            cannot_show,
            environment_dropped: environment_dropped
                .iter()
                .map(|row| DroppedWire { name: row.name.to_string_lossy().into_owned(), why: row.why })
                .collect(),
            temporary,
            ended_by_boundary: ended_by_boundary.as_deref(),
            limits: limits.iter().map(limits::render).collect(),
            from_holder: *from_holder,
            late_reads: late_reads.as_ref().map(|late| LateReadsWire {
                rules: &late.rules,
                held: late.are_held,
                opened: late.cost.map(|cost| cost.opened),
                took_us: late.cost.map(|cost| u64::try_from(cost.took.as_micros()).unwrap_or(u64::MAX)),
                meaning: late.meaning(),
            }),
        };
        // The form holds nothing that JSON cannot: no maps, no floats.
        serde_json::to_string_pretty(&wire).unwrap_or_default()
    }
}

fn exit_to_wire(exit: Exit) -> ExitWire {
    let signal = match exit {
        Exit::Code(_) => None,
        Exit::Signal(signal) => Some(signal),
    };
    ExitWire { code: exit.code(), signal }
}

#[cfg(test)]
mod tests;
