//! The meaning of rules, as Markdown: rules, what happens in the cluster, and what the engine does about it.
//!
//! A case is a heading and its blocks, in order:
//! - `tide`: the rules (again: they are loaded anew);
//! - `yaml +20m`: at that time these objects become so (merged into what is there; new ones get a uid and a creation time);
//! - `delete +20m`: lines `kind [namespace/]name`;
//! - `restart +20m`: the controller is killed and starts again; `lose-state +20m`: it also finds its state object gone;
//! - `refuse +20m`: from now on writes to these objects (lines as above) are refused; an empty block: none any more;
//! - `expect +20m`: what is written from the last block until then, in order. Events `ActionDone` are left out.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::cluster::{Cluster, START};

#[test]
fn rules_mean_what_the_pages_say() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/meaning");
    let mut pages: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    pages.sort();
    // Rewrites what is expected; read the difference before you believe it.
    let update = std::env::var_os("MEANING_UPDATE").is_some();
    let only = std::env::var("CASE").unwrap_or_default();
    let (mut failures, mut count) = (Vec::new(), 0);
    for page in pages {
        let name = page.file_stem().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&page).unwrap();
        let mut found = Vec::new();
        for case in cases(&text) {
            if case.title.contains(&only) {
                count += 1;
                failures.extend(case.check(&mut found).err().map(|error| format!("{name}: {}\n{error}", case.title)));
            }
        }
        if update {
            std::fs::write(&page, rewritten(&text, found)).unwrap();
        }
    }
    println!("{count} cases of meaning");
    assert!(failures.is_empty(), "{} of {count} cases fail\n\n{}", failures.len(), failures.join("\n\n"));
}

/// The page with its `expect` blocks, in order, replaced by what was found.
fn rewritten(page: &str, found: Vec<String>) -> String {
    let (mut text, mut found, mut inside) = (String::new(), found.into_iter(), false);
    for line in page.lines() {
        if inside && line != "```" {
            continue;
        }
        inside = line.starts_with("```expect");
        text.push_str(line);
        text.push('\n');
        if inside {
            let lines = found.next().unwrap_or_default();
            text.push_str(&lines);
            if !lines.is_empty() {
                text.push('\n');
            }
        }
    }
    text
}

struct Case {
    title: String,
    blocks: Vec<Block>,
}

struct Block {
    word: String,
    at: Option<Timestamp>,
    text: String,
}

fn cases(page: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if let Some(title) = line.strip_prefix("## ") {
            cases.push(Case { title: title.to_owned(), blocks: Vec::new() });
        }
        let Some(info) = line.strip_prefix("```") else { continue };
        let text: Vec<&str> = lines.by_ref().take_while(|line| !line.starts_with("```")).collect();
        let (word, at) = info.split_once(' ').map_or((info, None), |(word, at)| (word, Some(time(at))));
        let case = cases.last_mut().expect("a block before the first heading");
        case.blocks.push(Block { word: word.to_owned(), at, text: text.join("\n") });
    }
    cases
}

fn time(text: &str) -> Timestamp {
    let (mut total, mut number) = (0_i64, String::new());
    for c in text.trim().trim_start_matches('+').chars() {
        let unit = match c {
            'd' => 86_400,
            'h' => 3_600,
            'm' => 60,
            's' => 1,
            digit => {
                number.push(digit);
                continue;
            }
        };
        total += unit * number.parse::<i64>().unwrap_or_else(|_| panic!("`{text}` is not a time"));
        number.clear();
    }
    START.parse::<Timestamp>().unwrap() + SignedDuration::from_secs(total)
}

impl Case {
    fn check(&self, found: &mut Vec<String>) -> Result<(), String> {
        let (mut cluster, mut result): (Option<Cluster>, _) = (None, Ok(()));
        for block in &self.blocks {
            if block.word == "tide" {
                cluster = Some(match cluster.take() {
                    None => Cluster::new(&block.text)?,
                    Some(old) => old.reload(&block.text)?,
                });
                continue;
            }
            let cluster = cluster.as_mut().ok_or("no rules before the first block")?;
            if let Some(at) = block.at {
                cluster.pass(at);
            }
            match block.word.as_str() {
                "yaml" => cluster.apply(&block.text),
                "delete" => block.text.lines().for_each(|line| cluster.delete(line)),
                "refuse" => cluster.refused = block.text.lines().map(str::to_owned).collect(),
                "restart" => cluster.restart(true),
                "lose-state" => cluster.restart(false),
                "expect" => {
                    let expected = cluster.expect(&block.text, found);
                    result = result.and(expected);
                }
                other => return Err(format!("unknown block `{other}`")),
            }
        }
        result
    }
}

#[test]
fn times_in_pages_are_read() {
    let start: Timestamp = START.parse().unwrap();
    assert_eq!(time("+1h30m"), start + SignedDuration::from_secs(5400));
    assert_eq!(time("+0s"), start);
    assert!(Duration::try_from(time("+1d").duration_since(start)).unwrap().as_secs() == 86_400);
}
