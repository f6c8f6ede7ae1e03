//! An archive without everything outside a scope: what a follow-up such as "and for android?" asks about.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::data::activity::{ActivityTable, Users};
use crate::data::archive::{Archive, Texts, TicketText};
use crate::data::ticket::{Column, TicketTable};

/// Dimension → value.
pub(super) type Scope = BTreeMap<String, String>;

/// Dimensions of an archive with their values.
pub(super) fn dimensions(archive: &Archive) -> Vec<(String, Vec<String>)> {
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let tickets = archive.tickets.iter().flat_map(|table| &table.columns);
    let users = archive.activity.iter().flat_map(|table| &table.users.columns);
    for column in tickets.chain(users) {
        let values = all.entry(column.name.clone()).or_default();
        for value in column.values.iter().filter(|value| !value.is_empty()) {
            if !values.contains(value) {
                values.push(value.clone());
            }
        }
    }
    all.into_iter().collect()
}

/// The archive of a scope. Tables that lack one of its dimensions are left out whole; the change log stays as it is.
pub(super) fn within(archive: &Archive, scope: &Scope) -> Archive {
    if scope.is_empty() {
        return archive.clone();
    }
    let rows = archive.tickets.as_ref().and_then(|table| rows(&table.columns, table.len(), scope));
    let tickets = archive.tickets.as_ref().zip(rows.as_ref()).map(|(table, rows)| Arc::new(tickets_of(table, rows)));
    let texts = archive.texts.clone().zip(rows).map(|(texts, rows)| Arc::new(OfRows { texts, rows }) as Arc<dyn Texts>);
    let activity = archive.activity.as_ref().and_then(|table| {
        let users = rows_of_users(&table.users, scope)?;
        Some(Arc::new(activity_of(table, &users)))
    });
    Archive { tickets, texts, activity, ..archive.clone() }
}

/// Rows in a scope; `None` where a dimension is missing.
fn rows(columns: &[Column], len: usize, scope: &Scope) -> Option<Vec<usize>> {
    let wanted: Option<Vec<(&Column, Option<u16>)>> = scope
        .iter()
        .map(|(name, value)| columns.iter().find(|column| column.name == *name).map(|column| (column, column.code(value))))
        .collect();
    let wanted = wanted?;
    Some((0..len).filter(|&row| wanted.iter().all(|(column, code)| *code == Some(column.codes[row]))).collect())
}

fn rows_of_users(users: &Users, scope: &Scope) -> Option<Vec<usize>> {
    rows(&users.columns, users.ids.len(), scope)
}

fn picked<T: Copy>(all: &[T], rows: &[usize]) -> Vec<T> {
    rows.iter().map(|&row| all[row]).collect()
}

fn columns_of(columns: &[Column], rows: &[usize]) -> Vec<Column> {
    columns.iter().map(|column| column_of(column, rows)).collect()
}

fn column_of(column: &Column, rows: &[usize]) -> Column {
    Column { codes: picked(&column.codes, rows), ..column.clone() }
}

fn tickets_of(table: &TicketTable, rows: &[usize]) -> TicketTable {
    TicketTable {
        grid: table.grid.clone(),
        recorded: table.recorded.clone(),
        ids: picked(&table.ids, rows),
        buckets: picked(&table.buckets, rows),
        seconds: picked(&table.seconds, rows),
        columns: columns_of(&table.columns, rows),
        tag_names: table.tag_names.clone(),
        tags: picked(&table.tags, rows),
    }
}

fn activity_of(table: &ActivityTable, users: &[usize]) -> ActivityTable {
    let mut new = vec![None; table.users.ids.len()];
    for (number, &user) in users.iter().enumerate() {
        new[user] = u32::try_from(number).ok();
    }
    let rows: Vec<usize> = (0..table.len()).filter(|&row| new[table.user[row] as usize].is_some()).collect();
    ActivityTable {
        grid: table.grid.clone(),
        recorded: table.recorded.clone(),
        users: Users {
            ids: picked(&table.users.ids, users),
            columns: columns_of(&table.users.columns, users),
            signup: picked(&table.users.signup, users),
        },
        user: rows.iter().filter_map(|&row| new[table.user[row] as usize]).collect(),
        day: picked(&table.day, &rows),
        second: picked(&table.second, &rows),
        events: picked(&table.events, &rows),
        version: column_of(&table.version, &rows),
    }
}

/// Texts of some rows.
struct OfRows {
    texts: Arc<dyn Texts>,
    rows: Vec<usize>,
}

impl Texts for OfRows {
    fn text(&self, row: usize) -> TicketText {
        self.texts.text(self.rows[row])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario;
    use crate::seed::SeedRole;
    use crate::synth;

    fn archive(file: &str) -> Archive {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios").join(file);
        let scenario = scenario::load_folder(&path).expect("a scenario").remove(0);
        synth::archive(&scenario, SeedRole::Dev, 0).expect("an archive")
    }

    fn scope(pairs: &[(&str, &str)]) -> Scope {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_tickets_of_a_scope_are_those_that_a_count_finds() {
        let whole = archive("deployment/android-crash.yaml");
        let table = whole.tickets.clone().expect("tickets");
        let platform = table.column("platform").expect("a platform");
        let android = platform.code("android").expect("android");
        let narrow = within(&whole, &scope(&[("platform", "android")])).tickets.expect("tickets");
        assert_eq!(narrow.count(|_| true), table.count(|row| platform.codes[row] == android));
        assert!(narrow.len() < table.len() && narrow.column("platform").expect("a platform").codes.iter().all(|code| *code == android));
    }

    #[test]
    fn every_ticket_keeps_its_text_and_every_session_its_user() {
        let whole = archive("deployment/ios-crash-dau.yaml");
        let narrow = within(&whole, &scope(&[("platform", "ios")]));
        if let (Some(table), Some(all)) = (&narrow.tickets, &whole.tickets) {
            let (texts, of_all) = (narrow.texts.as_ref().expect("texts"), whole.texts.as_ref().expect("texts"));
            let row = table.len() / 2;
            let same = all.ids.iter().position(|id| *id == table.ids[row]).expect("the ticket");
            assert_eq!(texts.text(row), of_all.text(same));
        }
        let (activity, all) = (narrow.activity.expect("activity"), whole.activity.expect("activity"));
        let ids: Vec<u64> = activity.user.iter().map(|&user| activity.users.ids[user as usize]).collect();
        let platform = all.users.columns.iter().find(|column| column.name == "platform").expect("a platform");
        let ios = platform.code("ios").expect("ios");
        let expected: Vec<u64> =
            all.user.iter().filter(|user| platform.codes[**user as usize] == ios).map(|user| all.users.ids[*user as usize]).collect();
        assert!(!ids.is_empty());
        assert_eq!(ids, expected);
    }

    #[test]
    fn a_table_without_the_dimension_is_left_out() {
        let narrow = within(&archive("deployment/ios-crash-dau.yaml"), &scope(&[("queue", "billing")]));
        assert!(narrow.activity.is_none());
    }
}
