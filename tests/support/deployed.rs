//! What `deploy/base` ships, installed as docs/deploy.md tells a user to: a copy with rules of one's own, the rights made by
//! `tidegate emit rbac`, `kubectl apply -k`. The controller then runs with that Deployment's arguments and that account's token.

use std::path::{Path, PathBuf};
use std::process::Command;

use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use k8s_openapi::api::core::v1::Namespace;
use kube::Client;
use kube::api::{Api, PostParams};
use kube::config::{Config, KubeConfigOptions, Kubeconfig};
use serde::Deserialize;
use serde_json::Value;

use super::Cluster;
use super::cluster::free_port;
use super::scratch::Process;

/// What a user changes in the copy.
#[derive(Clone, Debug, Default)]
pub struct Install<'a> {
    /// The namespace of the rules, and the only one that is watched.
    pub watched: &'a str,
    /// `rules/rules.tide`, after a line that names that namespace, which stands where they say `NAMESPACE`.
    pub rules: &'a str,
    /// The rules that the rights are made for, if others: an administrator who has not made them again yet, or has beforehand.
    pub rights_for: Option<&'a str>,
    /// More options of `emit rbac`.
    pub emit: &'a [&'a str],
}

/// An installed controller, not running yet.
pub struct Deployed {
    /// Where it is: the account, the lease, the state.
    pub namespace: String,
    /// The folder that stands for the mounted ConfigMap.
    pub rules: PathBuf,
    /// The account's kubeconfig.
    pub kubeconfig: PathBuf,
    /// The account's bearer token.
    pub token: String,
    /// Arguments of the Deployment's container.
    args: Vec<String>,
    watched: String,
}

impl Deployed {
    /// Installs it. The namespace that it watches must exist.
    ///
    /// # Panics
    /// When anything of this is refused.
    pub async fn install(cluster: &Cluster, admin: &Client, install: &Install<'_>) -> Deployed {
        let namespace = format!("{}-tidegate", install.watched);
        let folder = cluster.scratch().path().join(format!("{namespace}-deploy"));
        copy_base(&folder, &namespace, install.watched);
        let rules = with_namespace(install.watched, install.rules);
        std::fs::write(folder.join("rules/rules.tide"), &rules).unwrap();
        let rights_for = install.rights_for.map(|rules| with_namespace(install.watched, rules));
        let rights = emit_rbac(&folder, &namespace, install, rights_for.as_deref());
        std::fs::write(folder.join("rbac.yaml"), rights).unwrap();
        argocd_namespace(admin).await;
        kubectl(cluster, &["apply", "-k"], &folder);

        let made = std::fs::read_to_string(folder.join("deployment.yaml")).unwrap();
        let deployment: Value = serde_yaml::from_str(&made).unwrap();
        let pod = &deployment["spec"]["template"]["spec"];
        let args = pod["containers"][0]["args"].as_array().unwrap();
        let args = args.iter().map(|arg| arg.as_str().unwrap().replace("$(POD_NAMESPACE)", &namespace)).collect();
        let account = pod["serviceAccountName"].as_str().unwrap();
        let token = super::objects::account_token(admin, &namespace, account).await;
        let kubeconfig = cluster.account_kubeconfig(admin, &namespace, account).await;
        let mounted = cluster.scratch().path().join(format!("{namespace}-rules"));
        std::fs::create_dir(&mounted).unwrap();
        let deployed =
            Deployed { namespace, rules: mounted, kubeconfig, token, args, watched: install.watched.to_owned() };
        deployed.mount(install.rules);
        deployed
    }

    /// Puts other rules in place as kubelet does when the ConfigMap changes: a new folder, and a link that is renamed over the old one.
    pub fn mount(&self, text: &str) {
        let folder = tempfile::Builder::new().prefix("..data-").tempdir_in(&self.rules).unwrap().keep();
        std::fs::write(folder.join("rules.tide"), with_namespace(&self.watched, text)).unwrap();
        let link = self.rules.join("rules.tide");
        if !link.is_symlink() {
            std::os::unix::fs::symlink("..data/rules.tide", link).unwrap();
        }
        std::os::unix::fs::symlink(folder.file_name().unwrap(), self.rules.join("..data_tmp")).unwrap();
        std::fs::rename(self.rules.join("..data_tmp"), self.rules.join("..data")).unwrap();
    }

    /// The command of a replica, as the Deployment would start it, but for the rules folder, the address and what `more` says.
    pub fn command(&self, replica: &str, port: u16, more: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
        let listen = format!("--listen=127.0.0.1:{port}");
        let rules = format!("--rules={}", self.rules.display());
        for arg in &self.args {
            let name = arg.split('=').next().unwrap_or_default();
            let replaced = more.iter().any(|other| other.split('=').next() == Some(name));
            match name {
                "--rules" => drop(command.arg(&rules)),
                "--listen" => drop(command.arg(&listen)),
                _ if replaced => {}
                _ => drop(command.arg(arg)),
            }
        }
        command.args(more);
        command.env("POD_NAME", replica).env("POD_NAMESPACE", &self.namespace);
        command
    }
}

impl Cluster {
    /// Starts a replica; every test that runs a controller does it here. Its log goes on where an earlier one of the name stopped.
    /// `kubeconfig` is the installed account's, or leads to a proxy that is in its name.
    ///
    /// # Panics
    /// When the kubeconfig is not an account's: nothing that is under test may act as an administrator.
    pub async fn start_controller(
        &self,
        deployed: &Deployed,
        kubeconfig: &Path,
        replica: &str,
        more: &[&str],
    ) -> (Process, u16) {
        if let Err(who) = acts_as(kubeconfig).await {
            panic!("`tidegate run` under test must act as its service account, not as {who}");
        }
        self.restart_controller(deployed, kubeconfig, replica, more)
    }

    /// The same once more, for one that was started before: the kubeconfig is not looked at again.
    pub fn restart_controller(
        &self,
        deployed: &Deployed,
        kubeconfig: &Path,
        replica: &str,
        more: &[&str],
    ) -> (Process, u16) {
        let port = free_port().unwrap();
        let mut command = deployed.command(replica, port, more);
        command.arg("--kubeconfig").arg(kubeconfig);
        let name = format!("{}-{replica}", deployed.namespace);
        (self.scratch().spawn(&name, &command).unwrap(), port)
    }
}

/// The service account that a kubeconfig acts as, as the API server sees it; else who it is.
pub async fn acts_as(kubeconfig: &Path) -> Result<String, String> {
    let parsed = Kubeconfig::read_from(kubeconfig).map_err(|error| error.to_string())?;
    let config = Config::from_custom_kubeconfig(parsed, &KubeConfigOptions::default()).await;
    let client = Client::try_from(config.map_err(|error| error.to_string())?).map_err(|error| error.to_string())?;
    let reviews: Api<SelfSubjectReview> = Api::all(client);
    let review = reviews.create(&PostParams::default(), &SelfSubjectReview::default()).await;
    let user = review.map_err(|error| error.to_string())?.status.and_then(|status| status.user_info);
    let user = user.ok_or("nobody")?;
    let name = user.username.unwrap_or_default();
    let groups = user.groups.unwrap_or_default();
    let account = name.starts_with("system:serviceaccount:") && !groups.iter().any(|group| group == "system:masters");
    if account { Ok(name) } else { Err(format!("`{name}` ({})", groups.join(", "))) }
}

/// Runs kubectl as an administrator, the person who installs, and returns what it prints.
pub fn kubectl(cluster: &Cluster, arguments: &[&str], path: &Path) -> String {
    let mut command = Command::new(cluster.tools().program("kubectl"));
    command.env("KUBECONFIG", cluster.admin_kubeconfig()).args(arguments).arg(path);
    // Else it keeps what it discovers in the home folder, and finds there what another cluster on that port had.
    command.arg("--cache-dir").arg(cluster.scratch().path().join("kubectl-cache"));
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "kubectl {arguments:?}: {text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

/// Rules that name no Application need rights where Argo CD is, and `kubectl apply` needs that namespace.
async fn argocd_namespace(admin: &Client) {
    let namespace = serde_json::json!({"metadata": {"name": super::argocd::NAMESPACE}});
    let namespaces: Api<Namespace> = Api::all(admin.clone());
    match namespaces.create(&PostParams::default(), &serde_json::from_value(namespace).unwrap()).await {
        Ok(_) => {}
        Err(kube::Error::Api(status)) if status.code == 409 => {}
        Err(error) => panic!("namespace of Argo CD: {error}"),
    }
}

fn with_namespace(namespace: &str, rules: &str) -> String {
    format!("namespace {namespace}\n{}", rules.replace("NAMESPACE", namespace))
}

/// Steps 1 and 2 of docs/deploy.md: a copy for another namespace, which watches another namespace.
fn copy_base(folder: &Path, namespace: &str, watched: &str) {
    let base = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/base");
    std::fs::create_dir_all(folder.join("rules")).unwrap();
    for entry in std::fs::read_dir(base).unwrap().map(Result::unwrap).filter(|entry| entry.path().is_file()) {
        let text = std::fs::read_to_string(entry.path()).unwrap();
        let mut text = text.replace("namespace: tidegate\n", &format!("namespace: {namespace}\n"));
        if entry.file_name() == "namespace.yaml" {
            assert!(text.contains("\n  name: tidegate\n"), "{text}");
            text = text.replace("\n  name: tidegate\n", &format!("\n  name: {namespace}\n"));
        }
        if entry.file_name() == "deployment.yaml" {
            text = watch(&text, watched);
        }
        std::fs::write(folder.join(entry.file_name()), text).unwrap();
    }
}

/// One `--watch-namespace`, where the shipped one has its own.
fn watch(deployment: &str, watched: &str) -> String {
    let flag = "- --watch-namespace=";
    let mut text = String::new();
    let mut told = false;
    for line in deployment.lines() {
        match line.split_once(flag) {
            Some(_) if told => {}
            Some((indent, _)) => {
                told = true;
                text += &format!("{indent}{flag}{watched}\n");
            }
            None => text += &format!("{line}\n"),
        }
    }
    assert!(told, "{deployment}");
    text
}

/// Step 3 of docs/deploy.md.
fn emit_rbac(folder: &Path, namespace: &str, install: &Install<'_>, rights_for: Option<&str>) -> String {
    let mut rules = folder.join("rules/rules.tide");
    if let Some(text) = rights_for {
        rules = folder.join("rights-for.tide");
        std::fs::write(&rules, text).unwrap();
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    command.args(["emit", "rbac"]).arg(&rules).args(["--namespace", namespace]);
    command.args(["--watch-namespace", install.watched]).args(install.emit);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    // A stream of whole documents, or the objects would be installed in part.
    assert!(serde_yaml::Deserializer::from_str(&text).all(|document| Value::deserialize(document).is_ok()), "{text}");
    text
}
