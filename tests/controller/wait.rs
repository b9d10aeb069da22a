//! `tidegate wait` as a hook runs it: arguments, account and role as `emit hooks` prints them, the role bound to the names that the
//! condition has.

use std::path::PathBuf;
use std::process::Command;

use kube::Client;
use serde::Deserialize as _;
use serde_json::{Value, json};

use crate::CLUSTER;
use crate::stage::{PATIENCE, thing_definition};
use crate::support::deployed::{acts_as, kubectl};
use crate::support::scratch::Process;
use crate::support::{Cluster, objects};

/// A namespace with the hook that `emit hooks` prints for a condition.
struct Hook<'a> {
    cluster: &'a Cluster,
    admin: Client,
    namespace: String,
    /// Arguments of its container.
    args: Vec<String>,
    kubeconfig: PathBuf,
}

/// What `emit hooks` prints for one block with this condition.
pub fn emitted(cluster: &Cluster, namespace: &str, kinds: &str, condition: &str) -> PathBuf {
    let block = format!("when {condition} then notify trained \"trained\"; block wave 4 of application argocd/other\n");
    let rules = format!("namespace {namespace}\n{kinds}{block}");
    let rules = cluster.scratch().write(&format!("{namespace}-hook.tide"), &rules).unwrap();
    let map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: served, annotations: {argocd.argoproj.io/sync-wave: \"4\"}}\n";
    let manifests = cluster.scratch().write(&format!("{namespace}-served.yaml"), map).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    command.args(["emit", "hooks"]).arg(rules).arg("--manifests").arg(manifests);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    cluster.scratch().write(&format!("{namespace}-hook.yaml"), &text).unwrap()
}

/// The Job among them.
pub fn job_of(hooks: &std::path::Path) -> Value {
    let text = std::fs::read_to_string(hooks).unwrap();
    let documents = serde_yaml::Deserializer::from_str(&text).map(|one| Value::deserialize(one).unwrap());
    documents.into_iter().find(|one| one["kind"] == "Job").unwrap()
}

impl<'a> Hook<'a> {
    async fn new(cluster: &'a Cluster, name: &str, kinds: &str, condition: &str) -> Hook<'a> {
        let admin = cluster.admin().await;
        let namespace = cluster.namespace(&admin, name).await;
        let hooks = emitted(cluster, &namespace, kinds, condition);
        kubectl(cluster, &["apply", "--validate=strict", "-f"], &hooks);
        let job = job_of(&hooks);
        let pod = &job["spec"]["template"]["spec"];
        let args = pod["containers"][0]["args"].as_array().unwrap();
        // The ConfigMap with the users' own kinds, as it would be mounted.
        let mounted = cluster.scratch().write(&format!("{namespace}-kinds.tide"), kinds).unwrap();
        let mounted = mounted.display().to_string();
        let args = args.iter().map(|arg| arg.as_str().unwrap().replace("/etc/tidegate/rules", &mounted)).collect();
        let account = pod["serviceAccountName"].as_str().unwrap();
        let kubeconfig = cluster.account_kubeconfig(&admin, &namespace, account).await;
        let who = acts_as(&kubeconfig).await.unwrap();
        assert_eq!(who, format!("system:serviceaccount:{namespace}:{account}"));
        Hook { cluster, admin, namespace, args, kubeconfig }
    }

    /// Starts it, with `change` made to its arguments.
    fn start(&self, change: impl FnOnce(&mut Vec<String>)) -> Process {
        let mut args = self.args.clone();
        change(&mut args);
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
        command.args(args).arg("--kubeconfig").arg(&self.kubeconfig);
        self.cluster.scratch().spawn(&format!("{}-wait", self.namespace), &command).unwrap()
    }

    async fn notebook(&self) {
        let spec = json!({"notebook": {"git": {"url": "https://example.org/n.git", "ref": "main"}, "path": "n.ipynb"},
            "podConfig": {"containerImage": "example.org/notebook:1"}});
        let notebook = json!({"apiVersion": "mlops.mlops.dev/v1alpha1", "kind": "NotebookValidationJob",
            "metadata": {"name": "train-fraud"}, "spec": spec});
        objects::create(&self.admin, &self.namespace, notebook).await;
    }

    async fn status(&self, status: Value) {
        objects::set_status(&objects::notebooks(&self.admin, &self.namespace), "train-fraud", status).await;
    }
}

/// The exit status and what was said; the process must end by itself.
async fn ended(mut process: Process) -> (Option<i32>, String) {
    let wait = tokio::task::spawn_blocking(move || {
        let status = process.wait().unwrap();
        (status.code(), process.log())
    });
    tokio::time::timeout(PATIENCE, wait).await.expect("`tidegate wait` ends").unwrap()
}

async fn until_said(process: &Process, words: &str) {
    let said = async {
        while !process.log().contains(words) {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, said).await.unwrap_or_else(|_| panic!("{words}: {}", process.last_words()));
}

#[tokio::test]
async fn a_hook_ends_when_its_notebook_succeeds() {
    let Some(cluster) = CLUSTER.get("a_hook_ends_when_its_notebook_succeeds") else { return };
    let hook = Hook::new(cluster, "wait-good", "", TRAINED).await;
    // Before the notebook is there: Argo CD applies the hook and the notebook in any order.
    let process = hook.start(|_| ());
    hook.notebook().await;
    hook.status(json!({"phase": "ValidationRunning"})).await;
    hook.status(json!({"phase": "Succeeded", "completionTime": "2026-03-01T08:20:00Z"})).await;
    assert_eq!(ended(process).await, (Some(0), String::new()));
    // And again at the next sync, which finds that it has succeeded.
    assert_eq!(ended(hook.start(|_| ())).await.0, Some(0));
}

#[tokio::test]
async fn a_hook_fails_as_soon_as_its_notebook_fails() {
    let Some(cluster) = CLUSTER.get("a_hook_fails_as_soon_as_its_notebook_fails") else { return };
    let hook = Hook::new(cluster, "wait-bad", "", TRAINED).await;
    hook.notebook().await;
    let process = hook.start(|_| ());
    hook.status(json!({"phase": "Failed", "message": "cell 7 raised \u{1b}[31mValueError\u{1b}[0m\nnext line"})).await;
    let (code, said) = ended(process).await;
    assert_eq!(code, Some(1), "{said}");
    assert!(said.starts_with("failed: notebook ") && said.contains("/train-fraud succeeds (failed"), "{said}");
    assert!(!said.contains('\u{1b}') && said.lines().count() == 1, "{said:?}");
}

#[tokio::test]
async fn a_hook_ends_at_its_deadline_and_says_what_was_missing() {
    let Some(cluster) = CLUSTER.get("a_hook_ends_at_its_deadline_and_says_what_was_missing") else { return };
    let hook = Hook::new(cluster, "wait-late", "", TRAINED).await;
    hook.notebook().await;
    hook.status(json!({"phase": "ValidationRunning", "message": "epoch 3"})).await;
    let (code, said) = ended(hook.start(|args| args[2] = "--timeout=2s".to_owned())).await;
    assert_eq!(code, Some(3), "{said}");
    assert!(said.starts_with("not within 2s: notebook ") && said.contains("Progressing"), "{said}");
    // A deadline is no time at all when the cluster cannot be asked.
    let (code, said) = ended(hook.start(|args| args[1] = "notebook train-fraud suceeds".to_owned())).await;
    assert_eq!(code, Some(2), "{said}");
}

/// The role names one notebook: about any other the server refuses to talk, which is said at once, and is no verdict about the notebook.
#[tokio::test]
async fn a_hook_sees_what_its_role_names_and_no_more() {
    let Some(cluster) = CLUSTER.get("a_hook_sees_what_its_role_names_and_no_more") else { return };
    let hook = Hook::new(cluster, "wait-role", "", TRAINED).await;
    let (code, said) = ended(hook.start(|args| {
        args[1] = "notebook another succeeds".to_owned();
        args[2] = "--timeout=3s".to_owned();
    }))
    .await;
    assert_eq!(code, Some(2), "{said}");
    let lines: Vec<&str> = said.lines().collect();
    assert!(
        lines[0].starts_with("cannot list: 403: notebookvalidationjobs") && lines[0].ends_with("it is given up"),
        "{said}"
    );
    assert!(lines[1].contains("may not read") && lines[1].contains("`tidegate emit hooks` prints the role"), "{said}");
    assert_eq!(lines.len(), 2, "{said}");
}

#[tokio::test]
async fn a_hook_waits_for_a_kind_that_the_cluster_lacks() {
    let Some(cluster) = CLUSTER.get("a_hook_waits_for_a_kind_that_the_cluster_lacks") else { return };
    let hook = Hook::new(cluster, "wait-crd", KIND, "thing train-fraud succeeds").await;
    let process = hook.start(|_| ());
    until_said(&process, "the cluster does not serve `wait.example.org/v1`: install the CRD of Thing").await;
    objects::create(&hook.admin, "", thing_definition("wait.example.org")).await;
    let thing = json!({"apiVersion": "wait.example.org/v1", "kind": "Thing", "metadata": {"name": "train-fraud"}, "phase": "Done"});
    let made = async {
        // The definition is served a moment after it was made.
        while kube::discovery::pinned_kind(
            &hook.admin,
            &kube::api::GroupVersionKind::gvk("wait.example.org", "v1", "Thing"),
        )
        .await
        .is_err()
        {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        objects::create(&hook.admin, &hook.namespace, thing).await;
    };
    tokio::time::timeout(PATIENCE, made).await.expect("the definition is served");
    let (code, said) = ended(process).await;
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
}

const TRAINED: &str = "notebook train-fraud succeeds";

const KIND: &str = r#"
kind thing = wait.example.org/v1 Thing (things) runs to completion {
  healthy "done" when self.?phase.orValue("") == "Done"
  progressing "runs" otherwise
}
"#;
