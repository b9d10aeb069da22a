//! Where everything is: one grid of columns and gutters for all bands and for the cards below them, so that a line that goes down a gutter meets no tile.

use std::collections::BTreeMap;

use super::measure::{BOLD, Font, NAME, SMALL, TITLE, width, wrap};
use super::route::Tracks;
use super::scene::{End, Home, Look, Scene, Style};

/// Around everything.
pub(super) const MARGIN: i32 = 20;
/// Between tiles of one column.
const TILE_GAP: i32 = 12;
/// Between bands, and between cards.
const BAND_GAP: i32 = 16;
/// Inside a band or a card, on each side.
pub(super) const INSET: i32 = 12;
/// Height of a wave's name.
pub(super) const HEAD: i32 = 22;
const GUTTER_MIN: i32 = 46;
const COLUMN_WIDTH_MIN: i32 = 84;
const BODY_MIN: i32 = 52;
/// Between parallel lines.
pub(super) const TRACK: i32 = 8;
/// Room for one gate in a gutter.
const POLE: i32 = 18;
/// Rounds of ordering.
const SWEEPS: usize = 6;
const CAPTION_LINES_MAX: usize = 3;
const WHEN_LINES_MAX: usize = 6;
/// Of the first column of a card, which holds its caption.
const CAPTION_WIDTH_MIN: i32 = 168;

/// A column of the grid.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Span {
    pub x: i32,
    pub w: i32,
}

/// Heights of a band.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct BandBox {
    pub y: i32,
    /// The names of the waves.
    pub head: i32,
    /// The tiles.
    pub body: i32,
    pub body_end: i32,
    /// Lines between columns that are not neighbours.
    pub channel: i32,
    pub end: i32,
}

/// A rectangle.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rect {
    pub x: i32,
    pub y: i32,
    pub w: i32,
    pub h: i32,
}

/// A card with its caption.
#[derive(Clone, Debug, Default)]
pub(super) struct CardBox {
    pub rect: Rect,
    /// Each line with its font.
    pub caption: Vec<(String, Font)>,
    /// Cards of lower rank are above those of higher rank.
    pub rank: usize,
    pub start: usize,
}

/// All places.
#[derive(Clone, Debug, Default)]
pub(super) struct Plan {
    pub columns: Vec<Span>,
    /// One more than columns: the gutter left of each, and the last.
    pub gutters: Vec<Span>,
    pub bands: Vec<BandBox>,
    pub cards: Vec<CardBox>,
    /// Lines between bands and cards.
    pub channel: i32,
    /// The pole of each gate.
    pub poles: Vec<i32>,
    /// The flag of each gate.
    pub flags: Vec<Rect>,
    pub title: Vec<String>,
    pub width: i32,
    /// Where the legend begins.
    pub end: i32,
}

/// What does not change with the number of lines: the order of cards, columns, the order of tiles.
pub(super) fn order(scene: &mut Scene) -> Plan {
    let mut plan = Plan::default();
    start_cards(scene, &mut plan);
    for _ in 0..SWEEPS {
        sweep(scene, &plan, true);
        sweep(scene, &plan, false);
    }
    let widest = scene.bands.iter().map(|band| band.columns.len()).max().unwrap_or(0);
    let cards = scene.cards.iter().zip(&plan.cards).map(|(card, place)| place.start + card.columns);
    let count = cards.max().unwrap_or(0).max(widest).max(1);
    plan.columns = vec![Span { x: 0, w: COLUMN_WIDTH_MIN }; count];
    for tile in &scene.tiles {
        if let Some(column) = plan.columns.get_mut(tile.column) {
            column.w = column.w.max(tile.w);
        }
    }
    let starts: Vec<usize> = plan.cards.iter().map(|card| card.start).collect();
    for start in starts {
        if let Some(column) = plan.columns.get_mut(start) {
            column.w = column.w.max(CAPTION_WIDTH_MIN);
        }
    }
    for band in &scene.bands {
        for (column, place) in band.columns.iter().zip(&mut plan.columns) {
            place.w = place.w.max(width(&column.label, BOLD) + 2 * super::PAD);
        }
    }
    plan
}

/// A card begins after the last column that leads to it, else before what it acts on.
fn start_cards(scene: &mut Scene, plan: &mut Plan) {
    let mut order: Vec<(usize, usize)> = (0..scene.cards.len()).map(|at| (start(scene, at), at)).collect();
    order.sort_unstable();
    plan.cards = vec![CardBox::default(); scene.cards.len()];
    for (rank, (start, at)) in order.into_iter().enumerate() {
        if let Some(card) = plan.cards.get_mut(at) {
            (card.rank, card.start) = (rank, start);
        }
        for tile in &mut scene.tiles {
            if tile.home == Home::Card(at) {
                tile.column += start;
            }
        }
    }
}

fn start(scene: &Scene, card: usize) -> usize {
    let own = |tile: usize| scene.tiles.get(tile).filter(|tile| tile.home == Home::Card(card));
    let mut after: Option<usize> = None;
    let mut before: Option<usize> = None;
    for link in &scene.links {
        let source = scene.tiles.get(link.from);
        if let (Some(source), End::Tile(to)) = (source, link.to)
            && let Some(target) = own(to)
            && matches!(source.home, Home::Band(_))
            && link.style != Style::Effect
        {
            let least = (source.column + 1).saturating_sub(target.column);
            after = Some(after.map_or(least, |known| known.max(least)));
        }
        let Some(source) = own(link.from) else { continue };
        let target = match link.to {
            End::Tile(to) => scene.tiles.get(to).filter(|tile| matches!(tile.home, Home::Band(_))).map(|t| t.column),
            End::Gate(gate) => scene.gates.get(gate).map(|gate| gate.column),
        };
        if let Some(target) = target {
            let most = target.saturating_sub(source.column + 1);
            before = Some(before.map_or(most, |known| known.min(most)));
        }
    }
    after.or(before).unwrap_or(0)
}

/// One round of ordering the tiles of each column by the middle of what they are linked to.
fn sweep(scene: &mut Scene, plan: &Plan, forward: bool) {
    let mut position: BTreeMap<usize, i64> = BTreeMap::new();
    for band in &scene.bands {
        for column in &band.columns {
            position.extend(column.tiles.iter().zip(0..).map(|(tile, at)| (*tile, at * 1000)));
        }
    }
    for (tile, at) in scene.tiles.iter().zip(0..) {
        if let Home::Card(card) = tile.home {
            // Below everything.
            let row = plan.cards.get(card).map_or(0, |card| card.rank);
            let below = i64::try_from(row * 20 + tile.row).unwrap_or(0) * 100;
            position.insert(at, 60_000 + below);
        }
    }
    for band in 0..scene.bands.len() {
        let count = scene.bands.get(band).map_or(0, |band| band.columns.len());
        let places: Vec<usize> = if forward { (0..count).collect() } else { (0..count).rev().collect() };
        for place in places {
            let Some(tiles) = scene.bands.get(band).and_then(|b| b.columns.get(place)).map(|c| c.tiles.clone()) else {
                continue;
            };
            let mut keyed: Vec<(bool, i64, i64, usize)> = tiles
                .iter()
                .map(|tile| {
                    let own = position.get(tile).copied().unwrap_or_default();
                    let rest = scene.tiles.get(*tile).is_some_and(|t| t.look == Look::Rest);
                    (rest, middle(scene, *tile, &position).unwrap_or(own), own, *tile)
                })
                .collect();
            keyed.sort_unstable();
            let tiles: Vec<usize> = keyed.into_iter().map(|(.., tile)| tile).collect();
            position.extend(tiles.iter().zip(0..).map(|(tile, at)| (*tile, at * 1000)));
            if let Some(column) = scene.bands.get_mut(band).and_then(|b| b.columns.get_mut(place)) {
                column.tiles = tiles;
            }
        }
    }
}

fn middle(scene: &Scene, tile: usize, position: &BTreeMap<usize, i64>) -> Option<i64> {
    let others = scene.links.iter().filter_map(|link| match link.to {
        End::Tile(to) if link.from == tile => Some(to),
        End::Tile(to) if to == tile => Some(link.from),
        _ => None,
    });
    let places: Vec<i64> = others.filter_map(|other| position.get(&other).copied()).collect();
    let count = i64::try_from(places.len()).ok().filter(|count| *count > 0)?;
    Some(places.iter().sum::<i64>() / count)
}

/// Gives everything its place, with room for so many lines.
pub(super) fn place(scene: &mut Scene, plan: &mut Plan, tracks: &Tracks) {
    across(scene, plan, tracks);
    let mut y = MARGIN;
    plan.title = wrap(&scene.title, TITLE, (plan.width - 2 * MARGIN).max(200), 2);
    y += i32::try_from(plan.title.len()).unwrap_or(1) * TITLE.line() + SMALL.line() + 10;
    flags(scene, plan);
    plan.bands = Vec::new();
    for band in 0..scene.bands.len() {
        let made = down(scene, plan, tracks, band, y);
        y = made.end + BAND_GAP;
        plan.bands.push(made);
    }
    plan.channel = y - BAND_GAP / 2;
    if !scene.cards.is_empty() {
        y = plan.channel + lines_height(tracks.channels.get(scene.bands.len()).copied().unwrap_or(0)) + 4;
        y = cards(scene, plan, y);
    }
    plan.end = y;
    for gate in 0..scene.gates.len() {
        let band = scene.gates.get(gate).and_then(|gate| plan.bands.get(gate.band)).copied().unwrap_or_default();
        if let Some(flag) = plan.flags.get_mut(gate) {
            flag.y += band.head - 8;
        }
    }
}

/// Room for so many lines above each other.
fn lines_height(count: usize) -> i32 {
    if count == 0 { 6 } else { i32::try_from(count).unwrap_or(0) * TRACK + 10 }
}

/// Columns and gutters.
fn across(scene: &mut Scene, plan: &mut Plan, tracks: &Tracks) {
    let mut x = MARGIN;
    plan.gutters = Vec::new();
    plan.poles = vec![0; scene.gates.len()];
    for at in 0..=plan.columns.len() {
        let count = |tracks: &Vec<usize>| i32::try_from(tracks.get(at).copied().unwrap_or(0)).unwrap_or(0);
        let (left, right) = (count(&tracks.left), count(&tracks.right));
        let here: Vec<usize> =
            scene.gates.iter().enumerate().filter(|(_, gate)| gate.column == at).map(|(gate, _)| gate).collect();
        // Gates of different bands may stand at the same place.
        let mut places: BTreeMap<usize, i32> = BTreeMap::new();
        for gate in here {
            let band = scene.gates.get(gate).map_or(0, |gate| gate.band);
            let place = places.entry(band).or_default();
            if let Some(pole) = plan.poles.get_mut(gate) {
                *pole = x + INSET + left * TRACK + POLE / 2 + *place * POLE;
            }
            *place += 1;
        }
        let poles = places.values().max().copied().unwrap_or(0) * POLE;
        let edge = at == 0 || at == plan.columns.len();
        let least = if edge { 2 * INSET } else { GUTTER_MIN };
        let used = if left + right + poles == 0 { 0 } else { INSET + left * TRACK + poles + right * TRACK + 18 };
        let gutter = Span { x, w: used.max(least) };
        plan.gutters.push(gutter);
        x += gutter.w;
        if let Some(column) = plan.columns.get_mut(at) {
            column.x = x;
            x += column.w;
        }
    }
    for tile in &mut scene.tiles {
        if let Some(column) = plan.columns.get(tile.column) {
            (tile.x, tile.w) = (column.x, column.w);
        }
    }
    plan.width = (x + MARGIN).max(420);
    let flags = scene.gates.iter().zip(&plan.poles).map(|(gate, pole)| pole + flag_width(&gate.lines) + MARGIN);
    plan.width = flags.max().unwrap_or(0).max(plan.width);
}

/// Room for the lock in a flag.
pub(super) const LOCK: i32 = 18;

fn flag_width(lines: &[(String, Font)]) -> i32 {
    lines.iter().map(|(line, font)| width(line, *font)).max().unwrap_or(0) + 2 * super::PAD + LOCK
}

/// Flags fly to the right of their poles, those further left above those that they would cover. `y` is counted up from the heads of the waves.
fn flags(scene: &Scene, plan: &mut Plan) {
    let mut order: Vec<usize> = (0..scene.gates.len()).collect();
    order.sort_by_key(|gate| std::cmp::Reverse((plan.poles.get(*gate).copied(), *gate)));
    plan.flags = vec![Rect::default(); scene.gates.len()];
    let mut done: Vec<usize> = Vec::new();
    for gate in order {
        let Some(lines) = scene.gates.get(gate).map(|gate| &gate.lines) else { continue };
        let x = plan.poles.get(gate).copied().unwrap_or_default();
        let h = lines.iter().map(|(_, font)| font.line()).sum::<i32>() + 8;
        let w = flag_width(lines);
        let same_band = |other: usize| scene.gates.get(other).map(|g| g.band) == scene.gates.get(gate).map(|g| g.band);
        let covered = done.iter().filter(|other| same_band(**other)).filter_map(|other| plan.flags.get(*other));
        let top = covered.filter(|flag| flag.x < x + w + 6).map(|flag| flag.y).min().unwrap_or(0);
        if let Some(flag) = plan.flags.get_mut(gate) {
            *flag = Rect { x, y: top - h - 4, w, h };
        }
        done.push(gate);
    }
}

/// The heights of one band.
fn down(scene: &mut Scene, plan: &Plan, tracks: &Tracks, band: usize, y: i32) -> BandBox {
    let of_band = scene.gates.iter().zip(&plan.flags).filter(|(gate, _)| gate.band == band);
    let above = of_band.map(|(_, flag)| -flag.y).max().unwrap_or(0);
    let head = y + 28 + if above > 0 { above + 8 } else { 0 };
    let body = head + HEAD + 10;
    let mut body_end = body + BODY_MIN;
    let columns: Vec<Vec<usize>> = scene
        .bands
        .get(band)
        .map(|band| band.columns.iter().map(|column| column.tiles.clone()).collect())
        .unwrap_or_default();
    for tiles in columns {
        let mut at = body;
        for tile in tiles {
            if let Some(tile) = scene.tiles.get_mut(tile) {
                tile.y = at;
                at += tile.h + TILE_GAP;
            }
        }
        body_end = body_end.max(at - TILE_GAP + 8);
    }
    let channel = body_end + 4;
    let end = channel + lines_height(tracks.channels.get(band).copied().unwrap_or(0)) + 4;
    BandBox { y, head, body, body_end, channel, end }
}

/// The cards, each as high up as its columns are free; gives where they end.
fn cards(scene: &mut Scene, plan: &mut Plan, top: i32) -> i32 {
    let mut order: Vec<(usize, usize)> = plan.cards.iter().map(|card| card.rank).zip(0..).collect();
    order.sort_unstable();
    let mut free = vec![top; plan.columns.len()];
    for (_, at) in order {
        let start = plan.cards.get(at).map_or(0, |card| card.start);
        let count = scene.cards.get(at).map_or(1, |card| card.columns);
        let y = free.iter().skip(start).take(count).max().copied().unwrap_or(top);
        let end = y + card(scene, plan, at, y) + BAND_GAP;
        free.iter_mut().skip(start).take(count).for_each(|column| *column = end);
    }
    free.into_iter().max().unwrap_or(top)
}

fn card(scene: &mut Scene, plan: &mut Plan, at: usize, y: i32) -> i32 {
    let Some(card) = scene.cards.get(at) else { return 0 };
    let start = plan.cards.get(at).map_or(0, |card| card.start);
    let first = plan.columns.get(start).copied().unwrap_or_default();
    let last = plan.columns.get(start + card.columns - 1).copied().unwrap_or(first);
    let (x, w) = (first.x - INSET + 2, last.x + last.w - first.x + 2 * INSET - 4);
    // Gutters are for lines: the caption keeps to the first column.
    let caption = |text: &str, font, lines| wrap(text, font, first.w, lines).into_iter().map(move |line| (line, font));
    let mut lines: Vec<(String, Font)> = caption(&card.name, BOLD, CAPTION_LINES_MAX).collect();
    lines.extend(caption(&card.title, NAME, CAPTION_LINES_MAX));
    lines.extend(caption(&card.when, SMALL, WHEN_LINES_MAX));
    let mut top = y + 14 + lines.iter().map(|(_, font)| font.line()).sum::<i32>();
    let tiles = card.tiles.clone();
    let mut heights: BTreeMap<usize, i32> = BTreeMap::new();
    for tile in tiles.iter().filter_map(|tile| scene.tiles.get(*tile)) {
        let height = heights.entry(tile.row).or_default();
        *height = (*height).max(tile.h);
    }
    let mut tops: BTreeMap<usize, i32> = BTreeMap::new();
    for (row, height) in &heights {
        tops.insert(*row, top);
        top += height + TILE_GAP;
    }
    for tile in tiles {
        if let Some(tile) = scene.tiles.get_mut(tile).filter(|tile| tile.home == Home::Card(at)) {
            tile.y = tops.get(&tile.row).copied().unwrap_or(top);
        }
    }
    let h = top - TILE_GAP + INSET - y;
    if let Some(place) = plan.cards.get_mut(at) {
        place.rect = Rect { x, y, w, h };
        place.caption = lines;
    }
    h
}
