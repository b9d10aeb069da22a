//! Any input: acyclic or said to be not, whatever the order; and large input.

use std::fmt::Write as _;
use std::sync::Arc;

use petgraph::visit::{EdgeFiltered, EdgeRef};
use proptest::prelude::*;
use tidegate::diagnostic::Code;
use tidegate::graph::{self, Node, Reason};
use tidegate::rulebook::{self, Options};

use super::{Built, HEAD, build, findings, objects};

/// Edges that wait, one a line, and every finding: what must not depend on the order of input.
fn essence(built: &Built) -> String {
    format!("{}\n{}", graph::json(&built.graph, &built.sources), graph::text(&built.graph, &built.sources))
}

fn holds_together(built: &Built) {
    let graph = &built.graph;
    let waiting = EdgeFiltered::from_fn(&graph.dag, |e| e.weight().waits);
    let cyclic = petgraph::algo::is_cyclic_directed(&waiting);
    let reported = graph.diagnostics.iter().any(|d| d.code == Code::CYCLE);
    assert_eq!(cyclic, reported, "cyclic {cyclic}, reported {reported}");
    assert_eq!(graph.layers.is_empty(), cyclic && graph.dag.node_count() > 0 || graph.dag.node_count() == 0);
    for edge in graph.dag.edge_references().filter(|e| e.weight().waits && !cyclic) {
        let layer = |node: petgraph::graph::NodeIndex| graph.layers[node.index()];
        assert!(
            layer(edge.source()) < layer(edge.target()),
            "{} before {}",
            graph.say(edge.source()),
            graph.say(edge.target())
        );
    }
    for edge in graph.dag.edge_references().filter(|e| e.weight().reason == Reason::After && !cyclic) {
        let (Some(a), Some(b)) = (graph.about.get(&edge.source()), graph.about.get(&edge.target())) else { continue };
        if a.rendered && b.rendered && a.phase == b.phase && a.application == b.application {
            assert!(a.wave_wanted < b.wave_wanted, "{} before {}", graph.say(edge.source()), graph.say(edge.target()));
        }
    }
}

const NAMES: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

fn rule_line() -> impl Strategy<Value = String> {
    let name = || prop::sample::select(&NAMES[..]);
    let term = move || {
        (name(), prop::sample::select(&["succeeds", "fails", "has succeeded", "is healthy for 5m", "is missing"][..]))
    };
    let all = prop::collection::vec(term(), 1..4);
    let either = prop::collection::vec(term(), 2..3);
    prop_oneof![
        (name(), name()).prop_filter("itself", |(a, b)| a != b).prop_map(|(a, b)| format!("job {a} after job {b}\n")),
        (
            all,
            either,
            any::<bool>(),
            any::<bool>(),
            -1..6i32,
            prop::sample::select(&["", " of application argocd/two"][..])
        )
            .prop_map(|(all, either, or, negated, wave, of)| {
                let say = |(n, (name, word)): (usize, &(&str, &str))| format!("job {name} as v{n} {word}");
                let mut condition: Vec<String> = all.iter().enumerate().map(say).collect();
                if or {
                    let sides: Vec<String> = either.iter().enumerate().map(|(n, side)| say((n + 10, side))).collect();
                    condition.push(format!("({})", sides.join(" or ")));
                }
                if negated {
                    condition.push(format!("not job {} as w has failed", all[0].0));
                }
                format!("when {} then restart isvc served; block wave {wave}{of}\n", condition.join(" and "))
            }),
    ]
}

fn case() -> impl Strategy<Value = (Vec<String>, Vec<(i32, u8)>, Vec<usize>)> {
    let waves = prop::collection::vec((-1..5i32, 0..8u8), NAMES.len());
    let order = Just((0..NAMES.len() + 3).collect::<Vec<_>>()).prop_shuffle();
    (prop::collection::vec(rule_line(), 0..7), waves, order)
}

/// More in a release build, as CI runs them.
const GRAPHS: u32 = if cfg!(debug_assertions) { 40 } else { 500 };

proptest! {
    #![proptest_config(ProptestConfig { cases: GRAPHS, failure_persistence: None, ..ProptestConfig::default() })]

    /// A graph is acyclic or says where its cycle is; layers respect every edge; the order of files and documents does not matter.
    #[test]
    fn any_graph_is_acyclic_or_says_so((lines, waves, order) in case()) {
        let mut seen = std::collections::BTreeSet::new();
        let lines: Vec<String> = lines.into_iter().filter(|line| seen.insert(line.clone())).collect();
        let files: Vec<(String, String)> = lines.iter().enumerate().map(|(n, line)| (format!("r{n}.tide"), format!("{HEAD}{line}"))).collect();
        let mut forward = vec![("z.tide".to_owned(), HEAD.to_owned())];
        forward.extend(files);
        prop_assume!(rulebook::load(forward.clone(), &Options::default()).rulebook.is_some());
        let mut documents: Vec<String> = Vec::new();
        for (name, (wave, other)) in NAMES.iter().zip(&waves) {
            let hook = match other { 0 => " argocd.argoproj.io/hook: PreSync", 1 => " argocd.argoproj.io/hook: PostSync", _ => "" };
            let object = objects(&format!("Job {name} {wave}{hook}"));
            let two = other % 3 == 0;
            documents.push(if two { object.replace("  annotations:", "  labels: {argocd.argoproj.io/instance: two}\n  annotations:") } else { object });
        }
        documents.push("---\napiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: two, namespace: argocd}\nspec: {}\n".to_owned());
        documents.push(objects("InferenceService served 2"));
        documents.push(objects("ConfigMap x 4"));
        // Each document in a file of its own, so that places do not move.
        let streams: Vec<(String, String)> = documents.into_iter().enumerate().map(|(n, text)| (format!("m{n}.yaml"), text)).collect();
        let shuffled: Vec<(String, String)> = order.iter().map(|at| streams[*at].clone()).collect();
        let backward: Vec<(String, String)> = forward.iter().rev().cloned().collect();
        let one = build(&borrow(&forward), &borrow(&streams));
        let two = build(&borrow(&backward), &borrow(&shuffled));
        holds_together(&one);
        prop_assert_eq!(essence(&one), essence(&two));
        holds_together(&build(&borrow(&forward), &[]));
    }
}

fn borrow(list: &[(String, String)]) -> Vec<(&str, &str)> {
    list.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect()
}

/// Ten thousand objects, a thousand `after` lines, a cycle at the end: large input ends, and is told apart from small only by its size.
#[test]
fn ten_thousand_objects() {
    let mut list = String::new();
    for n in 0..10_000 {
        writeln!(list, "Job j{n} {}", n % 100).unwrap();
    }
    let mut rules = HEAD.to_owned();
    for n in 0..1_000 {
        writeln!(rules, "job j{} after job j{}", n * 10 + 1, n * 10).unwrap();
    }
    writeln!(rules, "rule r {{ when every job in wave 50 succeeds\n block wave 51 }}").unwrap();
    let stream = objects(&list);
    let built = build(&[("r.tide", &rules)], &[("m.yaml", &stream)]);
    assert_eq!(findings(&built), "");
    assert_eq!(built.graph.about.len(), 10_000);
    assert!(graph::json(&built.graph, &built.sources).lines().count() > 100_000);
    assert!(graph::text(&built.graph, &built.sources).contains("wave 99"));
    holds_together(&built);
    let cyclic = format!("{rules}job j10 after job j11\n");
    let built = build(&[("r.tide", &cyclic)], &[("m.yaml", &stream)]);
    assert!(findings(&built).contains("job j10"), "{}", findings(&built));
    let names: Arc<str> = Arc::from("j10");
    assert!(built.graph.nodes().any(|(node, _)| matches!(node, Node::Resource(r) if r.name == names)));
}
