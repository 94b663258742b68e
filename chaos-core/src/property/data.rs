//! Strategies for data.
