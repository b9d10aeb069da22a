//! `emit admission`: a policy by which resources of held waves cannot be created.

use super::{Exit, Out, RulesArgs, load};
use crate::emit::{AdmissionOptions, Tracking, admission};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    rules: RulesArgs,
    /// Where the controller runs
    #[arg(long, value_name = "NAMESPACE", default_value = "tidegate")]
    namespace: String,
    /// The controller's ServiceAccount, whose writes pass
    #[arg(long, value_name = "NAME", default_value = "tidegate")]
    service_account: String,
    /// Argo CD's own namespace, which tracking-ids leave out [default: that of the rules' application, else argocd]
    #[arg(long, value_name = "NAMESPACE")]
    argocd_namespace: Option<String>,
    /// Argo CD tracks by this label (`application.resourceTrackingMethod: label`) instead of the tracking-id annotation; without a
    /// value app.kubernetes.io/instance
    #[arg(long, value_name = "LABEL", num_args = 0..=1, require_equals = true, default_missing_value = "app.kubernetes.io/instance")]
    by_label: Option<String>,
    /// Ask only about objects in this namespace; may be given several times [default: all but Kubernetes' own and the controller's]
    #[arg(long, value_name = "NAMESPACE")]
    only_namespace: Vec<String>,
    /// Let objects through when the API server cannot ask the policy, instead of refusing them
    #[arg(long)]
    fail_open: bool,
}

/// Prints the policy and its binding.
pub(super) fn run(args: &Args, out: &mut Out) -> anyhow::Result<Exit> {
    let loaded = match load(&args.rules, out)? {
        Ok(loaded) => loaded,
        Err(exit) => return Ok(exit),
    };
    let name = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "-._/".contains(c));
    let mut names = vec![("--namespace", &args.namespace), ("--service-account", &args.service_account)];
    names.extend(args.argocd_namespace.iter().map(|text| ("--argocd-namespace", text)));
    names.extend(args.by_label.iter().map(|text| ("--by-label", text)));
    names.extend(args.only_namespace.iter().map(|text| ("--only-namespace", text)));
    if let Some((flag, text)) = names.into_iter().find(|(_, text)| !name(text)) {
        anyhow::bail!("{flag}: `{text}` is not a name of Kubernetes");
    }
    if loaded.rulebook.rules.iter().all(|rule| rule.blocks.is_empty()) {
        out.say("no rule blocks a wave: only `mlops.dev/block-wave` annotations of live objects can hold one\n");
    }
    let options = AdmissionOptions {
        namespace: args.namespace.clone(),
        service_account: args.service_account.clone(),
        argocd_namespace: args.argocd_namespace.clone(),
        tracking: args.by_label.clone().map_or(Tracking::Annotation, Tracking::Label),
        only_namespaces: args.only_namespace.clone(),
        fail_open: args.fail_open,
    };
    out.print(&admission(&loaded.rulebook, &options))?;
    Ok(Exit::FINE)
}
