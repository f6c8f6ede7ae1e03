//! Public holidays by rule: fixed dates, weekdays of a month, and days counted from Easter.
//!
//! Easter by the anonymous Gregorian computus (Meeus, *Astronomical Algorithms*, 2nd ed., ch. 8). National holidays only, no regional
//! ones; Great Britain as England and Wales. One-off days are listed with their year.

use std::collections::{BTreeMap, BTreeSet};

use jiff::ToSpan;
use jiff::civil::{Date, Weekday, date};

use super::known::Columns;
use crate::name::known_names;

/// A country whose holidays are not known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no holidays for country `{got}` {known}")]
pub struct UnknownCountry {
    /// What was asked for.
    pub got: String,
    /// Known codes and the nearest one.
    pub known: String,
}

type Holidays = Vec<(Date, &'static str)>;

type Rule = fn(i16) -> Holidays;

/// ISO 3166 code and rule.
const COUNTRIES: &[(&str, Rule)] = &[("DE", germany), ("FR", france), ("GB", great_britain), ("US", united_states)];

/// Codes of the countries whose holidays are known.
pub fn countries() -> impl Iterator<Item = &'static str> {
    COUNTRIES.iter().map(|(code, _)| *code)
}

/// The public holidays of a country in a year, by date; none before the year 1583 or after 9998.
///
/// ```
/// use incident_harness::data::holiday::holidays;
/// let easter_monday = ("2024-04-01".parse()?, "Easter Monday");
/// assert!(holidays("DE", 2024)?.contains(&easter_monday));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`UnknownCountry`] with the known codes.
pub fn holidays(country: &str, year: i16) -> Result<Holidays, UnknownCountry> {
    let (_, rule) = COUNTRIES
        .iter()
        .find(|(code, _)| *code == country)
        .ok_or_else(|| UnknownCountry { got: country.to_owned(), known: known_names(country, countries()) })?;
    // The computus is that of the Gregorian calendar.
    let mut days = if (1583..=9998).contains(&year) { rule(year) } else { Vec::new() };
    days.sort();
    Ok(days)
}

/// The public holidays that fall on these dates (in order): their names, sorted, and per date the one on it.
///
/// # Errors
/// [`UnknownCountry`] with the known codes.
pub fn on_dates(country: &str, dates: &[Date]) -> Result<(Vec<String>, Vec<Option<u16>>), UnknownCountry> {
    let years = dates.first().map(|date| date.year()).into_iter().chain(dates.last().map(|date| date.year()));
    let (first, last) = years.fold((i16::MAX, i16::MIN), |(first, last), year| (first.min(year), last.max(year)));
    let mut named = BTreeMap::new();
    for year in first..=last {
        named.extend(holidays(country, year)?);
    }
    named.retain(|date, _| dates.binary_search(date).is_ok());
    let names: BTreeSet<&str> = named.values().copied().collect();
    let place = |date: &Date| {
        let name = named.get(date)?;
        u16::try_from(names.iter().position(|known| known == name)?).ok()
    };
    let marks = dates.iter().map(place).collect();
    Ok((names.into_iter().map(str::to_owned).collect(), marks))
}

/// Marks the public holidays of a country in columns that have none yet.
///
/// # Errors
/// [`UnknownCountry`] with the known codes.
pub fn mark(columns: &mut Columns, country: &str) -> Result<(), UnknownCountry> {
    let dates: Vec<Date> = (0..columns.grid.len()).map(|bucket| columns.grid.datetime(bucket).date()).collect();
    (columns.holiday_names, columns.holidays) = on_dates(country, &dates)?;
    Ok(())
}

fn germany(year: i16) -> Holidays {
    let easter = easter(year);
    vec![
        (date(year, 1, 1), "New Year's Day"),
        (plus(easter, -2), "Good Friday"),
        (plus(easter, 1), "Easter Monday"),
        (date(year, 5, 1), "Labour Day"),
        (plus(easter, 39), "Ascension Day"),
        (plus(easter, 50), "Whit Monday"),
        (date(year, 10, 3), "German Unity Day"),
        (date(year, 12, 25), "Christmas Day"),
        (date(year, 12, 26), "Second Day of Christmas"),
    ]
}

fn france(year: i16) -> Holidays {
    let easter = easter(year);
    vec![
        (date(year, 1, 1), "New Year's Day"),
        (plus(easter, 1), "Easter Monday"),
        (date(year, 5, 1), "Labour Day"),
        (date(year, 5, 8), "Victory Day"),
        (plus(easter, 39), "Ascension Day"),
        (plus(easter, 50), "Whit Monday"),
        (date(year, 7, 14), "Bastille Day"),
        (date(year, 8, 15), "Assumption Day"),
        (date(year, 11, 1), "All Saints' Day"),
        (date(year, 11, 11), "Armistice Day"),
        (date(year, 12, 25), "Christmas Day"),
    ]
}

fn great_britain(year: i16) -> Holidays {
    let easter = easter(year);
    let early_may = if year == 2020 { date(2020, 5, 8) } else { nth(year, 5, 1, Weekday::Monday) };
    let spring = if year == 2022 { date(2022, 6, 2) } else { nth(year, 5, -1, Weekday::Monday) };
    let christmas = date(year, 12, 25);
    // A substitute weekday follows when the day itself falls on a weekend.
    let (christmas, boxing) = match christmas.weekday() {
        Weekday::Friday => (christmas, plus(christmas, 3)),
        Weekday::Saturday => (plus(christmas, 2), plus(christmas, 3)),
        Weekday::Sunday => (plus(christmas, 2), plus(christmas, 1)),
        _ => (christmas, plus(christmas, 1)),
    };
    let new_year = date(year, 1, 1);
    let new_year = match new_year.weekday() {
        Weekday::Saturday => plus(new_year, 2),
        Weekday::Sunday => plus(new_year, 1),
        _ => new_year,
    };
    let mut days = vec![
        (new_year, "New Year's Day"),
        (plus(easter, -2), "Good Friday"),
        (plus(easter, 1), "Easter Monday"),
        (early_may, "Early May Bank Holiday"),
        (spring, "Spring Bank Holiday"),
        (nth(year, 8, -1, Weekday::Monday), "Summer Bank Holiday"),
        (christmas, "Christmas Day"),
        (boxing, "Boxing Day"),
    ];
    match year {
        2022 => days.extend([(date(2022, 6, 3), "Platinum Jubilee"), (date(2022, 9, 19), "State Funeral of Queen Elizabeth II")]),
        2023 => days.push((date(2023, 5, 8), "Coronation of King Charles III")),
        _ => {}
    }
    days
}

fn united_states(year: i16) -> Holidays {
    let mut days = vec![
        (nth(year, 1, 3, Weekday::Monday), "Martin Luther King Jr. Day"),
        (nth(year, 2, 3, Weekday::Monday), "Washington's Birthday"),
        (nth(year, 5, -1, Weekday::Monday), "Memorial Day"),
        (nth(year, 9, 1, Weekday::Monday), "Labor Day"),
        (nth(year, 10, 2, Weekday::Monday), "Columbus Day"),
        (nth(year, 11, 4, Weekday::Thursday), "Thanksgiving Day"),
    ];
    days.extend(observed(date(year, 1, 1), "New Year's Day", "New Year's Day (observed)"));
    if year >= 2021 {
        days.extend(observed(date(year, 6, 19), "Juneteenth", "Juneteenth (observed)"));
    }
    days.extend(observed(date(year, 7, 4), "Independence Day", "Independence Day (observed)"));
    days.extend(observed(date(year, 11, 11), "Veterans Day", "Veterans Day (observed)"));
    days.extend(observed(date(year, 12, 25), "Christmas Day", "Christmas Day (observed)"));
    // New Year's Day of the next year is observed in this one when it falls on a Saturday.
    days.extend(observed(date(year + 1, 1, 1), "New Year's Day", "New Year's Day (observed)"));
    days.retain(|(day, _)| day.year() == year);
    days
}

/// A day, and the Friday before a Saturday or the Monday after a Sunday.
fn observed(day: Date, name: &'static str, observed: &'static str) -> impl Iterator<Item = (Date, &'static str)> {
    let other = match day.weekday() {
        Weekday::Saturday => Some((plus(day, -1), observed)),
        Weekday::Sunday => Some((plus(day, 1), observed)),
        _ => None,
    };
    std::iter::once((day, name)).chain(other)
}

fn easter(year: i16) -> Date {
    let year_ = i32::from(year);
    let (a, b, c) = (year_ % 19, year_ / 100, year_ % 100);
    let (d, e, f) = (b / 4, b % 4, (b + 8) / 25);
    let g = (b - f + 1) / 3;
    let h = (19 * a + b - d - g + 15) % 30;
    let (i, k) = (c / 4, c % 4);
    let l = (32 + 2 * e + 2 * i - h - k) % 7;
    let m = (a + 11 * h + 22 * l) / 451;
    let month = (h + l - 7 * m + 114) / 31;
    let day = (h + l - 7 * m + 114) % 31 + 1;
    Date::new(year, month as i8, day as i8).expect("Easter falls in March or April")
}

fn nth(year: i16, month: i8, n: i8, weekday: Weekday) -> Date {
    date(year, month, 1).nth_weekday_of_month(n, weekday).expect("every month has four of each weekday")
}

fn plus(day: Date, days: i32) -> Date {
    day.saturating_add(days.days())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has(country: &str, day: &str, name: &str) -> bool {
        let day: Date = day.parse().expect("a date");
        holidays(country, day.year()).expect("a known country").contains(&(day, name))
    }

    #[test]
    fn easter_agrees_with_the_published_table() {
        for (year, month, day) in [(1961, 4, 2), (2000, 4, 23), (2008, 3, 23), (2011, 4, 24), (2023, 4, 9), (2024, 3, 31), (2038, 4, 25)] {
            assert_eq!(easter(year), date(year, month, day));
        }
    }

    #[test]
    fn holidays_stand_on_the_days_the_governments_gave() {
        assert!(has("DE", "2023-05-18", "Ascension Day"));
        assert!(has("DE", "2023-05-29", "Whit Monday"));
        assert!(has("FR", "2024-05-09", "Ascension Day"));
        assert!(has("GB", "2022-12-27", "Christmas Day"));
        assert!(has("GB", "2021-12-28", "Boxing Day"));
        assert!(has("GB", "2020-05-08", "Early May Bank Holiday"));
        assert!(has("US", "2023-11-23", "Thanksgiving Day"));
        assert!(has("US", "2021-12-31", "New Year's Day (observed)"));
        assert!(has("US", "2021-07-05", "Independence Day (observed)"));
    }

    #[test]
    fn an_unknown_country_is_told_the_known_ones() {
        let error = holidays("GR", 2024).expect_err("Greece is not known").to_string();
        assert_eq!(error, "no holidays for country `GR` (known: DE, FR, GB, US; did you mean `FR`?)");
    }
}
