//! The graph as a picture: each application a band, its waves columns from left to right, gates as barriers before the wave that they hold, rules as cards below.
//!
//! The layout is ours, so no Graphviz is needed: `scene` (with `tiles` and `chains`) says what is drawn, `place` where (one grid for all bands, whose gutters are free for lines), `route` which way lines take,
//! `draw` writes it. All in whole pixels, so the same graph gives the same bytes everywhere.

mod chains;
mod draw;
mod legend;
mod measure;
mod place;
mod route;
mod scene;
mod tiles;

use self::route::Tracks;
use super::super::model::Graph;
use crate::diagnostic::Sources;

/// Between a tile's border and its text, at the sides.
const PAD: i32 = 10;
/// The same above and below.
const PAD_ABOVE: i32 = 6;
/// Rounds of making room for lines and finding ways: places move heights apart but never past each other, so the second finds what the first did.
const ROUNDS: usize = 4;

/// The graph as SVG 1.1.
#[must_use]
pub fn svg(graph: &Graph, sources: &Sources) -> String {
    let mut scene = scene::scene(graph, sources);
    let mut plan = place::order(&mut scene);
    let mut tracks = Tracks::default();
    let mut ways = Vec::new();
    for _ in 0..ROUNDS {
        place::place(&mut scene, &mut plan, &tracks);
        let (needed, found) = route::route(&scene, &plan);
        ways = found;
        if needed == tracks {
            break;
        }
        tracks = needed;
    }
    draw::draw(&scene, &plan, &ways)
}
