//! Users come back less and less: their activity fades faster than it did. Tickets stay as they are, and nothing stands in the log.

use super::{Action, Entry};

pub(super) const ENTRY: Entry = Entry {
    name: "retention_decline",
    about: "Users of its scope come back less and less; tickets stay; nothing in the log.",
    act: |_, setting, _| Action::Scale(vec![1.0; setting.starts.len()]),
};
