//! Measurements of the library.
