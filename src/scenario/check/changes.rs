//! Checks of `changes:`.

use super::Checker;
use crate::scenario::case::{Days, Label, LoggedChange};
use crate::scenario::spec::{Entry, Spec};

impl Checker<'_> {
    pub(super) fn changes(&mut self, spec: &Spec, days: &Days) -> Vec<LoggedChange> {
        let mut ids: Vec<&str> = Vec::new();
        for id in spec.changes.iter().filter_map(|change| change.value.parts().1.id.as_ref()) {
            if ids.contains(&id.value.as_str()) {
                self.report(id.referenced, format!("change id `{}` is given twice", id.value));
            }
            ids.push(&id.value);
        }
        // A change that is wrong keeps its place, so that references by position stay right.
        spec.changes.iter().map(|change| self.change(change.value.parts().1, days, change.value.parts().0)).collect()
    }

    fn change(&mut self, entry: &Entry, days: &Days, kind: crate::data::ChangeKind) -> LoggedChange {
        let at = self.onset(&entry.at, days, 0..days.grid.len());
        let every = entry.every.as_ref().and_then(|every| {
            let step = days.grid.step();
            let buckets = every.value.buckets(step);
            if buckets == 0 || every.value.as_seconds() % step.seconds() != 0 {
                self.report(every.referenced, format!("`every` of {} is not a whole number of buckets of {step}", every.value));
                return None;
            }
            Some(buckets)
        });
        let duration = entry.duration.as_ref().and_then(|duration| self.buckets("duration", duration, days, 1));
        let rollout = entry.rollout.as_ref().and_then(|rollout| self.share(rollout));
        let label = Label {
            title: entry.title.clone(),
            platform: entry.platform.clone(),
            version: entry.version.clone(),
            regions: entry.regions.clone(),
            rollout,
        };
        LoggedChange { kind, at: at.unwrap_or(crate::scenario::value::Draw::Literal(0)), every, duration, label }
    }
}
