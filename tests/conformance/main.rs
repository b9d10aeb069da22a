//! One suite of cases against two servers: the one in memory and a real kube-apiserver. The cases in `*.case` are requests
//! and answers (see `script`), those in `runtime` use kube's own runtime. Both servers must give the recorded answers, which
//! are the real server's.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    clippy::print_stderr
)]

#[path = "../support/mod.rs"]
mod support;

mod normal;
mod run;
mod runtime;
mod script;

use std::path::PathBuf;
use std::sync::Arc;

use futures::StreamExt;
use kube::Client;
use serde_json::Value;
use tidegate::rehearse::apiserver::ApiServer;

static CLUSTER: support::Shared = support::Shared::new(support::Parts::NONE);

/// Cases that run at the same time against the real server.
const CASES_AT_ONCE: usize = 16;

fn case_files() -> Vec<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/conformance");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "case"));
    files.sort();
    files
}

fn pretty(code: Option<u16>, answer: &Value) -> String {
    format!("{}\n{}\n", code.unwrap_or_default(), serde_json::to_string_pretty(answer).unwrap())
}

/// Plays all cases; gives the differences from what is recorded.
async fn differences(client: &Client, at_once: usize, record: bool) -> Vec<String> {
    let only = std::env::var("TIDEGATE_CONFORMANCE_CASE").unwrap_or_default();
    let files: Vec<(PathBuf, String)> =
        case_files().into_iter().map(|file| (file.clone(), std::fs::read_to_string(file).unwrap())).collect();
    let cases: Vec<(&PathBuf, script::Case)> =
        files.iter().flat_map(|(file, text)| script::parse(text).into_iter().map(move |case| (file, case))).collect();
    let chosen: Vec<&(&PathBuf, script::Case)> = cases.iter().filter(|(_, case)| case.name.contains(&only)).collect();
    let plays = futures::stream::iter(&chosen).map(|(_, case)| run::play(client, case));
    let played: Vec<script::Case> = plays.buffered(at_once).collect().await;
    if record && only.is_empty() {
        for (file, text) in &files {
            let of_file = chosen.iter().zip(&played).filter(|((of, _), _)| *of == file);
            let answered: Vec<script::Case> = of_file.map(|(_, case)| case.clone()).collect();
            std::fs::write(file, script::render(head(text), &answered)).unwrap();
        }
    }
    chosen.iter().zip(&played).filter_map(|((_, case), played)| difference(case, played)).collect()
}

/// The first step that was answered otherwise than recorded.
fn difference(case: &script::Case, played: &script::Case) -> Option<String> {
    case.steps.iter().zip(&played.steps).enumerate().find_map(|(number, (step, played))| {
        let (want, got) = (pretty(step.code, &step.answer), pretty(played.code, &played.answer));
        let diff = || similar::TextDiff::from_lines(&want, &got).unified_diff().to_string();
        let place = || format!("{}, step {}: {}", case.name, number + 1, step.request.join(" "));
        (want != got).then(|| format!("{}\n{}", place(), diff()))
    })
}

/// What stands before the first case of a file.
fn head(text: &str) -> &str {
    text.split_once("=== ").map_or("", |(head, _)| head)
}

fn check(server: &str, differences: &[String]) {
    let count = differences.len();
    assert!(differences.is_empty(), "{count} cases differ on {server}:\n\n{}", differences.join("\n"));
}

fn memory() -> ApiServer {
    let start: jiff::Timestamp = "2026-03-01T08:00:00Z".parse().unwrap();
    let begin = tokio::time::Instant::now();
    ApiServer::new(Arc::new(move || start + begin.elapsed()))
}

#[tokio::test(start_paused = true)]
async fn the_server_in_memory_gives_the_recorded_answers() {
    let client = memory().client();
    run::prepare(&client).await;
    check("the server in memory", &differences(&client, 1, false).await);
    check("the server in memory", &runtime::differences(&client).await);
}

#[tokio::test]
async fn a_real_server_gives_the_recorded_answers() {
    let Some(cluster) = CLUSTER.get("a_real_server_gives_the_recorded_answers") else { return };
    let client = cluster.admin().await;
    run::prepare(&client).await;
    let record = std::env::var_os("TIDEGATE_CONFORMANCE_RECORD").is_some();
    let (found, of_runtime) =
        futures::join!(differences(&client, CASES_AT_ONCE, record), runtime::differences(&client));
    if !record {
        check("a real server", &found);
    }
    check("a real server", &of_runtime);
}

#[test]
fn case_files_are_as_recording_writes_them() {
    let mut names = Vec::new();
    for file in case_files() {
        let text = std::fs::read_to_string(&file).unwrap();
        let cases = script::parse(&text);
        assert_eq!(script::render(head(&text), &cases), text, "{}", file.display());
        names.extend(cases.into_iter().map(|case| case.name));
    }
    assert!(names.len() + runtime::count() >= 40, "{} cases", names.len());
    let count = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), count, "each case has a name of its own");
}
