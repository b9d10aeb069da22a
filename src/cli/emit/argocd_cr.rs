//! `emit argocd-cr RULES… [--into FILE]`.

use serde_json::Value;

use super::into::{self, Into, IntoArgs};
use super::{RulesArgs, load, namespace, object_name};
use crate::cli::{Exit, Out, rulebook};
use crate::emit::{ArgocdChecks, ArgocdCrOptions, argocd_checks, argocd_cr};
use crate::manifests::argocd_cr_problems;
use crate::manifests::overlay::Wanted;

/// OpenShift GitOps calls its own instance and its namespace so. Source: redhat-developer/gitops-operator.
const DEFAULT: &str = "openshift-gitops";

/// Arguments of `emit argocd-cr`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    rules: RulesArgs,
    /// Namespace of the ArgoCD resource [default: openshift-gitops; with --into any]
    #[arg(long, value_name = "NAMESPACE", value_parser = namespace)]
    namespace: Option<String>,
    /// Name of the ArgoCD resource [default: openshift-gitops; with --into any]
    #[arg(long, value_name = "NAME", value_parser = object_name)]
    name: Option<String>,
    /// Also the kinds that no rule reads, and those that Argo CD has a check for
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    into: IntoArgs,
}

/// Prints the ArgoCD resource, or a file with the checks in it.
///
/// # Errors
/// When a file cannot be read or written.
pub fn run(args: &Args, out: &mut Out) -> anyhow::Result<Exit> {
    let mut loaded = match load(&args.rules, out)? {
        Ok(loaded) => loaded,
        Err(exit) => return Ok(exit),
    };
    let format = args.rules.format.resolve(out);
    let errors = match &args.into.into {
        None => {
            let or_default = |given: &Option<String>| given.clone().unwrap_or_else(|| DEFAULT.to_owned());
            let (name, namespace) = (or_default(&args.name), or_default(&args.namespace));
            match argocd_cr(&loaded.rulebook, &ArgocdCrOptions { name, namespace, all: args.all }) {
                Ok(text) => {
                    out.print(&text)?;
                    return Ok(Exit::FINE);
                }
                Err(errors) => errors,
            }
        }
        Some(_) => match argocd_checks(&loaded.rulebook, args.all) {
            Ok(checks) => {
                let ours: Vec<&str> = checks.checks.iter().map(|check| check.key.as_str()).collect();
                let into = Into {
                    what: "ArgoCD resource",
                    is: &|object| is_argocd(object, args),
                    problems: &|object| argocd_cr_problems(object, &ours),
                    wanted: wanted(&checks),
                };
                return into::run(&args.into, &into, &mut loaded.sources, format, out);
            }
            Err(errors) => errors,
        },
    };
    rulebook::say(&loaded.sources, &errors, format, out);
    Ok(Exit::FOUND)
}

fn is_argocd(object: &Value, args: &Args) -> bool {
    let text = |path: &str| object.pointer(path).and_then(Value::as_str);
    let named = |path: &str, wanted: &Option<String>| {
        wanted.as_deref().is_none_or(|wanted| text(path).is_none_or(|found| found == wanted))
    };
    text("/kind") == Some("ArgoCD")
        && text("/apiVersion").is_some_and(|version| version.starts_with("argoproj.io/"))
        && named("/metadata/name", &args.name)
        && named("/metadata/namespace", &args.namespace)
}

fn wanted(checks: &ArgocdChecks) -> Wanted {
    let text = |text: &str| Wanted::Text(text.to_owned());
    let mut items = Vec::new();
    let mut extra = Vec::new();
    for check in &checks.checks {
        let mut item = Vec::new();
        if !check.group.is_empty() {
            item.push(("group".to_owned(), text(&check.group)));
        }
        item.push(("kind".to_owned(), text(&check.kind)));
        item.push(("check".to_owned(), text(&check.script.text)));
        items.push(Wanted::Map(item));
        extra.extend(check.open_libs_key().map(|key| (key, text("true"))));
    }
    let mut spec = Vec::new();
    if !items.is_empty() {
        spec.push(("resourceHealthChecks".to_owned(), Wanted::List { by: &["group", "kind"], items }));
    }
    if !extra.is_empty() {
        spec.push(("extraConfig".to_owned(), Wanted::Map(extra)));
    }
    Wanted::Map(if spec.is_empty() { Vec::new() } else { vec![("spec".to_owned(), Wanted::Map(spec))] })
}
