//! What kubelet would do for the pods of `tidegate wait`: kwok runs no containers, so the pod's own arguments run here as a process,
//! with a token of its service account that is bound to the pod, and its exit code becomes the pod's status.

use std::process::Command;
use std::time::Duration;

use k8s_openapi::api::authentication::v1::{BoundObjectReference, TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::{ConfigMap, Pod, ServiceAccount};
use kube::api::{Api, ListParams, Patch, PatchParams, PostParams};
use kube::{Client, ResourceExt};
use serde_json::json;

use super::Cluster;
use super::scratch::Process;

/// How long a pod may take to come, and a process to end.
const PATIENCE: Duration = Duration::from_secs(90);

/// A running hook.
pub struct Hook {
    pub pod: Pod,
    pub process: Process,
    pods: Api<Pod>,
}

impl Hook {
    /// Waits for the next pod of `tidegate wait` in a namespace, another one than that with this uid, and starts its command.
    pub async fn start(cluster: &Cluster, admin: &Client, namespace: &str, after: Option<&str>) -> Hook {
        let pods: Api<Pod> = Api::namespaced(admin.clone(), namespace);
        let next = async {
            loop {
                let found =
                    pods.list(&ListParams::default().labels("app.kubernetes.io/name=tidegate-wait")).await.unwrap();
                let runs = |pod: &Pod| {
                    pod.metadata.deletion_timestamp.is_none()
                        && pod.uid().as_deref() != after
                        && pod.status.as_ref().and_then(|status| status.phase.as_deref()) == Some("Running")
                };
                if let Some(pod) = found.items.into_iter().find(runs) {
                    break pod;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let pod = tokio::time::timeout(PATIENCE, next).await.expect("a pod of the hook runs");
        let process = start(cluster, admin, &pod).await;
        Hook { pod, process, pods }
    }

    /// Waits until it has said these words.
    pub async fn until_said(&self, words: &str) {
        let said = async {
            while !self.process.log().contains(words) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, said).await.unwrap_or_else(|_| panic!("{words}: {}", self.process.last_words()));
    }

    /// Waits until it ends by itself and writes that to the pod's status. Gives its exit code, what it said, and the pod's uid.
    pub async fn end(self) -> (i32, String, String) {
        let Hook { pod, mut process, pods } = self;
        let ended = tokio::task::spawn_blocking(move || (process.wait().unwrap().code().unwrap(), process.log()));
        let (code, said) = tokio::time::timeout(PATIENCE, ended).await.expect("the hook ends").unwrap();
        let uid = write_status(&pods, &pod, code).await;
        (code, said, uid)
    }

    /// Ends it with this exit code, whatever it does. Gives the pod's uid.
    pub async fn end_with(self, code: i32) -> String {
        let Hook { pod, process, pods } = self;
        drop(process);
        write_status(&pods, &pod, code).await
    }
}

/// What kubelet writes when the only container has ended. Gives the pod's uid.
async fn write_status(pods: &Api<Pod>, pod: &Pod, code: i32) -> String {
    let container = &pod.spec.as_ref().unwrap().containers[0];
    let now = k8s_openapi::jiff::Timestamp::from_second(k8s_openapi::jiff::Timestamp::now().as_second()).unwrap();
    let reason = if code == 0 { "Completed" } else { "Error" };
    let terminated = json!({"exitCode": code, "reason": reason, "finishedAt": now.to_string()});
    let status = json!({"name": container.name, "image": container.image, "imageID": "", "restartCount": 0, "ready": false,
            "started": false, "state": {"terminated": terminated}});
    let phase = if code == 0 { "Succeeded" } else { "Failed" };
    let ready =
        json!({"type": "Ready", "status": "False", "reason": "PodCompleted", "lastTransitionTime": now.to_string()});
    let patch = Patch::Merge(json!({"status": {"phase": phase, "conditions": [ready], "containerStatuses": [status]}}));
    pods.patch_status(&pod.name_any(), &PatchParams::default(), &patch).await.unwrap();
    pod.uid().unwrap()
}

async fn start(cluster: &Cluster, admin: &Client, pod: &Pod) -> Process {
    let (name, namespace) = (pod.name_any(), pod.namespace().unwrap());
    let spec = pod.spec.as_ref().unwrap();
    let account = spec.service_account_name.as_deref().unwrap();
    let bound = BoundObjectReference {
        api_version: Some("v1".to_owned()),
        kind: Some("Pod".to_owned()),
        name: Some(name.clone()),
        uid: pod.uid(),
    };
    let request =
        TokenRequestSpec { bound_object_ref: Some(bound), expiration_seconds: Some(3600), ..Default::default() };
    let accounts: Api<ServiceAccount> = Api::namespaced(admin.clone(), &namespace);
    let request = TokenRequest { spec: Some(request), ..Default::default() };
    let token = accounts.create_token_request(account, &PostParams::default(), &request).await.unwrap();
    let token = token.status.unwrap().token.unwrap();
    let kubeconfig = cluster.token_kubeconfig(&name, &token, &namespace);
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    let container = &spec.containers[0];
    assert!(container.command.is_none(), "the image's own program runs");
    for argument in container.args.iter().flatten() {
        command.arg(mounted(cluster, admin, pod, argument).await);
    }
    command.env("KUBECONFIG", kubeconfig);
    cluster.scratch().spawn(&name, &command).unwrap()
}

/// An argument, with the path of a mounted ConfigMap as that of a folder with its files.
async fn mounted(cluster: &Cluster, admin: &Client, pod: &Pod, argument: &str) -> String {
    let spec = pod.spec.as_ref().unwrap();
    for mount in spec.containers[0].volume_mounts.iter().flatten().filter(|mount| argument.ends_with(&mount.mount_path))
    {
        let volume = spec.volumes.iter().flatten().find(|volume| volume.name == mount.name).unwrap();
        let Some(source) = &volume.config_map else { continue };
        let maps: Api<ConfigMap> = Api::namespaced(admin.clone(), &pod.namespace().unwrap());
        let folder = cluster.scratch().path().join(format!("{}-{}", pod.name_any(), mount.name));
        std::fs::create_dir(&folder).unwrap();
        for (file, text) in maps.get(&source.name).await.unwrap().data.unwrap_or_default() {
            std::fs::write(folder.join(file), text).unwrap();
        }
        return argument.replace(&mount.mount_path, &folder.display().to_string());
    }
    argument.to_owned()
}
