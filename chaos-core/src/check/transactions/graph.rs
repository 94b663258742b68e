//! Which transaction has to come before which.

use super::anomaly::Order;
use super::log::{Log, NONE, Status, Transaction};

/// Why one transaction comes before another, as a bit of a mask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Edges(pub(super) u8);

impl Edges {
    /// Between nodes of which one is no transaction: it continues the edge before it.
    pub(super) const PASSAGE: Self = Self(0);
    /// The first wrote what the second overwrote.
    pub(super) const WW: Self = Self(1);
    /// The first wrote what the second read.
    pub(super) const WR: Self = Self(2);
    /// The first read what the second overwrote.
    pub(super) const RW: Self = Self(4);
    /// A process executed the first before the second.
    pub(super) const PROCESS: Self = Self(8);
    /// The first had completed before the second was invoked.
    pub(super) const REAL_TIME: Self = Self(16);

    pub(super) const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Its name in reports.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::WW => "ww",
            Self::WR => "wr",
            Self::RW => "rw",
            Self::PROCESS => "process",
            _ => "realtime",
        }
    }

    /// Those that an order adds to what was read and written.
    pub(super) const fn of(order: Order) -> Self {
        match order {
            Order::Data => Self(0),
            Order::Process => Self::PROCESS,
            Order::RealTime => Self::PROCESS.and(Self::REAL_TIME),
        }
    }

    /// Whether an edge of kind `edge` may be gone along.
    pub(super) const fn allow(self, edge: Self) -> bool {
        edge.0 == 0 || self.0 & edge.0 != 0
    }
}

/// The graph of all dependencies. The first nodes are the transactions, by their numbers; others
/// only lead from some of them to others.
#[derive(Debug)]
pub(super) struct Graph {
    /// How many of the nodes are transactions.
    pub(super) transactions: u32,
    /// Where the edges of each node begin; one more at the end.
    starts: Vec<u32>,
    targets: Vec<u32>,
    kinds: Vec<Edges>,
}

impl Graph {
    pub(super) fn of(log: &Log, order: Order) -> Self {
        let mut builder = Builder::new(log);
        for key in (0..).zip(&log.keys) {
            builder.writes(key.1);
        }
        builder.reads();
        if order >= Order::Process {
            builder.processes();
        }
        if order == Order::RealTime {
            builder.real_time();
        }
        builder.finish()
    }

    pub(super) fn nodes(&self) -> u32 {
        u32::try_from(self.starts.len() - 1).unwrap_or(NONE)
    }

    /// Whether any transaction comes before another one.
    pub(super) fn has_dependencies(&self) -> bool {
        self.kinds.iter().any(|kind| *kind != Edges::PASSAGE)
    }

    /// Where the edges of a node stand.
    pub(super) fn range(&self, node: u32) -> std::ops::Range<usize> {
        self.starts[node as usize] as usize..self.starts[node as usize + 1] as usize
    }

    pub(super) fn edge(&self, at: usize) -> (u32, Edges) {
        (self.targets[at], self.kinds[at])
    }

    pub(super) fn edges(&self, node: u32) -> impl Iterator<Item = (u32, Edges)> + '_ {
        self.range(node).map(|at| self.edge(at))
    }
}

struct Builder<'a> {
    log: &'a Log,
    nodes: u32,
    edges: Vec<(u32, u32, Edges)>,
    /// For each key how its unseen writers are reached.
    tails: Vec<Tail>,
}

/// The writers of a key whose writes no read saw. They come after everybody who saw or wrote its
/// last version.
///
/// Each of these would need an edge to each of those. Two chains do with fewer: one reaches every
/// writer from a given one on, the other every one up to it, so that a writer can reach all but
/// itself.
#[derive(Debug, Default)]
struct Tail {
    writers: Vec<u32>,
    /// The first node of the chain that reaches writer i and all after it: one node for each.
    onward: u32,
    /// The first node of the chain that reaches writer i and all before it: one node for each.
    backward: u32,
}

impl<'a> Builder<'a> {
    fn new(log: &'a Log) -> Self {
        let nodes = u32::try_from(log.transactions.len()).unwrap_or(NONE);
        let edges = Vec::with_capacity(log.appends.len() + 2 * log.reads.len());
        Self { log, nodes, edges, tails: Vec::with_capacity(log.keys.len()) }
    }

    fn edge(&mut self, from: u32, to: u32, kind: Edges) {
        if from != to {
            self.edges.push((from, to, kind));
        }
    }

    fn writer(&self, append: u32) -> u32 {
        self.log.appends[append as usize].transaction
    }

    /// Whether the write is one that took effect, or may have.
    fn counts(&self, append: u32) -> bool {
        append != NONE && self.log.status(append) != Status::Aborted
    }

    /// The order of the writes of one key.
    ///
    /// What stands on an aborted write follows nobody, as in Elle: that it stands there is an
    /// anomaly of its own.
    fn writes(&mut self, key: &super::log::Key) {
        for pair in key.order.windows(2) {
            if self.counts(pair[0]) && self.counts(pair[1]) {
                self.edge(self.writer(pair[0]), self.writer(pair[1]), Edges::WW);
            }
        }
        for (before, next) in &key.successions {
            self.edge(self.writer(*before), self.writer(*next), Edges::WW);
        }
        let tail = self.tail(&key.unseen);
        if let Some(last) = key.order.last().filter(|last| self.counts(**last)) {
            self.lead_to_unseen(self.writer(*last), &tail, Edges::WW);
        }
        self.tails.push(tail);
    }

    fn tail(&mut self, unseen: &[u32]) -> Tail {
        let mut writers: Vec<_> = unseen.iter().map(|append| self.writer(*append)).collect();
        // Those of one transaction stand together, because appends are in the order of completion.
        writers.dedup();
        let count = u32::try_from(writers.len()).unwrap_or(NONE);
        if count < 2 {
            return Tail { writers, onward: 0, backward: 0 };
        }
        let (onward, backward) = (self.nodes, self.nodes + count);
        self.nodes += 2 * count;
        for (at, writer) in (0..).zip(&writers) {
            self.edge(onward + at, *writer, Edges::PASSAGE);
            self.edge(backward + at, *writer, Edges::PASSAGE);
            if at > 0 {
                self.edge(onward + at - 1, onward + at, Edges::PASSAGE);
                self.edge(backward + at, backward + at - 1, Edges::PASSAGE);
            }
        }
        Tail { writers, onward, backward }
    }

    /// Edges from a transaction to all unseen writers but itself.
    fn lead_to_unseen(&mut self, from: u32, tail: &Tail, kind: Edges) {
        let count = u32::try_from(tail.writers.len()).unwrap_or(NONE);
        match (tail.writers.as_slice(), tail.writers.binary_search(&from)) {
            ([], _) => {}
            ([only], _) => self.edge(from, *only, kind),
            (_, Err(_)) => self.edge(from, tail.onward, kind),
            (_, Ok(own)) => {
                let own = u32::try_from(own).unwrap_or(NONE);
                if own > 0 {
                    self.edge(from, tail.backward + own - 1, kind);
                }
                if own + 1 < count {
                    self.edge(from, tail.onward + own + 1, kind);
                }
            }
        }
    }

    fn reads(&mut self) {
        let log = self.log;
        let tails = std::mem::take(&mut self.tails);
        for read in &log.reads {
            if self.counts(read.last) {
                self.edge(self.writer(read.last), read.transaction, Edges::WR);
            }
            if read.version == NONE {
                for next in log.successors(read.last) {
                    self.edge(read.transaction, self.writer(next), Edges::RW);
                }
                continue;
            }
            match log.keys[read.key as usize].order.get(read.version as usize) {
                Some(next) if self.counts(*next) => {
                    self.edge(read.transaction, self.writer(*next), Edges::RW);
                }
                Some(_) => {}
                None => self.lead_to_unseen(read.transaction, &tails[read.key as usize], Edges::RW),
            }
        }
    }

    fn committed(&self) -> impl Iterator<Item = (u32, &'a Transaction)> + use<'a> {
        let all = (0..).zip(&self.log.transactions);
        all.filter(|(_, transaction)| transaction.status == Status::Committed)
    }

    fn processes(&mut self) {
        let mut last = Vec::new();
        for (number, transaction) in self.committed() {
            let process = transaction.process as usize;
            if last.len() <= process {
                last.resize(process + 1, NONE);
            }
            let before = std::mem::replace(&mut last[process], number);
            if before != NONE {
                self.edge(before, number, Edges::PROCESS);
            }
        }
    }

    /// Real time, by a chain of nodes: one for every moment at which something was invoked after
    /// something had completed. Each reaches what was invoked from then on.
    fn real_time(&mut self) {
        // What each entry did: the number of a transaction, twice, and one more where it completed.
        let mut entries = vec![u64::MAX; self.log.entries as usize];
        for (number, transaction) in (0_u64..).zip(&self.log.transactions) {
            if transaction.status == Status::Aborted {
                continue;
            }
            if transaction.status == Status::Committed {
                entries[transaction.completed as usize] = 2 * number + 1;
            }
            if transaction.invoked != transaction.completed {
                entries[transaction.invoked as usize] = 2 * number;
            }
        }
        let mut last = NONE;
        let mut gathers = false;
        for entry in entries.into_iter().filter(|entry| *entry != u64::MAX) {
            let number = u32::try_from(entry / 2).unwrap_or(NONE);
            if entry % 2 == 1 {
                if !gathers {
                    let node = self.nodes;
                    self.nodes += 1;
                    if last != NONE {
                        self.edge(last, node, Edges::PASSAGE);
                    }
                    last = node;
                    gathers = true;
                }
                self.edge(number, last, Edges::PASSAGE);
            } else {
                gathers = false;
                if last != NONE {
                    self.edge(last, number, Edges::REAL_TIME);
                }
            }
        }
    }

    /// Sorts the edges by where they begin.
    fn finish(self) -> Graph {
        let mut starts = vec![0_u32; self.nodes as usize + 1];
        for (from, _, _) in &self.edges {
            starts[*from as usize + 1] += 1;
        }
        for node in 0..self.nodes as usize {
            starts[node + 1] += starts[node];
        }
        let mut next = starts.clone();
        let mut targets = vec![0; self.edges.len()];
        let mut kinds = vec![Edges::PASSAGE; self.edges.len()];
        for (from, to, kind) in self.edges {
            let at = next[from as usize] as usize;
            next[from as usize] += 1;
            (targets[at], kinds[at]) = (to, kind);
        }
        let transactions = u32::try_from(self.log.transactions.len()).unwrap_or(NONE);
        Graph { transactions, starts, targets, kinds }
    }
}
