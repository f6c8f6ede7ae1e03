//! The forms of exponential smoothing, how they are named, and which are tried.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How an error enters an observation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Errors {
    /// y = μ + ε.
    Additive,
    /// y = μ(1 + ε).
    Multiplicative,
}

/// The trend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trend {
    /// None.
    None,
    /// A slope that goes on.
    Additive,
    /// A slope that fades.
    Damped,
}

/// The season.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seasonal {
    /// None.
    None,
    /// Added to the level.
    Additive,
    /// A factor on the level.
    Multiplicative,
}

/// One model of the family, for example `MAdM`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Form {
    /// The error.
    pub errors: Errors,
    /// The trend.
    pub trend: Trend,
    /// The season.
    pub seasonal: Seasonal,
}

impl Form {
    pub(super) fn has_trend(self) -> bool {
        self.trend != Trend::None
    }

    /// Smoothing parameters.
    pub(super) fn smoothing(self) -> usize {
        1 + usize::from(self.has_trend()) + usize::from(self.seasonal != Seasonal::None) + usize::from(self.trend == Trend::Damped)
    }

    /// Smoothing parameters and initial states that are free, as R counts them: one seasonal state is tied by the others.
    pub(super) fn coefficients(self, season: usize) -> usize {
        let seasons = if self.seasonal == Seasonal::None { 0 } else { season - 1 };
        self.smoothing() + 1 + usize::from(self.has_trend()) + seasons
    }

    /// Whether it stands on a level and a mean above zero.
    pub(super) fn wants_positive(self) -> bool {
        self.errors == Errors::Multiplicative || self.seasonal == Seasonal::Multiplicative
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let errors = match self.errors {
            Errors::Additive => "A",
            Errors::Multiplicative => "M",
        };
        let trend = match self.trend {
            Trend::None => "N",
            Trend::Additive => "A",
            Trend::Damped => "Ad",
        };
        let seasonal = match self.seasonal {
            Seasonal::None => "N",
            Seasonal::Additive => "A",
            Seasonal::Multiplicative => "M",
        };
        write!(f, "{errors}{trend}{seasonal}")
    }
}

/// Letters of error, trend and season; `Z` leaves the choice to AICc.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Letters {
    errors: Option<Errors>,
    trend: Option<Trend>,
    seasonal: Option<Seasonal>,
}

impl Letters {
    /// `ZZZ`: everything by AICc.
    pub const ANY: Self = Self { errors: None, trend: None, seasonal: None };
    /// `ZZN`: no season, the rest by AICc.
    pub const WITHOUT_SEASON: Self = Self { errors: None, trend: None, seasonal: Some(Seasonal::None) };

    /// Whether a season may be part of it, and whether it must.
    pub(super) fn season(&self) -> (bool, bool) {
        (self.seasonal != Some(Seasonal::None), self.seasonal.is_some_and(|seasonal| seasonal != Seasonal::None))
    }

    /// Every form the letters allow, in a fixed order; forms for values above zero only where all are.
    ///
    /// Additive errors around a multiplicative season have no finite variance and are left out, as R's `ets(restrict = TRUE)` does;
    /// so are multiplicative trends, as its `allow.multiplicative.trend = FALSE` does.
    pub(super) fn forms(&self, damped: Option<bool>, positive: bool, season: bool) -> Vec<Form> {
        let mut forms = Vec::new();
        for errors in [Errors::Additive, Errors::Multiplicative] {
            for seasonal in [Seasonal::None, Seasonal::Additive, Seasonal::Multiplicative] {
                for trend in [Trend::None, Trend::Damped, Trend::Additive] {
                    let form = Form { errors, trend, seasonal };
                    let allowed = (errors, seasonal) != (Errors::Additive, Seasonal::Multiplicative)
                        && (positive || !form.wants_positive())
                        && (season || seasonal == Seasonal::None);
                    if allowed && self.admit(form) && damping(damped, trend) {
                        forms.push(form);
                    }
                }
            }
        }
        forms
    }

    fn admit(&self, form: Form) -> bool {
        self.errors.is_none_or(|errors| errors == form.errors)
            && self.trend.is_none_or(|trend| trend == form.trend || (trend == Trend::Additive && form.trend == Trend::Damped))
            && self.seasonal.is_none_or(|seasonal| seasonal == form.seasonal)
    }

    /// Why no history whatever gives these letters a form, if none does.
    pub(super) fn contradiction(&self, damped: Option<bool>) -> Option<String> {
        if !self.forms(damped, true, true).is_empty() {
            return None;
        }
        Some(if (self.errors, self.seasonal) == (Some(Errors::Additive), Some(Seasonal::Multiplicative)) {
            format!("does not take `{self}`: with a multiplicative season errors are multiplicative, so write M first")
        } else {
            format!("does not take `{self}` with `damped`: {}: drop one of both", damped.unwrap_or_default())
        })
    }
}

/// Whether the setting `damped` admits the trend; a model without trend has nothing to damp.
fn damping(damped: Option<bool>, trend: Trend) -> bool {
    match damped {
        None => true,
        Some(damped) => trend == Trend::None || damped == (trend == Trend::Damped),
    }
}

impl fmt::Display for Letters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let form = Form {
            errors: self.errors.unwrap_or(Errors::Additive),
            trend: self.trend.unwrap_or(Trend::None),
            seasonal: self.seasonal.unwrap_or(Seasonal::None),
        };
        let text = form.to_string();
        let (first, rest) = text.split_at(1);
        let (middle, last) = rest.split_at(rest.len() - 1);
        let or_any = |known: bool, letter: &str| if known { letter.to_owned() } else { "Z".to_owned() };
        let errors = or_any(self.errors.is_some(), first);
        let trend = or_any(self.trend.is_some(), middle);
        write!(f, "{errors}{trend}{}", or_any(self.seasonal.is_some(), last))
    }
}

impl From<Letters> for String {
    fn from(letters: Letters) -> Self {
        letters.to_string()
    }
}

impl TryFrom<String> for Letters {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = || {
            format!(
                "unknown model `{text}`, expected error (A, M, Z), trend (N, A, Ad, Z), season (N, A, M, Z), for example ZZZ, MAM or AAdN"
            )
        };
        let errors = match text.chars().next() {
            Some('A') => Some(Errors::Additive),
            Some('M') => Some(Errors::Multiplicative),
            Some('Z') => None,
            _ => return Err(wrong()),
        };
        // The first letter is ASCII; the rest may be anything.
        let rest = &text[1..];
        let seasonal = match rest.chars().last() {
            Some('N') => Some(Seasonal::None),
            Some('A') => Some(Seasonal::Additive),
            Some('M') => Some(Seasonal::Multiplicative),
            Some('Z') => None,
            _ => return Err(wrong()),
        };
        let trend = match &rest[..rest.len() - 1] {
            "N" => Some(Trend::None),
            "A" => Some(Trend::Additive),
            "Ad" => Some(Trend::Damped),
            "Z" => None,
            _ => return Err(wrong()),
        };
        Ok(Self { errors, trend, seasonal })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letters(text: &str) -> Letters {
        Letters::try_from(text.to_owned()).expect("valid letters")
    }

    fn names(text: &str, damped: Option<bool>, positive: bool, season: bool) -> Vec<String> {
        letters(text).forms(damped, positive, season).iter().map(Form::to_string).collect()
    }

    #[test]
    fn fifteen_forms_are_tried_on_positive_seasonal_data() {
        assert_eq!(names("ZZZ", None, true, true).len(), 15);
        assert_eq!(names("ZZZ", None, false, true), ["ANN", "AAdN", "AAN", "ANA", "AAdA", "AAA"]);
        assert_eq!(names("ZZZ", None, true, false), ["ANN", "AAdN", "AAN", "MNN", "MAdN", "MAN"]);
    }

    #[test]
    fn letters_and_damping_narrow_the_choice() {
        assert_eq!(names("MAM", None, true, true), ["MAdM", "MAM"]);
        assert_eq!(names("MAM", Some(false), true, true), ["MAM"]);
        assert_eq!(names("AAdN", None, true, true), ["AAdN"]);
        assert_eq!(names("AZN", Some(true), true, true), ["ANN", "AAdN"]);
        assert!(letters("AAdN").contradiction(Some(false)).is_some_and(|why| why.contains("`AAdN`")));
        assert!(letters("ANM").contradiction(None).is_some_and(|why| why.contains("write M first")));
        assert!(letters("ZZZ").contradiction(None).is_none());
    }

    #[test]
    fn letters_survive_being_written() {
        for text in ["ZZZ", "ZZN", "MAM", "AAdN", "ZAdZ", "ANZ"] {
            assert_eq!(letters(text).to_string(), text);
        }
        for text in ["", "Z", "ZZ", "MMM", "AAd", "ZZZZ", "ÄAN", "AAÄ", "zzz"] {
            assert!(Letters::try_from(text.to_owned()).is_err(), "{text}");
        }
    }
}
