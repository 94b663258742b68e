//! The search for an order of the operations on one object.

use std::collections::HashSet;

use super::calls::Calls;
use super::placed::{Bits, Placed};
use super::{Model, Violation};

/// What a turn of the search came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    Linearizable,
    Violated,
    /// Its steps are used up.
    Over,
    /// Its memory is used up.
    Full,
}

/// What a turn came to, and how many steps it took.
#[derive(Debug, Clone, Copy)]
pub(super) struct Outcome {
    pub(super) turn: Turn,
    pub(super) steps: u64,
}

/// An invocation or a completion, in a list of those that were not placed yet.
#[derive(Debug, Clone, Copy)]
struct Node {
    operation: usize,
    is_return: bool,
    before: usize,
    after: usize,
}

/// A search that can be interrupted.
///
/// It places the operations that may come next, one by one: those that were invoked before the
/// first completion that is still in the list. Where none fits, it takes the last one back.
pub(super) struct Search<'a, M: Model> {
    model: &'a M,
    calls: &'a Calls<M::Call>,
    /// Node 0 is before the first, and 1 behind the last.
    nodes: Vec<Node>,
    /// The nodes of each operation.
    invocations: Vec<usize>,
    returns: Vec<Option<usize>>,
    /// How many completions are in the list.
    left: usize,
    /// Where the search stands.
    at: usize,
    state: M::State,
    bits: Bits,
    /// The operations that were placed, with the state before each.
    placed: Vec<(usize, M::State)>,
    tried: HashSet<(Placed, M::State)>,
    tried_bytes: usize,
    /// The most that could be placed, and what could have come next.
    most: Vec<usize>,
    stuck: Vec<usize>,
}

const HEAD: usize = 0;
const TAIL: usize = 1;

impl<'a, M: Model> Search<'a, M> {
    pub(super) fn new(model: &'a M, calls: &'a Calls<M::Call>) -> Self {
        let operations = &calls.operations;
        let mut events: Vec<(u64, usize, bool)> = Vec::with_capacity(2 * operations.len());
        for (number, operation) in operations.iter().enumerate() {
            events.push((operation.invoked, number, false));
            events.extend(operation.returned.map(|at| (at, number, true)));
        }
        events.sort_unstable();
        let mut nodes = Vec::with_capacity(events.len() + 2);
        nodes.push(Node { operation: 0, is_return: false, before: HEAD, after: TAIL });
        nodes.push(Node { operation: 0, is_return: true, before: HEAD, after: TAIL });
        let mut invocations = vec![0; operations.len()];
        let mut returns = vec![None; operations.len()];
        let mut last = HEAD;
        for (_, operation, is_return) in events {
            let node = nodes.len();
            nodes.push(Node { operation, is_return, before: last, after: TAIL });
            nodes[last].after = node;
            nodes[TAIL].before = node;
            last = node;
            if is_return {
                returns[operation] = Some(node);
            } else {
                invocations[operation] = node;
            }
        }
        let left = returns.iter().flatten().count();
        let at = nodes[HEAD].after;
        let state = model.initial();
        let bits = Bits::none(operations.len());
        Self {
            model,
            calls,
            nodes,
            invocations,
            returns,
            left,
            at,
            state,
            bits,
            placed: Vec::new(),
            tried: HashSet::new(),
            tried_bytes: 0,
            most: Vec::new(),
            stuck: Vec::new(),
        }
    }

    /// About how many bytes what was tried takes.
    pub(super) fn bytes(&self) -> usize {
        self.tried_bytes
    }

    /// Goes on for at most so many steps, and as long as it takes no more than so many bytes.
    pub(super) fn run(&mut self, steps: u64, bytes: usize) -> Outcome {
        for taken in 0..steps {
            if self.left == 0 {
                return Outcome { turn: Turn::Linearizable, steps: taken };
            }
            if self.tried_bytes > bytes {
                return Outcome { turn: Turn::Full, steps: taken };
            }
            if self.nodes[self.at].is_return {
                if !self.take_back() {
                    return Outcome { turn: Turn::Violated, steps: taken };
                }
            } else if !self.place() {
                self.at = self.nodes[self.at].after;
            }
        }
        let turn = if self.left == 0 { Turn::Linearizable } else { Turn::Over };
        Outcome { turn, steps }
    }

    /// Places the operation at hand, if it fits and that was not tried before.
    fn place(&mut self) -> bool {
        let operation = self.nodes[self.at].operation;
        let call = &self.calls.operations[operation].call;
        let Some(next) = self.model.step(&self.state, call) else { return false };
        self.bits.set(operation);
        let tried = (self.bits.placed(), next.clone());
        let bytes = tried.0.heap_bytes() + self.model.heap_bytes(&tried.1);
        if !self.tried.insert(tried) {
            self.bits.clear(operation);
            return false;
        }
        self.tried_bytes += bytes + size_of::<(Placed, M::State)>() + 16;
        self.placed.push((operation, std::mem::replace(&mut self.state, next)));
        self.take_out(self.invocations[operation]);
        if let Some(node) = self.returns[operation] {
            self.take_out(node);
            self.left -= 1;
        }
        self.at = self.nodes[HEAD].after;
        true
    }

    /// Takes the last operation back, and goes on behind it. Nothing was placed if it is false.
    fn take_back(&mut self) -> bool {
        if self.placed.len() > self.most.len() || self.stuck.is_empty() {
            self.most = self.placed.iter().map(|(operation, _)| *operation).collect();
            self.stuck = self.candidates();
        }
        let Some((operation, state)) = self.placed.pop() else { return false };
        self.state = state;
        self.bits.clear(operation);
        // In the opposite order, so that each finds its neighbours as it left them.
        if let Some(node) = self.returns[operation] {
            self.put_back(node);
            self.left += 1;
        }
        self.put_back(self.invocations[operation]);
        self.at = self.nodes[self.invocations[operation]].after;
        true
    }

    fn take_out(&mut self, node: usize) {
        let Node { before, after, .. } = self.nodes[node];
        self.nodes[before].after = after;
        self.nodes[after].before = before;
    }

    fn put_back(&mut self, node: usize) {
        let Node { before, after, .. } = self.nodes[node];
        self.nodes[before].after = node;
        self.nodes[after].before = node;
    }

    /// The operations of which one has to come next.
    fn candidates(&self) -> Vec<usize> {
        let mut candidates = Vec::new();
        let mut at = self.nodes[HEAD].after;
        while !self.nodes[at].is_return {
            candidates.push(self.nodes[at].operation);
            at = self.nodes[at].after;
        }
        candidates
    }

    pub(super) fn violation(&self, key: Option<&String>) -> Violation {
        let text = |operation: &usize| self.calls.operations[*operation].text.clone();
        let entries = |operation: &usize| {
            let operation = &self.calls.operations[*operation];
            std::iter::once(operation.invoked).chain(operation.returned)
        };
        Violation {
            key: key.cloned(),
            placed: self.most.iter().map(text).collect(),
            stuck: self.stuck.iter().map(text).collect(),
            entries: self.stuck.iter().flat_map(entries).collect(),
        }
    }
}
