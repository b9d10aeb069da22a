//! The editor on real manifests: random annotations, and nothing else changed.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use tidegate::manifests::{Document, DocumentEdit, edit};

use crate::cases::objects;

/// Edits; a debug build is slower.
const EDITS: usize = if cfg!(debug_assertions) { 400 } else { 10_000 };

/// SplitMix64.
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % n.max(1) as u64) as usize
    }

    pub fn of<'a, T: ?Sized>(&mut self, list: &[&'a T]) -> &'a T {
        list[self.below(list.len())]
    }
}

const KEYS: &[&str] = &[
    "argocd.argoproj.io/sync-wave",
    "argocd.argoproj.io/sync-wave",
    "example.org/x",
    "true",
    "1",
    "null",
    "a b",
    "é",
    "",
    "-",
    "\"",
];

const VALUES: &[&str] = &[
    "3",
    "-1",
    "",
    " ",
    "yes",
    "0644",
    "a: b",
    "#x",
    "x #y",
    "two\nlines",
    "trailing\n",
    " leading",
    "é😀",
    "'",
    "\"",
    "{}",
    "[a",
    "*a",
    "&a",
    "!t",
    "|",
    "null",
    "~",
    "%",
    "@",
    "a\\b",
    "\ttab",
    "- a",
    "a:",
    "---",
    "\n---\n",
    "1_000",
    ".inf",
    "<<",
    "{{ x }}",
    "a, b",
    "\r\n",
    "\u{0}\u{7}",
    "\u{85}\u{2028}\u{feff}",
];

/// The streams of the corpus, each with its objects.
fn streams() -> Option<Vec<(PathBuf, String, Vec<Document>)>> {
    let Some(corpus) = std::env::var_os("TIDEGATE_CORPUS") else {
        assert!(std::env::var_os("TIDEGATE_REQUIRE").is_none(), "the editor on the corpus needs TIDEGATE_CORPUS");
        println!("skipped: the editor on the corpus needs TIDEGATE_CORPUS");
        return None;
    };
    fn walk(folder: &Path, into: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, into);
            } else if path.extension().is_some_and(|e| e == "yaml") {
                into.push(path);
            }
        }
    }
    let mut files = Vec::new();
    walk(Path::new(&corpus), &mut files);
    files.sort();
    let read = files.into_iter().filter_map(|path| {
        let text = std::fs::read_to_string(&path).ok()?;
        let objects = objects(&text);
        (!objects.is_empty()).then_some((path, text, objects))
    });
    Some(read.collect())
}

/// The object with one annotation changed.
fn changed(object: &Value, key: &str, value: Option<&str>) -> Value {
    let mut object = object.clone();
    let has = object.pointer("/metadata/annotations").is_some_and(|a| !a.is_null());
    if value.is_none() && !has {
        return object;
    }
    let map = object.as_object_mut().unwrap();
    let metadata = map.entry("metadata").or_insert_with(|| Value::Object(Map::new()));
    let annotations = metadata.as_object_mut().unwrap().entry("annotations").or_insert(Value::Null);
    if annotations.is_null() {
        *annotations = Value::Object(Map::new());
    }
    let annotations = annotations.as_object_mut().unwrap();
    match value {
        Some(value) => annotations.insert(key.to_owned(), Value::from(value)),
        None => annotations.remove(key),
    };
    object
}

/// INVARIANT: what is read afterwards differs in the annotations that were asked for, and every byte outside of the documents that were edited is the same.
fn check(name: &str, before: &str, known: &[Document], asked: &[(usize, String, Option<String>)]) -> String {
    let edits: Vec<DocumentEdit> = asked
        .iter()
        .map(|(at, key, value)| DocumentEdit {
            place: known[*at].span.start as usize,
            item: known[*at].item.clone(),
            annotations: vec![(key.clone(), value.clone())],
        })
        .collect();
    let edited = edit(before, &edits);
    assert_eq!(edited.refused, [], "{name}: {asked:?}");
    let after = objects(&edited.text);
    assert_eq!(after.len(), known.len(), "{name}: {asked:?}");
    for (n, (was, is)) in known.iter().zip(&after).enumerate() {
        let mut expected = was.object.clone();
        for (at, key, value) in asked.iter().filter(|(at, ..)| *at == n) {
            let _ = at;
            expected = changed(&expected, key, value.as_deref());
        }
        assert_eq!(is.object, expected, "{name}, object {n}: {asked:?}");
    }
    // Bytes: between changed documents nothing moves, and within one only lines of annotations come or go.
    let mut rest = edited.text.as_str();
    let mut done = 0;
    for (bytes, now) in &edited.changed {
        rest = rest.strip_prefix(&before[done..bytes.start]).unwrap_or_else(|| panic!("{name}: {asked:?}"));
        rest = rest.strip_prefix(now.as_str()).unwrap();
        done = bytes.end;
        kept(name, &before[bytes.clone()], now);
    }
    assert_eq!(rest, &before[done..], "{name}: {asked:?}");
    edited.text
}

/// Whoever takes the comments out finds the same number of them: none is lost or made.
fn kept(name: &str, before: &str, after: &str) {
    let whole = |text: &str| text.lines().filter(|line| line.trim_start().starts_with('#')).count();
    assert_eq!(whole(before), whole(after), "{name}: a comment was lost");
}

#[test]
fn random_annotations_and_nothing_else() {
    let Some(streams) = streams() else { return };
    assert!(streams.len() > 500, "{}", streams.len());
    let platform = streams.iter().position(|(path, ..)| path.ends_with("platform/rendered.yaml")).unwrap();
    let mut made = 0;
    let mut seed = 0;
    while made < EDITS {
        seed += 1;
        let mut dice = Dice(seed);
        // The platform as often as all the others together; many documents of it at once.
        let at = if dice.below(2) == 0 { platform } else { dice.below(streams.len()) };
        let (path, text, known) = &streams[at];
        let count = 1 + dice.below(if at == platform { 60 } else { 3 });
        let mut asked: Vec<(usize, String, Option<String>)> = Vec::new();
        for _ in 0..count {
            let n = dice.below(known.len());
            if asked.iter().any(|(other, ..)| *other == n) {
                continue;
            }
            let own = known[n].object.pointer("/metadata/annotations").and_then(Value::as_object);
            let own: Vec<&str> = own.into_iter().flatten().map(|(key, _)| key.as_str()).collect();
            let key = if !own.is_empty() && dice.below(2) == 0 { dice.of(&own) } else { dice.of(KEYS) };
            let value = (dice.below(4) > 0).then(|| dice.of(VALUES).to_owned());
            asked.push((n, key.to_owned(), value));
        }
        made += asked.len();
        check(&format!("seed {seed}, {}", path.display()), text, known, &asked);
    }
    println!("{made} edits in {seed} rounds");
}

/// The same text after a wave is set and taken away again, where there was a map of annotations to put it in.
#[test]
fn set_and_taken_away() {
    let Some(streams) = streams() else { return };
    let mut seen = 0;
    for (path, text, known) in &streams {
        let name = path.display().to_string();
        let fit = |d: &&(usize, &Document)| {
            d.1.object.pointer("/metadata/annotations").is_some_and(|a| a.as_object().is_some_and(|a| !a.is_empty()))
        };
        let Some((n, _)) = known.iter().enumerate().collect::<Vec<_>>().iter().find(fit).copied() else { continue };
        let key = "example.org/new".to_owned();
        let with = check(&name, text, known, &[(n, key.clone(), Some("1".to_owned()))]);
        assert_ne!(with, *text);
        let without = check(&name, &with, &objects(&with), &[(n, key, None)]);
        assert_eq!(without, *text, "{name}");
        seen += 1;
    }
    assert!(seen > 50, "{seen}");
}
