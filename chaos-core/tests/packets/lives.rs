//! The wire's process: where it is refused, who may have it, and that nothing of it is left.

pub(crate) fn play_if_asked() {}
