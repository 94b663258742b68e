//! Strategies for schemas.
