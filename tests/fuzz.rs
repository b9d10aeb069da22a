//! The entry functions of `fuzz/`, over seeded mutations of the texts in this repository.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    clippy::print_stderr
)]

#[path = "../fuzz/entry.rs"]
mod entry;

use std::path::{Path, PathBuf};

/// Mutations of each kind by default, the larger numbers in a release build, as CI runs them; `TIDEGATE_FUZZ` asks for more.
const GRAMMAR: usize = if cfg!(debug_assertions) { 100 } else { 5_000 };
const EXPRESSIONS: usize = if cfg!(debug_assertions) { 5_000 } else { 250_000 };
const ANNOTATIONS: usize = if cfg!(debug_assertions) { 3_000 } else { 30_000 };

fn rounds(default: usize) -> usize {
    std::env::var("TIDEGATE_FUZZ").ok().and_then(|n| n.parse().ok()).unwrap_or(default)
}

/// SplitMix64.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % n.max(1) as u64) as usize
    }
}

fn texts(folder: &str, ending: &str) -> Vec<String> {
    fn walk(folder: &Path, ending: &str, into: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, ending, into);
            } else if path.to_string_lossy().ends_with(ending) {
                into.push(path);
            }
        }
    }
    let mut files = Vec::new();
    walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), ending, &mut files);
    files.sort();
    files.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect()
}

/// Words of the language, and what breaks tokenizers.
const WORDS: &[&str] = &[
    "when",
    "then",
    "and",
    "or",
    "not",
    "kind",
    "rule",
    "otherwise",
    "self",
    "self.status",
    ".?",
    "[?0]",
    ".orValue(\"\")",
    "has(",
    "(",
    ")",
    "{",
    "}",
    "[",
    "]",
    "\"",
    "'",
    "\\",
    "\n",
    ";",
    "#",
    "&&",
    "||",
    "==",
    "!=",
    "<",
    "?",
    ":",
    "-",
    "!",
    "in",
    ".all(x, x)",
    ".map(x, x.y)",
    "1",
    "0x",
    "1e9",
    "9223372036854775808",
    "3u",
    "\u{0}",
    "é",
    "😀",
    "\u{feff}",
    "null",
    "true",
    "duration(\"1h\")",
    "{{",
    "}}",
    "{self.x}",
    ",",
];

/// What YAML is made of, and what breaks its readers.
const YAML: &[&str] = &[
    "\n",
    "\r\n",
    "\r",
    "\t",
    " ",
    "  ",
    "#",
    " # c\n",
    ": ",
    "- ",
    "? ",
    "{",
    "}",
    "[",
    "]",
    ",",
    "'",
    "\"",
    "&a ",
    "*a",
    "<<: *a\n",
    "!t ",
    "!!str ",
    "|\n",
    "|+\n",
    ">-\n",
    "annotations:",
    "annotations: {}\n",
    "annotations: null\n",
    "metadata:",
    "metadata: &m\n",
    "items:\n- ",
    "kind: List\n",
    "\u{feff}",
    "...\n",
    "---\n",
    "--- ",
    "é",
    "\u{85}",
    "%YAML 1.1\n",
    "null",
    "~",
    "{{ .Values.x }}",
    "sops: {}\n",
];

/// A text with some pieces left out, doubled, swapped, taken from another text, or put in; also bytes that are not UTF-8.
fn mutated(texts: &[String], words: &[&str], dice: &mut Dice) -> Vec<u8> {
    let mut bytes = texts[dice.below(texts.len())].clone().into_bytes();
    for _ in 0..=dice.below(4) {
        let at = dice.below(bytes.len() + 1);
        let end = (at + dice.below(24)).min(bytes.len());
        match dice.below(6) {
            0 => drop(bytes.drain(at..end)),
            1 => {
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
            2 => {
                let other = texts[dice.below(texts.len())].as_bytes();
                let from = dice.below(other.len());
                let piece = other[from..(from + dice.below(40)).min(other.len())].to_vec();
                bytes.splice(at..end, piece);
            }
            3 if at < bytes.len() => bytes[at] = dice.below(256) as u8,
            _ => {
                let word = words[dice.below(words.len())].bytes();
                bytes.splice(at..at, word.collect::<Vec<u8>>());
            }
        }
    }
    bytes
}

fn run(texts: &[String], words: &[&str], rounds: usize, entry: fn(&[u8])) {
    assert!(texts.len() > 10, "{} texts", texts.len());
    texts.iter().for_each(|text| entry(text.as_bytes()));
    for seed in 0..rounds {
        let bytes = mutated(texts, words, &mut Dice(seed as u64));
        let caught = std::panic::catch_unwind(|| entry(&bytes));
        assert!(caught.is_ok(), "seed {seed}: {:?}", String::from_utf8_lossy(&bytes));
    }
}

#[test]
fn grammar() {
    let mut all = texts("rules", ".tide");
    all.extend(texts("examples", ".tide"));
    // A mutation of a short text changes more of it.
    let pieces: Vec<String> = all.iter().flat_map(|text| text.split("\n\n")).map(str::to_owned).collect();
    run(&pieces, WORDS, rounds(GRAMMAR), entry::grammar);
}

#[test]
fn expressions() {
    let pages = texts("tests/expressions", ".md");
    let cases = pages.iter().flat_map(|page| page.lines()).filter_map(|line| line.rsplit_once(" => "));
    let cases: Vec<String> = cases.map(|(text, _)| text.trim().to_owned()).collect();
    run(&cases, WORDS, rounds(EXPRESSIONS), entry::expression);
}

#[test]
fn annotations() {
    let pages = texts("tests/annotate", ".md");
    let blocks = pages.iter().flat_map(|page| page.split("```")).filter_map(|block| block.split_once('\n'));
    let mut all: Vec<String> =
        blocks.filter(|(head, _)| *head == "yaml" || *head == "json").map(|(_, text)| text.to_owned()).collect();
    let whole = |text: &String| text.replace('␍', "\r").replace('␉', "\t").replace('⊙', "\u{feff}").replace("␄\n", "");
    all = all.iter().map(whole).collect();
    for folder in ["examples", "deploy"] {
        all.extend(texts(folder, ".yaml").into_iter().filter(|text| text.len() < 4_000));
    }
    run(&all, YAML, rounds(ANNOTATIONS), entry::annotations);
}
