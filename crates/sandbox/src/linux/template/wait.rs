//! The first process inside of a held boundary, until it has a command.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use rustix::io::Errno;

use super::super::boundary;
use super::super::control::{Channel, Received};
use super::super::failure::{At, Failure};
use super::super::init::{self, Groups, Ready, Standing, Watched};
use super::super::inputs;
use super::super::kernel_files::read_whole;
use super::key::Key;
use crate::error::Step;
use crate::limits::PLAN_BYTES_MAX;
use crate::sys;
use crate::wire::{Errand, Message, Order, Request};

/// What came for the command.
#[derive(Debug)]
struct Handed {
    memory: OwnedFd,
    errand: Errand,
    streams: [OwnedFd; 3],
    groups: Groups,
}

/// Says that all stands, and waits for the command's errand, its streams and its groups. Returns `None` when nobody
/// wants it any more, or it is not what is wanted; that is said.
///
/// Nothing starts before the launcher, having heard that all was taken, says so: it may have given up meanwhile and
/// started the command elsewhere.
pub(in crate::linux) fn wait_built(
    channel: &Channel,
    held: &Order,
    ready: Ready,
) -> Result<Option<(Order, Ready)>, Failure> {
    let Some(handed) = wait(channel, held)? else { return Ok(None) };
    match handed.and_then(|handed| take(ready, handed)) {
        Ok((errand, ready)) => {
            say_taken(channel)?;
            Ok(is_wanted(channel)?.then(|| (held.clone().with_errand(errand), ready)))
        }
        Err(failure) => {
            boundary::report(channel, failure);
            Ok(None)
        }
    }
}

/// Has the command's process and its broker made, says that they stand, and waits as [`wait_built`] does. Then the
/// command starts.
pub(in crate::linux) fn wait_confined(
    channel: &Arc<Channel>,
    held: &Order,
    ready: Ready,
) -> Result<Option<Watched>, Failure> {
    let Some(mut standing) = init::stand(channel, held, ready)? else { return Ok(None) };
    let Some(handed) = wait(channel, held)? else { return Ok(None) };
    match handed.and_then(|handed| hand_on(channel, &mut standing, handed)) {
        // What remains to be said until the program runs is the command's process's to say and to hear.
        Ok(wall_ms) => init::follow(channel, wall_ms, standing),
        Err(failure) => {
            boundary::report(channel, failure);
            Ok(None)
        }
    }
}

/// Says that everything was taken.
pub(in crate::linux) fn say_taken(channel: &Channel) -> Result<(), Failure> {
    channel.send(&Message::Taken, None).at(Step::Control)
}

/// Waits for the word to start. Returns false when nobody wants it any more.
pub(in crate::linux) fn is_wanted(channel: &Channel) -> Result<bool, Failure> {
    match channel.receive().at(Step::Control)? {
        Some(Received { message: Request::Start, descriptor: None }) => Ok(true),
        Some(_) => Err(Errno::BADMSG).at(Step::Control),
        None => Ok(false),
    }
}

/// Reads what a command is to do.
pub(in crate::linux) fn read_errand(memory: OwnedFd) -> Result<Errand, Failure> {
    rustix::fs::seek(&memory, rustix::fs::SeekFrom::Start(0)).at(Step::ReadPlan)?;
    let bytes = read_whole(memory, PLAN_BYTES_MAX).at(Step::ReadPlan)?;
    Errand::parse(&bytes).ok_or(Errno::BADMSG).at(Step::ReadPlan)
}

/// Says that all stands, and waits for what comes for the command, which must be for what was built. `None` when
/// nobody wants it any more.
fn wait(channel: &Channel, held: &Order) -> Result<Option<Result<Handed, Failure>>, Failure> {
    let own = Key::template(held)?;
    channel.send(&Message::Waiting, None).at(Step::Control)?;
    let (template, has_birthplace, descriptors) = match channel.receive_with().at(Step::Control)? {
        Some((Request::Take { template, has_birthplace }, descriptors)) => (template, has_birthplace, descriptors),
        Some((Request::Start | Request::Signal { .. }, _)) => return Err(Errno::BADMSG).at(Step::Control),
        None => return Ok(None),
    };
    if template != own {
        return Ok(Some(Err(Errno::STALE).at(Step::Template)));
    }
    Ok(Some(unpack(has_birthplace, descriptors)))
}

fn unpack(has_birthplace: bool, descriptors: Vec<OwnedFd>) -> Result<Handed, Failure> {
    let mut descriptors = descriptors.into_iter();
    let mut next = || descriptors.next().ok_or(Errno::BADF).at(Step::Template);
    let memory = next()?;
    let streams = [next()?, next()?, next()?];
    let birthplace = if has_birthplace { Some(next()?) } else { None };
    let groups = Groups { birthplace, entrances: descriptors.collect() };
    let errand = read_errand(memory.try_clone().map_err(|_| Errno::MFILE).at(Step::ReadPlan)?)?;
    if errand.inside.has_group == has_birthplace {
        Ok(Handed { memory, errand, streams, groups })
    } else {
        Err(Errno::STALE).at(Step::Template)
    }
}

/// Takes what was handed over, in this order:
///
/// 1. look that everything held is still held, and nothing came that was not there;
/// 2. put the streams in place, those that read the project's files opened anew, with the rules for them.
fn take(ready: Ready, handed: Handed) -> Result<(Errand, Ready), Failure> {
    let Handed { memory: _, errand, streams, groups } = handed;
    as_it_was(ready.changed())?;
    for (number, stream) in (0..).zip(&streams) {
        sys::process::put_at(stream.as_fd(), number).at(Step::Streams)?;
    }
    inputs::bring_inside(&errand.inputs)?;
    Ok((errand, ready.for_command(groups)?))
}

/// Hands everything on to the command's process, when everything held is still held, and nothing came that was not
/// there. Returns how long the command may take.
fn hand_on(channel: &Channel, standing: &mut Standing, handed: Handed) -> Result<Option<u64>, Failure> {
    let Handed { memory, errand, streams, groups } = handed;
    as_it_was(standing.changed())?;
    // What is to be done for these comes before the command's process.
    if errand.terminal.contains(&true) || !errand.inputs.is_empty() || groups.birthplace.is_some() {
        return Err(Errno::STALE).at(Step::Template);
    }
    standing.hand_out_doors(channel)?;
    let given = std::iter::once(&memory).chain(&streams).chain(&groups.entrances);
    let descriptors: Vec<BorrowedFd<'_>> = given.map(AsFd::as_fd).collect();
    let request = Request::Take { template: String::new(), has_birthplace: false };
    standing.inner()?.send_with(&request, &descriptors).at(Step::Template)?;
    Ok(errand.inside.wall_ms)
}

fn as_it_was(changed: Option<String>) -> Result<(), Failure> {
    match changed {
        Some(path) => Err(Errno::STALE).at_path(Step::Template, &path),
        None => Ok(()),
    }
}
