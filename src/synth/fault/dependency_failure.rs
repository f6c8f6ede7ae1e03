//! Something the product relies on fails. Nothing was changed here, so the log shows nothing.

use super::{Entry, in_proportion};

pub(super) const ENTRY: Entry = Entry {
    name: "dependency_failure",
    about: "Something the product relies on fails: a sudden rise with other priorities, types and tags; nothing in the log.",
    act: in_proportion,
};
