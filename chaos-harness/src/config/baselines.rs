//! `[baselines]`: what is done with what tests measure, and from when on it counts as slower.

use chaos_core::probability::Probability;

use super::document::Located;
use super::pattern::Pattern;
use super::sections::Section;
use super::table::Table;
use crate::baselines::Mode;

/// The settings of baselines.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Baselines {
    /// Whether they are saved or compared where neither option nor variable says so.
    pub(crate) mode: Option<Located<Mode>>,
    /// How many times as large a median has to be to count.
    pub(crate) effect: Option<Located<f64>>,
    /// The probability with which anything may be called slower although nothing is.
    pub(crate) alpha: Option<Located<Probability>>,
    /// How many times as large the medians of those have to be whose names match.
    pub(crate) overrides: Vec<Located<(Vec<Pattern>, f64)>>,
}

impl Section for Baselines {
    const NAME: &'static str = "baselines";

    fn read(table: &mut Table<'_>) -> Self {
        let overrides = table.table_list("override", |table| {
            let names = table.texts("names");
            let effect = table.number("effect", 1.0..=100.0);
            if names.is_none() || effect.is_none() {
                table.mistake(
                    &["names", "effect"],
                    "say which baselines this is for and what it takes to be slower: names = \
                     \"recovery*\", effect = 1.5",
                );
            }
            let names = names.map(|names| names.value).unwrap_or_default();
            let patterns: Vec<_> = names.into_iter().map(Pattern::new).collect();
            (patterns, effect.map_or(1.0, |effect| effect.value))
        });
        let alpha = table.number("alpha", 1e-6..=0.5);
        Self {
            mode: table.choice("mode", &Mode::ALL),
            effect: table.number("effect", 1.0..=100.0),
            alpha: alpha.and_then(|Located { value, line }| {
                Some(Located { value: Probability::new(value).ok()?, line })
            }),
            overrides,
        }
    }
}
