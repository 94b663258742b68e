//! Works out the version order of each key from what was read of it.

use std::collections::HashMap;

use super::log::{Log, NONE, Status};
use super::register::Form;

/// Settles the version order of every key, and where each read and append stands in it.
///
/// The order of a key is the longest list that was read of it. An append that is in no read comes
/// after all that are, because nothing is ever taken out of a list.
pub(super) fn settle(log: &mut Log) {
    if log.form != Form::Lists {
        return;
    }
    for number in 0..log.keys.len() {
        settle_key(log, number);
    }
    for index in 0..log.appends.len() {
        let append = log.appends[index];
        let index = u32::try_from(index).unwrap_or(NONE);
        if append.position == NONE && log.status(index) != Status::Aborted {
            log.keys[append.key as usize].unseen.push(index);
        }
    }
    place_reads(log);
}

fn settle_key(log: &mut Log, number: usize) {
    let name = u32::try_from(number).unwrap_or(NONE);
    let key = &mut log.keys[number];
    // Among equals the last one, so that the answer does not depend on anything else.
    let longest = |best: usize, branch: usize| {
        if key.branches[branch].len() >= key.branches[best].len() { branch } else { best }
    };
    key.main = (0..key.branches.len()).reduce(longest).unwrap_or(0);
    let Some(branch) = key.branches.get(key.main) else { return };
    let mut order = Vec::with_capacity(branch.len());
    for element in branch {
        match log.writers.get(&(name, *element)) {
            // A second time in the same list.
            Some(writer) if log.appends[*writer as usize].position != NONE => {}
            Some(writer) => {
                log.appends[*writer as usize].position = u32::try_from(order.len()).unwrap_or(NONE);
                order.push(*writer);
            }
            None => order.push(NONE),
        }
    }
    key.order = order;
}

/// Finds out which append each read saw last.
fn place_reads(log: &mut Log) {
    // Where elements stand in a list that has some twice, or that contradicts the order.
    let mut odd: HashMap<(u32, u32), bool> = HashMap::new();
    for index in 0..log.reads.len() {
        let read = log.reads[index];
        if read.length == 0 {
            log.reads[index].version = 0;
            continue;
        }
        let key = &log.keys[read.key as usize];
        let is_odd = *odd.entry((read.key, read.branch)).or_insert_with(|| {
            read.branch as usize != key.main || key.branches[key.main].len() != key.order.len()
        });
        let last = if is_odd {
            let element = key.branches[read.branch as usize][read.length as usize - 1];
            log.writers.get(&(read.key, element)).copied().unwrap_or(NONE)
        } else {
            key.order[read.length as usize - 1]
        };
        let version = if !is_odd {
            read.length
        } else if last == NONE {
            NONE
        } else {
            log.appends[last as usize].position.checked_add(1).unwrap_or(NONE)
        };
        log.reads[index].last = last;
        log.reads[index].version = version;
    }
}
