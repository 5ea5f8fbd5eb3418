//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use policy::Mode;
use policy::controls::limits::{Amount, Resource, Word};
use policy::layer::{Ports, Side};

/// A security runtime that goes around a coding agent.
///
/// Palisade decides tool calls by the settings files you already have, runs commands inside a boundary
/// that the operating system holds, and records every decision before it takes effect.
#[derive(Debug, Parser)]
#[command(
    name = "palisade",
    version,
    propagate_version = true,
    after_help = "Exit codes: 0 yes, 1 a finding, 2 usage, 3 denied, 4 asks, 5 settings to be mended, 6 the world failed.\n`run` passes its command's code; 124 a limit ended it, 125 nothing ran, 126 not started, 127 not found."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a command inside the boundary.
    Run(RunOptions),
    /// Decide tool calls from standard input, one JSON line each. Records nothing.
    Check(CheckOptions),
    /// Explain how a call would be decided, and why. Records nothing.
    Explain(ExplainOptions),
    /// Show every rule in force with its file and line.
    Permissions(PermissionsOptions),
    /// Find rules that do not do what they say, or more.
    Lint(LintOptions),
    /// Decide the cases that a team wrote for its policy.
    Test(TestOptions),
    /// Answer an agent's hook on standard input.
    Hook(HookOptions),
    /// Show, grant or withdraw trust in a folder.
    Trust(TrustOptions),
    /// Show what the boundary can be on this machine.
    Sandbox(SandboxOptions),
    /// Try to get out of the boundary on this machine, and compare with what should happen.
    Prove(ProveOptions),
    /// Look at the machine, the agents and their hooks, and say what is wrong and what helps.
    Doctor(DoctorOptions),
    /// Read and verify the journal.
    Audit(AuditOptions),
    /// Print a completion script for a shell.
    #[command(hide = true)]
    Completions(CompletionsOptions),
    /// Write the manual pages into a directory.
    #[command(hide = true)]
    Man(ManOptions),
}

/// Where settings come from.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct SettingsOptions {
    /// A settings file, or JSON text; may be repeated, later ones stand above earlier ones.
    #[arg(long, value_name = "FILE")]
    pub(crate) settings: Vec<String>,
    /// The permission mode to decide under.
    #[arg(long, value_parser = mode, value_name = "MODE")]
    pub(crate) mode: Option<Mode>,
}

/// What stands in for the real place, for questions only.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct PlaceOptions {
    /// The directory the call is made in.
    #[arg(long, value_name = "DIR")]
    pub(crate) cwd: Option<String>,
    /// The home directory.
    #[arg(long, value_name = "DIR")]
    pub(crate) home: Option<String>,
    /// Read no settings but those given; the folder counts as trusted.
    #[arg(long)]
    pub(crate) only_given_settings: bool,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  palisade run -- make test\n  palisade run --report report.json -- sh -c 'npm run build'\n  palisade run --limit memory=2G --limit wall=10m -- make test\n  palisade run -- claude\n  palisade run --profile ~/.config/palisade/agents/agent.json -- agent\n  palisade run --ci -- make test\n  palisade run --backend bubblewrap -- make test"
)]
pub(crate) struct RunOptions {
    #[command(flatten)]
    pub(crate) settings: SettingsOptions,
    /// Write what was in force and what was refused to a file, as JSON.
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
    /// Write a JSON line to this descriptor when the command starts, ends, or is refused.
    #[arg(long, value_name = "N")]
    pub(crate) status_fd: Option<u32>,
    #[command(flatten)]
    pub(crate) boundary: BoundaryOptions,
    /// Have a program answer about hosts that no rule names: it listens at this socket and is asked by lines of JSON.
    #[arg(long, value_name = "SOCKET")]
    pub(crate) decider: Option<PathBuf>,
    /// Run as a service of continuous integration does: what a rule asks about is refused, nobody is asked about hosts, and the
    /// report is written to `palisade-report.json` unless `--report` names another file. The command cannot write it.
    #[arg(long, conflicts_with = "permit")]
    pub(crate) ci: bool,
    /// Say nothing unless something was refused.
    #[arg(long)]
    pub(crate) quiet: bool,
    /// Run under the permit that a hook recorded: its number and the beginning of its hash.
    #[arg(long, value_name = "SEQ:HASH", hide = true)]
    pub(crate) permit: Option<String>,
    /// The session's start directory, when it is not the current one.
    #[arg(long, value_name = "DIR", hide = true, requires = "permit")]
    pub(crate) project: Option<String>,
    /// The command and its arguments.
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub(crate) argv: Vec<std::ffi::OsString>,
}

/// What the boundary is to be.
#[derive(Debug, Clone, Args)]
pub(crate) struct BoundaryOptions {
    /// What builds the boundary. It holds the same plan, or nothing runs; the report says what it cannot hold.
    #[arg(long, value_enum, value_name = "BACKEND", default_value_t = Backend::Native)]
    pub(crate) backend: Backend,
    /// Take no more than this: `memory=2G`, `processes=100`, `cpu=2`, `wall=10m`; may be repeated. It only tightens.
    #[arg(long = "limit", value_name = "NAME=VALUE", value_parser = limit)]
    pub(crate) limits: Vec<Word>,
    /// What may be read: everything that nothing hides (`open`), or only what programs need and rules allow (`closed`);
    /// settings that ask for the latter count before this. And what a whole agent needs: `claude`, `codex`, `gemini`, or a
    /// file of your own; may be repeated. Without any, `palisade run` gives a program of such a name its profile.
    #[arg(long = "profile", value_name = "PROFILE", value_parser = profile)]
    pub(crate) profiles: Vec<Profile>,
    /// Hold each opening for reading against the Read rules, so that files which come under one later are held too. It
    /// costs time, and the report says how much.
    #[arg(long)]
    pub(crate) check_reads_on_open: bool,
    /// Which hosts may be reached: those that the rules allow, by the proxy, or none.
    #[arg(long, value_enum, value_name = "NETWORK", default_value_t = Network::Rules)]
    pub(crate) network: Network,
    /// Let this command reach a host, as in `sandbox.network.allowedDomains`: `example.com`, `*.example.com:8443`; may be
    /// repeated. What a rule denies stays denied.
    #[arg(long = "allow-domain", value_name = "HOST[:PORT]", value_parser = place)]
    pub(crate) allow_domains: Vec<policy::network::host::Place>,
    /// Let this command reach a port of this machine's loopback interface, as in `sandbox.network.forwardPorts`: inside it is
    /// the same port, or INNER; may be repeated.
    #[arg(long, value_name = "PORT[:INNER]", value_parser = forward)]
    pub(crate) forward: Vec<Ports>,
    /// Let this machine reach a port on which a server inside listens, as in `sandbox.network.publishPorts`: at the same port
    /// of 127.0.0.1, or at HOST; may be repeated.
    #[arg(long, value_name = "PORT[:HOST]", value_parser = publish)]
    pub(crate) publish: Vec<Ports>,
    /// Give package managers no directory of their own for what they fetch and build.
    #[arg(long)]
    pub(crate) no_caches: bool,
    /// Run only where this layer of the boundary can be had; may be repeated.
    #[arg(long, value_parser = layer, value_name = "LAYER")]
    pub(crate) require: Vec<sandbox::Layer>,
}

impl BoundaryOptions {
    /// Returns what builds the boundary.
    pub(crate) fn backend(&self) -> sandbox::Backend {
        match self.backend {
            Backend::Native => sandbox::Backend::Native,
            Backend::Bubblewrap => sandbox::Backend::Bubblewrap,
        }
    }
}

/// What builds the boundary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Backend {
    /// Palisade itself, in the best tier that this machine lets it have.
    Native,
    /// bubblewrap, and nothing else.
    Bubblewrap,
}

/// Which hosts a command inside the boundary may reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Network {
    /// Those that the rules allow.
    Rules,
    /// None but its own loopback interface.
    None,
}

/// What a command inside the boundary may read, and what an agent needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Profile {
    /// Everything that no rule and no table hides.
    Open,
    /// What programs need to run, what Read rules allow, and what may be written.
    Closed,
    /// What the agent of this name needs, or that of a file.
    Agent(String),
}

#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  echo '{\"tool_name\":\"Bash\",\"tool_input\":{\"command\":\"rm -rf /\"}}' | palisade check\n\nThe form of the lines: docs/reference/check.schema.json"
)]
pub(crate) struct CheckOptions {
    #[command(flatten)]
    pub(crate) settings: SettingsOptions,
    #[command(flatten)]
    pub(crate) place: PlaceOptions,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  palisade explain 'cd src && rm -rf build'\n  palisade explain --tool Read ~/.ssh/id_ed25519\n  palisade explain --tool WebFetch https://example.com/"
)]
pub(crate) struct ExplainOptions {
    #[command(flatten)]
    pub(crate) settings: SettingsOptions,
    #[command(flatten)]
    pub(crate) place: PlaceOptions,
    /// The tool; the subject is then its path, URL or name.
    #[arg(long, value_name = "TOOL", default_value = "Bash")]
    pub(crate) tool: String,
    /// Answer as JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// The command, path, URL or name.
    #[arg(value_name = "SUBJECT")]
    pub(crate) subject: String,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  palisade permissions\n  palisade permissions --settings strict.json --json")]
pub(crate) struct PermissionsOptions {
    #[command(flatten)]
    pub(crate) settings: SettingsOptions,
    /// Answer as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  palisade lint\n  palisade lint .claude/settings.json --level note\n  palisade lint --format sarif > palisade.sarif\n\nEnds with 1 when there is a finding at or above --level, and with 5 when the settings cannot be read.\nThe findings: docs/reference/lint.md"
)]
pub(crate) struct LintOptions {
    #[command(flatten)]
    pub(crate) settings: SettingsOptions,
    /// The least level that ends with 1.
    #[arg(long, value_enum, default_value_t = LevelName::Warning, value_name = "LEVEL")]
    pub(crate) level: LevelName,
    /// How to answer.
    #[arg(long, value_enum, default_value_t = Format::Human, value_name = "FORMAT")]
    pub(crate) format: Format,
    /// Answer as JSON; the same as `--format json`.
    #[arg(long, conflicts_with = "format")]
    pub(crate) json: bool,
    /// Settings files to look at alone; without one, those in force here.
    #[arg(value_name = "FILE")]
    pub(crate) files: Vec<String>,
}

/// The levels of findings.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum LevelName {
    Note,
    Warning,
    Error,
}

impl From<LevelName> for policy::lint::Level {
    fn from(name: LevelName) -> Self {
        match name {
            LevelName::Note => Self::Note,
            LevelName::Warning => Self::Warning,
            LevelName::Error => Self::Error,
        }
    }
}

/// How findings are written.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Format {
    /// For a person.
    Human,
    /// One JSON value.
    Json,
    /// SARIF 2.1.0, for what shows findings beside code.
    Sarif,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  palisade test\n  palisade test --mutants\n  palisade test policy.md --only-given-settings --settings strict.json\n\nEnds with 1 when a case does not hold or nothing would miss a rule, and with 5 when the settings or a\nfile of cases cannot be read. How cases are written: docs/guides/policy.md"
)]
pub(crate) struct TestOptions {
    #[command(flatten)]
    pub(crate) settings: SettingsOptions,
    #[command(flatten)]
    pub(crate) place: PlaceOptions,
    /// Change the policy, one rule at a time, and say which change no case notices.
    #[arg(long)]
    pub(crate) mutants: bool,
    /// Leave out the other spellings of commands that must be denied or ask.
    #[arg(long)]
    pub(crate) no_spellings: bool,
    /// Answer as JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// Files of cases; without one, `.palisade/tests/*.md` and `.palisade/policy-test.md` of the project.
    #[arg(value_name = "FILE")]
    pub(crate) files: Vec<String>,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Register it for PreToolUse, with `\"onFailure\": \"block\"`, and for PostToolUse and PostToolUseFailure:\n  {\"type\": \"command\", \"command\": \"/usr/local/bin/palisade hook claude\", \"onFailure\": \"block\"}"
)]
pub(crate) struct HookOptions {
    /// The agent whose hook this is.
    pub(crate) agent: Agent,
}

/// The agents whose hooks are spoken.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Agent {
    /// Claude Code.
    Claude,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  palisade trust\n  palisade trust grant ~/src/project")]
pub(crate) struct TrustOptions {
    #[command(subcommand)]
    pub(crate) action: Option<TrustAction>,
    /// Answer as JSON.
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TrustAction {
    /// Show whether a folder is trusted, and by whose word.
    Show(FolderOptions),
    /// Let a folder's own settings widen what is allowed. Needs a person at a terminal.
    Grant(FolderOptions),
    /// Take that back.
    Withdraw(FolderOptions),
}

#[derive(Debug, Clone, Default, Args)]
pub(crate) struct FolderOptions {
    /// The folder; the current one by default.
    #[arg(value_name = "DIR")]
    pub(crate) folder: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct AuditOptions {
    #[command(subcommand)]
    pub(crate) action: AuditAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AuditAction {
    /// Show the journal, newest last.
    Log(LogOptions),
    /// Say whether any record was changed, lost, moved or cut off.
    Verify(VerifyOptions),
    /// Print a checkpoint to keep where nobody who can write the journal can write.
    Checkpoint(CheckpointOptions),
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  palisade audit checkpoint > /mnt/elsewhere/palisade.checkpoint")]
pub(crate) struct CheckpointOptions {
    /// Answer as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  palisade audit log -n 20\n  palisade audit log --verdict deny --json")]
pub(crate) struct LogOptions {
    /// Show at most so many records, the newest.
    #[arg(short = 'n', long, value_name = "N")]
    pub(crate) last: Option<usize>,
    /// Show only decisions with this verdict.
    #[arg(long, value_enum)]
    pub(crate) verdict: Option<VerdictName>,
    /// Show only records of this kind.
    #[arg(long, value_parser = ["decision", "answer", "started", "outcome", "trust", "settings", "repair"])]
    pub(crate) kind: Option<String>,
    /// Show only records of this session.
    #[arg(long)]
    pub(crate) session: Option<String>,
    /// Print the records as they stand, one JSON line each.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  palisade audit verify --checkpoint /mnt/elsewhere/palisade.checkpoint")]
pub(crate) struct VerifyOptions {
    /// A checkpoint that was kept elsewhere.
    #[arg(long, value_name = "FILE")]
    pub(crate) checkpoint: Option<PathBuf>,
    /// Answer as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// A verdict's name.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum VerdictName {
    Allow,
    Ask,
    Deny,
}

impl From<VerdictName> for policy::Verdict {
    fn from(name: VerdictName) -> Self {
        match name {
            VerdictName::Allow => Self::Allow,
            VerdictName::Ask => Self::Ask,
            VerdictName::Deny => Self::Deny,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct SandboxOptions {
    #[command(subcommand)]
    pub(crate) command: SandboxCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SandboxCommand {
    /// Say what this machine can enforce, why not more, and what helps.
    Status(SandboxStatusOptions),
    /// Show the exact plan of the boundary here: every mount, filter and limit with the rule behind it.
    Plan(SandboxPlanOptions),
    /// Write the plan in the form of another tool, and say what is lost.
    Export(SandboxExportOptions),
    /// Keep boundaries ready, so that the next commands start sooner.
    Hold(SandboxHoldOptions),
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  palisade sandbox hold &\n  palisade sandbox hold --detach --owner $PPID\n\nThe first command of each policy and project builds its boundary as always, and has the next ones built. A\ncommand takes one that stands only while everything it depends on is as it was, and each is for one command.\nEnds with its owner, or when the time is over. Ends with 0, with 1 when the owner has one already, and with 6\nwhen nothing can be held here."
)]
pub(crate) struct SandboxHoldOptions {
    /// The process below which commands start sooner; this program's parent by itself.
    #[arg(long, value_name = "PID")]
    pub(crate) owner: Option<u32>,
    /// How long.
    #[arg(long = "for", value_name = "TIME", default_value = "12h", value_parser = duration)]
    pub(crate) lasting: std::time::Duration,
    /// Return when commands find it, and hold in a process of its own.
    #[arg(long)]
    pub(crate) detach: bool,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  palisade sandbox status\n  palisade sandbox status --json\n\nEverything is tried in processes that are thrown away. Ends with 0 when commands get the whole boundary,\nwith 1 when they get a lower tier, and with 6 when they get none.\nThe form: docs/reference/sandbox-status.schema.json"
)]
pub(crate) struct SandboxStatusOptions {
    /// Answer as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  palisade sandbox plan\n  palisade sandbox plan --profile closed --json\n\nNothing is run or recorded. Ends with 0, with 3 when the policy lets no command run here, with 5 when settings\ncannot be relied on, and with 6 when no boundary can hold what they say.\nThe form: docs/reference/sandbox-plan.schema.json"
)]
pub(crate) struct SandboxPlanOptions {
    #[command(flatten)]
    pub(crate) settings: SettingsOptions,
    #[command(flatten)]
    pub(crate) boundary: BoundaryOptions,
    /// Answer as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  palisade sandbox export srt > srt-settings.json\n  palisade sandbox export devcontainer --output .\n  palisade sandbox export codex --profile closed --json\n\nThe plan is that of `sandbox plan`. What the form does not hold is told on standard error, and as data with --json.\nNothing is run or recorded, and no file is written over. Ends with 0, with 3 when the policy lets no command run\nhere, with 5 when settings cannot be relied on, and with 6 when the form cannot say the policy or a file cannot be\nwritten.\nThe form: docs/reference/sandbox-export.schema.json. What each loses: docs/guides/export.md"
)]
pub(crate) struct SandboxExportOptions {
    /// The tool.
    #[arg(value_parser = export_form, value_name = "TOOL")]
    pub(crate) form: sandbox::export::Form,
    #[command(flatten)]
    pub(crate) settings: SettingsOptions,
    #[command(flatten)]
    pub(crate) boundary: BoundaryOptions,
    /// Write the files below this directory instead of standard output.
    #[arg(long, value_name = "DIR")]
    pub(crate) output: Option<PathBuf>,
    /// Answer as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  palisade prove\n  palisade prove --json > proof.json\n\nThe probes run inside the boundary that a command would get here, under the policy in force, and are judged on the\nhost. Ends with 0 when every probe comes out as expected, with 1 when one does not, with 3 when the policy\ndenies the probes, with 5 when settings cannot be relied on, and with 6 when the boundary cannot be built.\nThe form: docs/reference/prove.schema.json"
)]
pub(crate) struct ProveOptions {
    #[command(flatten)]
    pub(crate) settings: SettingsOptions,
    #[command(flatten)]
    pub(crate) boundary: BoundaryOptions,
    /// Answer as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  palisade doctor\n  palisade doctor --for untrusted --json\n  palisade doctor --fix\n\nA hook of this program is started once, and its answer is recorded like any other. Ends with 0 when no check fails, with\n1 when one does or the machine is not for the situation asked about, with 4 when `--fix` changed nothing because nobody\nagreed, and with 6 when the machine cannot be looked at.\nThe form: docs/reference/doctor.schema.json. Every check: docs/guides/doctor.md"
)]
pub(crate) struct DoctorOptions {
    /// Ask about one situation: a machine that is not for it ends with 1.
    #[arg(long = "for", value_enum, value_name = "SITUATION")]
    pub(crate) situation: Option<crate::doctor::Situation>,
    /// Show what of the user's own files can be mended, ask, and mend it.
    #[arg(long)]
    pub(crate) fix: bool,
    /// Agree to what `--fix` shows.
    #[arg(long, requires = "fix")]
    pub(crate) yes: bool,
    /// Answer as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CompletionsOptions {
    /// The shell.
    pub(crate) shell: clap_complete::Shell,
}

#[derive(Debug, Args)]
pub(crate) struct ManOptions {
    /// The directory.
    pub(crate) directory: PathBuf,
}

#[expect(clippy::unnecessary_wraps, reason = "the parser's form")]
fn profile(text: &str) -> Result<Profile, String> {
    Ok(match text {
        "open" => Profile::Open,
        "closed" => Profile::Closed,
        name => Profile::Agent(name.to_owned()),
    })
}

fn layer(text: &str) -> Result<sandbox::Layer, String> {
    sandbox::Layer::parse(text).ok_or_else(|| {
        let known: Vec<&str> = sandbox::Layer::ALL.iter().map(|layer| layer.name()).collect();
        format!("no such layer; the layers are {}", known.join(", "))
    })
}

fn export_form(text: &str) -> Result<sandbox::export::Form, String> {
    sandbox::export::Form::parse(text).ok_or_else(|| {
        let known: Vec<&str> = sandbox::export::Form::ALL.iter().map(|form| form.name()).collect();
        format!("no such tool; the tools are {}", known.join(", "))
    })
}

fn forward(text: &str) -> Result<Ports, String> {
    Ports::parse(text, Side::Outside).ok_or_else(|| "it is no port, or two with `:` between".to_owned())
}

fn publish(text: &str) -> Result<Ports, String> {
    Ports::parse(text, Side::Inside).ok_or_else(|| "it is no port, or two with `:` between".to_owned())
}

fn place(text: &str) -> Result<policy::network::host::Place, String> {
    policy::network::allowed(text).map_err(|(what, hint)| format!("it {what}; {hint}"))
}

/// Reads a time such as `10m`.
fn duration(text: &str) -> Result<std::time::Duration, String> {
    match Resource::Wall.parse_amount(text) {
        Some(Amount::AtMost(milliseconds)) => Ok(std::time::Duration::from_millis(milliseconds)),
        Some(Amount::Unlimited | Amount::Share(_)) | None => {
            Err("it is a time such as `90s`, `10m` or `12h`".to_owned())
        }
    }
}

fn limit(text: &str) -> Result<Word, String> {
    let name = text.split_once('=').map_or(text, |(name, _)| name);
    let resource = Resource::parse(name).ok_or_else(|| {
        let known: Vec<&str> = Resource::ALL.iter().map(|resource| resource.name()).collect();
        format!("no such limit; the limits are {}", known.join(", "))
    })?;
    let amount = text.split_once('=').and_then(|(_, value)| resource.parse_amount(value));
    let amount = amount.ok_or_else(|| format!("write `{name}=VALUE` with {}", resource.form()))?;
    Ok(Word { resource, amount })
}

fn mode(text: &str) -> Result<Mode, String> {
    Mode::parse(text).map(|(mode, _)| mode).ok_or_else(|| {
        let known: Vec<&str> = Mode::ALL.iter().map(|mode| mode.name()).collect();
        format!("no such mode; the modes are {}", known.join(", "))
    })
}
