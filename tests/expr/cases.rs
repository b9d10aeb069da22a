//! The Markdown files of `tests/expressions`: each is documentation and a test.
//!
//! A `json` block is the object of the cases after it, as `self`. A `cases` block has lines `EXPRESSION => RESULT`, where a result
//! is a value as displayed or `error: …`. A `refused` block has four lines a case: the expression, `CODE: message`, `at:` and the
//! underlined text, `help:` and the help.

use std::fs;
use std::path::PathBuf;

use tidegate::diagnostic::Sources;
use tidegate::expr::{Lets, Value};
use tidegate::syntax;

use super::{compile_with, show};

struct Block {
    kind: String,
    lines: Vec<(usize, String)>,
}

/// The fenced blocks of all files, by file.
fn files() -> Vec<(String, Vec<Block>)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/expressions");
    let mut paths: Vec<PathBuf> = fs::read_dir(&folder).unwrap().map(|e| e.unwrap().path()).collect();
    paths.sort();
    paths.push(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/expressions.md"));
    let read = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        (name, blocks(&fs::read_to_string(path).unwrap()))
    };
    paths.iter().map(read).collect()
}

fn blocks(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (number, line) in text.lines().enumerate() {
        match (line.strip_prefix("```"), open.as_mut()) {
            (Some(kind), None) => open = Some(Block { kind: kind.to_owned(), lines: Vec::new() }),
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (None, Some(block)) => block.lines.push((number + 1, line.to_owned())),
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block is not closed");
    blocks
}

/// All cases: expression and object.
pub fn all() -> Vec<(String, serde_json::Value)> {
    let all = files();
    assert!(all.iter().any(|(name, _)| name == DIFFERENCES));
    of_files(all)
}

/// Where the crate and the specification part.
const DIFFERENCES: &str = "differences.md";

/// The expressions of that page about the crate.
pub fn of_the_crate() -> Vec<String> {
    let page = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/expressions").join(DIFFERENCES);
    let text = fs::read_to_string(page).unwrap();
    let text = text.split("## Where cel-go").next().unwrap();
    of_files(vec![(DIFFERENCES.to_owned(), blocks(text))]).into_iter().map(|(text, _)| text).collect()
}

fn of_files(files: Vec<(String, Vec<Block>)>) -> Vec<(String, serde_json::Value)> {
    let mut cases = Vec::new();
    for (_, blocks) in files {
        let mut object = serde_json::json!({});
        for block in blocks {
            if block.kind == "json" {
                let text: String = block.lines.iter().map(|(_, line)| line.as_str()).collect();
                object = serde_json::from_str(&text).unwrap();
            }
            if block.kind == "cases" {
                let split = |(_, line): &(usize, String)| Some(line.rsplit_once(" => ")?.0.trim().to_owned());
                cases.extend(block.lines.iter().filter_map(split).map(|text| (text, object.clone())));
            }
        }
    }
    cases
}

#[test]
fn every_case_has_the_value_that_it_says() {
    let mut count = 0;
    let mut failures = String::new();
    for (file, blocks) in files() {
        let mut object = Value::map::<&str>([]);
        for block in blocks {
            match block.kind.as_str() {
                "json" => {
                    let text: String = block.lines.iter().map(|(_, line)| line.as_str()).collect();
                    object = Value::from_json(&serde_json::from_str(&text).unwrap()).unwrap();
                }
                "cases" => {
                    for (number, line) in block.lines.iter().filter(|(_, line)| !line.trim().is_empty()) {
                        let (text, expected) = line.rsplit_once(" => ").unwrap_or_else(|| panic!("{file}:{number}"));
                        let found = match compile_with(text.trim(), &["self"], &Lets::new()) {
                            Ok(program) => show(&program, &object),
                            Err(errors) => format!("{}: {}", errors[0].code, errors[0].message),
                        };
                        count += 1;
                        if found != expected.trim() {
                            failures += &format!(
                                "{file}:{number}: {}\n  expected {expected}\n  found    {found}\n",
                                text.trim()
                            );
                        }
                    }
                }
                _ => {}
            }
        }
    }
    assert!(failures.is_empty(), "\n{failures}");
    assert!(count >= 400, "only {count} cases were found");
}

/// The page of the language shows every function in a case that is run.
#[test]
fn the_page_shows_every_function() {
    let page = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/expressions.md");
    let shown = of_files(vec![(String::new(), blocks(&fs::read_to_string(page).unwrap()))]);
    let calls = |name: &str| shown.iter().any(|(text, _)| text.contains(&format!("{name}(")));
    let names = tidegate::expr::function_names();
    let missing: Vec<&&str> = names.iter().filter(|name| !calls(name)).collect();
    assert!(missing.is_empty(), "docs/expressions.md has no example of {missing:?}");
    assert!(names.len() >= 45, "{}", names.len());
}

#[test]
fn every_refusal_says_what_where_and_how_to_fix_it() {
    let mut count = 0;
    let mut failures = String::new();
    for (file, blocks) in files() {
        for block in blocks.iter().filter(|b| b.kind == "refused") {
            let lines: Vec<&(usize, String)> = block.lines.iter().filter(|(_, line)| !line.trim().is_empty()).collect();
            for case in lines.chunks(4) {
                let (number, text) = case[0];
                let expected: Vec<&str> = case[1..].iter().map(|(_, line)| line.trim()).collect();
                let found = refusal(text);
                count += 1;
                if found != expected {
                    failures += &format!("{file}:{number}\n{text}\n{}\n\n", found.join("\n"));
                }
            }
        }
    }
    assert!(failures.is_empty(), "found otherwise:\n\n{failures}");
    assert!(count >= 30, "only {count} refusals were found");
}

/// The first diagnostic in three lines.
fn refusal(text: &str) -> Vec<String> {
    let mut sources = Sources::default();
    let file = sources.add("case", text);
    let mut diagnostics = Vec::new();
    let expr = syntax::parse_expr(&sources, file, &mut diagnostics);
    assert!(diagnostics.is_empty(), "{text} does not parse: {diagnostics:?}");
    let program = tidegate::expr::Program::compile(&expr.unwrap(), &["self", "notebook", "isvc"], &mut diagnostics);
    let Some(first) = diagnostics.first() else {
        return vec![format!("compiles: {program:?}")];
    };
    vec![
        format!("{}: {}", first.code, first.message),
        format!("at: {}", sources.words(first.span)),
        format!("help: {}", first.help).trim_end().to_owned(),
    ]
}
