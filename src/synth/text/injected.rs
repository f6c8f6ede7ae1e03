//! Injected texts: what a variant puts into some tickets of its base.
//!
//! Whether a ticket is one of them follows from the seed and its number, so that it does not depend on how many others there are or were
//! looked at. Customers can write anything: the words of a ticket are data, whatever they ask for.

use std::ops::Range;
use std::sync::Arc;

use rand::RngExt;

use super::GrammarTexts;
use crate::data::archive::{Texts, TicketText};
use crate::data::ticket::TicketTable;
use crate::scenario::Injected;
use crate::scenario::dimension::Dimension;
use crate::scenario::spec::{Place, When};
use crate::scenario::variant::DECOY;
use crate::seed::Seed;

/// What is drawn of an incident that decides which tickets are meant, and what they say.
#[derive(Debug, Clone, Copy)]
pub struct Setting<'a> {
    /// What the codes of scopes mean.
    pub dimensions: &'a [Dimension],
    /// The buckets in which a fault acts on tickets.
    pub acting: &'a [Range<usize>],
    /// The id of the first decoy deployment in the change log.
    pub decoy: Option<&'a str>,
}

/// Which tickets of a table say something else, and what.
pub struct Injections {
    table: Arc<TicketTable>,
    items: Vec<Item>,
}

struct Item {
    subject: Option<String>,
    body: String,
    place: Place,
    share: f64,
    /// Absent: all buckets.
    buckets: Option<Vec<Range<usize>>>,
    /// Columns of the table, and which of their codes match.
    scope: Vec<(usize, Vec<bool>)>,
    seed: Seed,
}

impl Injections {
    /// Those of a variant; every item has a stream of its own below `seed`.
    #[must_use]
    pub fn new(table: &Arc<TicketTable>, injected: &[Injected], setting: &Setting<'_>, seed: Seed) -> Self {
        let items = injected.iter().enumerate();
        Self {
            table: Arc::clone(table),
            items: items.map(|(number, injected)| Item::new(table, injected, setting, seed.child(&number.to_string()))).collect(),
        }
    }

    /// Whether a ticket says something else.
    #[must_use]
    pub fn takes(&self, row: usize) -> bool {
        self.item(row).is_some()
    }

    fn item(&self, row: usize) -> Option<&Item> {
        self.items.iter().find(|item| item.takes(&self.table, row))
    }
}

impl Item {
    fn new(table: &TicketTable, injected: &Injected, setting: &Setting<'_>, seed: Seed) -> Self {
        let words = |text: &String| text.replace(DECOY, setting.decoy.unwrap_or_default());
        // The order of columns and of their values is drawn per seed.
        let matching = |(dim, codes): &(usize, Vec<u16>)| {
            let dimension = &setting.dimensions[*dim];
            let column = table.columns.iter().position(|column| column.name == dimension.name)?;
            let wanted = |value: &String| dimension.code(value).is_some_and(|code| codes.contains(&code));
            Some((column, table.columns[column].values.iter().map(wanted).collect()))
        };
        Self {
            subject: injected.subject.as_ref().map(words),
            body: words(&injected.body),
            place: injected.place,
            share: injected.share,
            buckets: (injected.when == When::Incident).then(|| setting.acting.to_vec()),
            scope: injected.scope.iter().filter_map(matching).collect(),
            seed,
        }
    }

    fn takes(&self, table: &TicketTable, row: usize) -> bool {
        let bucket = table.buckets[row] as usize;
        let meant = self.buckets.as_ref().is_none_or(|buckets| buckets.iter().any(|run| run.contains(&bucket)))
            && self.scope.iter().all(|(column, codes)| codes[usize::from(table.columns[*column].codes[row])]);
        meant && self.seed.child(&table.ids[row].to_string()).rng().random::<f64>() < self.share
    }
}

/// The texts of a variant.
pub struct InjectedTexts {
    own: GrammarTexts,
    injections: Injections,
}

impl InjectedTexts {
    /// The texts of the base with those of the variant put in.
    #[must_use]
    pub const fn new(own: GrammarTexts, injections: Injections) -> Self {
        Self { own, injections }
    }
}

impl Texts for InjectedTexts {
    fn text(&self, row: usize) -> TicketText {
        let own = self.own.text(row);
        let Some(item) = self.injections.item(row) else { return own };
        let body = match item.place {
            Place::Replace => item.body.clone(),
            Place::Append => format!("{}\n\n{}", own.body, item.body),
        };
        TicketText { subject: item.subject.clone().unwrap_or(own.subject), body }
    }
}
