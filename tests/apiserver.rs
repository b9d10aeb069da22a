//! Against a real kube-apiserver and etcd.
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

use kube::api::{Api, PostParams};
use serde_json::json;
use support::{Parts, Shared, objects};

static CLUSTER: Shared = Shared::new(Parts { crds: &["notebookvalidationjobs", "inferenceservices"], ..Parts::NONE });

/// The harness itself: real definitions are served, and a status goes through the status subresource and only through it.
#[tokio::test]
async fn a_notebook_keeps_the_status_that_its_operator_writes() {
    let Some(cluster) = CLUSTER.get("a_notebook_keeps_the_status_that_its_operator_writes") else { return };
    let client = cluster.admin().await;
    let namespace = cluster.namespace(&client, "notebooks").await;
    let notebook = json!({
        "apiVersion": "mlops.mlops.dev/v1alpha1",
        "kind": "NotebookValidationJob",
        "metadata": {"name": "train-fraud"},
        "spec": {
            "notebook": {"git": {"url": "https://example.org/notebooks.git", "ref": "main"}, "path": "train.ipynb"},
            "podConfig": {"containerImage": "example.org/notebook:1"},
        },
    });
    objects::create(&client, &namespace, notebook).await;
    let api = objects::notebooks(&client, &namespace);
    let status = json!({"phase": "Succeeded", "completionTime": "2026-03-01T08:20:00Z", "message": "32 of 32 cells"});

    let mut direct = api.get("train-fraud").await.unwrap();
    direct.data["status"] = status.clone();
    api.replace("train-fraud", &PostParams::default(), &direct).await.unwrap();
    assert_eq!(api.get("train-fraud").await.unwrap().data.get("status"), None);

    objects::set_status(&api, "train-fraud", status.clone()).await;
    assert_eq!(api.get("train-fraud").await.unwrap().data["status"], status);
}

/// What runs under an account's kubeconfig may do what that account's role says, and nothing else.
#[tokio::test]
async fn an_account_has_its_own_role_only() {
    let Some(cluster) = CLUSTER.get("an_account_has_its_own_role_only") else { return };
    let admin = cluster.admin().await;
    let namespace = cluster.namespace(&admin, "accounts").await;
    objects::create_all(&admin, &namespace, ACCOUNT).await;
    let file = cluster.account_kubeconfig(&admin, &namespace, "reader").await;
    let parsed = kube::config::Kubeconfig::read_from(file).unwrap();
    let config = kube::Config::from_custom_kubeconfig(parsed, &Default::default()).await.unwrap();
    assert_eq!(config.default_namespace, namespace);
    let client = kube::Client::try_from(config).unwrap();

    let allowed = objects::notebooks(&client, &namespace).list(&Default::default()).await.unwrap();
    assert!(allowed.items.is_empty());
    let refused = objects::inference_services(&client, &namespace).list(&Default::default()).await.unwrap_err();
    assert!(matches!(&refused, kube::Error::Api(status) if status.code == 403), "{refused}");
    let elsewhere = Api::<k8s_openapi::api::core::v1::Secret>::all(client).list(&Default::default()).await.unwrap_err();
    assert!(matches!(&elsewhere, kube::Error::Api(status) if status.code == 403), "{elsewhere}");
}

const ACCOUNT: &str = "
apiVersion: v1
kind: ServiceAccount
metadata: {name: reader}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: reader}
rules:
  - {apiGroups: [mlops.mlops.dev], resources: [notebookvalidationjobs], verbs: [get, list, watch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: reader}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader}
subjects: [{kind: ServiceAccount, name: reader}]
";
