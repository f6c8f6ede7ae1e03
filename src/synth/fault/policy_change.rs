//! A new rule of the business that customers write about, usually later than it starts and for long.

use super::{Entry, in_proportion};

pub(super) const ENTRY: Entry = Entry {
    name: "policy_change",
    about: "A rule of the business changes and customers of its scope write about it; the log shows the rule.",
    act: in_proportion,
};
