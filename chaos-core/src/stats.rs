//! Statistics: flakiness categories with their evidence.
