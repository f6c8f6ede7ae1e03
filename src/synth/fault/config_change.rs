//! A changed setting breaks something, without a release. The log shows the change.

use super::{Entry, in_proportion};

pub(super) const ENTRY: Entry = Entry {
    name: "config_change",
    about: "A setting breaks something for the users of its scope; the change stands in the log.",
    act: in_proportion,
};
