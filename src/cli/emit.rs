//! `emit TARGET RULES…`: the rules as text for other systems.

mod admission;
mod argocd_cm;
mod argocd_cr;
mod flux;
mod into;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::bail;

use super::format::BesideFormatArg;
use super::rulebook::{self, Loaded, RulebookArgs};
use super::{Exit, Out};
use crate::emit::{HooksOptions, RbacOptions, hooks, rbac};
use crate::graph;
use crate::rulebook::names;

/// Arguments of `emit`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    target: Target,
}

/// What can be emitted.
#[derive(Debug, clap::Subcommand)]
enum Target {
    /// A ConfigMap argocd-cm: a health check for each kind that the rules read and Argo CD has none for
    ArgocdCm(argocd_cm::Args),
    /// Roles and bindings: what the controller may do with these rules, and nothing else
    Rbac(RbacArgs),
    /// The same checks as an ArgoCD resource, for OpenShift GitOps, whose operator owns argocd-cm
    ArgocdCr(argocd_cr::Args),
    /// healthCheckExprs for a Flux Kustomization or HelmRelease: CEL for each kind that the rules read and Flux does not by itself
    Flux(flux::Args),
    /// Sync hooks that run `tidegate wait`, with account and role: for each block that health alone does not hold
    Hooks(HooksArgs),
    /// Not yet
    #[command(hide = true)]
    Notifications(NotYet),
    /// A ValidatingAdmissionPolicy and its binding: resources of held waves cannot be created, whoever applies them
    Admission(admission::Args),
}

#[derive(Debug, clap::Args)]
struct RbacArgs {
    #[command(flatten)]
    rules: RulesArgs,
    /// Where the controller runs
    #[arg(long, value_name = "NAMESPACE", value_parser = namespace, default_value = "tidegate")]
    namespace: String,
    /// The controller's ServiceAccount
    #[arg(long, value_name = "NAME", value_parser = object_name, default_value = "tidegate")]
    service_account: String,
    /// As given to `run`: the controller watches this namespace only; may be given several times [default: all]
    #[arg(long, value_name = "NAMESPACE")]
    watch_namespace: Vec<String>,
    /// As given to `run`: the controller keeps the ConfigMap of held waves
    #[arg(long)]
    admission: bool,
    /// Rights for mlops.dev/on-success-trigger too: whoever may annotate a job may then restart what is in its namespace
    #[arg(long)]
    triggers: bool,
}

#[derive(Debug, clap::Args)]
struct HooksArgs {
    #[command(flatten)]
    rules: RulesArgs,
    /// The manifests that the rules are about: files, folders, or - for standard input
    #[arg(long, required = true, value_name = "MANIFESTS")]
    manifests: Vec<PathBuf>,
    /// The image that the hooks run
    #[arg(long, value_name = "IMAGE", default_value = concat!("tidegate:", env!("CARGO_PKG_VERSION")))]
    image: String,
    /// How long a hook waits where its rule has no `within`
    #[arg(long, value_name = "DURATION", default_value = "24h")]
    timeout: String,
}

#[derive(Debug, clap::Args)]
struct RulesArgs {
    /// Rule files, or folders of them
    #[arg(required = true, value_name = "RULES")]
    rules: Vec<PathBuf>,
    #[command(flatten)]
    rulebook: RulebookArgs,
    #[command(flatten)]
    format: BesideFormatArg,
}

#[derive(Debug, clap::Args)]
struct NotYet {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    rest: Vec<String>,
}

/// Runs the verb: the text goes to standard output.
///
/// # Errors
/// When the files cannot be read, or the target is not built yet.
pub fn run(args: &Args, out: &mut Out) -> anyhow::Result<Exit> {
    match &args.target {
        Target::ArgocdCm(args) => argocd_cm::run(args, out),
        Target::Rbac(args) => emit_rbac(args, out),
        Target::Hooks(args) => emit_hooks(args, out),
        Target::ArgocdCr(args) => argocd_cr::run(args, out),
        Target::Flux(args) => flux::run(args, out),
        Target::Notifications(_) => not_yet("notifications"),
        Target::Admission(args) => admission::run(args, out),
    }
}

/// The name of an object, for clap.
fn object_name(text: &str) -> Result<String, String> {
    names::object_name(text).map_or_else(|| Ok(text.to_owned()), Err)
}

/// The name of a namespace, for clap.
fn namespace(text: &str) -> Result<String, String> {
    names::namespace(text).map_or_else(|| Ok(text.to_owned()), Err)
}

fn not_yet(target: &str) -> anyhow::Result<Exit> {
    bail!(
        "`emit {target}` is not built yet; there are `emit admission`, `emit argocd-cm`, `emit argocd-cr`, `emit flux`, `emit hooks` and `emit rbac`"
    )
}

fn load(args: &RulesArgs, out: &mut Out) -> anyhow::Result<Result<Loaded, Exit>> {
    rulebook::load(&args.rules, &args.rulebook, args.format.resolve(out), out)
}

fn emit_rbac(args: &RbacArgs, out: &mut Out) -> anyhow::Result<Exit> {
    let loaded = match load(&args.rules, out)? {
        Ok(loaded) => loaded,
        Err(exit) => return Ok(exit),
    };
    let options = RbacOptions {
        namespace: args.namespace.clone(),
        service_account: args.service_account.clone(),
        watch_namespaces: args.watch_namespace.clone(),
        admission: args.admission,
        triggers: args.triggers,
    };
    out.print(&rbac(&loaded.rulebook, &loaded.sources, &options))?;
    Ok(Exit::FINE)
}

fn emit_hooks(args: &HooksArgs, out: &mut Out) -> anyhow::Result<Exit> {
    let timeout = crate::syntax::parse_duration(&args.timeout)
        .map_err(|(message, help)| anyhow::anyhow!("--timeout: {message}; {help}"))?;
    let mut loaded = match load(&args.rules, out)? {
        Ok(loaded) => loaded,
        Err(exit) => return Ok(exit),
    };
    let format = args.rules.format.resolve(out);
    let (platform, sound) = super::plan::platform(&args.manifests, &mut loaded, format, out)?;
    let graph = graph::build(&loaded.rulebook, Some(&platform));
    let options = HooksOptions { image: args.image.clone(), timeout: Duration::from_secs(timeout) };
    let text = hooks(&loaded.rulebook, &loaded.sources, &graph.blocks, &options);
    if text.is_empty() {
        out.say("no block needs a hook: health holds them all\n");
    }
    out.print(&text)?;
    Ok(if sound { Exit::FINE } else { Exit::FOUND })
}
