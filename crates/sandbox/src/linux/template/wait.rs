//! The first process inside of a held boundary, until it has a command.

use std::os::fd::OwnedFd;

use rustix::io::Errno;

use super::super::boundary;
use super::super::control::{Channel, Received};
use super::super::failure::{At, Failure};
use super::super::init::{Groups, Ready};
use super::super::inputs;
use crate::error::Step;
use crate::sys;
use crate::wire::{Given, Message, Order, Request};

/// What came for the command.
#[derive(Debug, Default)]
struct Handed {
    order: Option<OwnedFd>,
    streams: Vec<OwnedFd>,
    groups: Groups,
}

/// Says that all stands, and waits for the command's order, its streams and its groups. Returns `None` when nobody
/// wants it any more, or it is not what is wanted; that is said.
///
/// Nothing starts before the launcher, having heard that all was taken, says so: it may have given up meanwhile and
/// started the command elsewhere.
pub(in crate::linux) fn wait(channel: &Channel, held: &Order, ready: Ready) -> Result<Option<(Order, Ready)>, Failure> {
    channel.send(&Message::Waiting, None).at(Step::Control)?;
    let mut handed = Handed::default();
    loop {
        let Some(Received { message, descriptor }) = channel.receive().at(Step::Control)? else { return Ok(None) };
        match (message, descriptor) {
            (Request::Give { what: Given::Order }, Some(order)) => handed.order = Some(order),
            (Request::Give { what: Given::Stream }, Some(stream)) => handed.streams.push(stream),
            (Request::Give { what: Given::Birthplace }, Some(group)) => handed.groups.birthplace = Some(group),
            (Request::Give { what: Given::Entrance }, Some(group)) => handed.groups.entrances.push(group),
            (Request::Take, None) => break,
            (Request::Give { .. } | Request::Take | Request::Start | Request::Signal { .. }, _) => {
                return Err(Errno::BADMSG).at(Step::Control);
            }
        }
    }
    let (order, ready) = match take(held, ready, handed) {
        Ok(taken) => taken,
        Err(failure) => {
            boundary::report(channel, failure);
            return Ok(None);
        }
    };
    channel.send(&Message::Taken, None).at(Step::Control)?;
    match channel.receive().at(Step::Control)? {
        Some(Received { message: Request::Start, descriptor: None }) => Ok(Some((order, ready))),
        Some(_) => Err(Errno::BADMSG).at(Step::Control),
        None => Ok(None),
    }
}

/// Takes what was handed over, in this order:
///
/// 1. compare the order's plan with the one that was built;
/// 2. look that everything held is still held, and nothing came that was not there;
/// 3. put the streams in place, those that read the project's files opened anew, with the rules for them.
fn take(held: &Order, ready: Ready, handed: Handed) -> Result<(Order, Ready), Failure> {
    let Handed { order, streams, groups } = handed;
    let order = boundary::read_plan(order.ok_or(Errno::BADF).at(Step::ReadPlan)?)?;
    let is_same = order.template() == held.template();
    let is_whole = streams.len() == 3 && order.inside.has_group == groups.birthplace.is_some();
    if !is_same || !is_whole || order.waits {
        return Err(Errno::STALE).at(Step::Template);
    }
    if let Some(path) = ready.changed() {
        return Err(Errno::STALE).at_path(Step::Template, &path);
    }
    for (number, stream) in (0..).zip(&streams) {
        sys::process::put_at(std::os::fd::AsFd::as_fd(stream), number).at(Step::Streams)?;
    }
    inputs::bring_inside(&order.inputs)?;
    Ok((order, ready.for_command(groups)?))
}
