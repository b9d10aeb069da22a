//! What is drawn: bands of waves, tiles in them, cards of rules below, gates between, links.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use petgraph::Direction;
use petgraph::graph::NodeIndex;
use petgraph::visit::EdgeRef;

use super::measure::{BOLD, Font, SMALL, wrap};
use crate::diagnostic::{Sources, Span, plain_line};
use crate::graph::model::{Edge, Graph, Node, Reason};
use crate::graph::show::places::Places;
use crate::graph::show::structured::id;
use crate::manifests::Phase;
use crate::rulebook::AppName;

/// Up to here everything is drawn; of more, what no rule is about is counted in its wave.
const DRAWN_MAX: usize = 64;
/// Members of a selection that are linked to it; of more, they are counted.
const MEMBERS_MAX: usize = 5;
/// Widest text of a tile.
pub(super) const TEXT_WIDTH_MAX: i32 = 168;

/// What a tile stands for, and so how it looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Look {
    Resource,
    Hook,
    /// Not among the manifests.
    Elsewhere,
    Selection,
    Choice,
    Action,
    /// An action of `else`.
    Otherwise,
    /// Objects that are counted.
    Rest,
}

/// How a link looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Style {
    /// What is later waits.
    Waits,
    /// It does not.
    Hint,
    /// What an action does to its target.
    Effect,
    /// `after`
    After,
    /// The order of a model's steps.
    Model,
}

/// Where a tile is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Home {
    Band(usize),
    Card(usize),
}

/// A box with text.
#[derive(Clone, Debug)]
pub(super) struct Tile {
    pub look: Look,
    pub id: String,
    /// Each line with its font.
    pub lines: Vec<(String, Font)>,
    pub tip: String,
    pub home: Home,
    /// The column of the grid; of a card's tile first its place in the card.
    pub column: usize,
    /// The row in its card.
    pub row: usize,
    pub x: i32,
    pub y: i32,
    pub w: i32,
    pub h: i32,
}

/// One wave.
#[derive(Clone, Debug)]
pub(super) struct Column {
    pub label: String,
    pub id: String,
    pub tip: String,
    pub tiles: Vec<usize>,
}

/// An application's waves.
#[derive(Clone, Debug)]
pub(super) struct Band {
    pub name: String,
    pub columns: Vec<Column>,
}

/// A block: a bar before the wave that it holds.
#[derive(Clone, Debug)]
pub(super) struct Gate {
    pub id: String,
    pub lines: Vec<(String, Font)>,
    pub tip: String,
    pub band: usize,
    /// The column that it stands before.
    pub column: usize,
    /// Nothing can hold it.
    pub broken: bool,
}

/// A rule below the waves.
#[derive(Clone, Debug)]
pub(super) struct Card {
    pub name: String,
    /// The sentence after its name.
    pub title: String,
    pub when: String,
    pub tip: String,
    pub tiles: Vec<usize>,
    /// Columns that it takes.
    pub columns: usize,
}

/// An end of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum End {
    Tile(usize),
    Gate(usize),
}

/// From what is first to what is later.
#[derive(Clone, Debug)]
pub(super) struct Link {
    /// The objects that a selection means come to it as one line.
    pub member: bool,
    pub from: usize,
    pub to: End,
    pub style: Style,
    pub tip: String,
}

/// All of it.
#[derive(Debug, Default)]
pub(super) struct Scene {
    pub title: String,
    pub subtitle: String,
    pub bands: Vec<Band>,
    pub cards: Vec<Card>,
    pub tiles: Vec<Tile>,
    pub gates: Vec<Gate>,
    pub links: Vec<Link>,
}

pub(super) struct Maker<'g> {
    pub graph: &'g Graph,
    places: Places<'g>,
    pub scene: Scene,
    /// Tiles and gates by node.
    pub ends: BTreeMap<NodeIndex, End>,
    /// How many objects each selection means.
    members: BTreeMap<NodeIndex, usize>,
    /// Band and column of each wave.
    waves: BTreeMap<NodeIndex, (usize, usize)>,
    cards: BTreeMap<Arc<str>, usize>,
}

/// Takes a graph apart.
pub(super) fn scene(graph: &Graph, sources: &Sources) -> Scene {
    let mut maker = Maker {
        graph,
        places: Places::of(sources),
        scene: Scene::default(),
        ends: BTreeMap::new(),
        members: BTreeMap::new(),
        waves: BTreeMap::new(),
        cards: BTreeMap::new(),
    };
    for edge in graph.dag.edge_references().filter(|edge| edge.weight().reason == Reason::Member) {
        *maker.members.entry(edge.target()).or_default() += 1;
    }
    maker.bands();
    maker.gates();
    maker.cards();
    maker.links();
    super::chains::arrange(&mut maker.scene);
    maker.words();
    maker.scene
}

impl<'g> Maker<'g> {
    pub(super) fn say(&self, node: NodeIndex) -> String {
        plain_line(&self.graph.say(node))
    }

    /// ` (rules.tide:6)`, on a line of its own.
    pub(super) fn place(&self, span: Option<Span>) -> String {
        let place = span.and_then(|span| self.places.find(span));
        place.map_or_else(String::new, |place| format!("\n{}:{}", plain_line(place.file), place.line))
    }

    fn edges(&self, node: NodeIndex, direction: Direction) -> Vec<(NodeIndex, &'g Edge)> {
        let other = |e: &petgraph::graph::EdgeReference<'g, Edge>| {
            if direction == Direction::Incoming { e.source() } else { e.target() }
        };
        let mut edges: Vec<_> =
            self.graph.dag.edges_directed(node, direction).map(|e| (other(&e), e.weight())).collect();
        edges.sort_by(|a, b| (self.graph.dag.node_weight(a.0), a.1).cmp(&(self.graph.dag.node_weight(b.0), b.1)));
        edges
    }

    fn is_about(edge: &Edge) -> bool {
        !matches!(edge.reason, Reason::InWave | Reason::WaveOrder | Reason::Phase | Reason::Application)
    }

    /// Whether a rule, `after` or a model speaks of an object.
    fn is_asked(&self, node: NodeIndex) -> bool {
        let about = |direction| {
            self.edges(node, direction).iter().any(|(other, edge)| {
                Self::is_about(edge) && (edge.reason != Reason::Member || self.members(*other) <= MEMBERS_MAX)
            })
        };
        about(Direction::Incoming) || about(Direction::Outgoing)
    }

    pub(super) fn members(&self, selection: NodeIndex) -> usize {
        self.members.get(&selection).copied().unwrap_or_default()
    }

    fn bands(&mut self) {
        let graph = self.graph;
        let count = graph.nodes().filter(|(node, _)| !matches!(node, Node::Wave { .. })).count();
        let mut by_app: BTreeMap<&Option<AppName>, Vec<(Phase, i64, NodeIndex)>> = BTreeMap::new();
        for (node, index) in graph.nodes() {
            if let Node::Wave { application, phase, wave } = node {
                by_app.entry(application).or_default().push((*phase, *wave, index));
            }
        }
        for (application, waves) in by_app {
            let band = self.scene.bands.len();
            let name = application.as_ref().map_or_else(
                || "no application".to_owned(),
                |app| format!("application {}/{}", app.namespace, app.name),
            );
            // Of an Application that no manifest declares only the name is known.
            let name = name.replacen(" /", " ", 1);
            let name = format!("{}{}", plain_line(&name), self.applied(application.as_ref()));
            self.scene.bands.push(Band { name, columns: Vec::new() });
            for (column, (phase, wave, index)) in waves.into_iter().enumerate() {
                self.waves.insert(index, (band, column));
                let phase = if phase == Phase::Sync { String::new() } else { format!("{} ", phase.name()) };
                let tiles = self.members_of_wave(index, band, column, count <= DRAWN_MAX);
                let tip = self.say(index);
                let id = graph.dag.node_weight(index).map(id).unwrap_or_default();
                let made = Column { label: format!("{phase}wave {wave}"), id, tip, tiles };
                if let Some(band) = self.scene.bands.get_mut(band) {
                    band.columns.push(made);
                }
            }
        }
    }

    /// ` · applied in wave 2 of parent`, for an application of an application.
    fn applied(&self, application: Option<&AppName>) -> String {
        let Some(app) = application else { return String::new() };
        let found = self.graph.nodes().find_map(|(node, index)| match node {
            Node::Resource(r)
                if &*r.group == "argoproj.io"
                    && &*r.kind == "Application"
                    && r.namespace == app.namespace
                    && r.name == app.name =>
            {
                self.graph.about.get(&index)
            }
            _ => None,
        });
        let parent = found.and_then(|about| Some((about.application.as_ref()?, about.wave)));
        parent.map_or_else(String::new, |(parent, wave)| {
            format!(" · applied in wave {wave} of {}", plain_line(&parent.name))
        })
    }

    fn members_of_wave(&mut self, wave: NodeIndex, band: usize, column: usize, all: bool) -> Vec<usize> {
        let members = self.edges(wave, Direction::Outgoing);
        let members: Vec<NodeIndex> =
            members.into_iter().filter(|(_, edge)| edge.reason == Reason::InWave).map(|(node, _)| node).collect();
        let (shown, rest): (Vec<NodeIndex>, Vec<NodeIndex>) =
            members.into_iter().partition(|node| all || self.is_asked(*node));
        let mut tiles: Vec<usize> = shown.iter().map(|node| self.tile(*node, Home::Band(band), column)).collect();
        // One object is as easily shown as counted.
        if let [only] = rest.as_slice() {
            tiles.push(self.tile(*only, Home::Band(band), column));
        } else if !rest.is_empty() {
            tiles.push(self.rest(wave, &rest, band, column, shown.is_empty()));
        }
        tiles
    }

    fn gates(&mut self) {
        let graph = self.graph;
        for (node, index) in graph.nodes() {
            let Node::Gate { rule, application, wave } = node else { continue };
            let held = self.edges(index, Direction::Outgoing);
            let Some((edge, (band, column))) =
                held.iter().find_map(|(wave, edge)| Some((*edge, *self.waves.get(wave)?)))
            else {
                continue;
            };
            let means =
                graph.blocks.iter().find(|b| b.rule == *rule && b.application == *application && b.wave == *wave);
            let when = graph.rules.get(rule).map(|note| graph.short(&note.when)).unwrap_or_default();
            let mut lines = vec![(format!("block wave {wave}"), BOLD)];
            lines.extend(
                wrap(&format!("rule {}", plain_line(rule)), SMALL, TEXT_WIDTH_MAX, 2).into_iter().map(|l| (l, SMALL)),
            );
            if !edge.waits {
                lines.push(("cannot hold".to_owned(), SMALL));
            } else if means.is_some_and(graph_lacks_hook) {
                lines.push(("no hook waits for it".to_owned(), SMALL));
            }
            let by = means.map_or_else(String::new, |means| format!("\nheld by {}", graph.short(&means.text())));
            let place = self.place(graph.places.get(&index).copied());
            let tip = format!("block wave {wave} of rule {rule}\nuntil {when}{by}");
            let tip = tip.split('\n').map(plain_line).collect::<Vec<_>>().join("\n") + &place;
            let broken = !edge.waits || means.is_some_and(graph_lacks_hook);
            self.ends.insert(index, End::Gate(self.scene.gates.len()));
            self.scene.gates.push(Gate { id: id(node), lines, tip, band, column, broken });
        }
    }

    /// A card for each rule that has something beside its gates, and one for order between objects of no wave.
    fn cards(&mut self) {
        let graph = self.graph;
        for (node, index) in graph.nodes() {
            let (Node::Selection { rule, .. } | Node::Choice { rule, .. } | Node::Action { rule, .. }) = node else {
                continue;
            };
            let card = self.card(rule);
            let tile = self.tile(index, Home::Card(card), 0);
            self.keep(card, tile);
        }
        // Objects without a wave stand where they are first spoken of.
        for (node, index) in graph.nodes() {
            if !matches!(node, Node::Resource(_)) || self.ends.contains_key(&index) || !self.is_asked(index) {
                continue;
            }
            let near = self.edges(index, Direction::Outgoing).into_iter().chain(self.edges(index, Direction::Incoming));
            let rule = near.into_iter().find_map(|(other, edge)| match graph.dag.node_weight(other) {
                Some(Node::Selection { rule, .. } | Node::Choice { rule, .. } | Node::Action { rule, .. }) => {
                    (edge.reason != Reason::Member || self.members(other) <= MEMBERS_MAX).then(|| rule.clone())
                }
                Some(Node::Gate { rule, .. }) => Some(rule.clone()),
                _ => None,
            });
            let card = self.card(&rule.unwrap_or_else(|| Arc::from("")));
            let tile = self.tile(index, Home::Card(card), 0);
            self.keep(card, tile);
        }
    }

    fn keep(&mut self, card: usize, tile: usize) {
        if let Some(card) = self.scene.cards.get_mut(card) {
            card.tiles.push(tile);
        }
    }

    fn card(&mut self, rule: &Arc<str>) -> usize {
        if let Some(known) = self.cards.get(rule) {
            return *known;
        }
        let note = self.graph.rules.get(rule);
        let name = if rule.is_empty() { "order".to_owned() } else { format!("rule {}", plain_line(rule)) };
        let when = note.map(|note| format!("when {}", plain_line(&self.graph.short(&note.when)))).unwrap_or_default();
        let title = note.and_then(|note| note.title.as_ref()).map(|title| plain_line(title)).unwrap_or_default();
        let tip = format!("{name}\n{title}\n{when}{}", self.place(note.map(|note| note.place))).replace("\n\n", "\n");
        self.scene.cards.push(Card { name, title, when, tip, tiles: Vec::new(), columns: 1 });
        self.cards.insert(rule.clone(), self.scene.cards.len() - 1);
        self.scene.cards.len() - 1
    }

    fn links(&mut self) {
        let graph = self.graph;
        let mut seen: BTreeSet<(usize, End, Style)> = BTreeSet::new();
        let sources: Vec<NodeIndex> = graph.nodes().map(|(_, index)| index).collect();
        for from in sources {
            let Some(End::Tile(tile)) = self.ends.get(&from).copied() else { continue };
            for (to, edge) in self.edges(from, Direction::Outgoing) {
                let Some(end) = self.ends.get(&to).copied().filter(|_| Self::is_about(edge)) else { continue };
                if edge.reason == Reason::Member && self.members(to) > MEMBERS_MAX {
                    continue;
                }
                let style = match edge.reason {
                    Reason::Effect => Style::Effect,
                    Reason::After => Style::After,
                    Reason::ModelStep => Style::Model,
                    _ if edge.waits => Style::Waits,
                    _ => Style::Hint,
                };
                if !seen.insert((tile, end, style)) {
                    continue;
                }
                let why = plain_line(&graph.short(&edge.why()));
                let tip = format!("{} → {}\n{why}{}", self.say(from), self.say(to), self.place(edge.place));
                let member = edge.reason == Reason::Member;
                self.scene.links.push(Link { member, from: tile, to: end, style, tip });
            }
        }
    }

    fn words(&mut self) {
        let graph = self.graph;
        let count = |wanted: fn(&Node) -> bool| graph.nodes().filter(|(node, _)| wanted(node)).count();
        let counts = [
            (graph.about.values().filter(|about| about.rendered).count(), "object"),
            (count(|node| matches!(node, Node::Wave { .. })), "wave"),
            (count(|node| matches!(node, Node::Gate { .. })), "gate"),
            (count(|node| matches!(node, Node::Action { .. })), "action"),
        ];
        let words = counts.iter().filter(|(n, _)| *n > 0);
        let words = words.map(|(n, word)| format!("{n} {word}{}", if *n == 1 { "" } else { "s" }));
        let tiles = self.ends.keys().copied().collect::<BTreeSet<NodeIndex>>();
        let drawn = |index: &NodeIndex| {
            let in_wave = |(_, edge): &(NodeIndex, &Edge)| edge.reason == Reason::InWave;
            tiles.contains(index) || self.edges(*index, Direction::Incoming).iter().any(in_wave)
        };
        let left_out = graph.about.keys().filter(|index| !drawn(index)).count();
        let left_out = (left_out > 0).then(|| format!("{left_out} in no wave, not drawn"));
        self.scene.title = "Waves, gates and actions".to_owned();
        self.scene.subtitle = words.chain(left_out).collect::<Vec<_>>().join(" · ");
    }
}

fn graph_lacks_hook(means: &crate::graph::BlockMeans) -> bool {
    means.lacks_hook()
}
