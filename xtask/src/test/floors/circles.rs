//! Circles in a graph of who imports whom.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    hash::Hash,
};

/// The shortest way round for each group of nodes that import each other in a circle, as indices of its
/// edges.
pub(super) fn circles<N: Eq + Hash + Clone>(edges: &[(N, N)]) -> Vec<Vec<usize>> {
    let from = outgoing(edges);
    let mut found: Vec<Vec<usize>> = Vec::new();
    for (first, (node, to)) in edges.iter().enumerate() {
        if let Some(way) = way(edges, &from, to, node) {
            found.push([vec![first], way].concat());
        }
    }
    found.sort_by_key(Vec::len);
    // What was shown in a shorter circle is not shown again.
    let mut shown: HashSet<&N> = HashSet::new();
    found.retain(|circle| {
        let nodes: Vec<&N> = circle.iter().map(|&edge| &edges[edge].0).collect();
        let is_new = nodes.iter().any(|node| !shown.contains(node));
        shown.extend(nodes);
        is_new
    });
    found
}

/// Whether one more edge would make a circle.
pub(super) fn closes<N: Eq + Hash>(edges: &[(N, N)], (from, to): &(N, N)) -> bool {
    way(edges, &outgoing(edges), to, from).is_some()
}

/// The edges that leave each node.
fn outgoing<N: Eq + Hash>(edges: &[(N, N)]) -> HashMap<&N, Vec<usize>> {
    let mut from: HashMap<&N, Vec<usize>> = HashMap::new();
    for (at, (node, _)) in edges.iter().enumerate() {
        from.entry(node).or_default().push(at);
    }
    from
}

/// The shortest way from one node to another; empty if they are the same.
fn way<N: Eq + Hash>(
    edges: &[(N, N)],
    from: &HashMap<&N, Vec<usize>>,
    begin: &N,
    end: &N,
) -> Option<Vec<usize>> {
    let mut came_by: HashMap<&N, usize> = HashMap::new();
    let mut queue = VecDeque::from([begin]);
    while let Some(node) = queue.pop_front() {
        if node == end {
            let (mut way, mut at) = (Vec::new(), node);
            while at != begin {
                let edge = *came_by.get(at)?;
                way.push(edge);
                at = &edges[edge].0;
            }
            way.reverse();
            return Some(way);
        }
        for &edge in from.get(node).into_iter().flatten() {
            let next = &edges[edge].1;
            if next != begin && !came_by.contains_key(next) {
                came_by.insert(next, edge);
                queue.push_back(next);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_shortest_way_round_of_each_group() {
        assert!(circles(&[(1, 2), (2, 3), (1, 3)]).is_empty());
        // 1 → 2 → 3 → 1 and a short cut 2 → 1; 4 ⇄ 5 apart from them.
        let edges = [(1, 2), (2, 3), (3, 1), (2, 1), (4, 5), (5, 4), (5, 6)];
        let mut found = circles(&edges);
        found.iter_mut().for_each(|circle| circle.sort_unstable());
        assert_eq!(found, [vec![0, 3], vec![4, 5], vec![0, 1, 2]]);
        assert!(closes(&edges, &(6, 4)) && !closes(&edges, &(6, 7)));
    }
}
