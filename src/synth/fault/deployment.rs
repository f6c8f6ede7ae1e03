//! A release breaks something: its users write more tickets from the release on. The log shows the release.

use super::{Entry, in_proportion};

pub(super) const ENTRY: Entry = Entry {
    name: "deployment",
    about: "A release breaks something for the users of its scope; the release stands in the change log.",
    act: in_proportion,
};
