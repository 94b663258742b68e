//! The table of the documentation, and its figures.
