//! What a ticket is about: by what caused it, else by its tags, else by its queue and type.
//!
//! Words of a fault occur in normal tickets too, because normal tickets carry the same tags and queues.

use crate::data::ticket::TicketTable;
use crate::scenario::case::{Case, Fault};

/// A group of problem sentences.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    /// The program ends by itself.
    Crash,
    /// Nothing can be reached.
    Outage,
    /// Everything takes long.
    Slow,
    /// No access to the account.
    Login,
    /// Wrong invoices, failed payments.
    Billing,
    /// Missing orders, returns, money back.
    Orders,
    /// New rules and prices.
    Policy,
    /// Strangers in the account, phishing.
    Security,
    /// Wishes and questions.
    Request,
    /// Something behaves differently from before.
    Change,
    /// Automated messages, in English whatever the language of the ticket says.
    Bot,
}

impl Topic {
    /// Every topic, in the order of their numbers.
    pub const ALL: [Self; 11] = [
        Self::Crash,
        Self::Outage,
        Self::Slow,
        Self::Login,
        Self::Billing,
        Self::Orders,
        Self::Policy,
        Self::Security,
        Self::Request,
        Self::Change,
        Self::Bot,
    ];

    /// Its section in a pool.
    pub(super) const fn section(self) -> &'static str {
        match self {
            Self::Crash => "crash",
            Self::Outage => "outage",
            Self::Slow => "slow",
            Self::Login => "login",
            Self::Billing => "billing",
            Self::Orders => "orders",
            Self::Policy => "policy",
            Self::Security => "security",
            Self::Request => "request",
            Self::Change => "change",
            Self::Bot => "bot",
        }
    }

    /// What a tag of the built-in desk is about; tags of other names say nothing.
    fn of_tag(tag: &str) -> Option<Self> {
        Some(match tag {
            "crash" => Self::Crash,
            "outage" => Self::Outage,
            "performance" => Self::Slow,
            "login" => Self::Login,
            "payment" => Self::Billing,
            "refund" | "shipping" => Self::Orders,
            "security" => Self::Security,
            "feature_request" | "documentation" => Self::Request,
            _ => return None,
        })
    }
}

/// Topics of a queue and how often each occurs in it, in percent.
type Mix = [(Topic, u8)];

const TECHNICAL: &Mix =
    &[(Topic::Crash, 14), (Topic::Slow, 20), (Topic::Login, 16), (Topic::Outage, 8), (Topic::Change, 22), (Topic::Request, 20)];
const BILLING: &Mix = &[(Topic::Billing, 70), (Topic::Orders, 14), (Topic::Policy, 10), (Topic::Request, 6)];
const PRODUCT: &Mix = &[(Topic::Request, 48), (Topic::Change, 26), (Topic::Crash, 10), (Topic::Slow, 16)];
const RETURNS: &Mix = &[(Topic::Orders, 84), (Topic::Billing, 10), (Topic::Policy, 6)];
const ACCOUNTS: &Mix = &[(Topic::Login, 52), (Topic::Security, 22), (Topic::Request, 16), (Topic::Change, 10)];
const SALES: &Mix = &[(Topic::Request, 56), (Topic::Policy, 24), (Topic::Billing, 20)];
const ANY: &Mix = &[
    (Topic::Request, 26),
    (Topic::Change, 16),
    (Topic::Billing, 14),
    (Topic::Orders, 14),
    (Topic::Login, 12),
    (Topic::Slow, 8),
    (Topic::Crash, 6),
    (Topic::Outage, 4),
];

fn mix(queue: Option<&str>) -> &'static Mix {
    match queue {
        Some("technical") => TECHNICAL,
        Some("billing") => BILLING,
        Some("product") => PRODUCT,
        Some("returns") => RETURNS,
        Some("accounts") => ACCOUNTS,
        Some("sales") => SALES,
        _ => ANY,
    }
}

/// Topics by what a table's dictionaries name.
pub(super) struct Topics {
    /// Per tag bit.
    tags: Vec<Option<Topic>>,
    /// The queue column, if there is one, and the mix of each of its codes.
    queue: Option<(usize, Vec<&'static Mix>)>,
}

impl Topics {
    pub(super) fn of(table: &TicketTable) -> Self {
        let column = table.columns.iter().position(|column| column.name == "queue");
        let mixes = |at: usize| table.columns[at].values.iter().map(|value| mix(Some(value))).collect();
        Self { tags: table.tag_names.iter().map(|tag| Topic::of_tag(tag)).collect(), queue: column.map(|at| (at, mixes(at))) }
    }

    /// The topic of a normal ticket, from its attributes and a number below 100 for each of two choices.
    pub(super) fn normal(&self, table: &TicketTable, row: usize, which: usize, percent: u8) -> Topic {
        let bits = table.tags[row];
        let tagged = |(bit, topic): (usize, &Option<Topic>)| topic.filter(|_| bits >> bit & 1 == 1);
        let count = self.tags.iter().enumerate().filter_map(tagged).count();
        if count > 0 {
            return self.tags.iter().enumerate().filter_map(tagged).nth(which % count).unwrap_or(Topic::Request);
        }
        let mix = self.queue.as_ref().map_or(ANY, |(at, mixes)| mixes[usize::from(table.columns[*at].codes[row])]);
        let mut left = percent;
        for &(topic, share) in mix {
            match left.checked_sub(share) {
                Some(less) => left = less,
                None => return topic,
            }
        }
        Topic::Request
    }
}

/// Per row, what the fault that caused the ticket makes people write about; `None` for a normal ticket.
#[must_use]
pub fn topics(case: &Case, causes: &[Option<usize>]) -> Vec<Option<Topic>> {
    let by_fault: Vec<Topic> = case.faults.iter().map(|fault| of_fault(case, fault)).collect();
    causes.iter().map(|cause| cause.and_then(|fault| by_fault.get(fault).copied())).collect()
}

/// A rule brings complaints about rules and a bot writes like one; any other fault is about its commonest tag, else about what such a
/// fault usually breaks.
fn of_fault(case: &Case, fault: &Fault) -> Topic {
    match fault.kind {
        "policy_change" => return Topic::Policy,
        "bot_burst" => return Topic::Bot,
        _ => {}
    }
    let mut best: Option<(f64, Topic)> = None;
    for ((name, _), share) in case.tags.iter().zip(fault.tags.iter().flatten()) {
        if let Some(topic) = Topic::of_tag(name).filter(|_| *share > best.map_or(0.0, |(most, _)| most)) {
            best = Some((*share, topic));
        }
    }
    best.map_or_else(|| usual(fault.kind), |(_, topic)| topic)
}

fn usual(kind: &str) -> Topic {
    match kind {
        "deployment" => Topic::Crash,
        "config_change" => Topic::Change,
        _ => Topic::Outage,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_queue_shares_out_all_its_tickets() {
        for queue in [None, Some("technical"), Some("billing"), Some("product"), Some("returns"), Some("accounts"), Some("sales")] {
            assert_eq!(mix(queue).iter().map(|(_, share)| u32::from(*share)).sum::<u32>(), 100, "{queue:?}");
        }
    }

    #[test]
    fn topics_stand_in_the_order_of_their_numbers() {
        assert!(Topic::ALL.iter().enumerate().all(|(at, topic)| *topic as usize == at));
    }
}
