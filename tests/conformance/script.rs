//! The form of the case files.
//!
//! ```text
//! === name of the case
//! # why, if it needs one
//! > PATCH merge $configmaps/a
//! > Accept: application/json
//! {"data": {"x": null}}
//! < 200 as=patched only=data,metadata.resourceVersion
//! {"data": {}, "metadata": {"resourceVersion": "<rv 2>"}}
//! ```
//!
//! A request is a method and a path, then headers, then a body; `PATCH` also takes the kind of patch. `WATCH path` reads a watch
//! to its end, `OPEN name path` begins one and `READ name N` reads N of its events, `READ name end` the rest, and
//! `READ name bookmark` up to the next bookmark (the others leave bookmarks out). `$ns`, `$configmaps`, `$gauges`, `$plains`
//! are the case's namespace and paths in it; `$x(N)` is N letters; `${made.metadata.uid}` is a field of the answer that was
//! kept `as=made`. The answer is the code and the normalised body; `only=` picks fields of it.
//! With TIDEGATE_CONFORMANCE_RECORD=1 the answers of the real server are written into these files.

use std::fmt::Write as _;

use serde_json::Value;

/// A case: a name and what happens.
#[derive(Clone, Debug)]
pub struct Case {
    pub name: String,
    pub steps: Vec<Step>,
}

/// One request and its answer.
#[derive(Clone, Debug, Default)]
pub struct Step {
    /// Comment lines before it, kept when recording.
    pub comments: Vec<String>,
    /// Words of the request line.
    pub request: Vec<String>,
    pub headers: Vec<(String, String)>,
    pub body: String,
    pub save: Option<String>,
    pub only: Vec<String>,
    /// Absent until recorded.
    pub code: Option<u16>,
    pub answer: Value,
}

/// Reads a file of cases.
pub fn parse(text: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    let mut comments = Vec::new();
    let mut answering = false;
    let mut answer = String::new();
    for line in text.lines().chain(["=== end"]) {
        let starts = line.starts_with("===") || line.starts_with('#') || (line.starts_with("> ") && answering);
        if starts && answering {
            let step = cases.last_mut().unwrap().steps.last_mut().unwrap();
            step.answer = read_answer(&answer);
            answer.clear();
            answering = false;
        }
        if let Some(name) = line.strip_prefix("=== ") {
            cases.push(Case { name: name.to_owned(), steps: Vec::new() });
        } else if line.starts_with('#') {
            comments.push(line.to_owned());
        } else if let Some(request) = line.strip_prefix("> ") {
            let case = cases.last_mut().unwrap();
            match request.split_once(": ") {
                Some((name, value)) => {
                    case.steps.last_mut().unwrap().headers.push((name.to_owned(), value.to_owned()));
                }
                None => case.steps.push(Step {
                    comments: std::mem::take(&mut comments),
                    request: request.split(' ').map(str::to_owned).collect(),
                    ..Step::default()
                }),
            }
        } else if line == "<" || line.starts_with("< ") {
            let step = cases.last_mut().unwrap().steps.last_mut().unwrap();
            for word in line.split_whitespace().skip(1) {
                match word.split_once('=') {
                    Some(("as", name)) => step.save = Some(name.to_owned()),
                    Some(("only", fields)) => step.only = fields.split(',').map(str::to_owned).collect(),
                    _ => step.code = Some(word.parse().unwrap()),
                }
            }
            answering = true;
        } else if answering {
            answer.push_str(line);
            answer.push('\n');
        } else if let Some(step) = cases.last_mut().and_then(|case| case.steps.last_mut()) {
            step.body.push_str(line);
            step.body.push('\n');
        }
    }
    cases.pop();
    cases
}

fn read_answer(text: &str) -> Value {
    match text.trim() {
        "" => Value::Null,
        text => serde_json::from_str(text).unwrap_or_else(|error| panic!("not JSON ({error}): {text}")),
    }
}

/// Writes a file of cases, with `head` before them.
pub fn render(head: &str, cases: &[Case]) -> String {
    let mut text = head.to_owned();
    for case in cases {
        writeln!(text, "=== {}", case.name).unwrap();
        for step in &case.steps {
            step.comments.iter().for_each(|line| writeln!(text, "{line}").unwrap());
            writeln!(text, "> {}", step.request.join(" ")).unwrap();
            step.headers.iter().for_each(|(name, value)| writeln!(text, "> {name}: {value}").unwrap());
            if !step.body.trim().is_empty() {
                writeln!(text, "{}", step.body.trim_end()).unwrap();
            }
            let code = step.code.map(|code| code.to_string());
            let save = step.save.as_ref().map(|name| format!("as={name}"));
            let only = (!step.only.is_empty()).then(|| format!("only={}", step.only.join(",")));
            let words: Vec<String> = ["<".to_owned()].into_iter().chain(code).chain(save).chain(only).collect();
            writeln!(text, "{}", words.join(" ")).unwrap();
            writeln!(text, "{}", show(&step.answer)).unwrap();
        }
        text.push('\n');
    }
    text
}

/// Short answers on one line, lists of events one event a line, the rest indented.
fn show(answer: &Value) -> String {
    let flat = answer.to_string();
    if flat.len() <= 150 {
        return flat;
    }
    match answer {
        Value::Array(items) => {
            let lines: Vec<String> = items.iter().map(|item| format!("  {item}")).collect();
            format!("[\n{}\n]", lines.join(",\n"))
        }
        _ => serde_json::to_string_pretty(answer).unwrap(),
    }
}
