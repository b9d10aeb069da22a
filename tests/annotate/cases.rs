//! `edits.md`: texts before and after.

use tidegate::diagnostic::Sources;
use tidegate::manifests::{Document, DocumentEdit, Manifests, edit, read_text};

/// The objects of a text.
pub fn objects(text: &str) -> Vec<Document> {
    let mut sources = Sources::default();
    let file = sources.add("m.yaml", text);
    let mut manifests = Manifests::default();
    read_text(&sources, file, &mut manifests);
    manifests.documents
}

struct Case {
    name: String,
    edits: Vec<(usize, String, Option<String>)>,
    before: String,
    /// The text, or why not.
    after: Result<String, String>,
}

fn unescape(block: &str) -> String {
    let text = block.replace('␍', "\r").replace('␉', "\t").replace('⊙', "\u{feff}");
    text.strip_suffix("␄\n").map_or(text.clone(), str::to_owned)
}

fn cases() -> Vec<Case> {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/annotate/edits.md")).unwrap();
    let section = |section: &str| {
        let (name, rest) = section.split_once('\n').unwrap();
        let mut blocks = Vec::new();
        let mut parts = rest.split("```");
        let head = parts.next().unwrap();
        let mut last = "";
        while let (Some(block), Some(after)) = (parts.next(), parts.next()) {
            blocks.push(unescape(block.split_once('\n').unwrap().1));
            last = after;
        }
        let refused = last.trim().strip_prefix("refused: ").map(str::to_owned);
        let edits = head.lines().filter_map(|line| line.strip_prefix("- ")).map(|line| {
            let (verb, rest) = line.split_once(' ').unwrap();
            let (at, rest) = rest.split_once(' ').unwrap();
            let (key, value) = match verb {
                "set" => {
                    let (key, value) = rest.split_at(rest.find(" \"").unwrap());
                    (key, Some(serde_json::from_str(value).unwrap()))
                }
                "remove" => (rest, None),
                other => panic!("{other}"),
            };
            (at.parse().unwrap(), key.to_owned(), value)
        });
        let edits: Vec<_> = edits.collect();
        let after = refused.map_or_else(|| Ok(blocks[1].clone()), Err);
        assert!(!edits.is_empty(), "{name}");
        Case { name: name.to_owned(), edits, before: blocks[0].clone(), after }
    };
    page.split("\n## ").skip(1).map(section).collect()
}

fn check(case: &Case) {
    let Case { name, edits, before, after } = case;
    let known = objects(before);
    let mut asked: Vec<DocumentEdit> = Vec::new();
    for (at, key, value) in edits {
        let document = &known[*at];
        // `yes` is `true` to Kubernetes.
        let key = if key == "yes" { "true".to_owned() } else { key.clone() };
        let change = (key, value.clone());
        let place = document.span.start as usize;
        match asked.iter_mut().find(|edit| edit.place == place && edit.item == document.item) {
            Some(edit) => edit.annotations.push(change),
            None => asked.push(DocumentEdit { place, item: document.item.clone(), annotations: vec![change] }),
        }
    }
    let edited = edit(before, &asked);
    match after {
        Ok(after) => {
            assert_eq!(edited.refused, [], "{name}");
            assert_eq!(edited.text, *after, "{name}\n--- got\n{}", edited.text);
            for (change, (bytes, now)) in asked.iter().zip(&edited.changed) {
                assert!(bytes.end > change.place || edited.changed.len() < asked.len(), "{name}");
                assert!(after.contains(now.as_str()), "{name}");
            }
            // Once more changes nothing.
            let again: Vec<DocumentEdit> = asked
                .iter()
                .map(|change| {
                    let n = known.iter().position(|d| d.span.start as usize == change.place && d.item == change.item);
                    DocumentEdit { place: objects(after)[n.unwrap()].span.start as usize, ..change.clone() }
                })
                .collect();
            assert_eq!(edit(after, &again).text, *after, "{name}: twice");
        }
        Err(message) => {
            assert_eq!(edited.text, *before, "{name}");
            let said = edited.refused.first().map(|(_, error)| error.to_string()).unwrap_or_default();
            assert!(said.starts_with(message.as_str()), "{name}: {said}");
            assert!(edited.changed.is_empty(), "{name}");
        }
    }
}

#[test]
fn edits() {
    let cases = cases();
    assert!(cases.len() >= 40, "{}", cases.len());
    cases.iter().for_each(check);
}

#[test]
fn one_that_is_refused_does_not_cost_the_others() {
    let text = "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: A, metadata: {name: x, annotations: [1]}}\n\
        - {apiVersion: v1, kind: B, metadata: {name: x}}\n---\napiVersion: v1\nkind: C\nmetadata: {name: x}\nsops: {mac: x}\n";
    let known = objects(text);
    let ask = |document: &Document| DocumentEdit {
        place: document.span.start as usize,
        item: document.item.clone(),
        annotations: vec![("a".to_owned(), Some("1".to_owned()))],
    };
    let edited = edit(text, &known.iter().map(ask).collect::<Vec<_>>());
    assert_eq!(edited.refused.iter().map(|(n, _)| *n).collect::<Vec<_>>(), [0, 2]);
    assert_eq!(
        edited.text,
        text.replace("kind: B, metadata: {name: x}", "kind: B, metadata: {name: x, annotations: {a: \"1\"}}")
    );
}
