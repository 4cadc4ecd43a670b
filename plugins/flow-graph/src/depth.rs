//! How many menus stand above each other.

use std::collections::VecDeque;

use crate::{
    document::{Graph, Kind, Node},
    fields::{Place, Problems},
};

/// Levels of menus that callers are taken to follow, where the tenant says nothing.
pub(crate) const USUAL: usize = 3;

/// By the way with the fewest menus, so that an option which leads back up makes nothing deeper.
pub(crate) fn check(graph: &Graph, limit: usize, problems: &Problems) {
    let mut depths = vec![usize::MAX; graph.nodes.len()];
    let mut open = VecDeque::from([(graph.start, 0)]);
    while let Some((number, above)) = open.pop_front() {
        let node = &graph.nodes[usize::from(number)];
        let is_menu = matches!(node.kind, Kind::Menu(_));
        let depth = above + usize::from(is_menu);
        if depth >= depths[usize::from(number)] {
            continue;
        }
        depths[usize::from(number)] = depth;
        // Those that are no deeper first: then each node is met at its least depth.
        for next in node.exits.values() {
            let deeper = matches!(graph.nodes[usize::from(*next)].kind, Kind::Menu(_));
            if deeper { open.push_back((*next, depth)) } else { open.push_front((*next, depth)) }
        }
    }
    let too_deep =
        |(node, depth): &(&Node, usize)| matches!(node.kind, Kind::Menu(_)) && *depth > limit && *depth != usize::MAX;
    for (node, depth) in graph.nodes.iter().zip(depths).filter(too_deep) {
        let place = Place { node: Some(&node.id), pointer: String::new() }.child("nodes").child(&node.id);
        let message =
            format!("callers get to this menu through {} others; more than {limit} levels lose them", depth - 1);
        problems.warn(&place, "menu-depth", message, "offer its options higher up, or ask for a number instead");
    }
}
