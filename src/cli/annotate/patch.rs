//! Waves as patches of a kustomization.

use std::fmt::Write as _;

use serde_json::Value;

use super::proposal::Proposal;
use crate::emit::yaml_scalar as scalar;
use crate::manifests::SYNC_WAVE;

/// A strategic merge patch for each object that moves, as one stream: `patches: [{path: waves.yaml}]`. The namespace stands in it where the object names one.
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
        let own = object.value.pointer("/metadata/namespace").and_then(Value::as_str);
        let _ = write!(
            out,
            "---\n# {}\napiVersion: {}\nkind: {}\nmetadata:\n  name: {}\n",
            one.because.join("; "),
            scalar(&version),
            scalar(&object.kind),
            scalar(&object.name)
        );
        if let Some(namespace) = own.filter(|_| object.namespace_given) {
            let _ = writeln!(out, "  namespace: {}", scalar(namespace));
        }
        let _ = writeln!(out, "  annotations:\n    {SYNC_WAVE}: \"{}\"", one.to);
    }
    out
}
