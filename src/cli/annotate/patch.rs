//! Waves as patches of a kustomization.

use std::fmt::Write as _;

use super::proposal::Proposal;
use crate::emit::yaml_scalar as scalar;
use crate::manifests::{SYNC_WAVE, locate};

/// A strategic merge patch for each object that moves, as one stream: `patches: [{path: waves.yaml}]`. The namespace stands in it where the manifest has one.
pub(super) fn patches(proposal: &Proposal) -> String {
    let mut out = String::new();
    for one in &proposal.waves.moves {
        let Some(object) = proposal.object(one) else { continue };
        if object.name.ends_with('*') {
            let _ = writeln!(out, "# {}: its name is generated, and patches go by name", one.name);
            continue;
        }
        let version = if object.group.is_empty() {
            object.version.to_string()
        } else {
            format!("{}/{}", object.group, object.version)
        };
        let text = proposal.sources.get(object.place.file).map_or("", |source| &source.text);
        let document = object.place.start as usize..object.place.end as usize;
        let namespaced = locate(text, &document, &["metadata", "namespace"]).is_some();
        let _ = write!(
            out,
            "---\n# {}\napiVersion: {}\nkind: {}\nmetadata:\n  name: {}\n",
            one.because.join("; "),
            scalar(&version),
            scalar(&object.kind),
            scalar(&object.name)
        );
        if namespaced {
            let _ = writeln!(out, "  namespace: {}", scalar(&object.namespace));
        }
        let _ = writeln!(out, "  annotations:\n    {SYNC_WAVE}: \"{}\"", one.to);
    }
    out
}
