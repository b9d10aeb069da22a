//! The rulebook's pure parts: health of the built-in kinds, finished runs, rules in annotations, what facts must keep.

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

use std::fmt::Write;

use serde_json::Value as Json;
use tidegate::expr::{Interner, Value};
use tidegate::facts::Row;
use tidegate::rulebook::{Health, KindIx, LIBRARY, ObjectRef, Options, Rulebook, health, load, rules_of, run_of};

fn book(text: &str) -> Rulebook {
    let compiled = load([("rules.tide".to_owned(), text.to_owned())], &Options::default());
    assert_eq!(compiled.diagnostics, []);
    compiled.rulebook.unwrap()
}

fn yaml(text: &str) -> Json {
    serde_yaml::from_str(text).unwrap()
}

/// An object; its name is x unless it says otherwise.
fn named(text: &str) -> Json {
    let mut object = yaml(text);
    if object.get("metadata").is_none() {
        object["metadata"] = serde_json::json!({"name": "x"});
    }
    object
}

/// A rulebook that uses every built-in kind that can be asked about.
fn every_kind() -> Rulebook {
    let library = book("");
    let rules: String = library
        .kinds
        .iter()
        .map(|kind| format!("when {} x is healthy then notify seen \"{}\"\n", kind.short, kind.short))
        .collect();
    book(&rules)
}

/// Health of an object, first whole and then as facts keep it: both must agree.
fn health_of(book: &Rulebook, kind: KindIx, object: &Json) -> Health {
    let whole = health(book.kind(kind).unwrap(), &Value::from_json(object).unwrap());
    let keep = &book.fields()[&kind];
    let row = Row::from_json(object, keep, &mut Interner::default()).unwrap();
    let kept = health(book.kind(kind).unwrap(), &row.fields);
    assert_eq!(whole, kept, "facts keep too little of a {}", book.kind(kind).unwrap().short);
    let run = |fields: &Value, health: &Health| run_of(book.kind(kind).unwrap(), health, fields);
    assert_eq!(run(&Value::from_json(object).unwrap(), &whole), run(&row.fields, &kept));
    whole
}

#[test]
fn the_library_is_the_folder() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("rules");
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    let files = files.filter(|name| name.ends_with(".tide"));
    let mut files: Vec<String> = files.map(|name| format!("rules/{name}")).collect();
    files.sort();
    assert_eq!(files, LIBRARY.iter().map(|(name, _)| (*name).to_owned()).collect::<Vec<_>>());
    assert_eq!(book("").kinds.len(), files.len(), "one kind a file");
}

#[test]
fn health_as_argocd_sees_it() {
    let Some(corpus) = skip::corpus("health_as_argocd_sees_it") else { return };
    let book = every_kind();
    let (mut cases, mut agreeing, mut report) = (0, 0, String::new());
    for (i, kind) in book.kinds.iter().enumerate() {
        let folder = corpus.join("health").join(format!("{}_{}", kind.group, kind.kind));
        let Ok(text) = std::fs::read_to_string(folder.join("health_test.yaml")) else { continue };
        for case in yaml(&text)["tests"].as_array().unwrap() {
            let object = std::fs::read_to_string(folder.join(case["inputPath"].as_str().unwrap())).unwrap();
            let found = health_of(&book, KindIx(u16::try_from(i).unwrap()), &yaml(&object));
            let expected = &case["healthStatus"];
            let wanted = (expected["status"].as_str().unwrap(), expected["message"].as_str().unwrap_or(""));
            cases += 1;
            if (found.status.to_string().as_str(), found.message.as_str()) == wanted {
                agreeing += 1;
            } else {
                writeln!(report, "{} {}: {found:?}, not {wanted:?}", kind.short, case["inputPath"]).unwrap();
            }
        }
    }
    println!("health: {agreeing} of {cases} cases of Argo CD agree exactly in status and message");
    assert!(cases >= 17 && agreeing == cases, "{report}");
}

#[test]
fn health_of_built_in_kinds() {
    let page = include_str!("rulebook/health.txt");
    let book = every_kind();
    for case in page.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let [short, text, expected]: [&str; 3] = case.split(" | ").collect::<Vec<_>>().try_into().unwrap();
        let found = health_of(&book, book.kind_by_short(short).unwrap(), &named(text));
        assert_eq!(format!("{} {}", found.status, found.message).trim_end(), expected, "{short} {text}");
    }
}

#[test]
fn finished_runs() {
    let cases = [
        ("job", "status: {}", "none"),
        (
            "job",
            "status: {completionTime: '2026-03-01T08:00:00Z', conditions: [{type: Complete, status: 'True', lastTransitionTime: '2026-03-01T08:00:01Z'}]}",
            "Succeeded 2026-03-01T08:00:00Z at 2026-03-01T08:00:00Z",
        ),
        (
            "job",
            "status: {conditions: [{type: Failed, status: 'True', lastTransitionTime: '2026-03-01T09:00:00Z'}]}",
            "Failed 2026-03-01T09:00:00Z at 2026-03-01T09:00:00Z",
        ),
        // Complete without a completionTime: the condition's time.
        (
            "job",
            "status: {conditions: [{type: Complete, status: 'True', lastTransitionTime: '2026-03-01T08:00:01Z'}]}",
            "Succeeded 2026-03-01T08:00:01Z at 2026-03-01T08:00:01Z",
        ),
        // An object that is being deleted has still run.
        (
            "job",
            "{metadata: {name: x, deletionTimestamp: '2026-03-01T08:00:09Z'}, status: {completionTime: '2026-03-01T08:00:00Z', conditions: [{type: Complete, status: 'True'}]}}",
            "Succeeded 2026-03-01T08:00:00Z at 2026-03-01T08:00:00Z",
        ),
        (
            "notebook",
            "status: {phase: Succeeded, completionTime: '2026-03-01T08:00:00Z'}",
            "Succeeded 2026-03-01T08:00:00Z at 2026-03-01T08:00:00Z",
        ),
        ("notebook", "status: {phase: Failed}", "Failed  at never"),
        ("notebook", "status: {phase: Running}", "none"),
        ("deployment", "{spec: {replicas: 0}}", "none"),
    ];
    let book = every_kind();
    for (short, text, expected) in cases {
        let object = named(text);
        let kind = book.kind_by_short(short).unwrap();
        let found = health_of(&book, kind, &object);
        let run = run_of(book.kind(kind).unwrap(), &found, &Value::from_json(&object).unwrap());
        let said = run.map_or("none".to_owned(), |run| {
            let ended = run.ended.map_or("never".to_owned(), |t| t.to_string());
            format!("{:?} {} at {ended}", run.outcome, run.completion)
        });
        assert_eq!(said, expected, "{short} {text}");
    }
}

#[test]
fn kstatus_reads_kinds_without_lines() {
    let book = book(
        "kind widget = example.org/v1 Widget (widgets)\nwhen widget x is healthy then notify seen \"{widget.metadata.name}\"\n",
    );
    let kind = book.kind_by_short("widget").unwrap();
    let cases = [
        ("{}", "Healthy Resource is current"),
        (
            "{metadata: {name: x, generation: 2}, status: {observedGeneration: 1}}",
            "Progressing Widget generation is 2, but latest observed generation is 1",
        ),
        ("status: {conditions: [{type: Reconciling, status: 'True', message: busy}]}", "Progressing busy"),
        ("status: {conditions: [{type: Stalled, status: 'True', message: stuck}]}", "Degraded stuck"),
        ("status: {conditions: [{type: Ready, status: 'False', message: soon}]}", "Progressing soon"),
        ("status: {conditions: [{type: Ready, status: 'True', message: fine}]}", "Healthy Resource is Ready"),
        ("{metadata: {name: x, deletionTimestamp: '2026-03-01T08:00:00Z'}}", "Progressing Pending deletion"),
    ];
    for (text, expected) in cases {
        let object = named(text);
        let found = health_of(&book, kind, &object);
        assert_eq!(format!("{} {}", found.status, found.message), expected, "{text}");
    }
}

/// What annotations mean: rule name, actions, blocks, refusals.
fn said(book: &Rulebook, trigger: Option<&str>, block: Option<&str>) -> String {
    let kind = book.kind_by_short("notebook").unwrap();
    let object = ObjectRef { kind, namespace: "ml".into(), name: "train".into() };
    let (rules, refused) = rules_of(book, &object, trigger, block);
    let mut said = String::new();
    for rule in rules {
        writeln!(said, "{}: {}", rule.name, rule.text).unwrap();
        rule.then.iter().for_each(|action| writeln!(said, "  {}", action.text).unwrap());
        rule.blocks.iter().for_each(|block| writeln!(said, "  block wave {}", block.wave).unwrap());
    }
    refused.iter().for_each(|sentence| writeln!(said, "refused: {sentence}").unwrap());
    said
}

const RESTART: &str =
    "- {apiVersion: serving.kserve.io/v1beta1, kind: InferenceService, name: fraud, namespace: ml, action: restart}";

#[test]
fn annotations_mean_what_the_words_mean() {
    let plain = book("");
    let open = book("allow triggers from namespace ml to namespace argocd\n");
    let cases: &[(&Rulebook, Option<&str>, Option<&str>, &str)] = &[
        (
            &plain,
            Some(RESTART),
            Some("4"),
            "trigger-notebook-ml.train: notebook ml/train succeeds\n  restart isvc ml/fraud\n  block wave 4\n",
        ),
        (&plain, None, Some(" -1 "), "trigger-notebook-ml.train: notebook ml/train succeeds\n  block wave -1\n"),
        (
            &plain,
            Some(r#"[{"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "action": "restart"}]"#),
            None,
            "trigger-notebook-ml.train: notebook ml/train succeeds\n  restart deployment ml/web\n",
        ),
        (
            &open,
            Some(
                "- apiVersion: argoproj.io/v1alpha1\n  kind: Application\n  name: fraud\n  namespace: argocd\n  action: sync\n",
            ),
            None,
            "trigger-notebook-ml.train: notebook ml/train succeeds\n  sync application argocd/fraud\n",
        ),
        (
            &plain,
            Some(
                "- apiVersion: argoproj.io/v1alpha1\n  kind: Application\n  name: fraud\n  namespace: argocd\n  action: sync\n",
            ),
            None,
            "refused: mlops.dev/on-success-trigger: trigger 1: a job in namespace `ml` may not act on namespace `argocd`; a rule file can say `allow triggers from namespace ml to namespace argocd`\n",
        ),
        (
            &plain,
            Some("- {apiVersion: v1, kind: Secret, name: x, action: restart}"),
            None,
            "refused: mlops.dev/on-success-trigger: trigger 1: `v1 Secret` is not taken; known are serving.kserve.io/v1beta1 InferenceService, apps/v1 Deployment, apps/v1 StatefulSet, argoproj.io/v1alpha1 Application\n",
        ),
        (
            &plain,
            Some("- {apiVersion: serving.kserve.io/v1alpha1, kind: InferenceService, name: x, action: restart}"),
            None,
            "refused: mlops.dev/on-success-trigger: trigger 1: `serving.kserve.io/v1alpha1` is not the version that is read; write serving.kserve.io/v1beta1\n",
        ),
        (
            &plain,
            Some(
                "- {apiVersion: apps/v1, kind: Deployment, name: x, action: delete}\n- {apiVersion: apps/v1, kind: Deployment, nme: x, action: restart}",
            ),
            None,
            "refused: mlops.dev/on-success-trigger: trigger 1: there is no action `delete`; it is one of restart, sync, refresh\n\
             refused: mlops.dev/on-success-trigger: trigger 2: there is no field `nme`; did you mean `name`?\n",
        ),
        (
            &plain,
            Some("- {apiVersion: serving.kserve.io/v1beta1, kind: InferenceService, name: x, action: refresh}"),
            None,
            "refused: mlops.dev/on-success-trigger: trigger 1: an annotation on an InferenceService rolls its pods; write `action: restart`\n",
        ),
        (
            &plain,
            Some("- {apiVersion: apps/v1, kind: Deployment, name: x, action: sync}"),
            None,
            "refused: mlops.dev/on-success-trigger: trigger 1: only an Application can be synced, `deployment ml/x` is none; write `action: restart`\n",
        ),
        (
            &plain,
            Some("- {apiVersion: apps/v1, kind: Deployment, name: \"X\\n`\\u0000\", action: restart}"),
            None,
            "refused: mlops.dev/on-success-trigger: trigger 1: `X \u{fffd}\u{fffd}` is not a name that Kubernetes takes: lower-case letters, digits, `-` and `.` are allowed, and it begins and ends with a letter or digit\n",
        ),
        (
            &plain,
            Some("- {apiVersion: apps/v1, kind: Deployment, name: 7, action: restart}"),
            None,
            "refused: mlops.dev/on-success-trigger: trigger 1: `name` is not a text; quote it\n",
        ),
        (
            &plain,
            Some("a: &a [1, 1]\nb: [*a, *a]"),
            None,
            "refused: mlops.dev/on-success-trigger: anchors, aliases and tags of YAML are not taken; write each trigger out\n",
        ),
        (
            &plain,
            Some("apiVersion: apps/v1"),
            Some("four"),
            "refused: mlops.dev/on-success-trigger: it is not a list; write `- ` before each trigger, which has apiVersion, kind, name, namespace, action\n\
             refused: mlops.dev/block-wave: `four` is not a wave; write a number such as \"4\"\n",
        ),
        (&plain, Some("[]"), None, "refused: mlops.dev/on-success-trigger: the list is empty; remove the annotation\n"),
    ];
    for (book, trigger, block, expected) in cases {
        assert_eq!(said(book, *trigger, *block), *expected, "{trigger:?} {block:?}");
    }
}

#[test]
fn annotations_are_bounded() {
    let plain = book("");
    let many = format!("{RESTART}\n").repeat(33);
    assert!(said(&plain, Some(&many), None).contains("33 triggers are more than the 32"));
    let long = format!("# {}\n{RESTART}", "x".repeat(200 * 1024));
    assert!(said(&plain, Some(&long), None).contains("more than the 65536 bytes"));
    let deep = "[".repeat(60_000);
    assert!(said(&plain, Some(&deep), None).starts_with("refused: "));
    let name = "n".repeat(60_000);
    let huge = format!("- {{apiVersion: apps/v1, kind: Deployment, name: {name}, action: restart}}");
    let refusal = said(&plain, Some(&huge), None);
    assert!(refusal.len() < 400, "{refusal}");
}

#[test]
fn annotations_on_what_does_not_run() {
    let book = book("");
    let kind = book.kind_by_short("deployment").unwrap();
    let object = ObjectRef { kind, namespace: "ml".into(), name: "web".into() };
    let (rules, refused) = rules_of(&book, &object, None, Some("4"));
    assert!(rules.is_empty());
    assert_eq!(refused, ["annotations are rules on what runs to completion, and a deployment does not"]);
}

#[test]
fn facts_keep_what_the_rules_read() {
    let book = book(
        "namespace ml\n\
         rule r {\n\
           when any job of pipeline train with label tier=gold where (self.spec.parallelism > 1) succeeds\n\
            and size(job.status.uncountedTerminatedPods.failed) == 0\n\
           then restart deployment web by deleting pods\n\
                annotate deployment web example.org/by=\"{job.metadata.labels.owner}\"\n\
         }\n",
    );
    let fields = book.fields();
    let kinds: Vec<&str> = fields.keys().map(|kind| &*book.kind(*kind).unwrap().short).collect();
    assert_eq!(kinds, ["application", "deployment", "isvc", "job", "notebook", "statefulset"]);
    let of = |short: &str| &fields[&book.kind_by_short(short).unwrap()];
    let job = of("job");
    assert_eq!(job.labels.iter().map(|l| &**l).collect::<Vec<_>>(), ["tekton.dev/pipeline", "tier"]);
    assert_eq!(&*job.record_key, "tidegate.dev/fired.default");
    assert!(job.record_path.is_none());
    let isvc: Vec<&str> = of("isvc").record_path.iter().flatten().map(|s| &**s).collect();
    assert_eq!(isvc, ["spec", "predictor", "annotations"]);
    let object = yaml(
        "{metadata: {name: x, labels: {owner: me, other: it}}, spec: {parallelism: 2, backoffLimit: 3}, status: {uncountedTerminatedPods: {failed: [a], succeeded: [b]}}}",
    );
    let row = Row::from_json(&object, job, &mut Interner::default()).unwrap();
    assert_eq!(
        row.fields.to_string(),
        r#"{"metadata":{"labels":{"owner":"me"}},"spec":{"parallelism":2},"status":{"uncountedTerminatedPods":{"failed":["a"]}}}"#
    );
    let web = yaml("{metadata: {name: web}, spec: {selector: {matchLabels: {app: web}}, template: {spec: {}}}}");
    let row = Row::from_json(&web, of("deployment"), &mut Interner::default()).unwrap();
    assert!(row.fields.to_string().contains(r#""matchLabels":{"app":"web"}"#), "{}", row.fields);
    assert!(!row.fields.to_string().contains("template"), "{}", row.fields);
    assert!(of("deployment").annotations.contains("example.org/by"));
}

#[test]
fn annotations_never_read_nothing_more() {
    let book = book("honour annotations never\nwhen job a succeeds then restart isvc b\n");
    let fields = book.fields();
    let kinds: Vec<&str> = fields.keys().map(|kind| &*book.kind(*kind).unwrap().short).collect();
    assert_eq!(kinds, ["isvc", "job"]);
}
