//! Lines from tile to tile and to gates: straight through a gutter between neighbours, else down or up a gutter, along a channel below the band, and down or up
//! another. What leaves one tile in one style shares its way.

use std::collections::BTreeMap;

use super::place::{Plan, TRACK};
use super::scene::{End, Home, Link, Scene, Style, Tile};

/// How many lines run beside each other: per gutter left and right of the gates, per channel (one a band, then the common one).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tracks {
    pub left: Vec<usize>,
    pub right: Vec<usize>,
    pub channels: Vec<usize>,
}

/// The way of a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Through one gutter.
    Curve((i32, i32), (i32, i32)),
    /// Out and in again on the right.
    Loop((i32, i32), (i32, i32), i32),
    /// Corner by corner.
    Corners(Vec<(i32, i32)>),
}

/// A net: what leaves a tile in a style, or what comes to a selection as its members. Its links share their way as far as they can.
type Net = (bool, usize, Style);

fn net(link: &Link) -> Net {
    match link.to {
        End::Tile(to) if link.member => (true, to, link.style),
        _ => (false, link.from, link.style),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Zone {
    Left,
    Right,
}

/// Where a net runs down a gutter, and along a channel.
#[derive(Debug, Default)]
struct Runs {
    down: BTreeMap<(usize, Zone, Net), (i32, i32)>,
    along: BTreeMap<(usize, Net), (i32, i32)>,
}

/// Straight or not.
enum Kind {
    Next,
    Loop,
    /// Down one gutter.
    Down(usize),
    /// Gutter, channel, gutter.
    Far(usize, usize, usize),
}

struct Router<'s> {
    scene: &'s Scene,
    plan: &'s Plan,
    outs: BTreeMap<usize, Vec<Style>>,
    ins: BTreeMap<End, Vec<Net>>,
}

/// Finds the way of each link, in their order, and how many lines run where.
pub(super) fn route(scene: &Scene, plan: &Plan) -> (Tracks, Vec<Way>) {
    let mut router = Router { scene, plan, outs: BTreeMap::new(), ins: BTreeMap::new() };
    router.ports();
    let mut runs = Runs::default();
    for link in &scene.links {
        router.run(link, &mut runs);
    }
    let down = tracks(runs.down.iter().map(|((gutter, zone, net), run)| (((*gutter, *zone), *net), *run)), NEAR);
    let along = tracks(runs.along.iter().map(|((channel, net), run)| ((*channel, *net), *run)), 0);
    let count =
        |places: usize, of: &dyn Fn(usize) -> Option<usize>| (0..places).map(|at| of(at).unwrap_or(0)).collect();
    let most = |gutter: usize, zone: Zone| {
        let here = down.iter().filter(|(((g, z), _), _)| *g == gutter && *z == zone);
        here.map(|(_, track)| track + 1).max()
    };
    let channel = |at: usize| along.iter().filter(|((c, _), _)| *c == at).map(|(_, track)| track + 1).max();
    let tracks = Tracks {
        left: count(plan.columns.len() + 1, &|at| most(at, Zone::Left)),
        right: count(plan.columns.len() + 1, &|at| most(at, Zone::Right)),
        channels: count(scene.bands.len() + 1, &channel),
    };
    let x = |gutter: usize, zone: Zone, net: Net| {
        let track = down.get(&((gutter, zone), net)).copied().and_then(|t| i32::try_from(t).ok()).unwrap_or(0);
        let span = plan.gutters.get(gutter).copied().unwrap_or_default();
        match zone {
            Zone::Left => span.x + super::place::INSET + track * TRACK,
            Zone::Right => span.x + span.w - 18 - track * TRACK,
        }
    };
    let y = |channel: usize, net: Net| {
        let track = along.get(&(channel, net)).copied().and_then(|t| i32::try_from(t).ok()).unwrap_or(0);
        let top = plan.bands.get(channel).map_or(plan.channel, |band| band.channel);
        top + 8 + track * TRACK
    };
    let ways = scene.links.iter().map(|link| router.way(link, &x, &y)).collect();
    (tracks, ways)
}

impl Router<'_> {
    fn ports(&mut self) {
        let mut ins: BTreeMap<End, BTreeMap<Net, (bool, usize, i32)>> = BTreeMap::new();
        for link in &self.scene.links {
            let styles = self.outs.entry(link.from).or_default();
            if !styles.contains(&link.style) {
                styles.push(link.style);
                styles.sort_unstable();
            }
            if let Some(source) = self.scene.tiles.get(link.from) {
                let below = matches!(source.home, Home::Card(_));
                ins.entry(link.to).or_default().entry(net(link)).or_insert((below, source.column, source.y));
            }
        }
        let sorted = |nets: BTreeMap<Net, (bool, usize, i32)>| {
            let mut nets: Vec<_> = nets.into_iter().map(|(net, from)| (from, net)).collect();
            nets.sort_unstable();
            nets.into_iter().map(|(_, net)| net).collect()
        };
        self.ins = ins.into_iter().map(|(end, nets)| (end, sorted(nets))).collect();
    }

    fn tile(&self, at: usize) -> Option<&Tile> {
        self.scene.tiles.get(at)
    }

    /// Where a link leaves its tile.
    fn out(&self, link: &Link) -> (i32, i32) {
        let Some(tile) = self.tile(link.from) else { return (0, 0) };
        let styles = self.outs.get(&link.from).map_or(&[][..], |styles| styles);
        let place = styles.iter().position(|style| *style == link.style).unwrap_or(0);
        (tile.x + tile.w, port(tile, place, styles.len()))
    }

    /// Where it ends.
    fn end(&self, link: &Link) -> (i32, i32) {
        let nets = self.ins.get(&link.to).map_or(&[][..], |nets| nets);
        let place = nets.iter().position(|of| *of == net(link)).unwrap_or(0);
        match link.to {
            End::Tile(to) => {
                let Some(tile) = self.tile(to) else { return (0, 0) };
                // Alone and from beside it, a line comes straight where it can.
                if nets.len() == 1 && matches!(self.kind(link), Kind::Next) && !link.member {
                    return (tile.x, self.out(link).1.clamp(tile.y + 10, tile.y + tile.h - 10));
                }
                (tile.x, port(tile, place, nets.len()))
            }
            End::Gate(gate) => {
                let band = self.scene.gates.get(gate).and_then(|gate| self.plan.bands.get(gate.band));
                let (top, end) = band.map_or((0, 0), |band| (band.body, band.body_end));
                let x = self.plan.poles.get(gate).copied().unwrap_or_default() - 4;
                if matches!(self.kind(link), Kind::Next) {
                    return (x, self.out(link).1.clamp(top, end));
                }
                let below = i32::try_from(nets.len() - place).unwrap_or(1);
                (x, (end - below * TRACK).max(top))
            }
        }
    }

    fn kind(&self, link: &Link) -> Kind {
        let Some(source) = self.tile(link.from) else { return Kind::Next };
        let (home, column) = match link.to {
            End::Tile(to) => self.tile(to).map_or((source.home, 0), |tile| (tile.home, tile.column)),
            End::Gate(gate) => {
                self.scene.gates.get(gate).map_or((source.home, 0), |gate| (Home::Band(gate.band), gate.column))
            }
        };
        let out = source.column + 1;
        match (home == source.home, link.to) {
            (true, _) if column == out => Kind::Next,
            (true, End::Tile(_)) if column == source.column => Kind::Loop,
            (false, _) if column == out => Kind::Down(out),
            (true, _) if matches!(home, Home::Band(_)) => {
                let Home::Band(band) = home else { return Kind::Next };
                Kind::Far(out, band, column)
            }
            _ => Kind::Far(out, self.scene.bands.len(), column),
        }
    }

    /// Tiles of waves are reached between the gates and their column.
    fn zone(&self, link: &Link) -> Zone {
        match link.to {
            End::Tile(to) if self.tile(to).is_some_and(|tile| matches!(tile.home, Home::Band(_))) => Zone::Right,
            _ => Zone::Left,
        }
    }

    fn channel_y(&self, channel: usize) -> i32 {
        self.plan.bands.get(channel).map_or(self.plan.channel, |band| band.channel)
    }

    /// Notes where a link runs.
    fn run(&self, link: &Link, runs: &mut Runs) {
        let net = net(link);
        let (from, to) = (self.out(link).1, self.end(link).1);
        let mut down = |gutter: usize, zone: Zone, a: i32, b: i32| {
            let run = runs.down.entry((gutter, zone, net)).or_insert((a.min(b), a.max(b)));
            *run = (run.0.min(a).min(b), run.1.max(a).max(b));
        };
        match self.kind(link) {
            Kind::Next | Kind::Loop => {}
            Kind::Down(gutter) => down(gutter, Zone::Left, from, to),
            Kind::Far(out, channel, gutter) => {
                let y = self.channel_y(channel);
                down(out, Zone::Left, from, y);
                down(gutter, self.zone(link), y, to);
                let (a, b) = (i32::try_from(out).unwrap_or(0), i32::try_from(gutter).unwrap_or(0));
                // In gutters; twice as fine, since a line on the left of the gates ends before one on the right.
                let side = i32::from(self.zone(link) == Zone::Right);
                let (a, b) = (2 * a, 2 * b + side);
                let run = runs.along.entry((channel, net)).or_insert((a.min(b), a.max(b)));
                *run = (run.0.min(a).min(b), run.1.max(a).max(b));
            }
        }
    }

    fn way(&self, link: &Link, x: &dyn Fn(usize, Zone, Net) -> i32, y: &dyn Fn(usize, Net) -> i32) -> Way {
        let net = net(link);
        let (from, to) = (self.out(link), self.end(link));
        match self.kind(link) {
            Kind::Next => Way::Curve(from, to),
            Kind::Loop => {
                let End::Tile(target) = link.to else { return Way::Curve(from, to) };
                let right = self.tile(target).map_or(to.0, |tile| tile.x + tile.w);
                Way::Loop(from, (right, to.1), from.0.max(right) + 26)
            }
            Kind::Down(gutter) => {
                let x = x(gutter, Zone::Left, net);
                Way::Corners(vec![from, (x, from.1), (x, to.1), to])
            }
            Kind::Far(out, channel, gutter) => {
                let (down, up) = (x(out, Zone::Left, net), x(gutter, self.zone(link), net));
                let y = y(channel, net);
                Way::Corners(vec![from, (down, from.1), (down, y), (up, y), (up, to.1), to])
            }
        }
    }
}

/// The height of one of several ports of a tile.
fn port(tile: &Tile, place: usize, count: usize) -> i32 {
    let part = |n: usize| i32::try_from(n).unwrap_or(1);
    tile.y + tile.h * part(place + 1) / part(count + 1)
}

/// Runs down a gutter that end this near to each other look like one.
const NEAR: i32 = 10;

/// Gives runs of one place that overlap different tracks.
fn tracks<P: Ord + Copy>(runs: impl Iterator<Item = ((P, Net), (i32, i32))>, near: i32) -> BTreeMap<(P, Net), usize> {
    let mut sorted: Vec<(P, (i32, i32), Net)> = runs.map(|((place, net), run)| (place, run, net)).collect();
    sorted.sort_unstable();
    let mut given: BTreeMap<(P, Net), usize> = BTreeMap::new();
    let mut ends: BTreeMap<P, Vec<i32>> = BTreeMap::new();
    for (place, (from, to), net) in sorted {
        let tracks = ends.entry(place).or_default();
        let free = tracks.iter().position(|end| end + near < from).unwrap_or(tracks.len());
        match tracks.get_mut(free) {
            Some(end) => *end = to,
            None => tracks.push(to),
        }
        given.insert((place, net), free);
    }
    given
}
