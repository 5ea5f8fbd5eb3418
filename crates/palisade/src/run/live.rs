//! Rules of the network that change while a command runs.

use std::os::unix::net::UnixStream;

use egress::network::Network;
use egress::proxy::Live;
use policy::Policy;
use policy::layer::Layer;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use settings::{Loaded, Places};

use crate::setup::Setup;

/// How long a change of the settings may go unseen.
const LOOK: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };

/// The settings that a command began under, and where they are.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    places: Places,
    loaded: Loaded,
    /// What the command line says, which does not change.
    typed: Vec<Layer>,
}

impl Settings {
    pub(super) fn of(setup: &Setup) -> Self {
        Self { places: setup.places.clone(), loaded: setup.loaded.clone(), typed: setup.typed.clone() }
    }

    /// Changes the rules with the settings, until the other end of `owner` is closed. Settings that cannot be read change
    /// nothing.
    pub(super) fn follow(&self, start: &Network, live: &Live, owner: &UnixStream) {
        let mut known = self.loaded.clone();
        while is_open(owner) {
            let mut loaded = settings::load(&self.places);
            crate::setup::add_typed(&mut loaded.layers, &self.typed);
            if loaded == known {
                continue;
            }
            let (policy, _) = Policy::compile(&loaded.layers, &self.places.home);
            if policy.failures().is_empty() {
                live.set(policy.network().clone().for_running(start));
            }
            known = loaded;
        }
    }
}

/// Waits a while; false when the other end is closed, or nobody can know.
fn is_open(owner: &UnixStream) -> bool {
    let mut ready = [PollFd::new(owner, PollFlags::IN)];
    matches!(rustix::io::retry_on_intr(|| poll(&mut ready, Some(&LOOK))), Ok(0))
}
