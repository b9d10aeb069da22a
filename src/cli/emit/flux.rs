//! `emit flux RULES…`

use anyhow::bail;

use super::{RulesArgs, load, namespace, object_name};
use crate::cli::rulebook;
use crate::cli::{Exit, Out};
use crate::emit::flux::{Options, Target, TargetKind, flux};

/// Arguments of `emit flux`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    rules: RulesArgs,
    /// Also the kinds that no rule reads, and those that Flux reads by itself
    #[arg(long)]
    all: bool,
    /// A patch of this Kustomization [default: a part of `spec` to paste]
    #[arg(long, value_name = "NAME", value_parser = object_name, conflicts_with = "helmrelease")]
    kustomization: Option<String>,
    /// A patch of this HelmRelease
    #[arg(long, value_name = "NAME", value_parser = object_name)]
    helmrelease: Option<String>,
    /// Where that is
    #[arg(long, value_name = "NAMESPACE", value_parser = namespace)]
    namespace: Option<String>,
}

impl Args {
    fn target(&self) -> anyhow::Result<Option<Target>> {
        let (kind, name) = match (&self.kustomization, &self.helmrelease) {
            (Some(name), _) => (TargetKind::Kustomization, name),
            (None, Some(name)) => (TargetKind::HelmRelease, name),
            (None, None) if self.namespace.is_some() => {
                bail!("--namespace says where a patched object is: give --kustomization or --helmrelease too")
            }
            (None, None) => return Ok(None),
        };
        Ok(Some(Target { kind, namespace: self.namespace.clone(), name: name.clone() }))
    }
}

/// The text goes to standard output.
pub(super) fn run(args: &Args, out: &mut Out) -> anyhow::Result<Exit> {
    let options = Options { all: args.all, target: args.target()? };
    let loaded = match load(&args.rules, out)? {
        Ok(loaded) => loaded,
        Err(exit) => return Ok(exit),
    };
    match flux(&loaded.rulebook, &options) {
        Ok(text) => {
            out.print(&text)?;
            Ok(Exit::FINE)
        }
        Err(errors) => {
            rulebook::say(&loaded.sources, &errors, args.rules.format.resolve(out), out);
            Ok(Exit::FOUND)
        }
    }
}
