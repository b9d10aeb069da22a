//! Argo CD on the test cluster: redis, the repository server and the application controller, with Git repositories in the cluster's
//! own folder as sources.

use std::error::Error;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::Client;
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams};
use kube::runtime::wait::await_condition;
use serde_json::{Value, json};

use super::cluster::{Cluster, free_port};
use super::objects;
use super::scratch::Process;

/// The namespace of Argo CD and of the Applications.
pub const NAMESPACE: &str = "argocd";

/// How long Argo CD may take for a step that waits for nothing else. Most take a second.
const STEP_SECONDS_MAX: u64 = 120;

/// The parts whose last words a timeout shows.
const PARTS: [&str; 2] = ["argocd-application-controller", "argocd-repo-server"];

/// Starts all three and waits until they serve. The definitions of Application and AppProject must be there.
pub(super) async fn start(cluster: &mut Cluster) -> Result<(), Box<dyn Error>> {
    let client = cluster.admin().await;
    objects::create_all(&client, NAMESPACE, SETTINGS).await;
    let data = cluster.scratch().path().join("argocd");
    for folder in ["home", "tmp", "tls", "ssh", "gpg", "plugins"] {
        std::fs::create_dir_all(data.join(folder))?;
    }

    let redis = free_port()?;
    let mut command = Command::new("redis-server");
    command.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--port"]).arg(redis.to_string());
    command.arg("--dir").arg(&data);
    cluster.run("redis", &command)?;
    let redis_address = format!("127.0.0.1:{redis}");

    let (repository, repository_health, controller_health) = (free_port()?, free_port()?, free_port()?);
    let mut command = role(cluster, &data, PARTS[1]);
    command.args(["--address", "127.0.0.1", "--metrics-address", "127.0.0.1", "--disable-tls", "--client-ca-path="]);
    command.args([format!("--port={repository}"), format!("--metrics-port={repository_health}")]);
    command.args(["--redis", &redis_address]);
    cluster.run(PARTS[1], &command)?;

    let mut command = role(cluster, &data, PARTS[0]);
    command.args(["--namespace", NAMESPACE, "--redis", &redis_address, "--repo-server-plaintext"]);
    command.args([format!("--repo-server=127.0.0.1:{repository}"), format!("--metrics-port={controller_health}")]);
    cluster.run(PARTS[0], &command)?;

    cluster.until("redis listens", async || TcpStream::connect(&redis_address).is_ok()).await?;
    cluster.until("the repository server serves", async || healthy(repository_health, "/healthz?full=true")).await?;
    cluster.until("the application controller serves", async || healthy(controller_health, "/healthz")).await
}

/// The one binary, in a role, with files of its own: several Argo CDs run side by side on one machine.
fn role(cluster: &Cluster, data: &Path, name: &str) -> Command {
    let mut command = Command::new(cluster.tools().program("argocd"));
    let path = std::env::var("PATH").unwrap_or_default();
    // The repository server calls `git-verify-wrapper.sh` for every revision.
    command.env("PATH", format!("{}:{path}", cluster.tools().folder().display()));
    command.env("KUBECONFIG", cluster.admin_kubeconfig()).env("ARGOCD_BINARY_NAME", name);
    // Else it looks for the account that a pod has.
    command.env("ARGOCD_FAKE_IN_CLUSTER", "true").env("ARGOCD_GPG_ENABLED", "false");
    // Else it waits 2 s after each wave.
    command.env("ARGOCD_SYNC_WAVE_DELAY", "0");
    for (variable, file) in [
        ("HOME", "home"),
        ("TMPDIR", "tmp"),
        ("ARGOCD_TLS_DATA_PATH", "tls"),
        ("ARGOCD_SSH_DATA_PATH", "ssh"),
        ("ARGOCD_GNUPGHOME", "gpg"),
        ("ARGOCD_GPG_DATA_PATH", "gpg"),
        ("ARGOCD_PLUGINSOCKFILEPATH", "plugins"),
        ("ARGOCD_ASK_PASS_SOCK", "ask-pass.sock"),
    ] {
        command.env(variable, data.join(file));
    }
    command
}

/// Whether a GET of `path` is answered with 200.
fn healthy(port: u16, path: &str) -> bool {
    let ask = || -> std::io::Result<String> {
        let limit = Duration::from_secs(5);
        let mut stream = TcpStream::connect_timeout(&SocketAddr::from(([127, 0, 0, 1], port)), limit)?;
        stream.set_read_timeout(Some(limit))?;
        write!(stream, "GET {path} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| answer.split(' ').nth(1) == Some("200"))
}

/// Argo CD refuses to start without its two settings objects; the project `default` is made by its UI server only.
const SETTINGS: &str = r#"
apiVersion: v1
kind: Namespace
metadata: {name: argocd}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: argocd-cm, namespace: argocd, labels: {app.kubernetes.io/part-of: argocd}}
---
apiVersion: v1
kind: Secret
metadata: {name: argocd-secret, namespace: argocd, labels: {app.kubernetes.io/part-of: argocd}}
stringData: {server.secretkey: not-a-secret-here}
---
apiVersion: argoproj.io/v1alpha1
kind: AppProject
metadata: {name: default, namespace: argocd}
spec:
  sourceRepos: ["*"]
  destinations: [{namespace: "*", server: "*"}]
  clusterResourceWhitelist: [{group: "*", kind: "*"}]
"#;

/// An administrator's view of the cluster's Argo CD.
pub struct ArgoCd<'a> {
    cluster: &'a Cluster,
    applications: Api<DynamicObject>,
    settings: Api<ConfigMap>,
}

impl<'a> ArgoCd<'a> {
    /// The Argo CD of a cluster that was started with `argocd: true`.
    pub fn of(cluster: &'a Cluster, client: &Client) -> Self {
        let gvk = GroupVersionKind::gvk("argoproj.io", "v1alpha1", "Application");
        let applications = Api::namespaced_with(client.clone(), NAMESPACE, &ApiResource::from_gvk(&gvk));
        Self { cluster, applications, settings: Api::namespaced(client.clone(), NAMESPACE) }
    }

    /// Applications, for what this type does not do.
    pub fn applications(&self) -> &Api<DynamicObject> {
        &self.applications
    }

    /// Merges `data` into the ConfigMap argocd-cm.
    pub async fn set(&self, data: Value) {
        let patch = Patch::Merge(json!({"data": data}));
        self.settings.patch("argocd-cm", &PatchParams::default(), &patch).await.unwrap();
    }

    /// Commits `files` (path, text) to the repository `name`, which it makes if need be, and returns the repository's URL. A file
    /// that is not among them stays as it was.
    pub fn commit(&self, name: &str, files: &[(&str, &str)]) -> String {
        let folder = self.cluster.scratch().path().join("repositories").join(name);
        if !folder.exists() {
            std::fs::create_dir_all(&folder).unwrap();
            git(&folder, &["init", "--quiet", "--initial-branch=main"]);
        }
        for (path, text) in files {
            let path = folder.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        git(&folder, &["add", "--all"]);
        git(&folder, &["commit", "--quiet", "--allow-empty", "--message=change"]);
        format!("file://{}", folder.display())
    }

    /// Makes an Application that has the repository's root as its source and `namespace` as its destination. Nothing syncs it yet.
    pub async fn create(&self, name: &str, repository: &str, namespace: &str) {
        self.create_with(name, repository, namespace, json!({})).await;
    }

    /// The same with more in its `spec`.
    pub async fn create_with(&self, name: &str, repository: &str, namespace: &str, spec: Value) {
        let mut application = json!({
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Application",
            "metadata": {"name": name},
            "spec": {
                "project": "default",
                "source": {"repoURL": repository, "targetRevision": "main", "path": "."},
                "destination": {"server": "https://kubernetes.default.svc", "namespace": namespace},
            },
        });
        application["spec"].as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
        self.applications.create(&Default::default(), &serde_json::from_value(application).unwrap()).await.unwrap();
    }

    /// Asks for a sync, as a person would. `run` must differ from sync to sync: Argo CD keeps the state of the former one until it
    /// begins, and `operation` tells them apart.
    pub async fn sync(&self, name: &str, run: &str) {
        let operation = json!({
            "initiatedBy": {"username": "test"},
            "info": [{"name": "run", "value": run}],
            "sync": {"syncStrategy": {"hook": {}}},
        });
        let patch = Patch::Merge(json!({"operation": operation}));
        self.applications.patch(name, &PatchParams::default(), &patch).await.unwrap();
    }

    /// Watches the Application until `condition` holds for its `status` and returns that.
    ///
    /// # Panics
    /// After a time, with the status and Argo CD's last words.
    pub async fn wait(&self, name: &str, what: &str, condition: impl Fn(&Value) -> bool) -> Value {
        let holds = |application: Option<&DynamicObject>| {
            application.and_then(|one| one.data.get("status")).is_some_and(&condition)
        };
        let limit = Duration::from_secs(STEP_SECONDS_MAX);
        let waited = tokio::time::timeout(limit, await_condition(self.applications.clone(), name, holds)).await;
        match waited {
            Ok(application) => application.unwrap().unwrap().data["status"].take(),
            Err(_) => {
                let last = self.applications.get(name).await.map(|mut one| one.data["status"].take());
                let logs = self.cluster.last_words(&PARTS);
                panic!("{name}: not so after {STEP_SECONDS_MAX} s: {what}\n{last:#?}\n{logs}")
            }
        }
    }

    /// Waits for the state of the operation that `sync` asked for as `run`.
    pub async fn wait_operation(&self, name: &str, run: &str, what: &str, condition: impl Fn(&Value) -> bool) -> Value {
        let mut status = self
            .wait(name, what, |status| {
                let state = &status["operationState"];
                state["operation"]["info"][0]["value"] == run && condition(state)
            })
            .await;
        status["operationState"].take()
    }

    /// Waits until the operation `run` has ended, and returns its phase: `Succeeded`, `Failed` or `Error`.
    pub async fn wait_ended(&self, name: &str, run: &str) -> String {
        let ended = |state: &Value| ["Succeeded", "Failed", "Error"].iter().any(|phase| state["phase"] == *phase);
        let state = self.wait_operation(name, run, "the sync has ended", ended).await;
        state["phase"].as_str().unwrap().to_owned()
    }

    /// Asks Argo CD to look at the Application again, and waits until it has. The annotation goes when it is done.
    pub async fn refresh(&self, name: &str) {
        let patch = Patch::Merge(json!({"metadata": {"annotations": {"argocd.argoproj.io/refresh": "normal"}}}));
        self.applications.patch(name, &PatchParams::default(), &patch).await.unwrap();
        self.wait_refreshed(name).await;
    }

    /// Waits until nobody asks for a refresh any more: the annotation goes when it is done.
    pub async fn wait_refreshed(&self, name: &str) {
        let refreshed = |application: Option<&DynamicObject>| {
            application.is_some_and(|one| {
                let annotations = one.metadata.annotations.as_ref();
                !annotations.is_some_and(|all| all.contains_key("argocd.argoproj.io/refresh"))
            })
        };
        let limit = Duration::from_secs(STEP_SECONDS_MAX);
        let waited = tokio::time::timeout(limit, await_condition(self.applications.clone(), name, refreshed)).await;
        waited.unwrap_or_else(|_| panic!("{name}: not refreshed\n{}", self.cluster.last_words(&PARTS))).unwrap();
    }
}

/// The server of a config management plugin, as the sidecar of the repo server would run it: the same program in another role, its socket
/// where the repo server looks for plugins.
pub struct Plugin {
    _process: Process,
}

impl Plugin {
    /// Starts it with the `plugin.yaml` of a folder, and waits until it serves.
    pub async fn start(cluster: &Cluster, folder: &Path) -> Plugin {
        const MOUNTED: &str = "/home/argocd/cmp-server/config";
        let data = cluster.scratch().path().join("argocd");
        let config = data.join("plugin-config");
        std::fs::create_dir(&config).unwrap();
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap).filter(|entry| entry.path().is_file()) {
            let text = std::fs::read_to_string(entry.path()).unwrap();
            std::fs::write(config.join(entry.file_name()), text.replace(MOUNTED, &config.display().to_string()))
                .unwrap();
        }
        let work = data.join("plugin-work");
        std::fs::create_dir(&work).unwrap();
        let mut command = role(cluster, &data, "argocd-cmp-server");
        let program = Path::new(env!("CARGO_BIN_EXE_tidegate")).parent().unwrap();
        let path = std::env::var("PATH").unwrap_or_default();
        command.env("PATH", format!("{}:{path}", program.display())).env("ARGOCD_CMP_WORKDIR", &work);
        command.arg("--config-dir-path").arg(&config);
        let process = cluster.scratch().spawn("argocd-cmp-server", &command).unwrap();
        let socket = || {
            let mut files = std::fs::read_dir(data.join("plugins")).unwrap().map(Result::unwrap);
            files.any(|file| file.file_name().to_string_lossy().ends_with(".sock"))
        };
        let deadline = std::time::Instant::now() + Duration::from_secs(STEP_SECONDS_MAX);
        while !socket() {
            assert!(std::time::Instant::now() < deadline, "no socket: {}", process.last_words());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Plugin { _process: process }
    }
}

fn git(folder: &Path, arguments: &[&str]) {
    let mut command = Command::new("git");
    command.args(["-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false"]);
    command
        .args(arguments)
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null");
    let output = command.output().unwrap();
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}
