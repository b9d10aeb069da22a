//! What the shapes and lines mean, as far as they are used.

use std::collections::BTreeSet;

use super::draw::{LEGEND, Page};
use super::measure::width;
use super::place::{MARGIN, Rect};
use super::scene::{Look, Scene, Style};

/// An entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Item {
    Tile(Look, &'static str),
    Gate,
    Broken,
    Line(Style, &'static str),
}

const LOOKS: &[(Look, &str)] = &[
    (Look::Resource, "object"),
    (Look::Hook, "hook"),
    (Look::Elsewhere, "object without a manifest here"),
    (Look::Rest, "objects that no rule is about"),
    (Look::Selection, "any or every object that matches"),
    (Look::Choice, "one of these is enough"),
    (Look::Action, "action"),
    (Look::Otherwise, "action of else"),
];
const STYLES: &[(Style, &str)] = &[
    (Style::Waits, "waits for"),
    (Style::Hint, "asks about, without making it wait"),
    (Style::Effect, "acts on"),
    (Style::After, "after"),
    (Style::Model, "next step of a model"),
];
/// Width of a sample.
const SAMPLE: i32 = 30;
const ROW: i32 = 24;

/// The entries for what is drawn.
pub(super) fn items(scene: &Scene) -> Vec<Item> {
    let looks: BTreeSet<Look> = scene.tiles.iter().map(|tile| tile.look).collect();
    let styles: BTreeSet<Style> = scene.links.iter().map(|link| link.style).collect();
    let mut items: Vec<Item> = Vec::new();
    items.extend(LOOKS.iter().filter(|(look, _)| looks.contains(look)).map(|(look, word)| Item::Tile(*look, word)));
    if scene.gates.iter().any(|gate| !gate.broken) {
        items.push(Item::Gate);
    }
    if scene.gates.iter().any(|gate| gate.broken) {
        items.push(Item::Broken);
    }
    items.extend(STYLES.iter().filter(|(s, _)| styles.contains(s)).map(|(style, word)| Item::Line(*style, word)));
    items
}

fn word(item: &Item) -> &'static str {
    match item {
        Item::Tile(_, word) | Item::Line(_, word) => word,
        Item::Gate => "gate: holds the wave behind it",
        Item::Broken => "gate that holds nothing yet",
    }
}

/// The height of the legend, and where each entry begins, from its top left.
pub(super) fn place(items: &[Item], wide: i32) -> (i32, Vec<(i32, i32)>) {
    let (mut x, mut y) = (0, 0);
    let mut places = Vec::new();
    for item in items {
        let w = SAMPLE + 8 + width(word(item), LEGEND) + 22;
        if x > 0 && x + w > wide {
            (x, y) = (0, y + ROW);
        }
        places.push((x, y));
        x += w;
    }
    (if items.is_empty() { 0 } else { y + ROW + 6 }, places)
}

/// Writes the legend.
pub(super) fn draw(page: &mut Page, items: &[Item], places: &[(i32, i32)], top: i32) {
    page.line("<g class=\"legend\">");
    for (item, (x, y)) in items.iter().zip(places) {
        let (x, y) = (MARGIN + x, top + 6 + y);
        match item {
            Item::Tile(look, _) => {
                page.line(&format!("<g class=\"{}\">", look.class()));
                let radius = if matches!(look, Look::Action | Look::Otherwise | Look::Choice) { 8 } else { 3 };
                page.rect("", Rect { x, y: y + 2, w: SAMPLE, h: 16 }, radius);
                page.line("</g>");
            }
            Item::Gate | Item::Broken => {
                page.line(if *item == Item::Gate { "<g class=\"gate\">" } else { "<g class=\"gate broken\">" });
                page.rect("pole", Rect { x: x + 12, y, w: 6, h: 20 }, 3);
                page.line(&format!("<circle class=\"flag\" cx=\"{}\" cy=\"{}\" r=\"9\"/>", x + 15, y + 10));
                page.lock(x + 10, y + 3);
                page.line("</g>");
            }
            Item::Line(style, _) => {
                let class = style.class();
                page.line(&format!(
                    "<path class=\"line {class}\" d=\"M{x} {}H{}\" marker-end=\"url(#tip-{class})\"/>",
                    y + 10,
                    x + SAMPLE
                ));
            }
        }
        page.text(x + SAMPLE + 8, y + 14, word(item), LEGEND, "");
    }
    page.line("</g>");
}
