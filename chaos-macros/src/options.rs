//! The options of one `#[chaos_test(..)]`, read with all their errors.

use std::time::Duration;

use proc_macro2::{Group, TokenStream, TokenTree};
use syn::parse::Parser;
use syn::{Error, LitStr, Path};

use crate::compact;
use crate::duration;
use crate::errors::Errors;
use crate::flakiness::{Band, Flakiness};
use crate::literal::Literal;
use crate::option_entry::{Entry, Value, entries};
use crate::option_name::{self, OptionName};
use crate::{requirement, suggestion};

/// The options of one attribute; what is absent keeps its default.
#[derive(Default)]
pub(crate) struct Options {
    pub(crate) retries: Option<u32>,
    pub(crate) only_retry: Option<LitStr>,
    pub(crate) backoff: Option<Duration>,
    pub(crate) cases: Option<u32>,
    pub(crate) workers: Option<u32>,
    pub(crate) flakiness: Option<Flakiness>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) domain: Option<LitStr>,
    pub(crate) must_pass: bool,
    pub(crate) may_fail: bool,
    pub(crate) seed: Option<u64>,
    pub(crate) requires: Vec<&'static str>,
    pub(crate) exclusive: bool,
    pub(crate) covers: Vec<LitStr>,
    pub(crate) harness: Option<Path>,
}

impl Options {
    /// Reads the options. Each wrong one is noted in `errors`, and left at its default.
    pub(crate) fn parse(tokens: TokenStream, errors: &mut Errors) -> Self {
        let mut options = Self::default();
        let mut seen = Vec::new();
        for entry in entries(tokens) {
            if let Err(error) = options.read(entry, &mut seen, errors) {
                errors.push(error);
            }
        }
        options
    }

    /// How many attempts there may be.
    pub(crate) fn attempts(&self) -> u32 {
        self.retries.unwrap_or(0).saturating_add(1)
    }

    fn read(
        &mut self,
        entry: Result<Entry, TokenStream>,
        seen: &mut Vec<OptionName>,
        errors: &mut Errors,
    ) -> syn::Result<()> {
        let entry = entry.map_err(|piece| {
            Error::new_spanned(&piece, option_name::unknown(&compact::text(piece.clone())))
        })?;
        let written = entry.name.to_string();
        let Some(name) = OptionName::parse(&written) else {
            return Err(Error::new_spanned(&entry.name, option_name::unknown(&written)));
        };
        if seen.contains(&name) {
            let message = format!("`{name}` is given more than once; keep one");
            return Err(Error::new_spanned(&entry.tokens, message));
        }
        if let Some((other, advice)) = name.contradiction() {
            if seen.contains(&other) {
                let message = format!("`{name}` contradicts `{other}`; {advice}");
                return Err(Error::new_spanned(&entry.tokens, message));
            }
        }
        seen.push(name);

        let usage = name.usage();
        match name {
            OptionName::Retries => {
                self.retries = Some(literal(entry, name)?.whole("retries", 0..=100, usage)?);
            }
            OptionName::OnlyRetry => {
                self.only_retry = Some(literal(entry, name)?.text("only_retry", usage)?);
            }
            OptionName::Backoff => {
                self.backoff = Some(time("backoff", &literal(entry, name)?, usage)?);
            }
            OptionName::Cases => {
                self.cases = Some(literal(entry, name)?.whole("cases", 1..=1_000_000, usage)?);
            }
            OptionName::Workers => {
                self.workers = Some(literal(entry, name)?.whole("workers", 1..=1000, usage)?);
            }
            OptionName::Seed => {
                self.seed = Some(literal(entry, name)?.whole("seed", 0..=u64::MAX, usage)?);
            }
            OptionName::Timeout => {
                self.timeout = Some(time("timeout", &literal(entry, name)?, usage)?)
            }
            OptionName::Domain => {
                self.domain = Some(literal(entry, name)?.text("domain", usage)?);
            }
            OptionName::Flaky => {
                let details = flag_with_details(entry, name)?;
                self.flakiness = Some(Flakiness::new(Band::Flaky, details, errors));
            }
            OptionName::VeryFlaky => {
                let details = flag_with_details(entry, name)?;
                self.flakiness = Some(Flakiness::new(Band::VeryFlaky, details, errors));
            }
            OptionName::MustPass => self.must_pass = flag(&entry, name)?,
            OptionName::MayFail => self.may_fail = flag(&entry, name)?,
            OptionName::Exclusive => self.exclusive = flag(&entry, name)?,
            OptionName::Requires => self.requires = requirements(&entry, errors)?,
            OptionName::Covers => self.covers = covered(entry)?,
            OptionName::Crate => self.harness = Some(path(entry)?),
        }
        Ok(())
    }
}

/// The ids of requirements.
fn covered(entry: Entry) -> syn::Result<Vec<LitStr>> {
    let name = OptionName::Covers;
    let tokens = assigned(entry, name)?;
    let wrong = |tokens: &TokenStream| {
        let message = format!("this is no list of ids; {}", name.usage());
        Error::new_spanned(tokens, message)
    };
    let list = syn::parse2::<syn::ExprArray>(tokens.clone()).map_err(|_| wrong(&tokens))?;
    let mut ids: Vec<LitStr> = Vec::new();
    for element in &list.elems {
        let id = match element {
            syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(id), .. }) => id,
            other => return Err(wrong(&quote::quote!(#other))),
        };
        if id.value().trim().is_empty() {
            return Err(Error::new_spanned(id, format!("an id is empty; {}", name.usage())));
        }
        if ids.iter().any(|known| known.value() == id.value()) {
            let message = format!("{:?} is listed more than once; keep one", id.value());
            return Err(Error::new_spanned(id, message));
        }
        ids.push(id.clone());
    }
    if ids.is_empty() {
        return Err(Error::new_spanned(&list, format!("no id is listed; {}", name.usage())));
    }
    Ok(ids)
}

/// The value of an option that has to have one.
fn assigned(entry: Entry, name: OptionName) -> syn::Result<TokenStream> {
    let problem = match entry.value {
        Value::Assigned(tokens) if !tokens.is_empty() => return Ok(tokens),
        Value::Absent | Value::Assigned(_) => format!("`{name}` needs a value"),
        Value::List(_) | Value::Malformed => format!("the value of `{name}` follows a `=`"),
    };
    Err(Error::new_spanned(&entry.tokens, format!("{problem}; {}", name.usage())))
}

fn literal(entry: Entry, name: OptionName) -> syn::Result<Literal> {
    Literal::new(assigned(entry, name)?, name.usage())
}

fn flag(entry: &Entry, name: OptionName) -> syn::Result<bool> {
    match entry.value {
        Value::Absent => Ok(true),
        _ => Err(takes_no_value(entry, name)),
    }
}

fn flag_with_details(entry: Entry, name: OptionName) -> syn::Result<Option<Group>> {
    match entry.value {
        Value::Absent => Ok(None),
        Value::List(details) => Ok(Some(details)),
        _ => Err(takes_no_value(&entry, name)),
    }
}

fn takes_no_value(entry: &Entry, name: OptionName) -> Error {
    Error::new_spanned(
        &entry.tokens,
        format!("`{name}` is a flag and takes no value; {}", name.usage()),
    )
}

fn time(option: &str, literal: &Literal, usage: &str) -> syn::Result<Duration> {
    let (digits, text) = (literal.digits(), literal.as_text().map(LitStr::value));
    let problem = match &text {
        Some(text) => match duration::parse(text) {
            Some(duration) if !duration.is_zero() => return Ok(duration),
            Some(_) if option == "timeout" => {
                "a `timeout` of nothing would fail every attempt".to_owned()
            }
            Some(_) => format!("a `{option}` of nothing is none; leave it out"),
            None if text.trim().parse::<f64>().is_ok_and(|number| number > 0.0) => {
                format!("{text:?} has no unit")
            }
            None => format!("{text:?} is no duration"),
        },
        None if literal.is_negative() => format!("{} is no duration", literal.shown()),
        // `30s` is one literal for the compiler, so that quotes are all that it lacks.
        None if duration::parse(&digits).is_some() => format!("`{digits}` lacks its quotes"),
        None if literal.is_number() => format!("`{digits}` has no unit and no quotes"),
        None => format!("{} is not a text in quotes", literal.shown()),
    };
    Err(literal.wrong(problem, usage))
}

/// The names in `requires(..)`, each of which is refused on its own.
fn requirements(entry: &Entry, errors: &mut Errors) -> syn::Result<Vec<&'static str>> {
    let name = OptionName::Requires;
    let known = requirement::KNOWN.map(|name| format!("`{name}`")).join(", ");
    let wrong = |problem: String| {
        let message = format!("{problem}; {}\nit knows {known}", name.usage());
        Error::new_spanned(&entry.tokens, message)
    };
    let list = match &entry.value {
        Value::List(list) if !list.stream().is_empty() => list.stream(),
        Value::Absent | Value::List(_) => {
            return Err(wrong("`requires` does not say what".to_owned()));
        }
        _ => return Err(wrong("`requires` has no value but a list".to_owned())),
    };
    let mut required: Vec<&'static str> = Vec::new();
    for entry in entries(list) {
        let (written, tokens) = match entry {
            Ok(Entry { name, value: Value::Absent, tokens }) => (name.to_string(), tokens),
            Ok(Entry { tokens, .. }) | Err(tokens) => (unquoted(&tokens), tokens),
        };
        match requirement::KNOWN.into_iter().find(|known| *known == written) {
            Some(known) if tokens.to_string() != known => {
                errors.at(tokens, format!("`{known}` is written without quotes"));
            }
            Some(known) if required.contains(&known) => {
                errors.at(tokens, format!("`{known}` is required more than once; keep one"));
            }
            Some(known) => required.push(known),
            None => {
                let meant = suggestion::nearest(&written, requirement::KNOWN)
                    .map(|known| format!("; did you mean `{known}`?"))
                    .unwrap_or_default();
                let message =
                    format!("unknown requirement `{written}`{meant}\n`requires` knows {known}");
                errors.at(tokens, message);
            }
        }
    }
    Ok(required)
}

/// The text of a literal, or else the tokens as they are.
fn unquoted(tokens: &TokenStream) -> String {
    match syn::parse2::<LitStr>(tokens.clone()) {
        Ok(lit) => lit.value(),
        Err(_) => compact::text(tokens.clone()),
    }
}

fn path(entry: Entry) -> syn::Result<Path> {
    let name = OptionName::Crate;
    let tokens = assigned(entry, name)?;
    Path::parse_mod_style.parse2(tokens.clone()).map_err(|_| {
        let problem = match tokens.clone().into_iter().next() {
            Some(TokenTree::Literal(lit)) if lit.to_string().starts_with('"') => "is in quotes",
            _ => "is not a path",
        };
        let shown = compact::text(tokens.clone());
        Error::new_spanned(&tokens, format!("`{shown}` {problem}; {}", name.usage()))
    })
}
