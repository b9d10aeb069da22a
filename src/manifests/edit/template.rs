//! Whether a document is a Helm template that happens to be YAML.

use granit_parser::ScalarStyle;

use super::outline::{Node, Outline, Shape};

/// What only Helm has, wherever it stands outside of block scalars (a ConfigMap may hold a whole chart).
const HELM: &[&str] = &[
    ".Values",
    ".Release",
    ".Chart",
    ".Capabilities",
    ".Files",
    "$.Values",
    "$.Release",
    "$.Chart",
    "include \"",
    "toYaml",
    "tpl ",
    "template \"",
];

/// Words of Go's templates, which Helm reads in comments of YAML too.
const CONTROL: &[&str] = &["if ", "else", "end", "range ", "with ", "define ", "block ", "/*", "$"];

/// The first words of template that show that the document is none of an API server, if there are any.
///
/// `{{` alone says nothing: rendered manifests are full of templates of others (Argo Workflows, Prometheus, notifications). But no name, namespace or label holds it.
pub(super) fn found(text: &str, outline: &Outline) -> Option<String> {
    if !text.contains("{{") {
        return None;
    }
    let mut found = None;
    named(&outline.root, &mut found);
    let mut at = 0;
    let mut between = Vec::new();
    outline.root.scalars(&mut |node, scalar, style| {
        between.push((at, node.bytes.start));
        at = at.max(node.bytes.end);
        if found.is_none() && !matches!(style, ScalarStyle::Literal | ScalarStyle::Folded) {
            found = helm(scalar, &[HELM]);
        }
    });
    between.push((at, text.len()));
    let comments = between.into_iter().filter_map(|(from, to)| text.get(from..to)).filter(|gap| gap.contains('#'));
    found.or_else(|| comments.filter_map(|gap| helm(gap, &[HELM, CONTROL])).next())
}

/// In the names and labels of objects.
fn named(object: &Node, found: &mut Option<String>) {
    for (_, (_, metadata)) in object.entries("metadata") {
        for key in ["name", "generateName", "namespace", "labels"] {
            for (_, (_, value)) in metadata.entries(key) {
                value.scalars(&mut |_, text, _| {
                    if found.is_none() && text.contains("{{") {
                        *found = Some(words(text));
                    }
                });
            }
        }
    }
    for (_, (_, items)) in object.entries("items") {
        if let Shape::List { items, .. } = &items.shape {
            items.iter().for_each(|item| named(item, found));
        }
    }
}

fn helm(text: &str, beginnings: &[&[&str]]) -> Option<String> {
    text.match_indices("{{").find_map(|(at, _)| {
        let from = text.get(at..)?;
        let inner = from.get(2..)?.trim_start_matches('-').trim_start();
        let known = beginnings.iter().flat_map(|words| words.iter()).any(|word| inner.starts_with(word));
        known.then(|| words(from))
    })
}

/// The template itself, cut short.
fn words(text: &str) -> String {
    let from = text.find("{{").and_then(|at| text.get(at..)).unwrap_or(text);
    let end = from.find("}}").map_or(from.len(), |at| at + 2);
    from.get(..end).unwrap_or(from).lines().next().unwrap_or_default().chars().take(60).collect()
}
