//! Checks of `tickets.attributes` and `tickets.tags`, filled up from the built-in desk.

use serde::Deserialize;
use serde_yaml::Location;

use super::Checker;
use crate::data::ticket::MAX_TAGS;
use crate::name::known_names;
use crate::scenario::dimension::Dimension;
use crate::scenario::spec::{Attribute, Shares};
use crate::scenario::value::Pairs;
use crate::yaml::{self, Spanned};

const DESK: &str = include_str!("../desk.yaml");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BuiltIn {
    /// Of tickets.
    pub(super) attributes: Pairs<Attribute>,
    /// Of tickets.
    pub(super) tags: Shares,
    /// Attributes of users.
    pub(super) activity: Pairs<Attribute>,
}

pub(super) fn built_in() -> BuiltIn {
    yaml::parse(DESK, "desk.yaml").expect("the built-in desk is part of the program and tested")
}

/// A dimension before its parent is found.
struct Named<'a> {
    name: &'a Spanned<String>,
    attribute: &'a Attribute,
    built_in: bool,
}

impl Checker<'_> {
    /// All dimensions, those given and the rest of the built-in ones, parents first.
    pub(super) fn dimensions(&mut self, given: &Pairs<Attribute>, desk: &Pairs<Attribute>) -> Option<Vec<Dimension>> {
        let before = self.errors.len();
        let own = given.0.iter().map(|(name, attribute)| Named { name, attribute, built_in: false });
        let is_given = |name: &str| given.0.iter().any(|(own, _)| own.value == name);
        let rest = desk.0.iter().filter(|(name, _)| !is_given(&name.value));
        let mut open: Vec<Named<'_>> = own.chain(rest.map(|(name, attribute)| Named { name, attribute, built_in: true })).collect();
        let names: Vec<String> = open.iter().map(|named| named.name.value.clone()).collect();
        let mut done: Vec<Dimension> = Vec::new();
        while !open.is_empty() {
            let waiting = open.len();
            let mut later = Vec::new();
            for named in open {
                match self.place(&named, &done, &names, given) {
                    Placed::Now(dimension) => done.push(dimension),
                    Placed::Later => later.push(named),
                    Placed::Never => {}
                }
            }
            if later.len() == waiting {
                // A dimension whose parent was refused waits too; that has been reported already.
                if self.errors.len() == before {
                    let circle = later[0].name;
                    self.report(circle.referenced, format!("the shares of `{}` depend on each other in a circle", circle.value));
                }
                return None;
            }
            open = later;
        }
        (self.errors.len() == before).then_some(done)
    }

    fn place(&mut self, named: &Named<'_>, done: &[Dimension], names: &[String], own: &Pairs<Attribute>) -> Placed {
        let dimension = match named.attribute {
            Attribute::Shares(shares) => {
                let values = values_of([shares]);
                let row = self.shares(named.name, shares, &values);
                row.map(|row| Dimension { name: named.name.value.clone(), values, parent: None, shares: vec![row] })
            }
            Attribute::Given(given) => {
                let [(parent, rows)] = given.0.as_slice() else {
                    self.report(
                        named.name.referenced,
                        format!("`given` of `{}` names {} dimensions, not one", named.name.value, given.0.len()),
                    );
                    return Placed::Never;
                };
                let Some(at) = done.iter().position(|dimension| dimension.name == parent.value) else {
                    if names.contains(&parent.value) {
                        return Placed::Later;
                    }
                    let known = known_names(&parent.value, names.iter().map(String::as_str));
                    self.report(parent.referenced, format!("unknown dimension `{}` {known}", parent.value));
                    return Placed::Never;
                };
                self.dependent(named, rows, at, &done[at], own)
            }
        };
        dimension.map_or(Placed::Never, Placed::Now)
    }

    fn dependent(
        &mut self,
        named: &Named<'_>,
        rows: &Pairs<Shares>,
        at: usize,
        parent: &Dimension,
        own: &Pairs<Attribute>,
    ) -> Option<Dimension> {
        let name = &named.name.value;
        let has_row = |value: &String| rows.0.iter().any(|(key, _)| key.value == *value);
        if named.built_in && !(parent.values.iter().all(has_row)) {
            // The place in the file is the dimension that was replaced.
            let replaced = own.0.iter().find(|(key, _)| key.value == parent.name).map_or(Location::UNKNOWN, |(key, _)| key.referenced);
            let message =
                format!("the built-in shares of `{name}` depend on `{}`, whose values are others here: give `{name}` too", parent.name);
            self.report(replaced, message);
            return None;
        }
        let values = values_of(rows.0.iter().map(|(_, shares)| shares));
        let mut shares = Vec::new();
        for value in &parent.values {
            let Some((key, row)) = rows.0.iter().find(|(key, _)| key.value == *value) else {
                self.report(named.name.referenced, format!("`{name}` has no shares for {} `{value}`", parent.name));
                continue;
            };
            let label = Spanned::new(format!("{name} given {value}"), key.referenced, key.defined);
            shares.extend(self.shares(&label, row, &values));
        }
        for (key, _) in rows.0.iter().filter(|_| !named.built_in) {
            self.code(key, parent);
        }
        (shares.len() == parent.values.len()).then(|| Dimension { name: name.clone(), values, parent: Some(at), shares })
    }

    /// Tags and the share of tickets that carries each; tags are independent of each other.
    pub(super) fn tags(&mut self, given: Option<&Shares>) -> Option<Vec<(String, f64)>> {
        let desk = built_in();
        let shares = given.unwrap_or(&desk.tags);
        if let Some((name, _)) = shares.0.get(MAX_TAGS) {
            self.report(name.referenced, format!("{} tags, at most {MAX_TAGS}", shares.0.len()));
            return None;
        }
        shares.0.iter().map(|(name, share)| Some((name.value.clone(), self.share(share)?))).collect()
    }

    /// Shares of tags among caused tickets, 0 for those not named.
    pub(super) fn caused_tags(&mut self, given: Option<&Shares>, tags: &[(String, f64)]) -> Option<Option<Vec<f64>>> {
        let Some(given) = given else { return Some(None) };
        let before = self.errors.len();
        let mut row = vec![0.0; tags.len()];
        for (name, share) in &given.0 {
            match tags.iter().position(|(known, _)| *known == name.value) {
                Some(at) => row[at] = self.share(share).unwrap_or(0.0),
                None => {
                    let known = known_names(&name.value, tags.iter().map(|(known, _)| known.as_str()));
                    self.report(name.referenced, format!("unknown tag `{}` {known}", name.value));
                }
            }
        }
        (self.errors.len() == before).then_some(Some(row))
    }
}

enum Placed {
    Now(Dimension),
    /// Its parent has no place yet.
    Later,
    /// What is wrong has been reported.
    Never,
}

/// Values in the order of their first mention.
fn values_of<'a>(rows: impl IntoIterator<Item = &'a Shares>) -> Vec<String> {
    let mut values: Vec<String> = Vec::new();
    for (value, _) in rows.into_iter().flat_map(|row| &row.0) {
        if !values.contains(&value.value) {
            values.push(value.value.clone());
        }
    }
    values
}
