//! Every session as a row.
//!
//! Users stand in order of signup and so do their numbers; columns and dictionaries have an order drawn per seed; sessions stand in
//! order of their start, ties in random order. So no order tells which session a fault left or added.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::model::Model;
use super::people::People;
use super::walk::{State, accounts, walk};
use crate::data::activity::{ActivityTable, Users};
use crate::data::ticket::Column;
use crate::synth::sample::{below, index, order};

/// A session before its place in the table is known.
struct Row {
    second: u32,
    tie: u32,
    user: u32,
    events: u16,
    version: u16,
}

/// How the codes of a dimension are written.
struct Written {
    dim: usize,
    codes: Vec<u16>,
}

pub(super) fn table(model: &Model<'_>, people: &People) -> ActivityTable {
    let grid = model.synthesis.scenario.case.days.grid.clone();
    let mut rng = model.seed.child("order").rng();
    let (mut columns, written) = dictionaries(model, &mut rng);
    let at = written.iter().position(|written| written.dim == model.activity.version).unwrap_or(0);
    let version = columns.remove(at);
    let bots = accounts(model);
    let signup = |user: usize| if user < people.len() { people.signup[user] } else { bots[user - people.len()].1 };
    let mut places: Vec<(i32, u32, usize)> = (0..people.len() + bots.len()).map(|user| (signup(user), rng.random(), user)).collect();
    places.sort_unstable();
    let attributes = attributes(model, people, &bots);
    let width = model.activity.dimensions.len();
    let first_id = 1_000_000 + below(&mut rng, 9_000_000) as u64;
    let mut users = Users { ids: Vec::new(), columns, signup: Vec::new() };
    let mut place = vec![0_u32; places.len()];
    let stays: Vec<&Written> = written.iter().filter(|written| written.dim != model.activity.version).collect();
    for (new, &(signup, _, user)) in places.iter().enumerate() {
        place[user] = u32::try_from(new).unwrap_or(u32::MAX);
        users.ids.push(first_id + new as u64);
        users.signup.push(signup);
        for (column, written) in users.columns.iter_mut().zip(&stays) {
            column.codes.push(written.codes[usize::from(attributes[user * width + written.dim])]);
        }
    }
    let recorded: Vec<bool> = (0..model.days).map(|day| model.recorded(day)).collect();
    let mut table =
        ActivityTable { grid, recorded, users, user: Vec::new(), day: Vec::new(), second: Vec::new(), events: Vec::new(), version };
    for (day, mut rows) in sessions(model, people, &place).into_iter().enumerate() {
        rows.sort_unstable_by_key(|row| (row.second, row.tie));
        for row in rows {
            table.user.push(row.user);
            table.day.push(u32::try_from(day).unwrap_or(u32::MAX));
            table.second.push(row.second);
            table.events.push(row.events);
            table.version.codes.push(written[at].codes[usize::from(row.version)]);
        }
    }
    table
}

/// Empty columns in an order of their own, and the new code of each old one.
fn dictionaries(model: &Model<'_>, rng: &mut ChaCha8Rng) -> (Vec<Column>, Vec<Written>) {
    let dimensions = &model.activity.dimensions;
    let of = |dim: usize| {
        let places = order(rng, dimensions[dim].values.len());
        let mut codes = vec![0; places.len()];
        for (new, &old) in places.iter().enumerate() {
            codes[old] = u16::try_from(new).unwrap_or(0);
        }
        let values = places.iter().map(|&old| dimensions[dim].values[old].clone()).collect();
        (Column { name: dimensions[dim].name.clone(), values, codes: Vec::new() }, Written { dim, codes })
    };
    let dims = order(&mut model.seed.child("columns").rng(), dimensions.len());
    dims.into_iter().map(of).unzip()
}

/// Codes of all attributes of every user, then of every account of a burst, from a stream of their own.
fn attributes(model: &Model<'_>, people: &People, bots: &[(usize, i32)]) -> Vec<u16> {
    let dimensions = &model.activity.dimensions;
    let mut codes = vec![0; (people.len() + bots.len()) * dimensions.len()];
    let open: Vec<usize> =
        (0..dimensions.len()).filter(|&dim| dim != model.activity.version && model.leaves.position(dim).is_none()).collect();
    let mut normal = model.seed.child("attributes").rng();
    let mut seeming = model.seed.child("attributes/bots").rng();
    for (user, codes) in codes.chunks_exact_mut(dimensions.len()).enumerate() {
        let (leaf, rng) = match user.checked_sub(people.len()) {
            None => (usize::from(people.leaf[user]), &mut normal),
            Some(bot) => (bots[bot].0, &mut seeming),
        };
        for (&dim, &code) in model.leaves.dims.iter().zip(&model.leaves.all[leaf].codes) {
            codes[dim] = code;
        }
        for &dim in &open {
            let row = dimensions[dim].parent.map_or(0, |parent| usize::from(codes[parent]));
            codes[dim] = u16::try_from(index(rng, &dimensions[dim].shares[row])).unwrap_or(0);
        }
    }
    codes
}

/// Recorded sessions by day.
fn sessions(model: &Model<'_>, people: &People, place: &[u32]) -> Vec<Vec<Row>> {
    let case = &model.synthesis.scenario.case;
    let length = |day: usize| {
        let (start, end) = (case.days.grid.stamp(day).timestamp(), case.days.grid.end(day).timestamp());
        u32::try_from(end.as_second() - start.as_second()).unwrap_or(86_400)
    };
    let lengths: Vec<u32> = (0..model.days).map(length).collect();
    let hours = Hours::new(&case.desk.hour);
    // The share of the day that is over when a version comes out on it.
    let released: Vec<(usize, u16, u32)> =
        model.releases().zip(&model.codes).map(|(release, &code)| (release.at, code, release.not_before)).collect();
    let mut seconds = model.seed.child("seconds").rng();
    let mut ties = model.seed.child("ties").rng();
    let mut rows: Vec<Vec<Row>> = (0..model.days).map(|_| Vec::new()).collect();
    walk(model, people, |visit| {
        let length = lengths[visit.day];
        let new = released.iter().position(|(at, code, _)| (*at, *code) == (visit.day, visit.version));
        let not_before = new.filter(|&number| model.reached[visit.leaf][number]).map_or(0, |number| released[number].2.min(length - 1));
        for session in visit.sessions {
            let second = hours.second(&mut seconds).min(length - 1);
            let second = not_before + (f64::from(second) / f64::from(length) * f64::from(length - not_before)) as u32;
            let tie: u32 = ties.random();
            if session.state != State::Lost && model.recorded(visit.day) {
                rows[visit.day].push(Row { second, tie, user: place[visit.user], events: session.events, version: visit.version });
            }
        }
    });
    rows
}

/// When sessions start: users are awake when the desk is.
struct Hours {
    cumulative: [f64; 24],
}

impl Hours {
    /// Weights of mean 1.
    fn new(weights: &[f64; 24]) -> Self {
        let mut sum = 0.0;
        Self {
            cumulative: weights.map(|weight| {
                sum += weight / 24.0;
                sum
            }),
        }
    }

    /// One uniform number gives the hour and, by what is left of it, the second.
    fn second(&self, rng: &mut ChaCha8Rng) -> u32 {
        let uniform: f64 = rng.random();
        let hour = self.cumulative.iter().position(|end| uniform < *end).unwrap_or(23);
        let start = if hour == 0 { 0.0 } else { self.cumulative[hour - 1] };
        let within = (uniform - start) / (self.cumulative[hour] - start).max(f64::MIN_POSITIVE);
        u32::try_from(hour).unwrap_or(0) * 3600 + (within * 3600.0).min(3599.0) as u32
    }
}
