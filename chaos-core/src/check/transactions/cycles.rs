//! Cycles of transactions that come before each other.
//!
//! Whether there is a cycle of some kind is decided by strongly connected components, in time
//! proportional to the graph. Then a short cycle is looked for that proves it.

use std::collections::VecDeque;

use super::anomaly::{AnomalyKind, CycleKind, Order};
use super::components::{Components, Walk};
use super::graph::{Edges, Graph};
use super::log::NONE;

/// One cycle: the transactions in order, each with how the next one depends on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cycle {
    pub(super) steps: Vec<(u32, Edges)>,
}

/// What a search for cycles of one kind came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// There is none.
    None,
    Some(Vec<Cycle>),
    /// The search was given up.
    GivenUp,
}

/// Proofs of one kind that are looked for.
const KEPT: usize = 8;

/// The graph without the edges and nodes that cannot matter, in two layers where that is asked for:
/// the upper one is where an anti-dependency leads to, and no other one starts from it.
struct Part<'a> {
    graph: &'a Graph,
    edges: Edges,
    /// Only nodes that are in a component of these.
    within: Option<&'a Components>,
    layered: bool,
}

impl Part<'_> {
    fn layers(&self) -> u32 {
        if self.layered { 2 } else { 1 }
    }

    fn node(&self, state: u32) -> u32 {
        state / self.layers()
    }
}

impl Walk for Part<'_> {
    fn nodes(&self) -> usize {
        self.graph.nodes() as usize * self.layers() as usize
    }

    fn range(&self, state: u32) -> std::ops::Range<usize> {
        self.graph.range(self.node(state))
    }

    fn target(&self, state: u32, edge: usize) -> Option<u32> {
        let (target, kind) = self.graph.edge(edge);
        if !self.edges.allow(kind) {
            return None;
        }
        if self.within.is_some_and(|within| !within.together(self.node(state), target)) {
            return None;
        }
        if !self.layered {
            return Some(target);
        }
        let was_anti = state % 2 == 1;
        let is_anti = if kind == Edges::PASSAGE { was_anti } else { kind == Edges::RW };
        if was_anti && kind == Edges::RW {
            return None;
        }
        Some(2 * target + u32::from(is_anti))
    }
}

/// Looks for cycles.
pub(super) struct Search<'a> {
    graph: &'a Graph,
    order: Edges,
    /// The nodes that are in any cycle at all.
    all: Components,
    /// How many edges may still be gone along in search of proofs.
    budget: u64,
}

impl<'a> Search<'a> {
    pub(super) fn new(graph: &'a Graph, order: Order, budget: u64) -> Self {
        let order = Edges::of(order);
        let edges = Edges::WW.and(Edges::WR).and(Edges::RW).and(order);
        let all = Components::of(&Part { graph, edges, within: None, layered: false });
        Self { graph, order, all, budget }
    }

    /// Whether there is no cycle of any kind.
    pub(super) fn is_acyclic(&self) -> bool {
        self.all.count == 0
    }

    /// Looks for cycles of this kind that contradict this order, and not only a lesser one.
    pub(super) fn find(&mut self, kind: CycleKind, order: Order) -> Found {
        if self.is_acyclic() {
            return Found::None;
        }
        let order = Edges(Edges::of(order).0 & self.order.0);
        let information = Edges::WW.and(Edges::WR).and(order);
        match kind {
            CycleKind::Write => self.in_components(Edges::WW.and(order), false),
            CycleKind::Information => self.in_components(information, false),
            CycleKind::SingleAntiDependency => self.through_one(information),
            CycleKind::NonadjacentAntiDependencies => {
                self.in_components(information.and(Edges::RW), true)
            }
            CycleKind::AntiDependencies => self.in_components(information.and(Edges::RW), false),
        }
    }

    /// A short cycle in each component of what these edges make.
    fn in_components(&mut self, edges: Edges, layered: bool) -> Found {
        let part = Part { graph: self.graph, edges, within: Some(&self.all), layered };
        let components = Components::of(&part);
        if components.count == 0 {
            return Found::None;
        }
        let mut starts = vec![NONE; components.count as usize];
        for state in 0..u32::try_from(part.nodes()).unwrap_or(NONE) {
            let component = components.of[state as usize];
            let is_transaction = part.node(state) < self.graph.transactions;
            if is_transaction && component != super::components::ALONE {
                let start = &mut starts[component as usize];
                if *start == NONE {
                    *start = state;
                }
            }
        }
        let mut steps = Steps { left: u64::MAX };
        let starts = starts.into_iter().filter(|start| *start != NONE).take(KEPT);
        let cycles: Vec<_> = starts
            .filter_map(|start| {
                let inside = |state| components.together(start, state);
                path(&part, start, start, inside, &mut steps).map(|states| cycle(&part, &states))
            })
            .collect();
        Found::Some(cycles)
    }

    /// A short cycle through exactly one anti-dependency.
    fn through_one(&mut self, information: Edges) -> Found {
        let part =
            Part { graph: self.graph, edges: information, within: Some(&self.all), layered: false };
        let mut steps = Steps { left: self.budget };
        let mut cycles = Vec::new();
        for reader in (0..self.graph.transactions).filter(|node| self.all.contains(*node)) {
            for (first, kind) in self.graph.edges(reader) {
                if kind != Edges::RW || !self.all.together(reader, first) {
                    continue;
                }
                let Some(back) = path(&part, first, reader, |_| true, &mut steps) else {
                    if steps.left == 0 {
                        let found = !cycles.is_empty();
                        return if found { Found::Some(cycles) } else { Found::GivenUp };
                    }
                    continue;
                };
                let mut states = vec![(reader, Edges::RW)];
                states.extend(back);
                cycles.push(cycle(&part, &states));
                if cycles.len() == KEPT {
                    return Found::Some(cycles);
                }
                break;
            }
        }
        if cycles.is_empty() { Found::None } else { Found::Some(cycles) }
    }
}

struct Steps {
    left: u64,
}

/// A shortest path, of at least one edge, as the states it leaves with the edges that it takes.
fn path(
    part: &Part<'_>,
    from: u32,
    to: u32,
    inside: impl Fn(u32) -> bool,
    steps: &mut Steps,
) -> Option<Vec<(u32, Edges)>> {
    let mut came = std::collections::HashMap::new();
    let mut queue = VecDeque::from([from]);
    while let Some(state) = queue.pop_front() {
        for at in part.range(state) {
            if steps.left == 0 {
                return None;
            }
            steps.left -= 1;
            let Some(target) = part.target(state, at) else { continue };
            let (_, kind) = part.graph.edge(at);
            if target == to {
                let mut states = vec![(state, kind)];
                let mut back = state;
                while back != from {
                    let (before, kind) = came[&back];
                    states.push((before, kind));
                    back = before;
                }
                states.reverse();
                return Some(states);
            }
            if target != from && inside(target) && !came.contains_key(&target) {
                came.insert(target, (state, kind));
                queue.push_back(target);
            }
        }
    }
    None
}

/// Leaves out the nodes that are no transactions.
fn cycle(part: &Part<'_>, states: &[(u32, Edges)]) -> Cycle {
    let mut steps: Vec<(u32, Edges)> = Vec::with_capacity(states.len());
    for (state, kind) in states {
        let node = part.node(*state);
        if node < part.graph.transactions {
            steps.push((node, *kind));
        } else if let Some((_, edge)) = steps.last_mut() {
            // What leads into a passage says why, or else what leads out of it.
            if *edge == Edges::PASSAGE {
                *edge = *kind;
            }
        }
    }
    Cycle { steps }
}

impl Cycle {
    /// Of which kind it is itself, which may be a graver one than was looked for.
    pub(super) fn kind(&self) -> AnomalyKind {
        let has = |edges: Edges| self.steps.iter().any(|(_, kind)| *kind == edges);
        let anti = |at: usize| self.steps[at % self.steps.len()].1 == Edges::RW;
        let count = (0..self.steps.len()).filter(|at| anti(*at)).count();
        let adjacent = (0..self.steps.len()).any(|at| anti(at) && anti(at + 1));
        let kind = match count {
            0 if has(Edges::WR) => CycleKind::Information,
            0 => CycleKind::Write,
            1 => CycleKind::SingleAntiDependency,
            _ if adjacent => CycleKind::AntiDependencies,
            _ => CycleKind::NonadjacentAntiDependencies,
        };
        let order = if has(Edges::REAL_TIME) {
            Order::RealTime
        } else if has(Edges::PROCESS) {
            Order::Process
        } else {
            Order::Data
        };
        AnomalyKind::Cycle(kind, order)
    }
}
