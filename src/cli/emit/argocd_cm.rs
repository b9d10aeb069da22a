//! `emit argocd-cm RULES… [--into FILE]`.

use serde_json::Value;

use super::into::{self, Into, IntoArgs};
use super::{RulesArgs, load};
use crate::cli::{Exit, Out, rulebook};
use crate::emit::{ArgocdChecks, ArgocdCmOptions, argocd_checks, argocd_cm};
use crate::manifests::argocd_key_problems;
use crate::manifests::overlay::Wanted;

/// Arguments of `emit argocd-cm`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    rules: RulesArgs,
    /// Argo CD's namespace [default: that of the rules' application, else argocd]
    #[arg(long, value_name = "NAMESPACE")]
    namespace: Option<String>,
    /// Also the kinds that no rule reads, and those that Argo CD has a check for
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    into: IntoArgs,
}

/// Prints the ConfigMap, or a file with the checks in it.
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
            let options = ArgocdCmOptions { namespace: args.namespace.clone(), all: args.all };
            match argocd_cm(&loaded.rulebook, &options) {
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
                    what: "ConfigMap `argocd-cm`",
                    is: &|object| is_argocd_cm(object, args.namespace.as_deref()),
                    problems: &|object| argocd_key_problems(object, &["data"], &ours),
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

fn is_argocd_cm(object: &Value, namespace: Option<&str>) -> bool {
    let text = |path: &str| object.pointer(path).and_then(Value::as_str);
    // Kustomize's patches often name no namespace.
    let there = |wanted: &str| text("/metadata/namespace").is_none_or(|namespace| namespace == wanted);
    text("/kind") == Some("ConfigMap")
        && text("/apiVersion") == Some("v1")
        && text("/metadata/name") == Some("argocd-cm")
        && namespace.is_none_or(there)
}

fn wanted(checks: &ArgocdChecks) -> Wanted {
    let mut data = Vec::new();
    for check in &checks.checks {
        data.push((check.health_key(), Wanted::Text(check.script.text.clone())));
        data.extend(check.open_libs_key().map(|key| (key, Wanted::Text("true".to_owned()))));
    }
    Wanted::Map(if data.is_empty() { Vec::new() } else { vec![("data".to_owned(), Wanted::Map(data))] })
}
