//! The points between which other processes may do something, or at which this one may be killed. Tests
//! stop there, so that what is rare happens each time.

/// What has just been done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::test_history) enum Step {
    /// Who appends has chosen a file.
    Chosen,
    /// Who appends has opened it, and is about to write.
    Opened,
    /// Who reads knows the files, and has opened none of them.
    Listed,
    /// Nobody appends any more to what is going to be replaced.
    Frozen,
    /// What is going to be replaced was read.
    Read,
    /// A line of the compact file was written, or is in a buffer.
    Writing,
    /// The compact file is complete, and has no name.
    Written,
    /// It has its name, and what it replaces is there too.
    Named,
    /// A file that it replaces is gone.
    Removed,
}

#[cfg(not(test))]
pub(super) fn reached(_step: Step) {}

#[cfg(test)]
pub(in crate::test_history) use self::stops::during;
#[cfg(test)]
pub(super) use self::stops::reached;

#[cfg(test)]
mod stops {
    use std::cell::RefCell;

    use super::Step;

    type Stop = Box<dyn FnMut(Step)>;

    thread_local! {
        static STOP: RefCell<Option<Stop>> = const { RefCell::new(None) };
    }

    /// Does `work`, and calls `stop` at each step of it that this thread reaches.
    pub(in crate::test_history) fn during<T>(
        stop: impl FnMut(Step) + 'static,
        work: impl FnOnce() -> T,
    ) -> T {
        STOP.set(Some(Box::new(stop)));
        let done = work();
        STOP.set(None);
        done
    }

    pub(in crate::test_history::segments) fn reached(step: Step) {
        // What is done at a stop is not stopped itself.
        if let Some(mut stop) = STOP.take() {
            stop(step);
            STOP.set(Some(stop));
        }
    }
}
