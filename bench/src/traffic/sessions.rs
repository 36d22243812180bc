//! People who come back: a User opens several connections to one Resource, and has some Resources that are used often.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::skewed;

/// Resources that a User uses often.
const OFTEN: u32 = 20;
/// Connections of a session, the mean.
const CONNECTIONS: f64 = 8.0;
/// How long a session of so many takes, seconds.
const SECONDS: f64 = 30.0;

/// What the connections of a session have in common.
#[derive(Clone, Copy, Debug)]
pub(super) struct Session {
    pub(super) network: u32,
    pub(super) resource: u32,
    pub(super) person: u32,
    pub(super) connector: u32,
    pub(super) is_service: bool,
    pub(super) is_tcp: bool,
    pub(super) is_relayed: bool,
    /// Connections still to come.
    left: u32,
}

/// Sessions that go on at the same time; one that is over is followed by another.
pub(super) struct Sessions {
    networks: u32,
    going_on: Vec<Session>,
}

impl Sessions {
    /// As many as it takes so that so many connections a second end.
    pub(super) fn new(pick: &mut StdRng, networks: u32, per_second: f64) -> Self {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small number")]
        let count = (per_second * SECONDS / CONNECTIONS) as usize;
        Self { networks, going_on: (0..count.max(1)).map(|_| begin(pick, networks)).collect() }
    }

    /// The session of the next connection that ends.
    pub(super) fn next(&mut self, pick: &mut StdRng) -> Session {
        let place = pick.random_range(0..self.going_on.len());
        let session = &mut self.going_on[place];
        session.left -= 1;
        let this = *session;
        if session.left == 0 {
            *session = begin(pick, self.networks);
        }
        this
    }
}

fn begin(pick: &mut StdRng, networks: u32) -> Session {
    let (person, which) = (skewed(pick, 2_000, 1.5), skewed(pick, OFTEN, 1.5));
    // The same for this User and this number, whenever.
    let mut own = StdRng::seed_from_u64(u64::from(person * OFTEN + which));
    // How often a connection is not the last one.
    let (mut left, goes_on) = (1, 1.0 - 1.0 / CONNECTIONS);
    while pick.random_bool(goes_on) {
        left += 1;
    }
    Session {
        network: skewed(&mut own, networks, 2.0),
        resource: skewed(&mut own, 20, 1.5),
        person,
        connector: pick.random_range(0..3),
        is_service: pick.random_bool(0.05),
        is_tcp: pick.random_bool(0.8),
        is_relayed: pick.random_bool(0.35),
        left,
    }
}
