//! `analyze_retention`: how many users of a cohort came back some days after they signed up.

use std::ops::Range;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::arguments::{Filters, lists, read, schema};
use super::as_of::{Visible, date};
use super::metric::Metric;
use super::prepared::USER;
use super::rejection::{Rejection, answer};
use super::reply::{AnalyzeRetention as Reply, Retained};
use super::{AsOf, Tool, ToolReply};
use crate::data::activity::{ActivityTable, Users};
use crate::seed::Seed;

/// How many days one call may ask for.
const DAYS: usize = 60;
/// The furthest day after signup.
const FURTHEST: i64 = 730;

/// The tool.
pub(super) struct AnalyzeRetention;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Arguments {
    /// Day of signup, YYYY-MM-DD.
    cohort_date: String,
    /// Days after signup.
    #[serde(default = "usual_days")]
    days: Vec<i64>,
    /// Attribute of users → value, or a list of values of which any will do.
    #[serde(default)]
    filters: Filters,
}

fn usual_days() -> Vec<i64> {
    vec![1, 7, 30]
}

impl Tool for AnalyzeRetention {
    fn name(&self) -> &'static str {
        "analyze_retention"
    }
    fn about(&self) -> &'static str {
        "Of the users who signed up on a day, how many were active so many days later; missing where that day is not over."
    }
    fn schema(&self) -> Value {
        schema::<Arguments>()
    }
    fn call(&self, seen: &AsOf<'_>, arguments: &Value, _seed: Seed) -> ToolReply {
        answer(read(arguments).and_then(|arguments| retention(seen, &arguments)))
    }
}

fn retention(seen: &AsOf<'_>, arguments: &Arguments) -> Result<Reply, Rejection> {
    let activity = seen.prepared().archive.activity.as_deref().ok_or_else(|| Rejection::new("this archive has no sessions"))?;
    let table = seen.table(Metric::Dau).ok_or_else(|| Rejection::new("this archive has no sessions"))?;
    let cohort_date = date("cohort_date", &arguments.cohort_date)?;
    check_days(&arguments.days)?;
    let calendar = &seen.prepared().calendar;
    let signup = calendar.offset(cohort_date);
    if usize::try_from(signup).is_ok_and(|day| !seen.is_over(day)) {
        let why = format!("`cohort_date` is {cohort_date}, a day that is not over at now, {}", seen.instant(seen.now()));
        return Err(Rejection::new(why).hint("choose an earlier day"));
    }
    let cohort = cohort(seen, activity, &table, signup - calendar.offset(activity.grid.stamp(0).date()), &arguments.filters)?;
    let size = cohort.iter().filter(|member| **member).count() as u64;
    let retained = |&after: &i64| {
        let day = usize::try_from(signup + after).ok().filter(|&day| seen.is_over(day) && seen.recorded(&table, day));
        let active = day.map(|day| active(seen, &table, day..day + 1, &cohort));
        let share = active.filter(|_| size > 0).map(|active| active as f64 / size as f64);
        Retained { day: u32::try_from(after).unwrap_or(u32::MAX), active, share }
    };
    Ok(Reply { cohort_date: cohort_date.to_string(), cohort_size: size, retention: arguments.days.iter().map(retained).collect() })
}

fn check_days(days: &[i64]) -> Result<(), Rejection> {
    if days.is_empty() || days.len() > DAYS {
        return Err(
            Rejection::new(format!("`days` has {} entries, 1 to {DAYS} are allowed", days.len())).hint("the usual days are [1, 7, 30]")
        );
    }
    match days.iter().find(|day| !(1..=FURTHEST).contains(*day)) {
        Some(day) => {
            Err(Rejection::new(format!("`days` holds {day}, allowed are 1 to {FURTHEST}")).hint("days count from the day after signup"))
        }
        None => Ok(()),
    }
}

/// Per user, whether he signed up on the day and satisfies the filters.
fn cohort(seen: &AsOf<'_>, activity: &ActivityTable, table: &Visible<'_>, signup: i64, filters: &Filters) -> Result<Vec<bool>, Rejection> {
    let users = &activity.users;
    let mut cohort: Vec<bool> = users.signup.iter().map(|&day| i64::from(day) == signup).collect();
    for (name, values) in lists(filters) {
        let column = attribute(users, name)?;
        let dimension = seen.dimension(Metric::Dau, table, name)?;
        let (_, codes) = table.filter(dimension, &values)?;
        cohort.iter_mut().zip(&users.columns[column].codes).for_each(|(member, &code)| *member &= codes.contains(&u32::from(code)));
    }
    Ok(cohort)
}

fn attribute(users: &Users, name: &str) -> Result<usize, Rejection> {
    let found = users.columns.iter().position(|column| column.name == name);
    found.ok_or_else(|| Rejection::unknown("attribute of users", name, users.columns.iter().map(|column| column.name.as_str())))
}

/// Users of the cohort with a session on a day.
fn active(seen: &AsOf<'_>, table: &Visible<'_>, day: Range<usize>, cohort: &[bool]) -> u64 {
    let mut waiting = cohort.to_vec();
    let sessions = table.source.frame.select(seen.rows(table, &day), &[]).take(USER);
    sessions.iter().filter(|&&user| std::mem::take(&mut waiting[user as usize])).count() as u64
}
