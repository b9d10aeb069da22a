//! Two installations over one cluster: records, gates and state carry the rulebook's name, so they do not meet.

use serde_json::Value as Json;

use crate::cluster::{Cluster, compile_as};
use crate::state::{at, ended, isvc};

const RULES: &str =
    "application argocd/shop\nrule r { when job a succeeds; then restart isvc x; restart deployment d; block wave 4 }";

/// What one has done, the other sees.
fn share(from: &Cluster, to: &mut Cluster) {
    to.objects = from.objects.clone();
    to.now = from.now;
    let objects: Vec<_> = to.objects.keys().cloned().collect();
    objects.iter().for_each(|object| to.show(object));
    to.settle();
}

fn actions(cluster: &mut Cluster) -> Vec<String> {
    std::mem::take(&mut cluster.log).into_iter().filter(|line| line.starts_with("restart")).collect()
}

#[test]
fn two_installations_do_not_meet() {
    let mut one = Cluster::over(compile_as("one", RULES).unwrap()).unwrap();
    let mut two = Cluster::over(compile_as("two", RULES).unwrap()).unwrap();
    for yaml in [
        "{apiVersion: apps/v1, kind: Deployment, metadata: {name: d}}",
        "{apiVersion: argoproj.io/v1alpha1, kind: Application, metadata: {name: shop, namespace: argocd}}",
    ] {
        one.apply(yaml);
    }
    one.apply_json(isvc("x"));
    share(&one, &mut two);
    one.pass(at(10));
    one.apply_json(ended("a", true, 10));
    let restarts =
        ["isvc default/x", "deployment default/d"].map(|t| format!("restart {t} because job default/a succeeded"));
    assert_eq!(actions(&mut one), restarts);
    // Each acts once, whatever the other has done and however often they see it and start again.
    share(&one, &mut two);
    assert_eq!(actions(&mut two), restarts);
    for _ in 0..3 {
        share(&two, &mut one);
        one.restart(true);
        share(&one, &mut two);
        two.restart(true);
    }
    assert_eq!((actions(&mut one), actions(&mut two)), (Vec::new(), Vec::new()));
    let annotations = |line: &str, path: &str| {
        let object = &two.objects[&two.object(line)];
        let keys: Vec<String> = object.pointer(path).and_then(Json::as_object).unwrap().keys().cloned().collect();
        keys
    };
    let fired = ["tidegate.dev/fired.one", "tidegate.dev/fired.two"];
    assert_eq!(annotations("isvc x", "/spec/predictor/annotations"), fired);
    assert_eq!(annotations("deployment d", "/metadata/annotations"), fired);
    assert_eq!(
        annotations("application argocd/shop", "/metadata/annotations"),
        ["tidegate.dev/gates.one", "tidegate.dev/gates.two"]
    );
}
