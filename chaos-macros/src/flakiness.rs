//! `flaky` and `very_flaky`, and what can be said of them in parentheses.

use proc_macro2::Group;
use syn::{Error, LitStr};

use crate::compact;
use crate::errors::Errors;
use crate::literal::Literal;
use crate::option_entry::{Entry, Value, entries};
use crate::option_name::OptionName;
use crate::suggestion;

/// How flaky the test says it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Band {
    Flaky,
    VeryFlaky,
}

/// `flaky` or `very_flaky`.
pub(crate) struct Flakiness {
    pub(crate) band: Band,
    pub(crate) reason: Option<LitStr>,
    pub(crate) expected_rate: Option<f64>,
    pub(crate) min_passes: Option<u32>,
}

const DETAILS: [&str; 4] = ["reason", "expected_rate", "min_passes", "passes_once"];

const PASSES_USAGE: &str = "`min_passes` takes a whole number, how many of the attempts have to pass, \
                            which are one more than `retries`: `min_passes = 2`";

impl Band {
    fn option(self) -> OptionName {
        match self {
            Self::Flaky => OptionName::Flaky,
            Self::VeryFlaky => OptionName::VeryFlaky,
        }
    }

    fn contains(self, rate: f64) -> bool {
        match self {
            Self::Flaky => (0.05..=0.20).contains(&rate),
            Self::VeryFlaky => (0.20..=0.50).contains(&rate),
        }
    }

    /// A sentence about what `expected_rate` takes.
    fn rate_usage(self) -> &'static str {
        match self {
            Self::Flaky => {
                "`flaky` is from 0.05 to 0.20 (5 % to 20 % of first attempts fail): \
                 `expected_rate = 0.1`"
            }
            Self::VeryFlaky => {
                "`very_flaky` is from 0.20 to 0.50 (20 % to 50 % of first attempts fail): \
                 `expected_rate = 0.3`"
            }
        }
    }
}

impl Flakiness {
    /// Reads the option with its details; what is wrong with them is noted in `errors`.
    pub(crate) fn new(band: Band, details: Option<Group>, errors: &mut Errors) -> Self {
        let mut flakiness = Self { band, reason: None, expected_rate: None, min_passes: None };
        let Some(details) = details else { return flakiness };
        let option = band.option();
        if details.stream().is_empty() {
            errors.at(
                &details,
                format!("the parentheses of `{option}` are empty; {}", option.usage()),
            );
        }
        let mut seen = Vec::new();
        for entry in entries(details.stream()) {
            if let Some(error) = flakiness.detail(entry, &mut seen).err() {
                errors.push(error);
            }
        }
        flakiness
    }

    fn detail(
        &mut self,
        entry: Result<Entry, proc_macro2::TokenStream>,
        seen: &mut Vec<&'static str>,
    ) -> syn::Result<()> {
        let option = self.band.option();
        let entry = entry.map_err(|tokens| {
            Error::new_spanned(
                &tokens,
                format!("`{}` is not a detail; {}", compact::text(tokens.clone()), option.usage()),
            )
        })?;
        let written = entry.name.to_string();
        let Some(detail) = DETAILS.into_iter().find(|detail| *detail == written) else {
            let meant = match written.as_str() {
                "rate" | "share" => Some("expected_rate"),
                "because" | "why" => Some("reason"),
                "passes" => Some("min_passes"),
                other => suggestion::nearest(other, DETAILS),
            };
            let meant =
                meant.map(|detail| format!("did you mean `{detail}`? ")).unwrap_or_default();
            return Err(Error::new_spanned(
                &entry.name,
                format!("unknown detail `{written}` of `{option}`; {meant}{}", option.usage()),
            ));
        };
        if seen.contains(&detail) {
            return Err(Error::new_spanned(
                &entry.tokens,
                format!("`{detail}` is given more than once; keep one"),
            ));
        }
        let contradicts = match detail {
            "passes_once" => Some("min_passes"),
            "min_passes" => Some("passes_once"),
            _ => None,
        };
        if let Some(other) = contradicts.filter(|other| seen.contains(other)) {
            let problem =
                format!("`{detail}` and `{other}` both say what counts as a pass; keep one");
            return Err(Error::new_spanned(&entry.tokens, problem));
        }
        seen.push(detail);
        if detail == "passes_once" {
            if !matches!(entry.value, Value::Absent) {
                let problem =
                    "`passes_once` takes no value; for another number write `min_passes = 2`";
                return Err(Error::new_spanned(&entry.tokens, problem));
            }
            self.min_passes = Some(1);
            return Ok(());
        }
        let rate_usage = self.band.rate_usage();
        let usage = match detail {
            "min_passes" => PASSES_USAGE,
            "reason" => "`reason` takes a text in quotes: `reason = \"..\"`",
            _ => rate_usage,
        };
        let Value::Assigned(tokens) = entry.value else {
            return Err(Error::new_spanned(
                &entry.tokens,
                format!("`{detail}` needs a value; {usage}"),
            ));
        };
        if tokens.is_empty() {
            return Err(Error::new_spanned(
                &entry.tokens,
                format!("`{detail}` needs a value; {usage}"),
            ));
        }
        let literal = Literal::new(tokens, usage)?;
        if detail == "reason" {
            self.reason = Some(literal.text("reason", usage)?);
            return Ok(());
        }
        if detail == "min_passes" {
            let passes = literal.whole("min_passes", 0..=101, usage)?;
            if passes == 0 {
                return Err(literal.wrong("a test that needs no pass cannot fail", usage));
            }
            self.min_passes = Some(passes);
            return Ok(());
        }
        let rate = literal.number(usage)?;
        if !self.band.contains(rate) {
            return Err(literal.wrong(format!("{} lies outside the band", literal.shown()), usage));
        }
        self.expected_rate = Some(rate);
        Ok(())
    }
}
