//! Tiles: what they say and how large they are.

use std::collections::BTreeMap;

use petgraph::graph::NodeIndex;

use super::measure::{Font, NAME, SMALL, width, wrap};
use super::scene::{End, Home, Look, Maker, TEXT_WIDTH_MAX, Tile};
use crate::diagnostic::plain_line;
use crate::graph::model::{Branch, Node};
use crate::graph::show::structured::id;

/// Lines of a name.
const NAME_LINES_MAX: usize = 5;
/// Kinds that a tile of the rest names.
const KINDS_MAX: usize = 3;
/// Names in a tooltip of the rest.
const REST_NAMES_MAX: usize = 80;

impl Maker<'_> {
    pub(super) fn rest(
        &mut self,
        wave: NodeIndex,
        rest: &[NodeIndex],
        band: usize,
        column: usize,
        alone: bool,
    ) -> usize {
        let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
        for node in rest {
            if let Some(Node::Resource(resource)) = self.graph.dag.node_weight(*node) {
                *kinds.entry(&resource.word).or_default() += 1;
            }
        }
        let mut kinds: Vec<(&str, usize)> = kinds.into_iter().collect();
        kinds.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        // One more is as easily named as counted.
        let named = if kinds.len() == KINDS_MAX + 1 { kinds.len() } else { kinds.len().min(KINDS_MAX) };
        let more = kinds.split_off(named);
        let mut lines: Vec<(String, Font)> =
            vec![(format!("{} {}", rest.len(), if alone { "objects" } else { "more" }), NAME)];
        lines.extend(kinds.iter().map(|(kind, n)| (format!("{n} × {}", plain_line(kind)), SMALL)));
        if !more.is_empty() {
            lines
                .push((format!("{} of {} other kinds", more.iter().map(|(_, n)| n).sum::<usize>(), more.len()), SMALL));
        }
        let mut names: Vec<String> = rest.iter().take(REST_NAMES_MAX).map(|node| self.say(*node)).collect();
        if rest.len() > REST_NAMES_MAX {
            names.push(format!("and {} more", rest.len() - REST_NAMES_MAX));
        }
        let id = format!("{}/rest", self.graph.dag.node_weight(wave).map(id).unwrap_or_default());
        let tip = names.join("\n");
        self.push(Tile {
            look: Look::Rest,
            id,
            lines,
            tip,
            home: Home::Band(band),
            column,
            row: 0,
            x: 0,
            y: 0,
            w: 0,
            h: 0,
        })
    }

    fn push(&mut self, mut tile: Tile) -> usize {
        let wide = tile.lines.iter().map(|(line, font)| width(line, *font)).max().unwrap_or(0);
        let high: i32 = tile.lines.iter().map(|(_, font)| font.line()).sum();
        (tile.w, tile.h) = ((wide + 2 * super::PAD).max(76), high + 2 * super::PAD_ABOVE);
        self.scene.tiles.push(tile);
        self.scene.tiles.len() - 1
    }

    /// Draws a node, once.
    pub(super) fn tile(&mut self, node: NodeIndex, home: Home, column: usize) -> usize {
        if let Some(End::Tile(known)) = self.ends.get(&node) {
            return *known;
        }
        let (look, small, name) = self.label(node);
        let mut lines: Vec<(String, Font)> = Vec::new();
        lines.extend(wrap(&small, SMALL, TEXT_WIDTH_MAX, 2).into_iter().map(|line| (line, SMALL)));
        lines.extend(wrap(&name, NAME, TEXT_WIDTH_MAX, NAME_LINES_MAX).into_iter().map(|line| (line, NAME)));
        let about = self.graph.about.get(&node);
        let late = about.filter(|about| about.rendered && about.wave != about.wave_wanted);
        lines.extend(late.map(|about| (format!("belongs in wave {}", about.wave_wanted), SMALL)));
        let place = about.and_then(|about| about.place).or_else(|| self.graph.places.get(&node).copied());
        let tip = format!("{}{}", self.say(node), self.place(place));
        let id = self.graph.dag.node_weight(node).map(id).unwrap_or_default();
        let at = self.push(Tile { look, id, lines, tip, home, column, row: 0, x: 0, y: 0, w: 0, h: 0 });
        self.ends.insert(node, End::Tile(at));
        at
    }

    /// Look, the small line and the name.
    fn label(&self, node: NodeIndex) -> (Look, String, String) {
        let short = |text: &str| plain_line(&self.graph.short(text));
        match self.graph.dag.node_weight(node) {
            Some(Node::Resource(r)) => {
                let about = self.graph.about.get(&node).cloned().unwrap_or_default();
                let look = match (about.rendered, about.hook) {
                    (false, _) => Look::Elsewhere,
                    (true, true) => Look::Hook,
                    (true, false) => Look::Resource,
                };
                let said = self.say(node);
                let word = plain_line(&r.word);
                let name = said.strip_prefix(&format!("{word} ")).unwrap_or(&said).to_owned();
                let small = match look {
                    Look::Hook => format!("{word} · hook"),
                    // A wave that a gate implies has no objects to compare with.
                    Look::Elsewhere if self.graph.about.values().any(|a| a.rendered) => format!("{word} · no manifest"),
                    _ => word,
                };
                (look, small, name)
            }
            Some(Node::Selection { text, .. }) => {
                let members = self.members(node);
                let count = if members > 0 { format!(" · {members} in the manifests") } else { String::new() };
                (Look::Selection, format!("selection{count}"), without_where(&short(text)))
            }
            Some(Node::Choice { .. }) => (Look::Choice, String::new(), "or".to_owned()),
            Some(Node::Action { branch, text, .. }) => {
                let (look, small) = match branch {
                    Branch::Then => (Look::Action, "then"),
                    Branch::Else => (Look::Otherwise, "else"),
                };
                // What is said is long; the tooltip has it.
                let text = short(text);
                let name = match (text.find('"'), text.rfind('"')) {
                    (Some(first), Some(last)) if first < last && text.starts_with("notify ") => {
                        let (before, after) =
                            (text.get(..first).unwrap_or_default(), text.get(last + 1..).unwrap_or_default());
                        format!("{}{after}", before.trim_end())
                    }
                    _ => text,
                };
                (look, small.to_owned(), name)
            }
            _ => (Look::Rest, String::new(), self.say(node)),
        }
    }
}

/// A selection with its expression left out, which may be long; the rule and the tooltip have it.
fn without_where(text: &str) -> String {
    let Some((before, rest)) = text.split_once(" where (") else { return text.to_owned() };
    // The words after the expression are those after the last bracket.
    let after = rest.rsplit_once(')').map_or("", |(_, after)| after);
    format!("{before} where (…){after}")
}
