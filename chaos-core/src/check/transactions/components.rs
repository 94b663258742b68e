//! Strongly connected components: the sets of nodes that reach each other.
//!
//! Tarjan, *Depth-First Search and Linear Graph Algorithms* (1972), without recursion, so that a
//! long history does not overflow the stack.

/// A graph that is walked.
pub(super) trait Walk {
    /// How many nodes it has, numbered from 0.
    fn nodes(&self) -> usize;

    /// Where the edges of a node stand.
    fn range(&self, node: u32) -> std::ops::Range<usize>;

    /// Where an edge of a node leads, unless it may not be gone along.
    fn target(&self, node: u32, edge: usize) -> Option<u32>;
}

/// For each node the number of its component; components of one node have the number
/// [`ALONE`].
#[derive(Debug)]
pub(super) struct Components {
    pub(super) of: Vec<u32>,
    pub(super) count: u32,
}

/// A node that no other one reaches back from.
pub(super) const ALONE: u32 = u32::MAX;

const UNSEEN: u32 = u32::MAX;

impl Components {
    pub(super) fn of(graph: &impl Walk) -> Self {
        let nodes = graph.nodes();
        let mut search = Search {
            index: vec![UNSEEN; nodes],
            low: vec![0; nodes],
            on_stack: vec![false; nodes],
            stack: Vec::new(),
            path: Vec::new(),
            next: 0,
            of: vec![ALONE; nodes],
            count: 0,
        };
        for root in 0..u32::try_from(nodes).unwrap_or(UNSEEN) {
            if search.index[root as usize] == UNSEEN {
                search.from(graph, root);
            }
        }
        Self { of: search.of, count: search.count }
    }

    /// Whether two nodes reach each other.
    pub(super) fn together(&self, one: u32, other: u32) -> bool {
        let component = self.of[one as usize];
        component != ALONE && component == self.of[other as usize]
    }

    /// Whether other nodes reach this one, and it reaches them.
    pub(super) fn contains(&self, node: u32) -> bool {
        self.of[node as usize] != ALONE
    }
}

struct Search {
    index: Vec<u32>,
    low: Vec<u32>,
    on_stack: Vec<bool>,
    stack: Vec<u32>,
    /// The nodes that are being walked, each with the edge that comes next and the last one.
    path: Vec<(u32, usize, usize)>,
    next: u32,
    of: Vec<u32>,
    count: u32,
}

impl Search {
    fn enter(&mut self, graph: &impl Walk, node: u32) {
        self.index[node as usize] = self.next;
        self.low[node as usize] = self.next;
        self.next += 1;
        self.on_stack[node as usize] = true;
        self.stack.push(node);
        let edges = graph.range(node);
        self.path.push((node, edges.start, edges.end));
    }

    fn from(&mut self, graph: &impl Walk, root: u32) {
        self.enter(graph, root);
        while let Some((node, edge, end)) = self.path.last_mut() {
            let node = *node;
            if *edge == *end {
                self.path.pop();
                self.leave(node);
                continue;
            }
            let at = *edge;
            *edge += 1;
            let Some(target) = graph.target(node, at) else { continue };
            if self.index[target as usize] == UNSEEN {
                self.enter(graph, target);
            } else if self.on_stack[target as usize] {
                let low = self.low[node as usize].min(self.index[target as usize]);
                self.low[node as usize] = low;
            }
        }
    }

    fn leave(&mut self, node: u32) {
        if let Some((parent, ..)) = self.path.last() {
            let low = self.low[*parent as usize].min(self.low[node as usize]);
            self.low[*parent as usize] = low;
        }
        if self.low[node as usize] != self.index[node as usize] {
            return;
        }
        let is_alone = self.stack.last() == Some(&node);
        while let Some(member) = self.stack.pop() {
            self.on_stack[member as usize] = false;
            if !is_alone {
                self.of[member as usize] = self.count;
            }
            if member == node {
                break;
            }
        }
        if !is_alone {
            self.count += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Edges(Vec<Vec<u32>>);

    impl Walk for Edges {
        fn nodes(&self) -> usize {
            self.0.len()
        }

        fn range(&self, node: u32) -> std::ops::Range<usize> {
            0..self.0[node as usize].len()
        }

        fn target(&self, node: u32, edge: usize) -> Option<u32> {
            Some(self.0[node as usize][edge])
        }
    }

    #[test]
    fn two_rings_that_a_bridge_connects_are_two_components() {
        let ring = Edges(vec![vec![1], vec![2], vec![0, 3], vec![4], vec![3], vec![0]]);
        let components = Components::of(&ring);
        assert_eq!(components.count, 2);
        assert!(components.together(0, 2));
        assert!(components.together(3, 4));
        assert!(!components.together(2, 3));
        assert!(!components.contains(5));
    }

    #[test]
    fn a_long_chain_does_not_overflow_the_stack() {
        let length = 300_000;
        let mut chain: Vec<_> = (1..length).map(|next| vec![next]).collect();
        chain.push(Vec::new());
        assert_eq!(Components::of(&Edges(chain)).count, 0);
    }
}
