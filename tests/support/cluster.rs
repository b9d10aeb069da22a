//! etcd, kube-apiserver and what else a binary asks for, as child processes on free ports of 127.0.0.1.

use std::error::Error;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use kube::Client;
use kube::config::{Config, KubeConfigOptions, Kubeconfig};
use tokio::time::Instant;

use super::certificates::Certificates;
use super::scratch::{Process, Scratch};
use super::tools::{self, Tools};
use super::{argocd, objects, skip};

/// How long a part may take until it serves. Two seconds suffice on an idle machine.
const START_SECONDS_MAX: u64 = 120;

/// What to run, and which resource definitions to make first.
#[derive(Debug, Clone, Copy)]
pub struct Parts {
    /// File names in the corpus' folder `crds`, without `.yaml`.
    pub crds: &'static [&'static str],
    /// Kubernetes' controllers, its scheduler and a fake node (kwok): Jobs complete, Deployments roll, owned objects are collected.
    /// `kwok.yaml` in this folder says how a pod is made to fail or to hold.
    pub jobs: bool,
    /// Argo CD, see `argocd.rs`.
    pub argocd: bool,
    /// kubectl beside it, with which `deployed.rs` installs what is shipped.
    pub kubectl: bool,
}

impl Parts {
    /// etcd and kube-apiserver alone.
    pub const NONE: Self = Self { crds: &[], jobs: false, argocd: false, kubectl: false };

    fn programs(&self) -> Vec<&'static str> {
        let mut programs = vec!["etcd", "kube-apiserver"];
        if self.jobs {
            programs.extend(["kube-controller-manager", "kube-scheduler", "kwok"]);
        }
        if self.argocd {
            programs.push("argocd");
        }
        if self.kubectl {
            programs.push("kubectl");
        }
        programs
    }
}

/// One cluster for all tests of a binary, started by the first that asks for it.
pub struct Shared {
    parts: Parts,
    cluster: OnceLock<Result<Cluster, NoCluster>>,
}

enum NoCluster {
    /// What the machine lacks.
    Needs(String),
    Failed(String),
}

impl Shared {
    /// A cluster of these parts, not started yet.
    pub const fn new(parts: Parts) -> Self {
        Self { parts, cluster: OnceLock::new() }
    }

    /// The cluster, or nothing when the machine lacks something, which is then said in the name of `test`.
    ///
    /// # Panics
    /// When the cluster does not start.
    pub fn get(&self, test: &str) -> Option<&Cluster> {
        match self.cluster.get_or_init(|| start_in_thread(self.parts)) {
            Ok(cluster) => Some(cluster),
            Err(NoCluster::Needs(need)) => {
                skip::skipped(test, need);
                None
            }
            Err(NoCluster::Failed(reason)) => panic!("{test}: the cluster did not start: {reason}"),
        }
    }
}

/// The caller is often inside a runtime already, which a second one must not block.
fn start_in_thread(parts: Parts) -> Result<Cluster, NoCluster> {
    let corpus = skip::corpus_folder();
    if corpus.is_none() && !parts.crds.is_empty() {
        return Err(NoCluster::Needs("TIDEGATE_CORPUS".to_owned()));
    }
    let tools = Tools::find(&parts.programs()).map_err(NoCluster::Needs)?;
    let mut crds: Vec<PathBuf> = Vec::new();
    if let Some(corpus) = corpus {
        crds.extend(parts.crds.iter().map(|name| corpus.join(format!("crds/{name}.yaml"))));
    }
    if parts.argocd {
        tools::on_path(&["redis-server", "git"]).map_err(NoCluster::Needs)?;
        crds.extend(["application", "appproject"].map(|name| tools.folder().join(format!("crds/{name}-crd.yaml"))));
    }
    let start = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(Cluster::start(tools, crds, parts))
    };
    match std::thread::spawn(move || start().map_err(|error| error.to_string())).join() {
        Ok(started) => started.map_err(NoCluster::Failed),
        Err(_) => Err(NoCluster::Failed("the thread that starts it panicked".to_owned())),
    }
}

/// A running cluster. It ends when it is dropped or when the test binary ends.
pub struct Cluster {
    scratch: Scratch,
    tools: Tools,
    certificates: Certificates,
    url: String,
    admin_kubeconfig: PathBuf,
    processes: Vec<Process>,
}

impl Cluster {
    /// Starts it and waits until all parts serve. `crds` are YAML files of one definition each,
    /// those of `parts` among them.
    pub async fn start(tools: Tools, crds: Vec<PathBuf>, parts: Parts) -> Result<Self, Box<dyn Error>> {
        let scratch = Scratch::new("cluster")?;
        let certificates = Certificates::create(&scratch.path().join("certificates"))?;
        let url = format!("https://127.0.0.1:{}", free_port()?);
        let admin_kubeconfig = scratch.path().join("admin.kubeconfig");
        std::fs::write(
            &admin_kubeconfig,
            kubeconfig(&url, &certificates.authority, &certificates.admin_token, "default"),
        )?;
        let mut cluster = Self { scratch, tools, certificates, url, admin_kubeconfig, processes: Vec::new() };
        let etcd = cluster.start_etcd()?;
        cluster.start_apiserver(&etcd, parts.jobs)?;
        let client = cluster.admin().await;
        cluster.until("kube-apiserver serves", async || serves(&client).await).await?;
        for file in &crds {
            objects::create_crd(&client, file).await?;
        }
        if parts.jobs {
            // After the definitions: the collector of owned objects looks for new ones every 30 s only.
            cluster.start_controllers()?;
            objects::create_node(&client).await?;
            cluster.until("the node takes pods", async || objects::node_is_ready(&client).await).await?;
        }
        if parts.argocd {
            argocd::start(&mut cluster).await?;
        }
        Ok(cluster)
    }

    fn start_etcd(&mut self) -> Result<String, Box<dyn Error>> {
        let (clients, peers) = (local_url(free_port()?), local_url(free_port()?));
        let mut command = Command::new(self.tools.program("etcd"));
        command.arg("--data-dir").arg(self.scratch.path().join("etcd"));
        // Nothing here needs to survive a power cut.
        command.args(["--unsafe-no-fsync", "--log-level=warn"]);
        command.args([format!("--listen-client-urls={clients}"), format!("--advertise-client-urls={clients}")]);
        command.args([format!("--listen-peer-urls={peers}"), format!("--initial-advertise-peer-urls={peers}")]);
        command.arg(format!("--initial-cluster=default={peers}"));
        self.run("etcd", &command)?;
        Ok(clients)
    }

    fn start_apiserver(&mut self, etcd: &str, jobs: bool) -> Result<(), Box<dyn Error>> {
        let files = &self.certificates;
        let port = self.url.rsplit(':').next().unwrap_or_default();
        let mut command = Command::new(self.tools.program("kube-apiserver"));
        command.args([format!("--etcd-servers={etcd}"), format!("--secure-port={port}")]);
        command.args([
            "--bind-address=127.0.0.1",
            "--endpoint-reconciler-type=none",
            "--service-cluster-ip-range=10.0.0.0/24",
        ]);
        command.args(["--authorization-mode=RBAC", "--service-account-issuer=https://kubernetes.default.svc"]);
        for (flag, file) in [
            ("tls-cert-file", &files.server),
            ("tls-private-key-file", &files.server_key),
            ("token-auth-file", &files.tokens),
            ("service-account-key-file", &files.accounts_public_key),
            ("service-account-signing-key-file", &files.accounts_key),
        ] {
            command.arg(format!("--{flag}={}", file.display()));
        }
        if !jobs {
            // It wants an account `default` in each namespace, which only the controller manager makes.
            command.arg("--disable-admission-plugins=ServiceAccount");
        }
        self.run("kube-apiserver", &command)
    }

    fn start_controllers(&mut self) -> Result<(), Box<dyn Error>> {
        let kubeconfig = format!("--kubeconfig={}", self.admin_kubeconfig.display());
        let brisk = ["--leader-elect=false", "--secure-port=0", "--kube-api-qps=200", "--kube-api-burst=400"];
        let mut manager = Command::new(self.tools.program("kube-controller-manager"));
        manager.arg(&kubeconfig).args(brisk);
        manager.arg(format!("--service-account-private-key-file={}", self.certificates.accounts_key.display()));
        manager.arg(format!("--root-ca-file={}", self.certificates.authority.display()));
        self.run("kube-controller-manager", &manager)?;
        let mut scheduler = Command::new(self.tools.program("kube-scheduler"));
        scheduler.arg(&kubeconfig).args(brisk);
        self.run("kube-scheduler", &scheduler)?;
        let stages = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/kwok.yaml");
        let mut kwok = Command::new(self.tools.program("kwok"));
        kwok.arg(&kubeconfig).arg(format!("--config={}", stages.display()));
        // Without leases the node would count as lost for a moment every 50 s.
        kwok.args(["--manage-all-nodes", "--node-ip=127.0.0.1", "--node-lease-duration-seconds=40"]);
        self.run("kwok", &kwok)
    }

    /// Starts a part that lives as long as the cluster.
    pub fn run(&mut self, name: &str, command: &Command) -> Result<(), Box<dyn Error>> {
        self.processes.push(self.scratch.spawn(name, command)?);
        Ok(())
    }

    /// Waits until `ready`; fails when a part ends or the time is over.
    pub async fn until(&mut self, what: &str, ready: impl AsyncFn() -> bool) -> Result<(), Box<dyn Error>> {
        let deadline = Instant::now() + Duration::from_secs(START_SECONDS_MAX);
        while !ready().await {
            for process in &mut self.processes {
                if let Some(status) = process.ended()? {
                    return Err(format!("{status}: {}", process.last_words()).into());
                }
            }
            if Instant::now() > deadline {
                let logs: Vec<String> = self.processes.iter().map(Process::last_words).collect();
                return Err(format!("not so after {START_SECONDS_MAX} s: {what}\n{}", logs.join("\n")).into());
            }
            // Before a server serves there is nothing to watch.
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        Ok(())
    }

    /// The last lines that these parts have printed, for the message of a failure.
    pub fn last_words(&self, names: &[&str]) -> String {
        let named = self.processes.iter().filter(|process| names.contains(&process.name()));
        named.map(Process::last_words).collect::<Vec<_>>().join("\n")
    }

    /// A folder for a test's own files and processes, which end with the cluster.
    pub fn scratch(&self) -> &Scratch {
        &self.scratch
    }

    /// Where the cluster's programs come from.
    pub fn tools(&self) -> &Tools {
        &self.tools
    }

    /// The API server's address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A kubeconfig file of an administrator. What is under test never gets it.
    pub fn admin_kubeconfig(&self) -> &Path {
        &self.admin_kubeconfig
    }

    /// An administrator's client. Each test makes its own: a client ends with the runtime that made it.
    pub async fn admin(&self) -> Client {
        self.client(&self.certificates.admin_token).await
    }

    /// A client with this bearer token, and without kube's retries: what a test sends is sent once.
    pub async fn client(&self, token: &str) -> Client {
        let text = kubeconfig(&self.url, &self.certificates.authority, token, "default");
        let parsed = Kubeconfig::from_yaml(&text).unwrap();
        let mut config = Config::from_custom_kubeconfig(parsed, &KubeConfigOptions::default()).await.unwrap();
        config.default_retry = false;
        Client::try_from(config).unwrap()
    }

    /// A kubeconfig file for a service account, whose namespace is also the file's default one.
    pub async fn account_kubeconfig(&self, client: &Client, namespace: &str, account: &str) -> PathBuf {
        let token = objects::account_token(client, namespace, account).await;
        let text = kubeconfig(&self.url, &self.certificates.authority, &token, namespace);
        self.scratch.write(&format!("{namespace}-{account}.kubeconfig"), &text).unwrap()
    }

    /// A kubeconfig file with this token and default namespace.
    pub fn token_kubeconfig(&self, name: &str, token: &str, namespace: &str) -> PathBuf {
        let text = kubeconfig(&self.url, &self.certificates.authority, token, namespace);
        self.scratch.write(&format!("{name}.kubeconfig"), &text).unwrap()
    }

    /// A new namespace with a generated name. Deleted ones take seconds to go, so nothing deletes them.
    pub async fn namespace(&self, client: &Client, prefix: &str) -> String {
        objects::create_namespace(client, prefix).await
    }
}

async fn serves(client: &Client) -> bool {
    let request = http::Request::get("/readyz").body(Vec::new()).unwrap();
    client.request_text(request).await.is_ok()
}

fn kubeconfig(url: &str, authority: &Path, token: &str, namespace: &str) -> String {
    serde_json::json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "test", "cluster": {"server": url, "certificate-authority": authority}}],
        "users": [{"name": "test", "user": {"token": token}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test", "namespace": namespace}}],
        "current-context": "test",
    })
    .to_string()
}

/// `http://127.0.0.1:PORT`.
fn local_url(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

/// A port of 127.0.0.1 on which nothing listens. From below the range that the system hands to outgoing connections, and each
/// process begins elsewhere, so that two binaries do not pick the same one between here and its use.
pub fn free_port() -> std::io::Result<u16> {
    const FIRST: u32 = 20_000;
    const COUNT: u32 = 12_000;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    loop {
        let offset = std::process::id() * 16 + u32::from(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = u16::try_from(FIRST + offset % COUNT).map_err(std::io::Error::other)?;
        match TcpListener::bind(("127.0.0.1", port)) {
            Ok(_) => return Ok(port),
            Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {}
            Err(error) => return Err(error),
        }
    }
}
