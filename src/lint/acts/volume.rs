//! TG645: a rolling restart of pods whose volume only one node, or one pod, can mount.

use serde_json::Value;

use super::{deed, pods};
use crate::diagnostic::{Code, Diagnostic};
use crate::lint::subject::text;
use crate::lint::{Check, Subject};
use crate::manifests::Object;

pub(super) const CHECK: Check = Check { codes: &[Code::RESTART_VOLUME], run: check };

fn check(subject: &Subject<'_>, found: &mut Vec<Diagnostic>) {
    for (deed, object) in deed::rolls(subject) {
        for pods in pods::of(object).iter().filter(|pods| pods.surge > 0 && pods.replicas > 0) {
            for (name, path) in pods.claims() {
                let claim = subject.platform.find("", "PersistentVolumeClaim", &object.namespace, name);
                let Some((claim, access)) = claim.and_then(|claim| Some((claim, access(subject, claim)?))) else {
                    continue;
                };
                if access == Access::Node && (pods.on_one_node() || pods.unavailable.is_none()) {
                    continue;
                }
                let path: Vec<&str> = path.iter().map(String::as_str).collect();
                let place = subject.at(claim, &["spec", "accessModes"]);
                let mount = subject.at(object, &path);
                found.push(
                    report(subject, object, name, access, pods.component, deed)
                        .related(place, "its access mode")
                        .related(mount, "mounted here"),
                );
            }
        }
    }
}

/// Who can mount a claim.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Access {
    Node,
    Pod,
}

/// None: several nodes can, or nothing tells.
fn access(subject: &Subject<'_>, claim: &Object) -> Option<Access> {
    let modes = claim.value.pointer("/spec/accessModes").and_then(Value::as_array)?;
    let mut modes = modes.iter().filter_map(Value::as_str);
    match (modes.next()?, modes.next()) {
        ("ReadWriteOncePod", None) => Some(Access::Pod),
        // A volume that is bound to a node draws the new pod there too.
        ("ReadWriteOnce", None) => {
            (!is_local(subject, text(claim, &["spec", "storageClassName"]))).then_some(Access::Node)
        }
        _ => None,
    }
}

/// A storage class whose volumes lie on a node, by its provisioner, else by its name.
fn is_local(subject: &Subject<'_>, class: &str) -> bool {
    let known = subject.platform.find("storage.k8s.io", "StorageClass", "", class);
    let word = known.map_or(class, |class| text(class, &["provisioner"]));
    ["local", "hostpath", "no-provisioner", "topolvm", "lvm"].iter().any(|part| word.contains(part))
}

fn report(
    subject: &Subject<'_>,
    object: &Object,
    claim: &str,
    access: Access,
    component: &str,
    deed: deed::Deed<'_>,
) -> Diagnostic {
    let what = subject.say(object);
    let start = format!("the rolling restart of {what} starts a new pod while the old one holds the claim `{claim}`");
    let strategy = match component {
        "" => "write `strategy: {type: Recreate}` into the spec".to_owned(),
        _ if pods::mode(object) == pods::Mode::Standard => {
            format!("write `deploymentStrategy: {{type: Recreate}}` into `spec.{component}`")
        }
        _ => format!("in Standard mode write `deploymentStrategy: {{type: Recreate}}` into `spec.{component}`"),
    };
    let instead = if deed::is_annotated(deed.rule) { "a rule instead of the annotation" } else { "the rule" };
    let text = subject.graph.short(&deed.action.text);
    let help =
        format!("{strategy}, or `{text} by deleting pods` into {instead}, or use a claim that is `ReadWriteMany`");
    match access {
        Access::Node => {
            let message =
                format!("{start}, which is `ReadWriteOnce`: on another node the new pod waits for the volume for ever");
            Diagnostic::warning(Code::RESTART_VOLUME, deed.place, message).help(help)
        }
        Access::Pod => {
            let message = format!("{start}, which is `ReadWriteOncePod`: the new pod never starts");
            Diagnostic::error(Code::RESTART_VOLUME, deed.place, message).help(help)
        }
    }
}
