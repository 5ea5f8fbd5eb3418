//! `Controls` to a plan, and a plan with a permit to a confined process.
//!
//! [`plan`] is pure. [`run`] starts a command against a [`policy::Permit`] inside a boundary that this
//! crate builds itself from Linux namespaces, mounts, Landlock and seccomp, without root and without
//! other programs where the machine lets it. It returns when the command and everything it started is gone.
//!
//! Never: a boundary with a layer left out in silence, a mount by path, a command after a failed step.
//!
//! Four processes take part. The *launcher* calls [`run`]. It starts its own program again as the
//! *boundary*, whose `main` calls [`boundary_main`] when its first argument is [`ROLE`]; that one makes
//! the namespaces and the *init*, the first process inside, which builds the mounts and starts the
//! *command*.
//!
//! A [`Holder`], where somebody asked for one, keeps boundaries ready in which only the command is missing.
//!
//! Where the machine refuses namespaces, [`run`] builds a lower [`Tier`]: the report says which, and what it lacks.
//! [`probe`] says what a machine can.
//!
//! What it does not stop: the command can do anything to what it may write, and read what nobody hid from
//! it; a file that has a second name (a hard link) is held under the first only; a file that must not be read
//! and is replaced from outside loses its mount, whereupon everything inside is killed; escape sequences reach the person's terminal; space on the host's disk has no
//! limit; `/proc` and `/sys` tell of the machine's hardware and load. What it does not let
//! through, though some programs want it: Unix sockets (but for connected pairs), `ptrace`, nested user
//! namespaces, io_uring, and renaming or linking across a pinned directory.
//!
//! Read first: [`plan`](mod@plan), then `linux/run.rs`, `linux/boundary.rs`, `linux/init.rs`, `linux/mount.rs`.

pub mod backend;
mod doors;
pub mod environment;
pub mod error;
pub mod export;
mod git;
mod limits;
#[cfg(target_os = "linux")]
mod linux;
pub mod machine;
pub mod plan;
#[cfg(target_os = "linux")]
pub mod probes;
pub mod report;
mod shape;
#[cfg(target_os = "linux")]
mod sys;
pub mod tier;
mod wire;

pub use backend::Backend;
pub use doors::{Attention, Doors, Outlet, POOL, PROXY_PORT};
pub use environment::{Environment, environment};
pub use error::Error;
pub use machine::Machine;
pub use plan::{Hatch, Invocation, OWN_FILES, Plan, Shown, Terminal, is_private, plan};
pub use report::{Exit, Layer, Report};
pub use tier::{Tier, Tiers};

/// The first argument that makes a program the boundary process.
pub const ROLE: &str = "palisade-boundary";

/// Runs a command inside the boundary that its permit asks for, and waits until it is gone.
///
/// The standard streams are those of the caller. While it runs, signals to the caller go to the
/// command; call it from the main thread of a process that has no other thread which could take them.
pub fn run(permit: &policy::Permit<policy::Exec>, invocation: &Invocation) -> Result<Report, Error> {
    let plan = plan(permit.controls(), invocation)?;
    let by_policy = permit.controls().require.iter();
    let by_policy: Result<Vec<Layer>, Error> =
        by_policy.map(|name| Layer::parse(name).ok_or_else(|| Error::Required(name.clone()))).collect();
    let require = [by_policy?, invocation.require.clone()].concat();
    if let Some(lost) = plan.lost_caches(permit.controls()).filter(|_| invocation.needs_caches) {
        return Err(Error::Required(format!("the private caches: {}", lost.meaning)));
    }
    #[cfg(target_os = "linux")]
    return {
        let lost = plan.lost_caches(permit.controls()).into_iter().chain(plan.lost_network(permit.controls()));
        linux::run(&plan, &permit.controls().limits, invocation, &require).map(|mut report| {
            report.missing.extend(lost);
            report.late_reads = report::LateReads::of(&permit.controls().late_reads, report.late_reads.take());
            report
        })
    };
    #[cfg(not(target_os = "linux"))]
    return Err(Error::Platform);
}

/// Looks at what this machine can enforce, by trying each thing in a process that is thrown away.
///
/// `init` is the program that is started as the boundary, as in [`Invocation`].
pub fn probe(init: &std::path::Path) -> Result<Machine, Error> {
    #[cfg(target_os = "linux")]
    return linux::probe(init);
    #[cfg(not(target_os = "linux"))]
    return Err(Error::Platform);
}

/// Holds boundaries ready for commands below one process, its owner.
///
/// A command takes one when its [`Invocation::held`] says so and everything that the boundary depends on is as it was
/// when it was built. Make it in the main thread of a process of its own, of the same program as the launchers: what is
/// held dies with it, killed or not.
#[derive(Debug)]
pub struct Holder {
    #[cfg(target_os = "linux")]
    inner: linux::Holder,
}

impl Holder {
    /// Makes a holder for commands below the process `owner`, for as long as `lasting`; `None` when it has one already.
    /// From now on launchers find it. `init` is the program that is started as the boundary, as in [`Invocation`].
    pub fn new(init: &std::path::Path, owner: u32, lasting: std::time::Duration) -> Result<Option<Self>, Error> {
        #[cfg(target_os = "linux")]
        return Ok(linux::Holder::new(init, owner, lasting)?.map(|inner| Self { inner }));
        #[cfg(not(target_os = "linux"))]
        return Err(Error::Platform);
    }

    /// Starts a holder as a process of its own, in a session of its own, and returns when launchers find it; false when
    /// the owner has one already. Nobody need wait for it: it ends as [`Holder::serve`] does.
    pub fn spawn(init: &std::path::Path, owner: u32, lasting: std::time::Duration) -> Result<bool, Error> {
        #[cfg(target_os = "linux")]
        return linux::Holder::spawn(init, owner, lasting);
        #[cfg(not(target_os = "linux"))]
        return Err(Error::Platform);
    }

    /// Serves until the owner is gone, or the time is over and nothing that was taken runs any more.
    pub fn serve(self) -> Result<(), Error> {
        #[cfg(target_os = "linux")]
        return self.inner.serve();
        #[cfg(not(target_os = "linux"))]
        return Err(Error::Platform);
    }
}

/// Has the nearest holder build the boundary of a command, and waits until it stands. Returns false when no process
/// above this one has a holder.
pub fn warm(permit: &policy::Permit<policy::Exec>, invocation: &Invocation) -> Result<bool, Error> {
    let plan = plan(permit.controls(), invocation)?;
    #[cfg(target_os = "linux")]
    return linux::warm(&plan, &permit.controls().limits, invocation);
    #[cfg(not(target_os = "linux"))]
    return Err(Error::Platform);
}

/// Makes a write beyond a limit on file sizes fail instead of ending this process: call it first, so that a
/// record that cannot be written is a refusal and not silence. Commands inside start without it.
pub fn hold_back_size_signal() {
    #[cfg(target_os = "linux")]
    {
        // Without it the process would only end as it does today.
        let _ = sys::signal::mask(sys::signal::How::Block, &sys::signal::Set::of(&[libc::SIGXFSZ]));
    }
}

/// Is the boundary process: builds the boundary, starts the command in it, and ends with it.
///
/// Call it before anything else when the first argument is [`ROLE`]; the process must have one thread.
pub fn boundary_main() -> ! {
    #[cfg(target_os = "linux")]
    linux::boundary_main();
    #[cfg(not(target_os = "linux"))]
    std::process::exit(70)
}
