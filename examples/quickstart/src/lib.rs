//! Transfers between accounts.
