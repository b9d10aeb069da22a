//! `check --schema`: expressions against the schemas of CustomResourceDefinitions.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    clippy::print_stderr
)]

#[path = "support/skip.rs"]
#[allow(dead_code)]
mod skip;

use serde_json::{Value as Json, json};
use tidegate::diagnostic::{Diagnostic, Sources};
use tidegate::rulebook::{Options, Schemas, check_schemas, load};

/// A kind with a bit of everything.
fn crd() -> Json {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "spec": {"group": "example.org", "names": {"kind": "Training", "plural": "trainings"}, "versions": [{
            "name": "v1", "schema": {"openAPIV3Schema": {"type": "object", "properties": {
                "spec": {"type": "object", "properties": {
                    "replicas": {"type": "integer"}, "paused": {"type": "boolean"}, "ratio": {"type": "number"},
                    "port": {"x-kubernetes-int-or-string": true, "anyOf": [{"type": "integer"}, {"type": "string"}]},
                    "template": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
                    "open": {"type": "object", "x-kubernetes-preserve-unknown-fields": true,
                        "properties": {"known": {"type": "string"}}},
                    "selector": {"type": "object", "additionalProperties": {"type": "string"}},
                }},
                "status": {"type": "object", "properties": {
                    "phase": {"type": "string"}, "ready": {"type": "integer"},
                    "completionTime": {"type": "string", "format": "date-time"},
                    "conditions": {"type": "array", "items": {"type": "object", "properties": {
                        "type": {"type": "string"}, "status": {"type": "string"}, "message": {"type": "string"},
                    }}},
                }},
            }}},
        }]},
    })
}

fn schemas() -> Schemas {
    let mut schemas = Schemas::default();
    assert!(schemas.add(&crd()));
    assert!(!schemas.add(&json!({"kind": "ConfigMap"})));
    schemas
}

fn shown(sources: &Sources, found: &[Diagnostic]) -> Vec<String> {
    let one = |d: &Diagnostic| format!("{} `{}`: {}; {}", d.code, sources.words(d.span), d.message, d.help);
    found.iter().map(one).collect()
}

fn found_in(text: String) -> Vec<String> {
    let compiled = load([("rules.tide".to_owned(), text.clone())], &Options::default());
    let rulebook = compiled.rulebook.unwrap_or_else(|| panic!("{text}\n{:?}", compiled.diagnostics));
    shown(&compiled.sources, &check_schemas(&rulebook, &compiled.trees, &schemas()))
}

/// What is said about a condition of a kind.
fn found(when: &str) -> Vec<String> {
    found_in(format!(
        "kind training = example.org/v1 Training (trainings) {{\n  healthy \"\" when {when}\n  progressing \"\" otherwise\n}}\n"
    ))
}

/// Conditions, and what is said: the underlined words, the message, the help; nothing where it is fine.
const CASES: &[(&str, &str)] = &[
    ("self.status.phase == \"Ready\" && self.metadata.generation == self.status.ready", ""),
    ("self.?status.?conditions.orValue([]).exists(c, c.type == \"Ready\" && c.status == \"True\")", ""),
    ("self.spec.template.spec.anything[0].goes == 3 || self.spec.ratio == 1 || self.spec.ratio > 0.5", ""),
    ("self.spec.open.known == \"x\" || self.spec.open.other == 3", ""),
    ("self.spec.selector[\"a/b\"] == \"x\" && \"a\" in self.spec.selector && self.spec.selector.app == \"x\"", ""),
    ("self.spec.port == 80 || self.spec.port == \"http\"", ""),
    ("timestamp(self.status.completionTime) > timestamp(\"2026-03-01T08:00:00Z\")", ""),
    ("self.metadata.labels[\"app\"].startsWith(\"x\") && size(self.spec) > 0 && self.spec.selector == {}", ""),
    ("self.spec.replicas < 2.5 && self.spec.all(field, field != \"\")", ""),
    ("self.status.phse == \"Ready\"", "TG205 `phse`: the schema has no field `phse` here; did you mean `phase`?"),
    (
        "self.?status.?phse.orValue(\"\") == \"x\"",
        "TG205 `phse`: the schema has no field `phse` here; did you mean `phase`?",
    ),
    (
        "has(self.status.observedGeneration)",
        "TG205 `observedGeneration`: the schema has no field `observedGeneration` here; there are `completionTime`, `conditions`, `phase`, `ready`",
    ),
    (
        "self[\"stats\"].phase == \"x\"",
        "TG205 `\"stats\"`: the schema has no field `stats` here; did you mean `status`?",
    ),
    ("self.metadata.label.app == \"x\"", "TG205 `label`: the schema has no field `label` here; did you mean `labels`?"),
    (
        "self.status.conditions.all(c, c.state == \"True\")",
        "TG205 `state`: the schema has no field `state` here; there are `message`, `status`, `type`",
    ),
    (
        "self.status.phase == 3",
        "TG200 `self.status.phase == 3`: `==` does not work between a string and an int; write `string(3)`",
    ),
    (
        "self.spec.replicas == \"3\"",
        "TG200 `self.spec.replicas == \"3\"`: `==` does not work between an int and a string; write `3`, without quotes",
    ),
    (
        "self.spec.paused == \"true\"",
        "TG200 `self.spec.paused == \"true\"`: `==` does not work between a bool and a string; write `string(self.spec.paused)`",
    ),
    (
        "self.spec.replicas.startsWith(\"x\")",
        "TG200 `self.spec.replicas.startsWith(\"x\")`: there is no `int.startsWith(string)`; ",
    ),
    (
        "self.spec.selector.app == 1",
        "TG200 `self.spec.selector.app == 1`: `==` does not work between a string and an int; write `string(1)`",
    ),
    ("self.?status.?ready.orValue(\"\") == \"x\"", "TG200 `\"\"`: `orValue` asks for an int here, not a string; "),
    (
        "self.status.conditions.type == \"x\"",
        "TG200 `type`: a list has no field `type`; take an element with `[0]`, or ask of all with `.all(x, …)`, `.exists(x, …)`",
    ),
    ("self.status.phase", "TG200 `self.status.phase`: a condition is true or false, this is a string; "),
];

#[test]
fn fields_and_types_are_those_of_the_schema() {
    let mut failures = String::new();
    for (when, expected) in CASES {
        let said = found(when).join(" | ");
        if said != *expected {
            failures += &format!("{when}\n  expected {expected}\n  found    {said}\n");
        }
    }
    assert!(failures.is_empty(), "\n{failures}");
}

#[test]
fn lets_messages_rules_and_selectors_are_looked_at() {
    let kind = "kind training = example.org/v1 Training (trainings) runs to completion {\n  let p = self.status.phse\n  healthy \"{self.status.mesage}\" when p == 3\n  \
                degraded \"\" when self.status.ready < 0\n  progressing \"\" otherwise\n  completion self.status.completedAt\n}\n";
    let rules = "when training a succeeds and training.status.reddy > 0 then notify x \"{training.metadata.nme}\"\n\
                 when any training where (self.spec.replcas > 0) fails then notify y \"failed\"\n";
    let said = found_in(format!("{kind}{rules}"));
    let words: Vec<&str> = said.iter().map(|line| line.split('`').nth(1).unwrap()).collect();
    assert_eq!(words, ["phse", "mesage", "completedAt", "reddy", "nme", "replcas"], "{said:#?}");
}

#[test]
fn a_version_that_the_schema_lacks_is_told() {
    let said = found_in("kind training = example.org/v1beta1 Training (trainings)\n".to_owned());
    assert_eq!(said, ["TG205 `v1beta1`: the schema of `Training` has no version `v1beta1`; it has `v1`"]);
}

/// The kinds that come with tidegate fit the definitions that the systems ship.
#[test]
fn the_library_fits_the_corpus() {
    let Some(corpus) = skip::corpus("the_library_fits_the_corpus") else { return };
    let mut schemas = Schemas::default();
    let mut definitions = 0;
    let mut files: Vec<_> = std::fs::read_dir(corpus.join("crds")).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    for file in &files {
        let mut sources = Sources::default();
        let id = sources.add(file.display().to_string(), std::fs::read_to_string(file).unwrap());
        let mut manifests = tidegate::manifests::Manifests::default();
        tidegate::manifests::read_text(&sources, id, &mut manifests);
        definitions += manifests.documents.iter().filter(|document| schemas.add(&document.object)).count();
    }
    let compiled = load([], &Options::default());
    let rulebook = compiled.rulebook.unwrap();
    let typed = rulebook.kinds.iter().filter(|k| schemas.find(&k.group, &k.kind, &k.version).is_some()).count();
    println!("{definitions} definitions, {typed} built-in kinds have one");
    assert!(definitions >= 4 && typed >= 3);
    assert_eq!(shown(&compiled.sources, &check_schemas(&rulebook, &compiled.trees, &schemas)), Vec::<String>::new());
}

#[test]
fn check_takes_definitions() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("crd.yaml", &serde_yaml::to_string(&crd()).unwrap());
    write("none.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n");
    write(
        "rules.tide",
        "kind training = example.org/v1 Training (trainings) {\n  healthy \"\" when self.status.phse == \"x\"\n  progressing \"\" otherwise\n}\n",
    );
    let run = |args: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_tidegate"));
        let ran = command
            .current_dir(folder.path())
            .args(["check", "rules.tide", "--format", "plain"])
            .args(args)
            .output()
            .unwrap();
        (ran.status.code(), String::from_utf8(ran.stdout).unwrap() + &String::from_utf8(ran.stderr).unwrap())
    };
    assert_eq!(run(&[]), (Some(0), String::new()));
    let (status, said) = run(&["--schema", "crd.yaml"]);
    assert!(said.contains("error[TG205]: the schema has no field `phse` here"), "{said}");
    assert_eq!(status, Some(1));
    assert_eq!(run(&["--schema", "none.yaml"]).0, Some(2));
    write("object.yaml", "apiVersion: example.org/v1\nkind: Training\nmetadata: {name: a}\nstatus: {phse: x}\n");
    let health = |args: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_tidegate"));
        let ran = command.current_dir(folder.path()).args(["health", "rules.tide", "object.yaml"]).args(args).output();
        let ran = ran.unwrap();
        (ran.status.code(), String::from_utf8(ran.stdout).unwrap(), String::from_utf8(ran.stderr).unwrap())
    };
    assert_eq!(health(&[]).0, Some(0));
    let (status, told, said) = health(&["--schema", "crd.yaml"]);
    assert!(said.contains("TG205") && told.is_empty(), "{told}{said}");
    assert_eq!(status, Some(1));
}

/// Definitions in a cluster, by name; what the cluster cannot or may not tell is a note, and the rest goes on.
#[tokio::test(start_paused = true)]
async fn definitions_are_read_by_name() {
    use tidegate::rehearse::apiserver::{ApiServer, Fault, RequestInfo, Resource as Served};
    let server = ApiServer::new(std::sync::Arc::new(|| "2026-03-01T08:00:00Z".parse().unwrap()));
    let mut crd = crd();
    crd["metadata"] = json!({"name": "trainings.example.org"});
    crd["spec"]["scope"] = json!("Namespaced");
    crd["spec"]["versions"][0]["served"] = json!(true);
    crd["spec"]["versions"][0]["storage"] = json!(true);
    server.put(crd).unwrap();
    server.register(Served::custom("other.org", "v1", "served", "Served", true, true));
    let rules = "kind training = example.org/v1 Training (trainings) {\n  healthy \"\" when self.status.phse == \"x\"\n  progressing \"\" otherwise\n}\n\
                 kind misnamed = example.org/v1 Trainer (trainings)\nkind served = other.org/v1 Served (served)\nkind gone = gone.org/v1 Gone (gones)\n\
                 kind mypod = v1 Pod (pods)\nwhen notebook a succeeds then restart isvc b\n";
    let compiled = load([("rules.tide".to_owned(), rules.to_owned())], &Options::default());
    let rulebook = compiled.rulebook.unwrap_or_else(|| panic!("{:#?}", compiled.diagnostics));
    let asked = || {
        let audit = server.take_audit();
        let path = |record: &tidegate::rehearse::apiserver::AuditRecord| {
            format!("{} {}", record.request.verb, record.request.uri)
        };
        audit.iter().map(path).filter(|line| line.contains("customresourcedefinitions")).collect::<Vec<_>>()
    };
    asked();
    let found = tidegate::cluster::definitions(&server.client(), &rulebook).await.unwrap();
    let mut schemas = Schemas::default();
    assert!(found.objects.iter().all(|object| schemas.add(object)) && found.objects.len() == 1);
    let said = shown(&compiled.sources, &check_schemas(&rulebook, &compiled.trees, &schemas));
    assert_eq!(said, ["TG205 `phse`: the schema has no field `phse` here; did you mean `phase`?"]);
    let notes = [
        "no schema for misnamed: `example.org/v1` has no kind `Trainer`: install its CRD",
        "no schema for served: the cluster serves it without a CustomResourceDefinition `served.other.org`",
        "no schema for gone: the cluster does not serve `gone.org/v1`: install the CRD of Gone",
    ];
    for note in notes {
        assert!(found.notes.iter().any(|said| said == note), "{note}\n{:#?}", found.notes);
    }
    // Each by its name: `get` of customresourcedefinitions is all that the account needs. The core group has none.
    let asked = asked();
    assert_eq!(asked.len(), found.notes.len() + found.objects.len(), "{asked:#?}");
    let by_name = "get /apis/apiextensions.k8s.io/v1/customresourcedefinitions/";
    assert!(
        asked
            .iter()
            .all(|line| line.starts_with(by_name)
                && line.contains(".org") | line.contains(".dev") | line.contains(".io")),
        "{asked:#?}"
    );

    let fault = |fault: Fault| {
        server.set_faults(Some(std::sync::Arc::new(move |request: &RequestInfo| {
            if request.uri.contains("customresourcedefinitions") { fault.clone() } else { Fault::None }
        })));
    };
    fault(Fault::Error(403));
    let refused = tidegate::cluster::definitions(&server.client(), &rulebook).await.unwrap();
    assert!(refused.objects.is_empty());
    let first = refused.notes.iter().find(|note| note.contains("training")).unwrap();
    assert!(
        first.starts_with("no schema for training: 403: ")
            && first.contains("grant `get` of `customresourcedefinitions`"),
        "{first}"
    );
    fault(Fault::Error(500));
    assert!(tidegate::cluster::definitions(&server.client(), &rulebook).await.is_err());
}
