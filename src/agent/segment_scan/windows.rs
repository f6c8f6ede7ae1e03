//! Which days to look at: those of the alert, those a question names, or those in which most moved.

use jiff::SignedDuration;
use jiff::civil::{Date, DateTime};

use super::super::days::{Days, Hours, between, date_in, day_of, shift, time_of};
use super::super::look::Look;
use super::super::{Case, Halt};
use super::volume::History;
use crate::tool::reply::Deployment;

/// A window is never longer.
pub(super) const LONGEST: i64 = 14;
/// Windows that are compared when nothing says where to look.
const COMPARED: usize = 6;
/// Days after which a change is no longer where one looks first.
const RECENT: i64 = 42;
/// Weekdays on which the time of day of tickets is learned.
const WEEKS: i64 = 2;

/// The hours from an alert to now, where the alert names a time of day and not much more than a day has gone by.
pub(super) fn hours(case: &Case<'_>, now: DateTime) -> Option<Hours> {
    let from = case.alert.and_then(|alert| time_of(&alert.since))?;
    let length = now.duration_since(from);
    (length.is_positive() && length <= SignedDuration::from_hours(24)).then_some(Hours { from, to: now })
}

/// Windows worth a look, the likeliest first: from the alert (or the first strange day before it) to now; from the day that a question
/// names; else the last days, and those after each of the latest changes.
pub(super) fn windows(histories: &[History], case: &Case<'_>, log: &[Deployment], today: Date) -> Vec<Days> {
    if let Some(since) = case.alert.and_then(|alert| day_of(&alert.since)).filter(|since| *since <= today) {
        let start = since.max(shift(today, 1 - LONGEST));
        return vec![Days { from: first_strange(histories, start, today), to: today }];
    }
    if let Some(named) = case.question.and_then(date_in).filter(|named| *named <= today) {
        return vec![Days { from: named, to: shift(named, 2).min(today) }, Days { from: named, to: shift(named, 6).min(today) }];
    }
    let start = first_strange(histories, today, today);
    let mut found = if start < today { vec![Days { from: start, to: today }] } else { Vec::new() };
    found.extend([1, 7].into_iter().map(|len| Days::ending(today, len)));
    let after = |change: &Deployment| {
        let from = day_of(&change.at)?;
        (from < today && between(from, today) < RECENT).then(|| Days { from: shift(from, 1), to: shift(from, 7).min(today) })
    };
    let earlier = [7, 14].into_iter().map(|back| Days::ending(shift(today, -back), 7));
    for window in log.iter().rev().filter_map(after).take(3).chain(earlier) {
        if !found.contains(&window) {
            found.push(window);
        }
    }
    found.truncate(COMPARED);
    found
}

/// The first of the days before a start that were strange without a break, and in the same direction.
fn first_strange(histories: &[History], start: Date, today: Date) -> Date {
    let of_one = |history: &History| {
        let sign = history.z(today, start).unwrap_or(0.0).signum();
        let mut from = start;
        while shift(from, LONGEST - 1) > today && history.z(shift(from, -1), shift(from, -7)).is_some_and(|z| z * sign > 2.5) {
            from = shift(from, -1);
        }
        from
    };
    histories.iter().map(of_one).min().unwrap_or(start)
}

/// The share of today that is over for a metric, and how surely: from when the tickets of the same weekday came, else from the clock.
pub(super) fn share_of_today(look: &mut Look<'_, '_>, metric: &str, today: Date) -> Result<(f64, f64), Halt> {
    let elapsed = look.elapsed();
    if elapsed >= 1.0 {
        return Ok((1.0, 0.0));
    }
    let (mut before, mut all) = (0.0, 0.0);
    if metric == "tickets" {
        for week in 1..=WEEKS {
            let Some(seen) = look.random_tickets(shift(today, -7 * week))? else { continue };
            all += seen.reply.tickets.len() as f64;
            before += seen.reply.tickets.iter().filter(|ticket| time_of_day(&ticket.created_at) < elapsed).count() as f64;
        }
    }
    if all < 20.0 {
        return Ok((elapsed, 0.3));
    }
    let share: f64 = (before + 0.5) / (all + 1.0);
    Ok((share, ((1.0 - share) / (share * all)).sqrt()))
}

/// The share of the day at a stamp such as `2023-10-05T14:30:00+02`.
fn time_of_day(stamp: &str) -> f64 {
    let part = |at: usize| stamp.get(at..at + 2).and_then(|digits| digits.parse::<f64>().ok()).unwrap_or(0.0);
    (part(11) * 3600.0 + part(14) * 60.0 + part(17)) / 86_400.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::Alert;
    use crate::tool::reply::Range;

    fn hours_from(since: &str, now: &str) -> Option<Hours> {
        let alert = Alert { series: Vec::new(), since: since.to_owned() };
        hours(&Case { alert: Some(&alert), ..Case::default() }, now.parse().expect("a time"))
    }

    #[test]
    fn an_alert_with_a_time_of_day_is_looked_at_by_hours_for_a_day() {
        let now = "2024-03-10T12:00:00";
        let found = hours_from("2024-03-10T09:00:00+01", now).expect("hours");
        assert_eq!(Range::from(found), Range { from: "2024-03-10T09:00".to_owned(), to: "2024-03-10T12:00".to_owned() });
        assert_eq!(hours_from("2024-03-10", now), None, "a day");
        assert_eq!(hours_from("2024-03-09T11:00:00", now), None, "more than a day ago");
        assert_eq!(hours_from(now, now), None, "nothing of it can be seen");
    }

    #[test]
    fn a_question_that_names_a_day_is_looked_at_from_that_day() {
        let case = Case { question: Some("why so many tickets on 2024-03-05?"), ..Case::default() };
        let found = windows(&[], &case, &[], "2024-03-10".parse().expect("a date"));
        assert!(found.iter().all(|window| window.from.to_string() == "2024-03-05"), "{found:?}");
        assert_eq!(found.iter().map(|window| window.to.to_string()).collect::<Vec<_>>(), ["2024-03-07", "2024-03-10"]);
    }

    #[test]
    fn without_an_alert_or_a_question_the_last_days_come_first() {
        let found = windows(&[], &Case::default(), &[], "2024-03-10".parse().expect("a date"));
        assert_eq!(found[0], Days::ending("2024-03-10".parse().expect("a date"), 1));
        assert!(found.len() <= COMPARED && found.iter().all(|window| window.len() <= LONGEST));
    }
}
