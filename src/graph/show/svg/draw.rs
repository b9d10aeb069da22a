//! Writes the picture.

use std::fmt::Write as _;

use super::legend;
use super::measure::{BOLD, Font, NAME, SMALL, TITLE, width};
use super::place::{HEAD, INSET, LOCK, MARGIN, Plan, Rect};
use super::route::Way;
use super::scene::{Gate, Home, Look, Scene, Style, Tile};

/// Corners of lines are rounded by this.
const ROUND: i32 = 7;

/// Colours that hold on white and on black: the picture has its own ground, and a dark one where the reader asks for it. Programs that know no media queries show the light one.
const CSS: &str = "\
text{font-family:system-ui,-apple-system,'Segoe UI','DejaVu Sans',Helvetica,Arial,sans-serif;fill:#1f2328}
.ground{fill:#ffffff}.band{fill:#f6f8fa;stroke:#d0d7de}.column{fill:#eaeef2}.head{fill:#ffffff;stroke:#8c959f}
.card{fill:#f3f7fd;stroke:#b6cdeb}.soft{fill:#57606a}.flow{stroke:#8c959f;stroke-width:2;fill:none}.flowhead{fill:#8c959f}
.resource rect,.hook rect{fill:#ffffff;stroke:#57606a}.hook rect{stroke-dasharray:5 2}
.elsewhere rect{fill:#ffffff;stroke:#8c959f;stroke-dasharray:2 3}.rest rect{fill:none;stroke:#8c959f;stroke-dasharray:2 3}
.selection rect{fill:#fff8dc;stroke:#9a6700}.choice rect{fill:#fff8dc;stroke:#9a6700}
.action rect{fill:#ddf4e4;stroke:#1a7f37}.otherwise rect{fill:#fbe9d7;stroke:#bc4c00}
.gate .pole{fill:#cf222e}.gate .flag{fill:#ffebe9;stroke:#cf222e}.gate .lock{fill:#cf222e}.gate .shackle{fill:none;stroke:#cf222e;stroke-width:2}
.broken .pole{fill:#ffffff;stroke:#cf222e;stroke-dasharray:4 3}.broken .flag{stroke-dasharray:4 3}
.line{fill:none;stroke-width:1.6}.waits{stroke:#0a3069}.hint{stroke:#57606a;stroke-dasharray:5 4}.effect{stroke:#1a7f37;stroke-dasharray:7 3}
.after{stroke:#6639ba}.model{stroke:#9a6700;stroke-dasharray:2 3}
.waitstip{fill:#0a3069}.hinttip{fill:#57606a}.effecttip{fill:#1a7f37}.aftertip{fill:#6639ba}.modeltip{fill:#9a6700}
@media (prefers-color-scheme:dark){text{fill:#e6edf3}.ground{fill:#0d1117}.band{fill:#161b22;stroke:#30363d}.column{fill:#1f2630}.head{fill:#0d1117;stroke:#6e7681}
.card{fill:#131d2e;stroke:#2f4a73}.soft{fill:#9198a1}.resource rect,.hook rect{fill:#0d1117;stroke:#9198a1}.elsewhere rect{fill:#0d1117;stroke:#6e7681}.rest rect{stroke:#6e7681}
.selection rect,.choice rect{fill:#2b2410;stroke:#d29922}.action rect{fill:#12261e;stroke:#3fb950}.otherwise rect{fill:#2f1c0c;stroke:#f0883e}
.gate .pole,.gate .lock{fill:#f85149}.gate .flag{fill:#331a1d;stroke:#f85149}.gate .shackle{stroke:#f85149}.broken .pole{fill:#0d1117;stroke:#f85149}
.waits{stroke:#79c0ff}.hint{stroke:#9198a1}.effect{stroke:#3fb950}.after{stroke:#bc8cff}.model{stroke:#d29922}
.waitstip{fill:#79c0ff}.hinttip{fill:#9198a1}.effecttip{fill:#3fb950}.aftertip{fill:#bc8cff}.modeltip{fill:#d29922}}
";

impl Style {
    pub fn class(self) -> &'static str {
        match self {
            Style::Waits => "waits",
            Style::Hint => "hint",
            Style::Effect => "effect",
            Style::After => "after",
            Style::Model => "model",
        }
    }

    const ALL: [Style; 5] = [Style::Waits, Style::Hint, Style::Effect, Style::After, Style::Model];
}

impl Look {
    pub fn class(self) -> &'static str {
        match self {
            Look::Resource => "resource",
            Look::Hook => "hook",
            Look::Elsewhere => "elsewhere",
            Look::Selection => "selection",
            Look::Choice => "choice",
            Look::Action => "action",
            Look::Otherwise => "otherwise",
            Look::Rest => "rest",
        }
    }

    /// Corner radius.
    fn radius(self) -> i32 {
        match self {
            Look::Action | Look::Otherwise => 12,
            Look::Choice => 16,
            _ => 3,
        }
    }
}

/// The text being written.
pub(super) struct Page {
    pub out: String,
}

/// Writes everything: grounds, then lines, then what must not be crossed.
pub(super) fn draw(scene: &Scene, plan: &Plan, ways: &[Way]) -> String {
    let legend = legend::items(scene);
    let (legend_height, places) = legend::place(&legend, plan.width - 2 * MARGIN);
    let height = plan.end + legend_height + MARGIN;
    let mut page = Page { out: String::new() };
    let w = plan.width;
    page.line(&format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{w}\" height=\"{height}\" viewBox=\"0 0 {w} {height}\" role=\"img\">"
    ));
    page.line(&format!("<title>{}: {}</title>", escape(&scene.title), escape(&scene.subtitle)));
    page.line(&format!("<style>{CSS}</style>"));
    page.markers();
    page.line(&format!("<rect class=\"ground\" x=\"0\" y=\"0\" width=\"{w}\" height=\"{height}\"/>"));
    let mut y = MARGIN;
    for line in &plan.title {
        y += TITLE.line();
        page.text(MARGIN, y - 5, line, TITLE, "");
    }
    page.text(MARGIN, y + SMALL.line() - 2, &scene.subtitle, SMALL, "soft");
    page.grounds(scene, plan);
    for (link, way) in scene.links.iter().zip(ways) {
        page.link(link, way);
    }
    scene.tiles.iter().for_each(|tile| page.tile(tile));
    page.captions(scene, plan);
    for (at, gate) in scene.gates.iter().enumerate() {
        page.gate(gate, plan, at);
    }
    legend::draw(&mut page, &legend, &places, plan.end);
    page.line("</svg>");
    page.out
}

impl Page {
    pub fn line(&mut self, line: &str) {
        self.out.push_str(line);
        self.out.push('\n');
    }

    /// One line of text, whose left end and foot are given.
    pub fn text(&mut self, x: i32, y: i32, text: &str, font: Font, class: &str) {
        let class = if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
        let weight = if font.bold { " font-weight=\"bold\"" } else { "" };
        let size = font.size;
        let text = escape(text);
        self.line(&format!("<text{class} x=\"{x}\" y=\"{y}\" font-size=\"{size}\"{weight}>{text}</text>"));
    }

    pub fn rect(&mut self, class: &str, rect: Rect, radius: i32) {
        let Rect { x, y, w, h } = rect;
        let class = if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
        self.line(&format!("<rect{class} x=\"{x}\" y=\"{y}\" width=\"{w}\" height=\"{h}\" rx=\"{radius}\"/>"));
    }

    fn markers(&mut self) {
        self.line("<defs>");
        let heads = Style::ALL.iter().map(|style| (style.class(), format!("{}tip", style.class())));
        for (id, class) in heads.chain([("flow", "flowhead".to_owned())]) {
            self.line(&format!(
                "<marker id=\"tip-{id}\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" \
                 markerUnits=\"userSpaceOnUse\" orient=\"auto\"><path class=\"{class}\" d=\"M0 0.5L8 4L0 7.5z\"/></marker>"
            ));
        }
        self.line("</defs>");
    }

    fn grounds(&mut self, scene: &Scene, plan: &Plan) {
        let wide = plan.width - 2 * MARGIN;
        for (band, place) in scene.bands.iter().zip(&plan.bands) {
            let rect = Rect { x: MARGIN, y: place.y, w: wide, h: place.end - place.y };
            self.rect("band", rect, 6);
            self.text(MARGIN + INSET, place.y + 18, &band.name, BOLD, "");
            let columns: Vec<_> = band.columns.iter().zip(&plan.columns).collect();
            for (column, span) in &columns {
                self.line(&format!("<g class=\"wave\" data-node=\"{}\">", escape(&column.id)));
                self.line(&format!("<title>{}</title>", escape(&column.tip)));
                let (x, w) = (span.x - 6, span.w + 12);
                self.rect("column", Rect { x, y: place.body - 6, w, h: place.body_end - place.body + 6 }, 4);
                self.rect("head", Rect { x: span.x, y: place.head, w: span.w, h: HEAD }, 11);
                let x = span.x + (span.w - width(&column.label, BOLD)) / 2;
                self.text(x, place.head + 15, &column.label, BOLD, "");
                self.line("</g>");
            }
            for pair in columns.windows(2) {
                if let [(_, before), (_, after)] = pair {
                    let (from, to, y) = (before.x + before.w, after.x, place.head + HEAD / 2);
                    self.line(&format!("<path class=\"flow\" d=\"M{from} {y}H{to}\" marker-end=\"url(#tip-flow)\"/>"));
                }
            }
        }
        for (card, place) in scene.cards.iter().zip(&plan.cards) {
            self.line("<g class=\"rule\">");
            self.line(&format!("<title>{}</title>", escape(&card.tip)));
            self.rect("card", place.rect, 8);
            self.line("</g>");
        }
    }

    /// What rules say.
    fn captions(&mut self, scene: &Scene, plan: &Plan) {
        for (card, place) in scene.cards.iter().zip(&plan.cards) {
            self.line("<g class=\"caption\">");
            self.line(&format!("<title>{}</title>", escape(&card.tip)));
            let mut y = place.rect.y + 6;
            for (line, font) in &place.caption {
                y += font.line();
                self.text(place.rect.x + INSET - 2, y - 4, line, *font, if *font == SMALL { "soft" } else { "" });
            }
            self.line("</g>");
        }
    }

    fn tile(&mut self, tile: &Tile) {
        let Tile { x, y, w, h, .. } = *tile;
        let place = if matches!(tile.home, Home::Band(_)) { "in-wave" } else { "in-rule" };
        let class = tile.look.class();
        self.line(&format!("<g class=\"node {class} {place}\" data-node=\"{}\">", escape(&tile.id)));
        self.line(&format!("<title>{}</title>", escape(&tile.tip)));
        self.rect("", Rect { x, y, w, h }, tile.look.radius().min(h / 2));
        let mut foot = y + (h - tile.lines.iter().map(|(_, font)| font.line()).sum::<i32>()) / 2;
        for (line, font) in &tile.lines {
            foot += font.line();
            let class = if *font == SMALL { "soft" } else { "" };
            let middle = x + (w - width(line, *font)) / 2;
            let x = if matches!(tile.look, Look::Choice) { middle } else { x + super::PAD };
            self.text(x, foot - 4, line, *font, class);
        }
        self.line("</g>");
    }

    fn link(&mut self, link: &super::scene::Link, way: &Way) {
        let class = link.style.class();
        self.line(&format!(
            "<g><title>{}</title><path class=\"line {class}\" d=\"{}\" marker-end=\"url(#tip-{class})\"/></g>",
            escape(&link.tip),
            path(way)
        ));
    }

    /// A pole before the wave, a lock where the way of the waves meets it, and a flag that says what it is.
    fn gate(&mut self, gate: &Gate, plan: &Plan, at: usize) {
        let Some(band) = plan.bands.get(gate.band) else { return };
        let x = plan.poles.get(at).copied().unwrap_or_default();
        let flag = plan.flags.get(at).copied().unwrap_or_default();
        let class = if gate.broken { "gate broken" } else { "gate" };
        self.line(&format!("<g class=\"{class}\" data-node=\"{}\">", escape(&gate.id)));
        self.line(&format!("<title>{}</title>", escape(&gate.tip)));
        self.rect("pole", Rect { x: x - 3, y: flag.y, w: 6, h: band.body_end - flag.y }, 3);
        self.rect("flag", flag, 3);
        self.lock(flag.x + 8, flag.y + 5);
        let mut foot = flag.y + 4;
        for (line, font) in &gate.lines {
            foot += font.line();
            let class = if *font == SMALL { "soft" } else { "" };
            self.text(flag.x + LOCK + super::PAD, foot - 4, line, *font, class);
        }
        let y = band.head + HEAD / 2;
        self.line(&format!("<circle class=\"flag\" cx=\"{x}\" cy=\"{y}\" r=\"10\"/>"));
        self.lock(x - 5, y - 7);
        self.line("</g>");
    }

    /// A padlock of 10 by 13 pixels.
    pub fn lock(&mut self, x: i32, y: i32) {
        self.line(&format!("<path class=\"shackle\" d=\"M{} {}v-2.5a3 3 0 0 1 6 0v2.5\"/>", x + 2, y + 6));
        self.line(&format!("<rect class=\"lock\" x=\"{x}\" y=\"{}\" width=\"10\" height=\"7\" rx=\"1.5\"/>", y + 6));
    }
}

/// A way as path data.
fn path(way: &Way) -> String {
    match way {
        Way::Curve((x, y), (to_x, to_y)) if y == to_y => format!("M{x} {y}H{to_x}"),
        Way::Curve((x, y), (to_x, to_y)) => {
            let half = (to_x - x) / 2;
            format!("M{x} {y}C{} {y} {} {to_y} {to_x} {to_y}", x + half, to_x - half)
        }
        Way::Loop((x, y), (to_x, to_y), out) => format!("M{x} {y}C{out} {y} {out} {to_y} {to_x} {to_y}"),
        Way::Corners(points) => corners(points),
    }
}

/// Straight lines with rounded corners.
fn corners(points: &[(i32, i32)]) -> String {
    let mut points: Vec<(i32, i32)> = points.to_vec();
    points.dedup();
    let mut out = String::new();
    let Some(((x, y), rest)) = points.split_first() else { return out };
    let _ = write!(out, "M{x} {y}");
    let mut before = (*x, *y);
    for (at, point) in rest.iter().enumerate() {
        let Some(next) = rest.get(at + 1) else {
            let _ = write!(out, "L{} {}", point.0, point.1);
            break;
        };
        let length = |a: (i32, i32), b: (i32, i32)| (a.0 - b.0).abs() + (a.1 - b.1).abs();
        let round = ROUND.min(length(before, *point) / 2).min(length(*point, *next) / 2);
        let toward = |from: (i32, i32), to: (i32, i32)| {
            (from.0 + (to.0 - from.0).signum() * round, from.1 + (to.1 - from.1).signum() * round)
        };
        let (a, b) = (toward(*point, before), toward(*point, *next));
        let _ = write!(out, "L{} {}Q{} {} {} {}", a.0, a.1, point.0, point.1, b.0, b.1);
        before = *point;
    }
    out
}

/// Text in XML 1.0. Characters that it does not allow are replaced.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push(char::REPLACEMENT_CHARACTER),
            c => out.push(c),
        }
    }
    out
}

/// The font of the legend.
pub(super) const LEGEND: Font = NAME;
