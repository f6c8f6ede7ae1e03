//! Part of the users cannot work. Nothing was changed, so the log shows nothing.

use super::{Entry, in_proportion};

pub(super) const ENTRY: Entry = Entry {
    name: "segment_outage",
    about: "One segment is out: its users write more, or cannot write at all; nothing in the log.",
    act: in_proportion,
};
