//! The walk: every user, every day, every session, with and without faults.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::model::{Accounts, Acting, Model};
use super::people::People;
use crate::synth::sample::{index, poisson};

/// A session.
#[derive(Debug, Clone, Copy)]
pub(super) struct Session {
    pub(super) events: u16,
    pub(super) state: State,
}

/// How a session came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// It is there with and without faults.
    Normal,
    /// A fault took it away.
    Lost,
    /// A fault added it.
    Extra,
}

/// A user on a day with sessions.
pub(super) struct UserDay<'a> {
    /// Number of the user; accounts of bursts follow the users.
    pub(super) user: usize,
    pub(super) leaf: usize,
    pub(super) day: usize,
    pub(super) version: u16,
    pub(super) sessions: &'a [Session],
}

/// Streams of a fault.
struct Streams {
    back: ChaCha8Rng,
    lost: ChaCha8Rng,
    extra: ChaCha8Rng,
}

/// Shows every day of every user on which they have, or would have, a session: users in order, days in order.
pub(super) fn walk(model: &Model<'_>, people: &People, mut see: impl FnMut(&UserDay<'_>)) {
    let mut visits = model.seed.child("days").rng();
    let mut normal = model.seed.child("sessions").rng();
    let mut streams: Vec<Option<Streams>> = (model.faults.iter())
        .map(|fault| {
            let seed = fault.as_ref()?.seed;
            Some(Streams { back: seed.child("back").rng(), lost: seed.child("lost").rng(), extra: seed.child("extra").rng() })
        })
        .collect();
    let mut sessions: Vec<Session> = Vec::new();
    for user in 0..people.len() {
        let (leaf, signup) = (usize::from(people.leaf[user]), people.signup[user]);
        let events = &model.events.1[model.events.0[leaf]];
        for day in usize::try_from(signup).unwrap_or(0)..model.days {
            let age = usize::try_from(i64::try_from(day).unwrap_or(0) - i64::from(signup)).unwrap_or(0);
            let uniform: f64 = visits.random();
            if uniform >= model.comes(leaf, age, day) {
                continue;
            }
            sessions.clear();
            for _ in 0..model.sessions.draw(&mut normal) {
                sessions.push(Session { events: clamp(events.draw(&mut normal)), state: State::Normal });
            }
            let version = people.version(user, day);
            let count = sessions.len();
            for (acting, streams) in model.faults.iter().zip(&mut streams) {
                let (Some(acting), Some(streams)) = (acting, streams) else { continue };
                if acting.acts_on(day) && acting.leaf[leaf] && acting.version[usize::from(version)] {
                    act(model, acting, streams, (age, day), leaf, &mut sessions, count);
                }
            }
            see(&UserDay { user, leaf, day, version, sessions: &sessions });
        }
    }
    bots(model, people.len(), see);
}

/// A session has at most so many events as its column holds.
fn clamp(events: u32) -> u16 {
    u16::try_from(events).unwrap_or(u16::MAX)
}

/// What one fault does to the sessions of a user on a day; the first `normal` of them do not come from a fault.
fn act(
    model: &Model<'_>,
    acting: &Acting,
    streams: &mut Streams,
    (age, day): (usize, usize),
    leaf: usize,
    sessions: &mut Vec<Session>,
    normal: usize,
) {
    if let Some(stays) = acting.stays(age, day) {
        let uniform: f64 = streams.back.random();
        if uniform >= stays {
            // Who does not come back has none of the sessions that another fault would add, either.
            sessions.truncate(normal);
            sessions.iter_mut().for_each(|session| session.state = State::Lost);
        }
    }
    let Some(factors) = &acting.sessions else { return };
    let factor = factors[day - acting.first];
    if factor > 1.0 {
        let count = poisson(&mut streams.extra, (factor - 1.0) * model.sessions.mean());
        let away = sessions[..normal].iter().all(|session| session.state == State::Lost);
        for _ in 0..count {
            let events = clamp(model.events.1[model.events.0[leaf]].draw(&mut streams.extra));
            if !away {
                sessions.push(Session { events, state: State::Extra });
            }
        }
        return;
    }
    for session in &mut sessions[..normal] {
        let uniform: f64 = streams.lost.random();
        if uniform >= factor {
            session.state = State::Lost;
        }
    }
}

fn bots(model: &Model<'_>, first: usize, mut see: impl FnMut(&UserDay<'_>)) {
    let mut user = first;
    let mut sessions: Vec<Session> = Vec::new();
    for acting in model.faults.iter().flatten() {
        let Some(accounts) = &acting.bots else { continue };
        let mut rng = acting.seed.child("bots/sessions").rng();
        for (leaf, version) in seeming(model, acting, accounts) {
            for day in acting.first..acting.end {
                sessions.clear();
                for _ in 0..accounts.sessions.draw(&mut rng) {
                    sessions.push(Session { events: clamp(accounts.events.draw(&mut rng)), state: State::Extra });
                }
                if !sessions.is_empty() {
                    see(&UserDay { user, leaf, day, version, sessions: &sessions });
                }
            }
            user += 1;
        }
    }
}

/// Leaf and version that each account of a burst seems to have.
fn seeming<'a>(model: &'a Model<'_>, acting: &Acting, accounts: &'a Accounts) -> impl Iterator<Item = (usize, u16)> + 'a {
    let mut rng = acting.seed.child("bots/users").rng();
    (0..accounts.many).map(move |_| {
        let leaf = index(&mut rng, &accounts.leaf);
        (leaf, u16::try_from(index(&mut rng, &model.versions[leaf])).unwrap_or(0))
    })
}

/// Leaf and day of signup of every account of a burst, in the order in which the walk numbers them.
pub(super) fn accounts(model: &Model<'_>) -> Vec<(usize, i32)> {
    let of = |acting: &Acting| -> Vec<(usize, i32)> {
        let signup = i32::try_from(acting.first).unwrap_or(0);
        let all = acting.bots.iter().flat_map(|accounts| seeming(model, acting, accounts));
        all.map(|(leaf, _)| (leaf, signup)).collect()
    };
    model.faults.iter().flatten().flat_map(of).collect()
}
