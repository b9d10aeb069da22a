//! `--schema CRD` and `--live`: the schemas that expressions are checked against.

use std::path::PathBuf;

use anyhow::Context;

use super::Out;
use crate::cluster;
use crate::diagnostic::{Diagnostic, Severity, Sources};
use crate::manifests;
use crate::rulebook::{Rulebook, Schemas, check_schemas};
use crate::syntax::tree::File;

/// Flatten this into a verb's `Args`.
#[derive(Debug, clap::Args)]
pub struct SchemaArgs {
    /// CustomResourceDefinitions (files or folders): expressions are checked against their schemas; may be given several times
    #[arg(long, value_name = "CRD")]
    schema: Vec<PathBuf>,
    /// Also against the CustomResourceDefinitions that the cluster has of the rules' kinds; those of `--schema` count first
    #[arg(long)]
    live: bool,
}

impl SchemaArgs {
    /// What the schemas say against a rulebook. `files`: the trees that it was made of; without them, its kinds are looked at alone. What cannot be read
    /// of a definition is told with the rest.
    ///
    /// # Errors
    /// When a file cannot be read or holds no definition, or the cluster does not answer.
    pub fn check(
        &self,
        rulebook: &Rulebook,
        files: &[File],
        sources: &mut Sources,
        out: &mut Out,
    ) -> anyhow::Result<Vec<Diagnostic>> {
        let mut schemas = Schemas::default();
        if self.live {
            let found = live(rulebook)?;
            found.notes.iter().for_each(|note| out.say(&format!("note: {note}\n")));
            for object in &found.objects {
                schemas.add(object);
            }
        }
        let mut diagnostics = self.read(&mut schemas, sources)?;
        let mut found = check_schemas(rulebook, files, &schemas);
        // What comes with tidegate is not the user's to mend: it may be about an older or a newer version than the cluster's.
        let shared: Vec<_> = sources.shared().map(|(file, _)| file).collect();
        for finding in found.iter_mut().filter(|finding| shared.contains(&finding.span.file)) {
            finding.severity = Severity::Warning;
        }
        diagnostics.append(&mut found);
        Ok(diagnostics)
    }

    fn read(&self, schemas: &mut Schemas, sources: &mut Sources) -> anyhow::Result<Vec<Diagnostic>> {
        if self.schema.is_empty() {
            return Ok(Vec::new());
        }
        let manifests = manifests::read(&self.schema, sources)?;
        if manifests.documents.iter().filter(|document| schemas.add(&document.object)).count() == 0 {
            anyhow::bail!("`--schema` names no CustomResourceDefinition");
        }
        // A definition is read whatever is odd about it.
        Ok(manifests.diagnostics.into_iter().filter(|d| d.severity == Severity::Error).collect())
    }
}

/// Of the cluster of the environment.
fn live(rulebook: &Rulebook) -> anyhow::Result<cluster::Definitions> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let connection = cluster::connect(None).await?;
        let definitions = cluster::definitions(&connection.client, rulebook).await;
        definitions.with_context(|| format!("cannot read the cluster at {}", connection.url))
    })
}
