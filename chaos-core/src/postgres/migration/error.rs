//! Why a migration could not be judged.

use std::time::Duration;

use crate::duration::Display as Shown;
use crate::error::{Error, TestError};
use crate::postgres::error::PostgresError;
use crate::postgres::fingerprint::FingerprintError;

/// Why a migration could not be judged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MigrationError {
    /// It fails without being broken.
    #[error("the migration fails by itself, so breaking it would prove nothing")]
    FailsAlone {
        /// What it returned.
        source: TestError,
    },
    /// It sends no statements through the client that it is given.
    #[error("the migration sent no statement through the client that it was given")]
    NoStatements,
    /// What it is to start from could not be made.
    #[error("failed to make what the migration starts from: {sql}")]
    Start {
        /// The statements.
        sql: String,
        /// The error of the driver.
        source: tokio_postgres::Error,
    },
    /// A run did not come to an end.
    #[error(
        "the migration was not done after {}, at statement {statement}: {sql}{}",
        Shown(*patience),
        if waits_for.is_empty() { String::new() } else { format!("; it waits for {}", waits_for.join(", ")) }
    )]
    TooLong {
        /// The statement that it sent last, counted from 1.
        statement: usize,
        /// Its text.
        sql: String,
        /// Whom it waits for, if the server knows.
        waits_for: Vec<String>,
        /// How long it was waited for.
        patience: Duration,
    },
    /// A database could not be had or asked.
    #[error(transparent)]
    Database(#[from] Error),
    /// The content could not be compared.
    #[error(transparent)]
    Content(#[from] FingerprintError),
}

impl From<PostgresError> for MigrationError {
    fn from(error: PostgresError) -> Self {
        Self::Database(error.into())
    }
}
