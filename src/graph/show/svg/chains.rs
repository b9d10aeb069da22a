//! The tiles of a card: columns by what comes first, rows by chains.

use std::collections::{BTreeMap, BTreeSet};

use super::scene::{End, Home, Scene, Style};

/// Gives each tile of a card its column in the card and its row.
pub(super) fn arrange(scene: &mut Scene) {
    for at in 0..scene.cards.len() {
        let tiles: Vec<usize> = scene.cards.get(at).map(|card| card.tiles.clone()).unwrap_or_default();
        let inside: BTreeSet<usize> = tiles.iter().copied().collect();
        let links: Vec<(usize, usize, Style)> = scene
            .links
            .iter()
            .filter_map(|link| match link.to {
                End::Tile(to) if inside.contains(&link.from) && inside.contains(&to) => {
                    Some((link.from, to, link.style))
                }
                _ => None,
            })
            .collect();
        let columns = columns(&tiles, &links);
        let rows = rows(&tiles, &links, &columns);
        for tile in &tiles {
            if let Some(tile_of) = scene.tiles.get_mut(*tile).filter(|tile| tile.home == Home::Card(at)) {
                tile_of.column = columns.get(tile).copied().unwrap_or_default();
                tile_of.row = rows.get(tile).copied().unwrap_or_default();
            }
        }
        if let Some(card) = scene.cards.get_mut(at) {
            card.columns = columns.values().max().map_or(1, |last| last + 1);
        }
    }
}

/// The longest way to each tile. A circle (an action on what it waits for) ends by the bound.
fn columns(tiles: &[usize], links: &[(usize, usize, Style)]) -> BTreeMap<usize, usize> {
    let mut columns: BTreeMap<usize, usize> = tiles.iter().map(|tile| (*tile, 0)).collect();
    let order = |style: Style| style != Style::Effect;
    for _ in 0..tiles.len() {
        let mut moved = false;
        for (from, to, _) in links.iter().filter(|(_, _, style)| order(*style)) {
            let least = columns.get(from).copied().unwrap_or_default() + 1;
            if let Some(column) = columns.get_mut(to).filter(|column| **column < least && least < tiles.len()) {
                *column = least;
                moved = true;
            }
        }
        if !moved {
            break;
        }
    }
    // What is only acted on stands after the action; what is also waited for stays before.
    for (from, to, _) in links.iter().filter(|(_, _, style)| *style == Style::Effect) {
        let asked = links.iter().any(|(source, _, style)| source == to && *style != Style::Effect);
        let after = columns.get(from).copied().unwrap_or_default() + 1;
        if let Some(column) = columns.get_mut(to).filter(|column| !asked && **column < after) {
            *column = after;
        }
    }
    columns
}

/// A tile is in the row of the first that it follows, if that is free in its column; else in the next free one.
fn rows(tiles: &[usize], links: &[(usize, usize, Style)], columns: &BTreeMap<usize, usize>) -> BTreeMap<usize, usize> {
    let mut order: Vec<usize> = tiles.to_vec();
    order.sort_by_key(|tile| (columns.get(tile).copied(), *tile));
    let mut rows: BTreeMap<usize, usize> = BTreeMap::new();
    let mut taken: BTreeSet<(usize, usize)> = BTreeSet::new();
    for tile in order {
        let column = columns.get(&tile).copied().unwrap_or_default();
        let first = links.iter().filter(|(_, to, _)| *to == tile).filter_map(|(from, ..)| rows.get(from)).min();
        let mut row = first.copied().unwrap_or_default();
        while taken.contains(&(column, row)) {
            row += 1;
        }
        taken.insert((column, row));
        rows.insert(tile, row);
    }
    rows
}
