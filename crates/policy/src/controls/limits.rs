//! How much a command may take: the words for it, and what all layers together say.

use std::fmt;

use crate::layer::{Layer, Origin, Scope, Sourced};

/// Something of which a command may take only so much.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Resource {
    /// Memory of everything inside together, files in the private directories included; bytes.
    Memory,
    /// Private memory of each process by itself; bytes.
    ProcessMemory,
    /// Processes and threads that exist at once.
    Processes,
    /// Processors that may be busy at once; thousandths of one.
    Cpu,
    /// Processor time of each process by itself; seconds.
    CpuTime,
    /// Files that each process may have open.
    OpenFiles,
    /// Size of each file that is written; bytes.
    FileSize,
    /// Time from the start to the end; milliseconds.
    Wall,
    /// Standard output and standard error together; bytes.
    Output,
}

/// What a value counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Bytes,
    Count,
    Thousandths,
    Seconds,
    Milliseconds,
}

impl Resource {
    /// Every resource, in the order in which they are shown.
    pub const ALL: [Self; 9] = [
        Self::Memory,
        Self::ProcessMemory,
        Self::Processes,
        Self::Cpu,
        Self::CpuTime,
        Self::OpenFiles,
        Self::FileSize,
        Self::Wall,
        Self::Output,
    ];

    /// Returns the name on the command line and in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::ProcessMemory => "process-memory",
            Self::Processes => "processes",
            Self::Cpu => "cpu",
            Self::CpuTime => "cpu-time",
            Self::OpenFiles => "open-files",
            Self::FileSize => "file-size",
            Self::Wall => "wall",
            Self::Output => "output",
        }
    }

    /// Reads a name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|resource| resource.name() == name)
    }

    /// Reads an amount: `none`, or a number with the units of the resource. Zero is none that is usable.
    ///
    /// Bytes take `K`, `M`, `G`, `T` (powers of 1024), memory a share of the machine's (`50%`), processors a
    /// fraction (`1.5`), times `s`, `m`, `h` and wall time also `ms`; a time without a unit is in seconds.
    pub fn parse_amount(self, text: &str) -> Option<Amount> {
        if text == "none" {
            return Some(Amount::Unlimited);
        }
        if let (Self::Memory, Some(percent)) = (self, text.strip_suffix('%')) {
            return whole(percent).filter(|percent| (1..=100).contains(percent)).map(Amount::Share);
        }
        let value = match self.unit() {
            Unit::Bytes => scaled(text, &[("K", 1 << 10), ("M", 1 << 20), ("G", 1 << 30), ("T", 1 << 40), ("", 1)]),
            Unit::Count => whole(text),
            Unit::Thousandths => thousandths(text),
            Unit::Seconds => scaled(text, &[("s", 1), ("m", 60), ("h", 3600), ("", 1)]),
            Unit::Milliseconds => scaled(text, &[("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("", 1000)]),
        };
        value.filter(|value| *value > 0).map(Amount::AtMost)
    }

    /// Returns how amounts are written, for messages.
    pub fn form(self) -> &'static str {
        match self.unit() {
            Unit::Bytes if self == Self::Memory => "`none`, bytes (`2G`) or a share of the machine's (`50%`)",
            Unit::Bytes => "`none` or bytes (`2G`)",
            Unit::Count => "`none` or a number above 0",
            Unit::Thousandths => "`none` or a number of processors (`1.5`)",
            Unit::Seconds => "`none` or whole seconds (`60s`)",
            Unit::Milliseconds => "`none` or a time (`10m`)",
        }
    }

    /// Renders a value as [`Resource::parse_amount`] reads it.
    pub fn render(self, value: u64) -> String {
        let by = |units: &[(&str, u64)]| {
            let fits = units.iter().find(|(_, size)| value >= *size && value.is_multiple_of(*size));
            fits.map_or_else(|| value.to_string(), |(unit, size)| format!("{}{unit}", value / size))
        };
        match self.unit() {
            Unit::Bytes => by(&[("T", 1 << 40), ("G", 1 << 30), ("M", 1 << 20), ("K", 1 << 10)]),
            Unit::Count => value.to_string(),
            Unit::Thousandths if value.is_multiple_of(1000) => (value / 1000).to_string(),
            Unit::Thousandths => format!("{}.{:03}", value / 1000, value % 1000).trim_end_matches('0').to_owned(),
            Unit::Seconds => by(&[("h", 3600), ("m", 60), ("s", 1)]),
            Unit::Milliseconds => by(&[("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)]),
        }
    }

    fn unit(self) -> Unit {
        match self {
            Self::Memory | Self::ProcessMemory | Self::FileSize | Self::Output => Unit::Bytes,
            Self::Processes | Self::OpenFiles => Unit::Count,
            Self::Cpu => Unit::Thousandths,
            Self::CpuTime => Unit::Seconds,
            Self::Wall => Unit::Milliseconds,
        }
    }
}

fn whole(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

fn scaled(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let (number, size) = units.iter().find_map(|(unit, size)| Some((whole(text.strip_suffix(unit)?)?, *size)))?;
    number.checked_mul(size)
}

fn thousandths(text: &str) -> Option<u64> {
    let (number, fraction) = text.split_once('.').unwrap_or((text, "0"));
    if fraction.len() > 3 {
        return None;
    }
    whole(number)?.checked_mul(1000)?.checked_add(whole(&format!("{fraction:0<3}"))?)
}

/// How much of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Amount {
    /// As much as there is.
    Unlimited,
    /// At most this, in the resource's unit.
    AtMost(u64),
    /// At most this share of what the machine has, in percent.
    Share(u64),
}

/// One limit as somebody wrote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Word {
    /// Of what.
    pub resource: Resource,
    /// How much.
    pub amount: Amount,
}

/// One limit in force.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Limit {
    /// The most; `None` does not limit.
    pub at_most: Option<u64>,
    /// Where it is written; `None` for what holds without anybody's word. One that is written and cannot be
    /// enforced refuses the command.
    pub by: Option<Origin>,
}

impl Limit {
    const NONE: Self = Self { at_most: None, by: None };

    const fn usual(value: u64) -> Self {
        Self { at_most: Some(value), by: None }
    }

    /// Takes the lower of two. Of two that are equal the one that somebody wrote stays.
    fn lower(&mut self, value: u64, by: &Origin) {
        let is_lower = self.at_most.is_none_or(|present| value < present);
        if is_lower || (self.at_most == Some(value) && self.by.is_none()) {
            *self = Self { at_most: Some(value), by: Some(by.clone()) };
        }
    }
}

/// The share of the machine's memory that a command may take where nobody says otherwise, in percent.
const MEMORY_SHARE: u64 = 80;
/// Processes and threads. A build with two hundred jobs stays below it; a fork bomb does not.
const PROCESSES: u64 = 4096;
/// Open files of one process: what systems give their services.
const OPEN_FILES: u64 = 65_536;

/// How much a command may take of everything. Who takes it apart names every field.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Limits {
    /// [`Resource::Memory`] in bytes. It holds beside the share.
    pub memory: Limit,
    /// [`Resource::Memory`] as a share of what the machine has, in percent.
    pub memory_share: Limit,
    /// [`Resource::ProcessMemory`].
    pub process_memory: Limit,
    /// [`Resource::Processes`].
    pub processes: Limit,
    /// [`Resource::Cpu`].
    pub cpu: Limit,
    /// [`Resource::CpuTime`].
    pub cpu_time: Limit,
    /// [`Resource::OpenFiles`].
    pub open_files: Limit,
    /// [`Resource::FileSize`].
    pub file_size: Limit,
    /// [`Resource::Wall`].
    pub wall: Limit,
    /// [`Resource::Output`].
    pub output: Limit,
}

impl Default for Limits {
    /// Returns what holds without anybody's word: bounds that work does not meet and a runaway does.
    fn default() -> Self {
        Self {
            memory: Limit::NONE,
            memory_share: Limit::usual(MEMORY_SHARE),
            process_memory: Limit::NONE,
            processes: Limit::usual(PROCESSES),
            cpu: Limit::NONE,
            cpu_time: Limit::NONE,
            open_files: Limit::usual(OPEN_FILES),
            file_size: Limit::NONE,
            wall: Limit::NONE,
            output: Limit::NONE,
        }
    }
}

impl Limits {
    /// Returns what layers, given from the lowest to the highest, say together.
    ///
    /// 1. The highest trusted layer that speaks of a resource sets it, above or below what holds by itself. An
    ///    administrator's layer does so only where no other trusted one speaks.
    /// 2. Every layer that is not trusted, and every administrator's, lowers it.
    pub fn of(layers: &[Layer]) -> Self {
        let mut limits = Self::default();
        for resource in Resource::ALL {
            let words = |wanted: fn(&Layer) -> bool| {
                let speaking = layers.iter().filter(move |layer| wanted(layer));
                speaking.flat_map(|layer| &layer.limits).filter(move |word| word.value.resource == resource)
            };
            let sets = words(|layer| layer.trusted && layer.scope != Scope::Managed).next_back();
            if let Some(word) = sets.or_else(|| words(|layer| layer.scope == Scope::Managed).next_back()) {
                limits.set(word);
            }
            for word in words(|layer| !layer.trusted || layer.scope == Scope::Managed) {
                limits.lower(word);
            }
        }
        limits
    }

    /// Returns the limit on a resource, without the share of memory.
    pub fn get(&self, resource: Resource) -> &Limit {
        match resource {
            Resource::Memory => &self.memory,
            Resource::ProcessMemory => &self.process_memory,
            Resource::Processes => &self.processes,
            Resource::Cpu => &self.cpu,
            Resource::CpuTime => &self.cpu_time,
            Resource::OpenFiles => &self.open_files,
            Resource::FileSize => &self.file_size,
            Resource::Wall => &self.wall,
            Resource::Output => &self.output,
        }
    }

    fn slot(&mut self, resource: Resource) -> &mut Limit {
        match resource {
            Resource::Memory => &mut self.memory,
            Resource::ProcessMemory => &mut self.process_memory,
            Resource::Processes => &mut self.processes,
            Resource::Cpu => &mut self.cpu,
            Resource::CpuTime => &mut self.cpu_time,
            Resource::OpenFiles => &mut self.open_files,
            Resource::FileSize => &mut self.file_size,
            Resource::Wall => &mut self.wall,
            Resource::Output => &mut self.output,
        }
    }

    fn set(&mut self, word: &Sourced<Word>) {
        let Word { resource, amount } = word.value;
        if resource == Resource::Memory {
            self.memory_share = Limit::NONE;
        }
        *self.slot(resource) = Limit::NONE;
        match amount {
            Amount::Unlimited => {}
            Amount::AtMost(_) | Amount::Share(_) => self.lower(word),
        }
    }

    fn lower(&mut self, word: &Sourced<Word>) {
        let Word { resource, amount } = word.value;
        match amount {
            Amount::Unlimited => {}
            Amount::AtMost(value) => self.slot(resource).lower(value, &word.origin),
            Amount::Share(percent) => self.memory_share.lower(percent, &word.origin),
        }
    }
}

impl fmt::Display for Limits {
    /// Renders one limit a line, with the line that says so.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let share = (&self.memory_share, Resource::Memory, true);
        let limits = Resource::ALL.into_iter().map(|resource| (self.get(resource), resource, false));
        let mut lines = Vec::new();
        for (limit, resource, is_share) in std::iter::once(share).chain(limits) {
            let Limit { at_most: Some(value), by } = limit else { continue };
            let value = if is_share { format!("{value}% of the machine's") } else { resource.render(*value) };
            let why = by.as_ref().map_or("built in".to_owned(), |origin| match origin.line {
                0 => origin.file.clone(),
                line => format!("{}:{line}", origin.file),
            });
            lines.push(format!("limit       {} {value} ({why})", resource.name()));
        }
        formatter.write_str(&lines.join("\n"))
    }
}

#[cfg(test)]
mod tests;
