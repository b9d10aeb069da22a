//! The texts: snapshots, what they hold and what they never hold.

use std::collections::BTreeSet;

use serde_json::Value as Json;
use tidegate::emit::{ArgocdCmOptions, RbacOptions, argocd_cm, rbac};
use tidegate::rulebook::{Compiled, Options, load};

use crate::health::{book, kinds};
use crate::vm::Vm;

/// LANGUAGE.md's page.
const PAGE: &str = include_str!("../syntax/aiops.tide");
const SENTENCE: &str =
    "namespace serving\nwhen job train-fraud succeeds then restart isvc fraud; block wave 4 of application ml\n";

fn compiled(text: &str) -> Compiled {
    let compiled = load([("aiops.tide".to_owned(), text.to_owned())], &Options::default());
    assert!(compiled.rulebook.is_some(), "{:#?}", compiled.diagnostics);
    compiled
}

fn cm(text: &str, options: &ArgocdCmOptions) -> String {
    argocd_cm(compiled(text).rulebook.as_ref().unwrap(), options).unwrap()
}

fn options() -> RbacOptions {
    RbacOptions {
        namespace: "tidegate".to_owned(),
        service_account: "tidegate".to_owned(),
        watch_namespaces: Vec::new(),
        admission: false,
        triggers: false,
    }
}

fn roles(text: &str, options: &RbacOptions) -> String {
    let compiled = compiled(text);
    rbac(compiled.rulebook.as_ref().unwrap(), &compiled.sources, options)
}

pub fn documents(yaml: &str) -> Vec<Json> {
    use serde::Deserialize;
    serde_yaml::Deserializer::from_str(yaml).map(|document| Json::deserialize(document).unwrap()).collect()
}

#[test]
fn the_page_as_argocd_cm() {
    insta::assert_snapshot!("argocd_cm", cm(PAGE, &ArgocdCmOptions::default()));
}

#[test]
fn the_built_in_kinds_as_argocd_cm() {
    insta::assert_snapshot!("argocd_cm_all", cm("", &ArgocdCmOptions { all: true, ..ArgocdCmOptions::default() }));
}

#[test]
fn the_page_as_roles() {
    insta::assert_snapshot!("rbac", roles(PAGE, &options()));
}

#[test]
fn the_sentence_as_roles_in_its_namespaces() {
    let watch = ["serving", "argocd"].map(str::to_owned).to_vec();
    insta::assert_snapshot!("rbac_watched", roles(SENTENCE, &RbacOptions { watch_namespaces: watch, ..options() }));
}

/// What is read back from the ConfigMap is the script, and it runs.
#[test]
fn the_text_is_yaml_that_says_the_same() {
    let hostile = r#"kind odd = example.org/v1 Odd (odds) {
  healthy "a: # b\t\u0085\u2028\ufeff{{x}} \\ 'q' \"q\" é ☃\n\n  end" when self.a == "- |\n\t\u0000" || self.a.endsWith("z")
  progressing "  leading and trailing  " otherwise
}"#;
    let text = cm(hostile, &ArgocdCmOptions { all: true, ..ArgocdCmOptions::default() });
    for line in text.lines() {
        assert_eq!(line, line.trim_end(), "spaces at the end of a line make YAML readers fold it");
        assert!(!line.contains('\t'), "{line}");
    }
    let map = &documents(&text)[0]["data"];
    let book = book(hostile);
    for kind in &book.kinds {
        let script = tidegate::emit::lua::script(&kind.decl).unwrap();
        let group = if kind.group.is_empty() { String::new() } else { format!("{}_", kind.group) };
        assert_eq!(map[format!("resource.customizations.health.{group}{}", kind.kind)], script.text);
        let open = &map[format!("resource.customizations.useOpenLibs.{group}{}", kind.kind)];
        assert_eq!(open.as_str(), (!script.open_libs.is_empty()).then_some("true"), "{}", kind.short);
        assert!(!script.open_libs.is_empty() || &*kind.short != "odd");
        Vm::new(&script).unwrap();
        let found = Vm::new(&script).unwrap().health(&serde_json::json!({"a": "- |\n\t\u{0}"})).unwrap();
        if &*kind.short == "odd" {
            assert_eq!(found.1, "a: # b\t\u{85}\u{2028}\u{feff}{x} \\ 'q' \"q\" é ☃\n\n  end");
        }
    }
    assert!(
        text.contains("# odd (Odd): Argo CD has no check for it; needs Lua's open libraries, for endsWith\n"),
        "{text}"
    );
}

#[test]
fn which_kinds_are_emitted() {
    let keys = |text: &str, all: bool| {
        let text = cm(text, &ArgocdCmOptions { all, ..ArgocdCmOptions::default() });
        let map = documents(&text).remove(0);
        assert_eq!(map["metadata"]["labels"]["app.kubernetes.io/part-of"], "argocd");
        let keys = map["data"].as_object().unwrap().keys().filter(|key| !key.contains(".useOpenLibs."));
        keys.map(|key| key.replace("resource.customizations.health.", "")).collect::<Vec<_>>()
    };
    let notebook = "mlops.mlops.dev_NotebookValidationJob";
    assert_eq!(keys("when notebook a succeeds then restart isvc b\n", false), [notebook]);
    // Argo CD has its own for these; an Application that is only written to is not asked for its health.
    assert!(keys("when job a succeeds then sync application b\n", false).is_empty());
    assert_eq!(keys("when application a is healthy then restart isvc b\n", false), ["argoproj.io_Application"]);
    assert_eq!(keys("isvc a after notebook b\n", false), [notebook]);
    // One's own kinds always.
    assert_eq!(
        keys("kind job = batch/v1 Job (jobs) runs to completion { healthy \"\" otherwise }\n", false),
        ["batch_Job"]
    );
    assert_eq!(keys("", true).len(), book("").kinds.len());
    assert!(keys("", true).contains(&"Pod".to_owned()));
}

#[test]
fn where_argocd_is() {
    let namespace = |text: &str, given: Option<&str>| {
        let given = given.map(str::to_owned);
        let text = cm(text, &ArgocdCmOptions { namespace: given, ..ArgocdCmOptions::default() });
        documents(&text)[0]["metadata"]["namespace"].as_str().unwrap().to_owned()
    };
    assert_eq!(namespace("", None), "argocd");
    assert_eq!(namespace("application openshift-gitops/ml\n", None), "openshift-gitops");
    assert_eq!(namespace("application openshift-gitops/ml\n", Some("argo")), "argo");
}

/// A second `_` in one key makes Argo CD refuse them all.
#[test]
fn keys_that_argocd_cannot_split_are_refused() {
    let text = "kind odd = example.org/v1 Odd_One (odds)\n";
    let Ok(declared) = kinds(text) else { return };
    let compiled = load([("x.tide".to_owned(), text.to_owned())], &Options::default());
    let errors = match &compiled.rulebook {
        Some(book) => argocd_cm(book, &ArgocdCmOptions::default()).unwrap_err(),
        None => compiled.diagnostics.clone(),
    };
    assert_eq!(errors.len(), 1);
    assert_eq!(compiled.sources.words(errors[0].span), declared[0].kind.node, "{errors:#?}");
}

/// Group, resource, names (none: all) and verbs of every right, by role and namespace.
fn rights(text: &str, options: &RbacOptions) -> Vec<String> {
    let mut found = Vec::new();
    for role in documents(&roles(text, options)) {
        let at = role["metadata"]["namespace"].as_str().unwrap_or("*").to_owned();
        for rule in role["rules"].as_array().into_iter().flatten() {
            let list = |key: &str| {
                let items = rule[key].as_array().into_iter().flatten();
                items.map(|item| item.as_str().unwrap().to_owned()).collect::<Vec<_>>().join(",")
            };
            found.push(format!(
                "{at} {}/{} [{}] {}",
                list("apiGroups"),
                list("resources"),
                list("resourceNames"),
                list("verbs")
            ));
        }
    }
    found
}

#[test]
fn rights_of_actions() {
    let cases = [
        ("when job a succeeds then restart isvc b", "n serving.kserve.io/inferenceservices [b] patch"),
        ("when job a succeeds then restart isvc b", "n batch/jobs [a] patch"),
        ("when job a succeeds then restart deployment m/b by deleting pods", "m /pods [] delete,list"),
        ("when job a succeeds then sync application argocd/x", "argocd argoproj.io/applications [x] patch"),
        (
            "when job a succeeds then notify t \"x\" on application argocd/y",
            "argocd argoproj.io/applications [y] patch",
        ),
        ("when job a succeeds then annotate job z k=v", "n batch/jobs [a,z] patch"),
        ("when any job with label a=b in namespace o succeeds then restart isvc b", "o batch/jobs [] patch"),
        (
            "application argocd/x\nreport every notebook to application argocd/x",
            "argocd argoproj.io/applications [x] patch",
        ),
        ("when job a succeeds then restart isvc b", "* batch/jobs [] get,list,watch"),
        ("when job a succeeds then restart isvc b", "n /events [] create"),
        (
            "when job a succeeds then restart isvc b",
            "tidegate coordination.k8s.io/leases [tidegate-default] get,update",
        ),
        ("when job a succeeds then restart isvc b", "tidegate /configmaps [tidegate-state-default] get,patch"),
    ];
    for (rule, right) in cases {
        let found = rights(&format!("namespace n\nhonour annotations never\n{rule}\n"), &options());
        assert!(found.iter().any(|f| f == right), "{rule}\n{right}\n{found:#?}");
    }
}

#[test]
fn what_is_not_needed_is_not_granted() {
    let observed =
        "namespace n\nhonour annotations never\nrule r { when job a succeeds then restart isvc b\n observe }\n";
    let found = rights(observed, &options());
    assert!(!found.iter().any(|right| right.contains("inferenceservices") && right.contains("patch")), "{found:#?}");
    // Waves are recorded on what a rule waits for to end, and on annotated jobs where triggers are asked for.
    let patches = |text: &str, triggers: bool| -> Vec<String> {
        let found = rights(&format!("namespace n\n{text}\n"), &RbacOptions { triggers, ..options() });
        found.into_iter().filter(|right| right.contains("patch") && right.contains("n batch/jobs")).collect()
    };
    assert_eq!(patches("when job a succeeds then restart isvc b", false), ["n batch/jobs [a] patch"]);
    assert_eq!(patches("when job a is missing then restart isvc b", false), Vec::<String>::new());
    assert_eq!(
        patches("when any job succeeds and job c is healthy then restart isvc b", true),
        ["n batch/jobs [] patch"]
    );
    let notebooks = rights("namespace n\nwhen notebook a succeeds then restart isvc b\n", &options());
    let patch = |right: &&String| right.contains("notebook") && right.contains("patch");
    assert_eq!(
        notebooks.iter().filter(patch).collect::<Vec<_>>(),
        ["n mlops.mlops.dev/notebookvalidationjobs [a] patch"]
    );
    // By deleting pods, nothing is written to the Deployment; a rolling restart deletes nothing.
    let deleting =
        "namespace n\nhonour annotations never\nwhen job a succeeds then restart deployment b by deleting pods\n";
    assert!(!rights(deleting, &options()).iter().any(|right| right.contains("deployments") && right.contains("patch")));
    let rolling = "namespace n\nwhen job a succeeds then restart deployment b\n";
    assert!(!rights(rolling, &options()).iter().any(|right| right.contains("pods")));
    // Annotations of live objects give no rights until the rules or a flag say so.
    let may = |text: &str, triggers: bool| {
        rights(text, &RbacOptions { triggers, ..options() }).contains(&"n apps/statefulsets [] patch".to_owned())
    };
    assert!(!may(rolling, false));
    assert!(may(rolling, true));
    assert!(may(&format!("{rolling}honour annotations always\n"), false));
    assert!(!may(&format!("{rolling}honour annotations never\n"), true));
}

/// Whatever the rules: no wildcards, no secrets, no rights on rights; a binding for each role.
#[test]
fn never_in_any_role() {
    for text in [PAGE, SENTENCE, "", "when any job fails then notify x \"y\"\n"] {
        for triggers in [false, true] {
            check_least(&documents(&roles(text, &RbacOptions { triggers, ..options() })));
        }
    }
}

/// What holds of all roles that are made or shipped.
pub fn check_least(documents: &[Json]) {
    let mut roles = BTreeSet::new();
    let mut bound = BTreeSet::new();
    let name = |d: &Json| format!("{} {}", d["metadata"]["namespace"], d["metadata"]["name"]);
    for document in documents {
        match document["kind"].as_str().unwrap() {
            kind @ ("Role" | "ClusterRole") => {
                roles.insert(format!("{kind} {}", name(document)));
                for rule in document["rules"].as_array().unwrap() {
                    let text = rule.to_string();
                    assert!(!text.contains('*') && !text.contains("secrets") && !text.contains("rbac"), "{text}");
                    for verb in rule["verbs"].as_array().unwrap() {
                        let verb = verb.as_str().unwrap();
                        assert!(
                            ["get", "list", "watch", "create", "update", "patch", "delete"].contains(&verb),
                            "{text}"
                        );
                        let own = text.contains("leases");
                        assert!(verb != "update" || own, "{text}");
                        assert!(verb != "delete" || text.contains("\"pods\""), "{text}");
                        let creates = ["leases", "configmaps", "events"].iter().any(|of| text.contains(of));
                        assert!(verb != "create" || creates, "{text}");
                    }
                }
            }
            kind @ ("RoleBinding" | "ClusterRoleBinding") => {
                bound.insert(format!("{} {}", kind.trim_end_matches("Binding"), name(document)));
                assert_eq!(document["roleRef"]["name"], document["metadata"]["name"]);
                assert_eq!(document["subjects"].as_array().unwrap().len(), 1);
                assert_eq!(document["subjects"][0]["kind"], "ServiceAccount");
            }
            _ => {}
        }
    }
    assert_eq!(roles, bound);
    assert!(!roles.is_empty());
}

/// The order of files and of kinds in them does not matter.
#[test]
fn the_same_rules_give_the_same_bytes() {
    let (one, two) = ("when notebook a succeeds then restart isvc b\n", "kind w = example.org/v1 W (ws)\n");
    let made = |files: [(&str, &str); 2]| {
        let files = files.map(|(name, text)| (name.to_owned(), text.to_owned()));
        let compiled = load(files, &Options::default());
        let book = compiled.rulebook.unwrap();
        argocd_cm(&book, &ArgocdCmOptions::default()).unwrap() + &rbac(&book, &compiled.sources, &options())
    };
    assert_eq!(made([("a.tide", one), ("b.tide", two)]), made([("b.tide", two), ("a.tide", one)]));
}
