//! What is shipped in `deploy/`, as a real API server takes it: strictly validated, its pods admitted under the restricted standard.

use std::path::{Path, PathBuf};
use std::process::Command;

use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, PostParams};
use serde_json::{Value, json};

use crate::CLUSTER;
use crate::support::{Cluster, objects};
use crate::wait::{emitted, job_of};

fn shipped(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy").join(name)
}

/// `kubectl apply --dry-run=server --validate=strict`: what it printed, or why it was refused.
fn dry_run(cluster: &Cluster, arguments: &[&str], path: &Path) -> Result<String, String> {
    let mut command = Command::new(cluster.tools().program("kubectl"));
    command.env("KUBECONFIG", cluster.admin_kubeconfig()).args(["apply", "--dry-run=server", "--validate=strict"]);
    command.arg("--cache-dir").arg(cluster.scratch().path().join("kubectl-cache"));
    let output = command.args(arguments).arg(path).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (printed, said) = (text(&output.stdout), text(&output.stderr));
    // The namespace was made by the test; of what is shipped, nothing is deprecated or unwise.
    let warns = |line: &str| line.contains("Warning") && !line.contains("last-applied-configuration");
    assert!(!said.lines().any(warns), "{said}");
    if output.status.success() { Ok(printed) } else { Err(said) }
}

async fn namespace(cluster: &Cluster, name: &str) {
    let admin = cluster.admin().await;
    let restricted = json!({"pod-security.kubernetes.io/enforce": "restricted"});
    let namespace = json!({"metadata": {"name": name, "labels": restricted}});
    let namespaces: Api<k8s_openapi::api::core::v1::Namespace> = Api::all(admin);
    let made = namespaces.create(&PostParams::default(), &serde_json::from_value(namespace).unwrap()).await;
    assert!(made.is_ok() || name == "argocd", "{made:?}");
}

#[tokio::test]
async fn what_is_shipped_is_valid_to_a_real_api_server() {
    let Some(cluster) = CLUSTER.get("what_is_shipped_is_valid_to_a_real_api_server") else { return };
    for name in ["tidegate", "argocd", "ml-platform"] {
        namespace(cluster, name).await;
    }
    let base = dry_run(cluster, &["-k"], &shipped("base")).unwrap();
    for kind in [
        "serviceaccount",
        "role.rbac",
        "rolebinding.rbac",
        "configmap",
        "service/",
        "deployment",
        "poddisruptionbudget",
    ] {
        assert!(base.contains(kind), "{kind}: {base}");
    }
    let hooks = emitted(cluster, "ml-platform", "", "notebook train-fraud succeeds");
    let hook = dry_run(cluster, &["-f"], &hooks).unwrap();
    assert!(hook.contains("job.batch/tidegate-wait-") && hook.contains(" created (server dry run)"), "{hook}");
    // So the check can fail.
    let deployment = std::fs::read_to_string(shipped("base/deployment.yaml")).unwrap();
    let wrong = deployment.replace("  replicas: 2", "  replica: 2");
    let wrong = cluster.scratch().write("wrong.yaml", &wrong).unwrap();
    let refused = dry_run(cluster, &["-f"], &wrong).unwrap_err();
    assert!(refused.contains("unknown field \"spec.replica\""), "{refused}");
}

/// Source: Pod Security admission of the server itself, which knows the standard better than a list of ours.
#[tokio::test]
async fn the_pods_are_admitted_under_the_restricted_standard() {
    let Some(cluster) = CLUSTER.get("the_pods_are_admitted_under_the_restricted_standard") else { return };
    let admin = cluster.admin().await;
    namespace(cluster, "restricted").await;
    let hook = job_of(&emitted(cluster, "restricted", "", "notebook train-fraud succeeds"));
    let deployment = std::fs::read_to_string(shipped("base/deployment.yaml")).unwrap();
    let deployment: Value = serde_yaml::from_str(&deployment).unwrap();
    for owner in [&deployment, &hook] {
        let account = &owner["spec"]["template"]["spec"]["serviceAccountName"];
        let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": account}});
        objects::create(&admin, "restricted", account).await;
    }
    let pods: Api<Pod> = Api::namespaced(admin, "restricted");
    let dry = PostParams { dry_run: true, ..PostParams::default() };
    for (what, owner) in [("the Deployment", &deployment), ("the hook", &hook)] {
        let mut pod = json!({"metadata": {"name": "shipped"}, "spec": owner["spec"]["template"]["spec"]});
        pods.create(&dry, &serde_json::from_value(pod.clone()).unwrap())
            .await
            .unwrap_or_else(|e| panic!("{what}: {e}"));
        pod["spec"]["containers"][0]["securityContext"]["allowPrivilegeEscalation"] = json!(true);
        let refused = pods.create(&dry, &serde_json::from_value(pod).unwrap()).await.unwrap_err();
        assert!(refused.to_string().contains("violates PodSecurity \"restricted"), "{refused}");
    }
}
