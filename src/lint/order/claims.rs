//! TG605: a claim that is bound when its first pod is there, in a wave that ends before.
//!
//! Argo CD calls a Pending claim Progressing (gitops-engine `pkg/health/health_pvc.go`), and a class with `volumeBindingMode: WaitForFirstConsumer`
//! leaves it Pending until a pod that uses it is scheduled.

use std::collections::BTreeMap;

use serde_json::Value;

use super::argocd::Checked;
use super::needed::wave_place;
use super::view::{Placed, View};
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::lint::references::How;
use crate::lint::subject::{Step, text};
use crate::manifests::{App, Object};

/// Classes that clouds and distributions install with WaitForFirstConsumer. Sources: the documentation of EKS, GKE, AKS, OKE, OpenShift's CSI drivers, k3s,
/// LVM Storage, TopoLVM, Hetzner, MicroK8s.
const WAIT: &[&str] = &[
    "gp2",
    "gp2-csi",
    "gp3",
    "gp3-csi",
    "hcloud-volumes",
    "local-path",
    "lvms-vg1",
    "managed-csi",
    "managed-csi-premium",
    "microk8s-hostpath",
    "oci-bv",
    "premium-rwo",
    "ssd-csi",
    "standard-csi",
    "standard-rwo",
    "topolvm-provisioner",
];

/// Classes that bind at once, by the same sources and those of Ceph, Longhorn, NFS.
const IMMEDIATE: &[&str] = &[
    "azurefile",
    "azurefile-csi",
    "azurefile-csi-premium",
    "azurefile-premium",
    "efs-sc",
    "longhorn",
    "nfs-client",
    "nfs-csi",
    "ocs-storagecluster-ceph-rbd",
    "ocs-storagecluster-cephfs",
    "rook-ceph-block",
    "rook-cephfs",
    "thin-csi",
];

/// The objects whose pods use a claim, by namespace and name.
type Consumers<'v, 's> = BTreeMap<(&'v str, &'v str), Vec<&'v Placed<'s>>>;

pub(super) fn check(view: &View<'_>, found: &mut Vec<Diagnostic>) {
    let is_claim =
        |placed: &&Placed<'_>| &*placed.object.kind == "PersistentVolumeClaim" && placed.object.group.is_empty();
    let claims: Vec<&Placed<'_>> = view.placed.iter().filter(is_claim).collect();
    if claims.is_empty() || view.argocd.checked("", "PersistentVolumeClaim") == Checked::Custom {
        return;
    }
    let mut consumers: Consumers<'_, '_> = BTreeMap::new();
    for placed in &view.placed {
        for need in placed.needs.iter().filter(|need| need.how == How::Claim) {
            consumers.entry((need.namespace, need.name)).or_default().push(placed);
        }
    }
    let classes = classes(view);
    for claim in claims {
        let app = claim.object.application.as_ref();
        let users = consumers.get(&(&*claim.object.namespace, &*claim.object.name));
        let users = users.map_or(&[][..], Vec::as_slice);
        if view.awaited(app, claim.step)
            && !in_time(users, app, claim.step)
            && let Some((severity, why)) = binding(&classes, claim.object)
        {
            let first = users.iter().min_by_key(|user| user.step);
            found.push(tell(view, claim, first.copied(), severity, &why));
        }
    }
}

/// A pod uses the claim in its own wave or before, or another application's pod may, whenever that is.
fn in_time(users: &[&Placed<'_>], app: Option<&App>, step: Step) -> bool {
    users.iter().any(|user| user.step <= step || user.object.application.as_ref() != app)
}

/// The classes among the manifests by name; the default one as ``.
fn classes<'s>(view: &View<'s>) -> BTreeMap<&'s str, &'s Object> {
    let mut classes = BTreeMap::new();
    for object in &view.subject.platform.objects {
        if (&*object.group, &*object.kind) == ("storage.k8s.io", "StorageClass") {
            classes.insert(&*object.name, object);
            if object.annotation("storageclass.kubernetes.io/is-default-class") == Some("true") {
                classes.insert("", object);
            }
        }
    }
    classes
}

/// How sure it is that the claim waits for a pod, and why; none: it is bound at once, or its volume is chosen already.
fn binding(classes: &BTreeMap<&str, &Object>, claim: &Object) -> Option<(Severity, String)> {
    let named = claim.value.pointer("/spec/storageClassName");
    if !text(claim, &["spec", "volumeName"]).is_empty() || named.and_then(Value::as_str) == Some("") {
        return None;
    }
    let name = named.and_then(Value::as_str).unwrap_or_default();
    if let Some(class) = classes.get(name) {
        let waits = text(class, &["volumeBindingMode"]) == "WaitForFirstConsumer";
        let why = format!("StorageClass `{}` binds it when its first pod is scheduled", class.name);
        return waits.then_some((Severity::Error, why));
    }
    if WAIT.contains(&name) {
        let why = format!("StorageClass `{name}` as it is installed binds it when its first pod is scheduled");
        Some((Severity::Warning, why))
    } else if IMMEDIATE.contains(&name) {
        None
    } else if name.is_empty() {
        let why = "if the cluster's default StorageClass waits for the first consumer, it is bound when its first pod is scheduled";
        Some((Severity::Note, why.to_owned()))
    } else {
        let why = format!(
            "if StorageClass `{name}` waits for the first consumer, it is bound when its first pod is scheduled"
        );
        Some((Severity::Note, why))
    }
}

fn tell(view: &View<'_>, claim: &Placed<'_>, first: Option<&Placed<'_>>, severity: Severity, why: &str) -> Diagnostic {
    let say = view.subject.say(claim.object);
    let here = View::words(claim.step);
    let message = match first {
        Some(first) => format!(
            "{say} in {here} waits for {}, which comes in {}: {why}, and nothing after {here} begins before it is bound",
            view.subject.say(first.object),
            View::words(first.step),
        ),
        None => format!(
            "{say} in {here} is used by no pod of these manifests: {why}, and nothing after {here} begins before it is bound"
        ),
    };
    let wave = |wave: i64| format!("`argocd.argoproj.io/sync-wave: \"{wave}\"`");
    let otherwise = "or give it a class with `volumeBindingMode: Immediate`";
    let help = match first {
        Some(first) if first.step.0 == claim.step.0 => {
            format!("put the claim into the wave of its first pod: {}; {otherwise}", wave(first.step.1))
        }
        Some(_) => format!("put the claim into the last wave, or let a pod of {here} use it; {otherwise}"),
        None => format!("put the claim into the last wave, which is not awaited; {otherwise}"),
    };
    let path: &[&str] = if text(claim.object, &["spec", "storageClassName"]).is_empty() {
        &["spec"]
    } else {
        &["spec", "storageClassName"]
    };
    let place = view.subject.at(claim.object, path);
    let found = match severity {
        Severity::Error => Diagnostic::error(Code::UNBOUND_CLAIM, place, message),
        Severity::Warning => Diagnostic::warning(Code::UNBOUND_CLAIM, place, message),
        Severity::Note => Diagnostic::note(Code::UNBOUND_CLAIM, place, message),
    };
    let found = found.help(help).related(wave_place(claim.object), format!("{say} is in {here}"));
    match first {
        Some(first) => found.related(
            wave_place(first.object),
            format!("{} is in {}", view.subject.say(first.object), View::words(first.step)),
        ),
        None => found,
    }
}
