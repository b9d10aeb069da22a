//! `graph --format svg`: the picture holds together, whatever the graph. A person has looked at the pictures of the snapshots.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    clippy::print_stderr
)]

#[path = "support/skip.rs"]
#[allow(dead_code, reason = "each test binary uses its own part of this")]
mod skip;
#[path = "support/xml.rs"]
mod xml;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use tidegate::graph;
use tidegate::manifests::{self, App, Defaults, Platform};
use tidegate::rulebook::{Options, load};
use xml::{Element, parse};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The picture of rules over manifests, and the ids of the graph's nodes.
fn picture(rules: &str, manifests: &[PathBuf]) -> (String, Vec<serde_json::Value>) {
    let compiled = load([("rules.tide".to_owned(), rules.to_owned())], &Options::default());
    let rulebook = compiled.rulebook.unwrap_or_else(|| panic!("{rules}\n{:?}", compiled.diagnostics));
    let mut sources = compiled.sources;
    let platform = (!manifests.is_empty()).then(|| {
        let read = manifests::read(manifests, &mut sources).unwrap();
        let app = rulebook.application.as_ref();
        let application = app.map(|app| App { namespace: app.namespace.clone(), name: app.name.clone() });
        Platform::new(read, &Defaults { application, namespace: rulebook.namespace.clone() }, &sources)
    });
    let built = graph::build(&rulebook, platform.as_ref());
    let nodes: serde_json::Value = serde_json::from_str(&graph::json(&built, &sources)).unwrap();
    let svg = graph::svg(&built, &sources);
    assert_eq!(svg, graph::svg(&built, &sources), "the same graph gives the same bytes");
    (svg, nodes["nodes"].as_array().unwrap().clone())
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Rect {
    x: f64,
    y: f64,
    w: f64,
    h: f64,
}

impl Rect {
    fn of(rect: &Element) -> Rect {
        Rect { x: rect.number("x"), y: rect.number("y"), w: rect.number("width"), h: rect.number("height") }
    }

    fn meets(&self, other: &Rect) -> bool {
        self.x < other.x + other.w
            && other.x < self.x + self.w
            && self.y < other.y + other.h
            && other.y < self.y + self.h
    }

    fn holds(&self, x: f64, y: f64) -> bool {
        x > self.x + 1.0 && x < self.x + self.w - 1.0 && y > self.y + 1.0 && y < self.y + self.h - 1.0
    }
}

/// Not the table by which texts are laid out: a rough one, of how wide letters are in Arial.
fn text_width(text: &Element) -> f64 {
    let em = |c: char| match c {
        'i' | 'j' | 'l' | 't' | 'f' | 'r' | 'I' | ' ' | '.' | ',' | ':' | ';' | '\'' | '|' | '/' | '-' | '(' | ')'
        | '[' | ']' => 0.3,
        'm' | 'w' | 'M' | 'W' | '@' => 0.85,
        c if c.is_uppercase() => 0.67,
        c if c.is_ascii() => 0.55,
        _ => 0.9,
    };
    let bold = if text.attributes.contains_key("font-weight") { 1.08 } else { 1.0 };
    text.text.chars().map(em).sum::<f64>() * text.number("font-size") * bold
}

/// Points along a path, close to each other. Of the data only what the picture uses is read: M, L, H, Q, C with absolute places.
fn points(data: &str) -> Vec<(f64, f64)> {
    let mut found: Vec<(f64, f64)> = Vec::new();
    let starts: Vec<usize> = data.char_indices().filter(|(_, c)| c.is_ascii_alphabetic()).map(|(at, _)| at).collect();
    for (n, start) in starts.iter().enumerate() {
        let end = starts.get(n + 1).copied().unwrap_or(data.len());
        let numbers: Vec<f64> = data[start + 1..end].split_whitespace().map(|number| number.parse().unwrap()).collect();
        let from = found.last().copied().unwrap_or_default();
        let to = |p: &[f64]| (p[0], p[1]);
        let curve: Vec<(f64, f64)> = match &data[*start..start + 1] {
            "M" => {
                found.push(to(&numbers));
                continue;
            }
            "L" => vec![from, to(&numbers)],
            "H" => vec![from, (numbers[0], from.1)],
            "Q" => vec![from, to(&numbers), to(&numbers[2..])],
            "C" => vec![from, to(&numbers), to(&numbers[2..]), to(&numbers[4..])],
            other => panic!("path command `{other}`"),
        };
        found.extend((1..=64).map(|step| bezier(&curve, f64::from(step) / 64.0)));
    }
    found
}

fn bezier(points: &[(f64, f64)], t: f64) -> (f64, f64) {
    if let [only] = points {
        return *only;
    }
    let mix = |a: f64, b: f64| a + (b - a) * t;
    let next: Vec<(f64, f64)> =
        points.windows(2).map(|pair| (mix(pair[0].0, pair[1].0), mix(pair[0].1, pair[1].1))).collect();
    bezier(&next, t)
}

/// Everything that must hold of any picture.
fn check(name: &str, svg: &str, nodes: &[serde_json::Value]) {
    let picture = parse(svg).unwrap_or_else(|error| panic!("{name}: {error}\n{svg}"));
    let canvas = Rect { x: 0.0, y: 0.0, w: picture.number("width"), h: picture.number("height") };
    let groups: Vec<&Element> = picture.all("g");
    let tiles: Vec<&Element> = groups.iter().copied().filter(|g| g.has_class("node")).collect();
    let gates: Vec<&Element> =
        groups.iter().copied().filter(|g| g.has_class("gate") && g.attributes.contains_key("data-node")).collect();
    drawn_once(name, &groups, nodes);
    let mut solid: Vec<(String, Rect)> = Vec::new();
    for tile in &tiles {
        let rect = Rect::of(tile.children.iter().find(|c| c.name == "rect").unwrap());
        solid.push((tile.attributes["data-node"].clone(), rect));
        texts_within(name, tile, &rect);
    }
    for gate in &gates {
        let flag = gate.children.iter().find(|c| c.name == "rect" && c.has_class("flag")).unwrap();
        texts_within(name, gate, &Rect::of(flag));
        solid.push((gate.attributes["data-node"].clone(), Rect::of(flag)));
    }
    for wave in groups.iter().filter(|g| g.has_class("wave")) {
        let head = wave.children.iter().find(|c| c.has_class("head")).unwrap();
        texts_within(name, wave, &Rect::of(head));
        solid.push((wave.attributes["data-node"].clone(), Rect::of(head)));
    }
    for (at, (one, rect)) in solid.iter().enumerate() {
        let inside = rect.x >= 0.0 && rect.y >= 0.0 && rect.x + rect.w <= canvas.w && rect.y + rect.h <= canvas.h;
        assert!(inside, "{name}: {one} is not within the picture");
        for (other, with) in &solid[at + 1..] {
            assert!(!rect.meets(with), "{name}: {one} lies on {other}: {rect:?} {with:?}");
        }
    }
    for text in picture.all("text") {
        let (x, y) = (text.number("x"), text.number("y"));
        assert!(
            x >= 0.0 && x + text_width(text) <= canvas.w && y > 0.0 && y <= canvas.h,
            "{name}: `{}` is cut",
            text.text
        );
    }
    lines_are_free(name, &picture, &solid);
    // A gate stands before its wave and reaches from its flag to the end of the wave.
    for gate in &gates {
        let pole = Rect::of(gate.children.iter().find(|c| c.has_class("pole")).unwrap());
        assert!(pole.h > 60.0 && pole.w < 10.0, "{name}: {pole:?}");
        let tile = solid.iter().find(|(id, rect)| !id.starts_with("gate/") && rect.meets(&pole));
        assert!(tile.is_none(), "{name}: a gate stands on {tile:?}");
    }
}

/// Each node of the graph is there once; objects that are only counted are in the count of their wave.
fn drawn_once(name: &str, groups: &[&Element], nodes: &[serde_json::Value]) {
    let mut ids: BTreeMap<&str, usize> = BTreeMap::new();
    let mut counted = 0;
    for group in groups {
        let Some(id) = group.attributes.get("data-node") else { continue };
        if group.has_class("rest") {
            let count = group.children.iter().find(|c| c.name == "text").unwrap();
            counted += count.text.split(' ').next().unwrap().parse::<usize>().unwrap();
        } else {
            *ids.entry(id).or_default() += 1;
        }
    }
    let known: BTreeSet<&str> = nodes.iter().map(|node| node["id"].as_str().unwrap()).collect();
    for (id, times) in &ids {
        assert!(*times == 1 && known.contains(id), "{name}: {id} is drawn {times} times");
    }
    // What no sync applies is in no wave; it is drawn only where a rule is about it.
    let waveless = |node: &&serde_json::Value| node["application"].is_null() && node["type"] == "resource";
    let waveless: BTreeSet<&str> = nodes.iter().filter(waveless).map(|node| node["id"].as_str().unwrap()).collect();
    let owned = nodes.iter().any(|node| node["application"].is_string() && node["type"] == "resource");
    let missing = known.iter().filter(|id| !(ids.contains_key(**id) || owned && waveless.contains(**id)));
    let missing: Vec<&&str> = missing.collect();
    let objects = missing.iter().filter(|id| id.starts_with("resource/")).count();
    assert_eq!((missing.len(), objects), (counted, counted), "{name}: not drawn: {missing:?}");
}

fn texts_within(name: &str, group: &Element, rect: &Rect) {
    for text in group.children.iter().filter(|c| c.name == "text") {
        let (x, y, w) = (text.number("x"), text.number("y"), text_width(text));
        let fits = x >= rect.x + 2.0 && x + w <= rect.x + rect.w - 2.0 && y - text.number("font-size") * 0.8 >= rect.y;
        assert!(fits && y <= rect.y + rect.h - 2.0, "{name}: `{}` does not fit in its box {rect:?}", text.text);
    }
}

/// No line runs over a box or over what a rule says.
fn lines_are_free(name: &str, picture: &Element, solid: &[(String, Rect)]) {
    let mut taken: Vec<(String, Rect)> = solid.iter().filter(|(id, _)| !id.starts_with("wave/")).cloned().collect();
    for caption in picture.all("g").into_iter().filter(|g| g.has_class("caption")) {
        for text in caption.children.iter().filter(|c| c.name == "text") {
            let size = text.number("font-size");
            let rect = Rect { x: text.number("x"), y: text.number("y") - size, w: text_width(text), h: size };
            taken.push((text.text.clone(), rect));
        }
    }
    for line in picture.all("path").into_iter().filter(|path| path.has_class("line")) {
        let data = &line.attributes["d"];
        for (x, y) in points(data) {
            let over = taken.iter().find(|(_, rect)| rect.holds(x, y));
            // Flags are drawn above the lines of other bands.
            let over = over.filter(|(id, _)| !id.starts_with("gate/"));
            assert!(over.is_none(), "{name}: a line runs over {over:?} at {x},{y}: {data}");
        }
    }
}

fn case(folder: &Path) -> (String, Vec<PathBuf>) {
    let rules = std::fs::read_to_string(folder.join("rules.tide")).unwrap();
    let manifests = [folder.join("manifests"), folder.join("manifests.yaml")].into_iter().filter(|p| p.exists());
    (rules, manifests.collect())
}

#[test]
fn every_example() {
    let mut count = 0;
    for entry in std::fs::read_dir(root().join("examples")).unwrap() {
        let folder = entry.unwrap().path();
        if !folder.join("rules.tide").exists() {
            continue;
        }
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let (rules, manifests) = case(&folder);
        for (how, over) in [("alone", &[][..]), ("over manifests", &manifests[..])] {
            let (svg, nodes) = picture(&rules, over);
            check(&format!("{name} {how}"), &svg, &nodes);
        }
        count += 1;
    }
    assert!(count >= 6, "{count} examples");
}

#[test]
fn snapshots() {
    for folder in ["examples/notebook-to-model", "tests/graph/sixty"] {
        let (rules, manifests) = case(&root().join(folder));
        let (svg, nodes) = picture(&rules, &manifests);
        check(folder, &svg, &nodes);
        // Places name the folder that the test runs in.
        let svg = svg.replace(&format!("{}/", root().display()), "");
        insta::assert_snapshot!(folder.rsplit('/').next().unwrap(), svg);
    }
}

/// Sixty nodes and more, two applications, every kind of node and edge.
#[test]
fn sixty_nodes() {
    let (rules, manifests) = case(&root().join("tests/graph/sixty"));
    let (svg, nodes) = picture(&rules, &manifests);
    assert!(nodes.len() >= 60, "{} nodes", nodes.len());
    for class in ["waits", "hint", "effect", "after", "model"] {
        assert!(svg.contains(&format!("class=\"line {class}\"")), "{class}");
    }
    for class in ["resource", "hook", "elsewhere", "selection", "choice", "action", "otherwise"] {
        assert!(svg.contains(&format!("class=\"node {class} ")), "{class}");
    }
    assert!(svg.contains("class=\"gate\"") && svg.contains("class=\"gate broken\""));
}

#[test]
fn the_platform_of_the_corpus() {
    let Some(corpus) = skip::corpus("svg::the_platform_of_the_corpus") else { return };
    let rules = std::fs::read_to_string(root().join("examples/platform/rules.tide")).unwrap();
    let (svg, nodes) = picture(&rules, &[corpus.join("platform/rendered.yaml")]);
    check("platform", &svg, &nodes);
    assert!(nodes.len() > 150 && svg.contains("class=\"node rest "), "{} nodes", nodes.len());
}

/// Texts of users are texts: in names, titles, conditions, labels; also where nothing wraps.
#[test]
fn texts_of_users() {
    let long = "x".repeat(60);
    let rules = format!(
        "application argocd/{long}\nnamespace ml\n\nrule r{long} \"<script>&amp; ]]> 'a' 名前 \u{202e}\" {{\n  \
         when every notebook with label a=\"b\" where (notebook.metadata.name != \"<&>\" && notebook.metadata.name != \"'\") succeeds\n  \
         then annotate application {long} example.org/a=\"</text><b> & 'c'\"\n       notify t \"<text>\"\n  block wave 2147483647\n}}\n\
         rule other {{\n  when job {long} succeeds and isvc {long} is healthy\n  then restart deployment {long}; restart isvc {long}\n  block wave -2147483648\n}}\n"
    );
    let (svg, nodes) = picture(&rules, &[]);
    check("texts", &svg, &nodes);
    assert!(!svg.contains("<script>") && !svg.contains('\u{202e}'));
}

/// Graphs of many shapes: waves, phases, applications, rules between any objects, always from the same seed.
#[test]
fn graphs_of_many_shapes() {
    let folder = tempfile::tempdir().unwrap();
    let mut seed = 1u64;
    let mut next = |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    for round in 0..40 {
        let objects = 1 + next(90);
        let mut yaml = String::new();
        for n in 0..objects {
            let kind = ["Job", "ConfigMap"][usize::try_from(next(2)).unwrap()];
            let api = if kind == "Job" { "batch/v1" } else { "v1" };
            let hook = ["", "", "", ", argocd.argoproj.io/hook: PreSync", ", argocd.argoproj.io/hook: PostSync"];
            let hook = hook[usize::try_from(next(5)).unwrap()];
            let (wave, app, pad) = (next(7), next(3), "-long".repeat(usize::try_from(next(12)).unwrap()));
            let group = if kind == "Job" { "batch" } else { "" };
            yaml += &format!(
                "---\napiVersion: {api}\nkind: {kind}\nmetadata:\n  name: o{n}{pad}\n  namespace: ml\n  annotations: {{argocd.argoproj.io/sync-wave: \"{wave}\", \
                 argocd.argoproj.io/tracking-id: \"a{app}:{group}/{kind}:ml/o{n}{pad}\"{hook}}}\n"
            );
        }
        let jobs: Vec<String> = yaml
            .split("---\n")
            .filter(|text| text.contains("kind: Job"))
            .map(|text| text.split("name: ").nth(1).unwrap().lines().next().unwrap().to_owned())
            .chain(["elsewhere".to_owned(), "nowhere".to_owned()])
            .collect();
        let mut rules = "application argocd/a0\nnamespace ml\n".to_owned();
        let job = |next: &mut dyn FnMut(u64) -> u64| jobs[usize::try_from(next(jobs.len() as u64)).unwrap()].clone();
        for n in 0..next(9) {
            let (a, b, c) = (job(&mut next), job(&mut next), job(&mut next));
            let block = if next(3) == 0 { format!("\n  block wave {}", next(8)) } else { String::new() };
            let word = if next(2) == 0 { "and" } else { "or" };
            let when = match next(3) {
                0 => format!("any job with label a=b succeeds {word} job {b} as second has succeeded"),
                1 => format!("every job in namespace ml succeeds and not job {b} as second has failed"),
                _ => format!("job {a} succeeds {word} job {b} as second has succeeded"),
            };
            let then = ["notify t \"text\"", "restart deployment d", "annotate job TARGET example.org/a=b"];
            let then = then[usize::try_from(next(3)).unwrap()].replace("TARGET", &c);
            rules += &format!(
                "rule r{n} {{\n  when {when}\n  then {then}\n       notify t \"more\"\n  at most 3 per 1d{block}\n}}\n"
            );
            rules += &format!("job {} after job {}\n", jobs[0], jobs[jobs.len() / 2]);
        }
        let file = folder.path().join("objects.yaml");
        std::fs::write(&file, &yaml).unwrap();
        if load([("rules.tide".to_owned(), rules.clone())], &Options::default()).rulebook.is_none() {
            continue;
        }
        let (svg, nodes) = picture(&rules, &[file]);
        check(&format!("round {round}\n{rules}"), &svg, &nodes);
    }
}
