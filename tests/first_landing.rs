//! The sentence, end to end, as a person would try it by hand: `tests/first-landing.sh` on a real API server.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    clippy::print_stderr
)]

mod support;

use std::path::Path;
use std::process::Command;

use support::tools::Tools;
use support::{Parts, Shared, skip};

static CLUSTER: Shared =
    Shared::new(Parts { crds: &["notebookvalidationjobs", "inferenceservices", "applications"], ..Parts::NONE });

#[test]
fn first_landing() {
    let Some(cluster) = CLUSTER.get("first_landing") else { return };
    let Some(corpus) = skip::corpus("first_landing") else { return };
    let kubectl = match Tools::find(&["kubectl"]) {
        Ok(tools) => tools.program("kubectl"),
        Err(need) => return skip::skipped("first_landing", &need),
    };
    let port = support::cluster::free_port().unwrap();
    let work = cluster.scratch().path().join("first-landing");
    std::fs::create_dir(&work).unwrap();
    let mut command = Command::new("bash");
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/first-landing.sh")).current_dir(work);
    command.env("TIDEGATE", env!("CARGO_BIN_EXE_tidegate")).env("KUBECTL", kubectl);
    command.env("PLATFORM", corpus.join("platform/rendered.yaml")).env("LISTEN", format!("127.0.0.1:{port}"));
    command.env("DEPLOY", Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/base"));
    command.env("KUBECONFIG", cluster.admin_kubeconfig());
    let mut script = cluster.scratch().spawn("first-landing", &command).unwrap();
    let status = script.wait().unwrap();
    println!("{}", script.log());
    assert!(status.success(), "tests/first-landing.sh: {status}");
}
