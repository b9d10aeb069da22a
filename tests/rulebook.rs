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
use tidegate::rulebook::{Health, KindIx, ObjectRef, Options, Rulebook, health, load, rules_of, run_of};

fn book(text: &str) -> Rulebook {
    let compiled = load([("rules.tide".to_owned(), text.to_owned())], &Options::default());
    assert_eq!(compiled.diagnostics, []);
    compiled.rulebook.unwrap()
}

fn yaml(text: &str) -> Json {
    serde_yaml::from_str(text).unwrap()
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

/// `kind: object → Status message`, expectations as Argo CD's own checks (Go code) give them.
#[test]
fn health_of_built_in_kinds() {
    let cases = [
        ("job", "status: {}", "Progressing "),
        ("job", "{}", "Progressing "),
        ("job", "status: {active: 1, conditions: []}", "Progressing "),
        (
            "job",
            "status: {conditions: [{type: SuccessCriteriaMet, status: 'True'}, {type: Complete, status: 'True', message: done}]}",
            "Healthy done",
        ),
        ("job", "status: {conditions: [{type: SuccessCriteriaMet, status: 'True'}]}", "Progressing "),
        ("job", "status: {succeeded: 1}", "Progressing "),
        ("job", "status: {conditions: [{type: Failed, status: 'True', message: deadline}]}", "Degraded deadline"),
        (
            "job",
            "status: {conditions: [{type: Suspended, status: 'True', message: Job suspended}]}",
            "Suspended Job suspended",
        ),
        ("job", "status: {conditions: [{type: Suspended, status: 'False', message: Job resumed}]}", "Progressing "),
        ("notebook", "status: {}", "Progressing Initializing notebook validation"),
        ("notebook", "{}", "Progressing Initializing notebook validation"),
        ("notebook", "status: {phase: Succeeded}", "Healthy Notebook validation succeeded"),
        ("notebook", "status: {phase: Failed}", "Degraded Notebook validation failed"),
        ("notebook", "status: {phase: Failed, message: cell 3}", "Degraded cell 3"),
        ("notebook", "status: {phase: ValidationRunning}", "Progressing Validating notebook..."),
        ("notebook", "status: {phase: Building}", "Progressing Phase: Building"),
        ("pvc", "status: {phase: Bound}", "Healthy "),
        ("pvc", "status: {phase: Pending}", "Progressing "),
        ("pvc", "status: {phase: Lost}", "Degraded "),
        ("pvc", "{}", "Unknown "),
        ("deployment", "spec: {paused: true}", "Suspended Deployment is paused"),
        (
            "deployment",
            "{metadata: {name: x, generation: 2}, spec: {replicas: 1}, status: {observedGeneration: 1}}",
            "Progressing Waiting for rollout to finish: observed deployment generation less than desired generation",
        ),
        (
            "deployment",
            "{metadata: {name: x}, spec: {replicas: 3}, status: {updatedReplicas: 1, replicas: 3}}",
            "Progressing Waiting for rollout to finish: 1 out of 3 new replicas have been updated...",
        ),
        (
            "deployment",
            "{metadata: {name: x}, spec: {replicas: 1}, status: {updatedReplicas: 1, replicas: 3}}",
            "Progressing Waiting for rollout to finish: 2 old replicas are pending termination...",
        ),
        (
            "deployment",
            "{metadata: {name: x}, spec: {replicas: 1}, status: {updatedReplicas: 1, replicas: 1}}",
            "Progressing Waiting for rollout to finish: 0 of 1 updated replicas are available...",
        ),
        (
            "deployment",
            "{metadata: {name: x}, spec: {replicas: 1}, status: {updatedReplicas: 1, replicas: 1, availableReplicas: 1}}",
            "Healthy ",
        ),
        (
            "deployment",
            "{metadata: {name: x}, spec: {replicas: 1}, status: {conditions: [{type: Progressing, status: 'False', reason: ProgressDeadlineExceeded}]}}",
            "Degraded Deployment \"x\" exceeded its progress deadline",
        ),
        ("statefulset", "{}", "Progressing Waiting for statefulset spec update to be observed..."),
        (
            "statefulset",
            "{spec: {replicas: 3}, status: {observedGeneration: 1, readyReplicas: 1}}",
            "Progressing Waiting for 2 pods to be ready...",
        ),
        (
            "statefulset",
            "{spec: {updateStrategy: {type: OnDelete}}, status: {observedGeneration: 1, readyReplicas: 2}}",
            "Healthy statefulset has 2 ready pods",
        ),
        (
            "statefulset",
            "{spec: {replicas: 2, updateStrategy: {type: RollingUpdate, rollingUpdate: {partition: 1}}}, status: {observedGeneration: 1, readyReplicas: 2}}",
            "Progressing Waiting for partitioned roll out to finish: 0 out of 1 new pods have been updated...",
        ),
        (
            "statefulset",
            "{spec: {replicas: 2, updateStrategy: {type: RollingUpdate, rollingUpdate: {partition: 0}}}, status: {observedGeneration: 1, readyReplicas: 2, updatedReplicas: 2}}",
            "Healthy partitioned roll out complete: 2 new pods have been updated...",
        ),
        (
            "statefulset",
            "{spec: {replicas: 1}, status: {observedGeneration: 1, readyReplicas: 1, updatedReplicas: 0, updateRevision: b, currentRevision: a}}",
            "Progressing waiting for statefulset rolling update to complete 0 pods at revision b...",
        ),
        (
            "statefulset",
            "{spec: {replicas: 1}, status: {observedGeneration: 1, readyReplicas: 1, currentReplicas: 1, updateRevision: a, currentRevision: a}}",
            "Healthy statefulset rolling update complete 1 pods at revision a...",
        ),
        (
            "daemonset",
            "{metadata: {name: x, generation: 2}, status: {observedGeneration: 1}}",
            "Progressing Waiting for rollout to finish: observed daemon set generation less than desired generation",
        ),
        (
            "daemonset",
            "{metadata: {name: x}, spec: {updateStrategy: {type: OnDelete}}, status: {updatedNumberScheduled: 1, desiredNumberScheduled: 2}}",
            "Healthy daemon set 1 out of 2 new pods have been updated",
        ),
        (
            "daemonset",
            "{metadata: {name: x}, status: {updatedNumberScheduled: 1, desiredNumberScheduled: 2}}",
            "Progressing Waiting for daemon set \"x\" rollout to finish: 1 out of 2 new pods have been updated...",
        ),
        (
            "daemonset",
            "{metadata: {name: x}, status: {updatedNumberScheduled: 2, desiredNumberScheduled: 2, numberAvailable: 1}}",
            "Progressing Waiting for daemon set \"x\" rollout to finish: 1 of 2 updated pods are available...",
        ),
        (
            "daemonset",
            "{metadata: {name: x}, status: {updatedNumberScheduled: 2, desiredNumberScheduled: 2, numberAvailable: 2}}",
            "Healthy ",
        ),
        ("pod", "{spec: {restartPolicy: Always}, status: {phase: Pending, message: wait}}", "Progressing wait"),
        ("pod", "{spec: {restartPolicy: Never}, status: {phase: Succeeded}}", "Healthy "),
        ("pod", "{spec: {restartPolicy: Never}, status: {phase: Running}}", "Progressing "),
        (
            "pod",
            "{spec: {restartPolicy: Always}, status: {phase: Running, conditions: [{type: Ready, status: 'True'}]}}",
            "Healthy ",
        ),
        (
            "pod",
            "{spec: {restartPolicy: Always}, status: {phase: Running, containerStatuses: [{name: a, lastState: {terminated: {exitCode: 1}}}]}}",
            "Degraded ",
        ),
        (
            "pod",
            "{spec: {restartPolicy: Always}, status: {phase: Pending, containerStatuses: [{name: a, state: {waiting: {reason: ImagePullBackOff, message: no image}}}, {name: b, state: {waiting: {reason: ErrImagePull, message: none}}}]}}",
            "Degraded no image, none",
        ),
        (
            "pod",
            "{spec: {restartPolicy: Never}, status: {phase: Pending, containerStatuses: [{name: a, state: {waiting: {reason: ImagePullBackOff, message: no image}}}]}}",
            "Progressing ",
        ),
        (
            "pod",
            "{spec: {restartPolicy: Never}, status: {phase: Failed, containerStatuses: [{name: a, state: {terminated: {exitCode: 0}}}, {name: b, state: {terminated: {exitCode: 3}}}]}}",
            "Degraded container \"b\" failed with exit code 3",
        ),
        (
            "pod",
            "{spec: {restartPolicy: Never}, status: {phase: Failed, containerStatuses: [{name: a, state: {terminated: {exitCode: 137, reason: OOMKilled}}}]}}",
            "Degraded OOMKilled",
        ),
        ("pod", "{}", "Unknown "),
        (
            "pod",
            "{metadata: {name: x, annotations: {argocd.argoproj.io/ignore-restart-policy: 'true'}}, spec: {restartPolicy: Never}, status: {phase: Running, conditions: [{type: Ready, status: 'True'}]}}",
            "Healthy ",
        ),
        ("application", "{}", "Progressing "),
        ("application", "status: {health: {status: Healthy}}", "Healthy "),
        ("application", "{operation: {}, status: {health: {status: Healthy}}}", "Progressing a sync is asked for"),
        (
            "application",
            "status: {health: {status: Healthy}, reconciledAt: '2026-03-01T08:00:00Z', operationState: {phase: Succeeded, finishedAt: '2026-03-01T08:00:01Z'}}",
            "Progressing not reconciled since the last sync",
        ),
        (
            "application",
            "status: {health: {status: Degraded, message: bad}, reconciledAt: '2026-03-01T08:00:02Z', operationState: {phase: Succeeded, finishedAt: '2026-03-01T08:00:01Z'}}",
            "Degraded bad",
        ),
        ("servingruntime", "{}", "Healthy "),
        ("servingruntime", "spec: {disabled: true}", "Suspended ServingRuntime is disabled"),
        (
            "job",
            "{metadata: {name: x, deletionTimestamp: '2026-03-01T08:00:00Z'}, status: {conditions: [{type: Complete, status: 'True'}]}}",
            "Progressing Pending deletion",
        ),
    ];
    let book = every_kind();
    for (short, text, expected) in cases {
        let mut object = yaml(text);
        if object.get("metadata").is_none() {
            object["metadata"] = serde_json::json!({"name": "x"});
        }
        let found = health_of(&book, book.kind_by_short(short).unwrap(), &object);
        assert_eq!(format!("{} {}", found.status, found.message), expected, "{short} {text}");
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
        let mut object = yaml(text);
        if object.get("metadata").is_none() {
            object["metadata"] = serde_json::json!({"name": "x"});
        }
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
            "Progressing generation is 2, but the latest observed generation is 1",
        ),
        ("status: {conditions: [{type: Reconciling, status: 'True', message: busy}]}", "Progressing busy"),
        ("status: {conditions: [{type: Stalled, status: 'True', message: stuck}]}", "Degraded stuck"),
        ("status: {conditions: [{type: Ready, status: 'False', message: soon}]}", "Progressing soon"),
        ("status: {conditions: [{type: Ready, status: 'True', message: fine}]}", "Healthy Resource is current"),
        ("{metadata: {name: x, deletionTimestamp: '2026-03-01T08:00:00Z'}}", "Progressing Pending deletion"),
    ];
    for (text, expected) in cases {
        let mut object = yaml(text);
        if object.get("metadata").is_none() {
            object["metadata"] = serde_json::json!({"name": "x"});
        }
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
            "refused: mlops.dev/on-success-trigger: trigger 1: `X\u{fffd}\u{fffd}\u{fffd}` is not a name that Kubernetes takes: lower-case letters, digits, `-` and `.` are allowed, and it begins and ends with a letter or digit\n",
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
