//! The gates, for `--chaos-config`: those of all tests, and those of each domain that has some.

use chaos_core::duration::Display;
use chaos_core::probability::Probability;

use super::Row;
use crate::config::Located;
use crate::config::gates::Limits;
use crate::gate;
use crate::settings::{Setting, Settings};

/// What is said of a gate that nobody sets.
const NOT_SET: &str = "not judged";

/// The gates of all tests, set or not, and those of domains that are set.
pub(super) fn of(settings: &Settings, binary: &str) -> Vec<Row> {
    let mut rows = of_domain(settings, None);
    for domain in gate::domains(&settings.config, binary) {
        let set = of_domain(settings, Some(domain));
        rows.extend(set.into_iter().filter(|row| row.value != NOT_SET));
    }
    rows
}

fn of_domain(settings: &Settings, domain: Option<&str>) -> Vec<Row> {
    let gates = Gates { settings, domain };
    let share = |share: Probability| share.to_string();
    let yes_or_no = |is_allowed: bool| is_allowed.to_string();
    vec![
        gates.row("pass-rate", |limits| limits.pass_rate.as_ref(), share),
        gates.row("flaky", |limits| limits.flaky.as_ref(), share),
        gates.row("recovery", |limits| limits.recovery.as_ref(), |it| Display(it).to_string()),
        gates.row("vacuous", |limits| limits.vacuous.as_ref(), |most: u64| most.to_string()),
        gates.row("undeclared-flaky", |limits| limits.undeclared_flaky.as_ref(), yes_or_no),
    ]
}

/// The gates of a domain, or of all tests.
struct Gates<'a> {
    settings: &'a Settings,
    domain: Option<&'a str>,
}

impl Gates<'_> {
    fn row<T: Clone>(
        &self,
        gate: &str,
        pick: fn(&Limits) -> Option<&Located<T>>,
        shown: impl Fn(T) -> String,
    ) -> Row {
        let set = gate::limit(&self.settings.config, self.domain, pick);
        let row = Row::or("", set.map(|found| Setting::from(found).map(shown)), NOT_SET);
        let of = self.domain.map_or_else(String::new, |domain| format!("domains.{domain}."));
        Row { name: format!("gates.{of}{gate}").into(), ..row }
    }
}
