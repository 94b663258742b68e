//! Why a property does not hold, or could not be tried.

use std::fmt;
use std::path::PathBuf;

/// Why a property does not hold, or could not be tried.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PropertyError {
    /// A case fails.
    #[error("{0}")]
    Failed(Box<FailedCase>),
    /// No fault of any case touched anything, so that passing means nothing.
    #[error(
        "all {cases} cases are vacuous: no fault touched anything; do the operations use the pool or \
         the connection that goes through the target of `plan.run(&target, ..)`?"
    )]
    Vacuous {
        /// How many cases there were.
        cases: u32,
    },
    /// The property returned without having run its plan.
    #[error(
        "the plan was not run; carry its operations out with `plan.run(&target, async |op| ..)`, as \
         faults come only there"
    )]
    NotRun,
    /// A file with a kept case cannot be used.
    #[error("{}{}: {problem}", path.display(), At(*line))]
    File {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1, where it is known.
        line: Option<usize>,
        /// What is wrong, and what to do about it.
        problem: String,
    },
    /// `CHAOS_REPLAY` names a case that is not kept.
    #[error(
        "CHAOS_REPLAY names the case `{name}`, and there is no {}, nor such a file of another test; take \
         the name of a file there, or unset the variable",
        path.display()
    )]
    NoSuchCase {
        /// The name.
        name: String,
        /// Where it was looked for.
        path: PathBuf,
    },
    /// `CHAOS_REPLAY` names no case.
    #[error(
        "the environment variable CHAOS_REPLAY is wrong: `case:{0}` names no case; write what the \
         failure says, such as `case:3f2a90c1d4e5b607`"
    )]
    Token(String),
    /// `CHAOS_SHRINK_SECS` is no number of seconds.
    #[error(
        "the environment variable CHAOS_SHRINK_SECS is wrong: {0:?} is no number of seconds; write a \
         whole number such as 30, or 0 to leave failing cases as they are"
    )]
    ShrinkSeconds(String),
    /// No case could be generated.
    #[error("failed to generate a case: {0}; does a filter of its strategy leave too little?")]
    Generation(String),
}

struct At(Option<usize>);

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |line| write!(f, ":{line}"))
    }
}

/// A case that fails.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FailedCase {
    /// Which case it was, in words: `case 12 of 64`, or the file that holds it.
    pub case: String,
    /// What failed, in words.
    pub failure: String,
    /// Where it failed, as `file:line:column`, when that is known.
    pub location: Option<String>,
    /// Of how many runs of the case, as it is listed, so many failed.
    pub failed: u32,
    /// How many runs those were.
    pub runs: u32,
    /// The operations, one line for each, with the faults that come while they are carried out.
    pub listing: String,
    /// How the case was made smaller, in words.
    pub shrunk: Option<String>,
    /// The file that keeps it.
    pub file: Option<PathBuf>,
    /// What repeats it: the value of `CHAOS_REPLAY`.
    pub token: Option<String>,
}

impl fmt::Display for FailedCase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { case, failure, failed, runs, listing, .. } = self;
        write!(f, "{case} fails in {failed} of {runs} runs: {failure}")?;
        if let Some(location) = &self.location {
            write!(f, "\n  at {location}")?;
        }
        write!(f, "\n{listing}")?;
        if let Some(shrunk) = &self.shrunk {
            write!(f, "\n{shrunk}")?;
        }
        if let Some(file) = &self.file {
            write!(f, "\nkept in {}, and tried first from now on", file.display())?;
        }
        match &self.token {
            Some(token) => write!(f, "\nto repeat only this case: CHAOS_REPLAY={token}"),
            None => Ok(()),
        }
    }
}
