//! Input that means harm, or that somebody broke, on live objects: each is refused visibly, harms nothing else, and what is said of
//! it cannot steer a terminal.

use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams};
use serde_json::{Value, json};

use crate::stage::{Controller, Stage, next_second, now};
use crate::support::{Install, objects};
use crate::{CLUSTER, SENTENCE};

/// Escapes in both forms, line ends, a bell, letters that turn the text round, braces and quotes.
const HARM: &str =
    "\u{1b}[31mred\u{1b}[0m\r\nINFO fake: line\u{202e}txt\u{2066} {} {job.metadata.name} \"q\" 'q' `q` \u{9b}2J\u{7}";
/// What the API server takes of annotations of one object, in bytes.
const ANNOTATION_BYTES_MAX: usize = 256 * 1024;

/// Line ends are for Events; logs are told apart into lines before.
fn check_harmless(what: &str, text: &str, line_ends: bool) {
    let bidi =
        |c: char| matches!(c, '\u{61c}' | '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let harm = text.chars().find(|c| bidi(*c) || (c.is_control() && !(line_ends && *c == '\n')));
    assert_eq!(harm, None, "{what}: {text:?}");
}

/// Nothing that was told can steer a terminal; a JSON log has one object a line.
async fn check_told(stage: &Stage<'_>, controller: &Controller, json_log: bool) {
    for (what, message) in stage.told().await {
        check_harmless(&what, &message, true);
        assert!(message.len() <= 1024, "{what}: {} bytes", message.len());
    }
    let log = controller.process.log();
    for line in log.lines() {
        check_harmless("log", line, false);
        assert!(line.len() < 8 * 1024, "a line of {} bytes", line.len());
        assert!(!json_log || serde_json::from_str::<Value>(line).is_ok(), "{line}");
        let targets = line.matches("\"target\":").count();
        assert!(!json_log || targets == 1, "a field is called as one of the log's own: {line}");
        assert!(!line.starts_with("INFO fake"), "a line that is not the controller's: {line}");
    }
    for path in ["/status", "/metrics", "/readyz"] {
        check_harmless(path, &controller.get(path).unwrap().1, true);
    }
}

/// Another rule goes on working.
async fn check_works(stage: &Stage<'_>, controller: &Controller) {
    let before = stage.restarts("fraud").await.0;
    stage.succeed("train-fraud").await;
    controller.until("another rule acts", async || stage.restarts("fraud").await.0 == before + 1).await;
}

/// In double quotes, as YAML: only so can a word of a trigger hold what steers.
fn quoted(text: &str) -> String {
    let escaped = text.chars().map(|c| match c {
        '"' | '\\' => format!("\\{c}"),
        ' '..='~' => c.to_string(),
        _ => format!("\\u{:04x}", u32::from(c)),
    });
    format!("\"{}\"", escaped.collect::<String>())
}

/// Annotations of a job, and words of the refusal.
fn hostile_annotations() -> Vec<(Value, &'static [&'static str])> {
    let trigger = |text: String| json!({"mlops.dev/on-success-trigger": text});
    let isvc = "apiVersion: serving.kserve.io/v1beta1, kind: InferenceService";
    vec![
        (trigger("{{{".to_owned()), &["mlops.dev/on-success-trigger"]),
        (trigger(format!("- {{{isvc}, name: fraud, action: explode}}")), &["`explode`", "restart"]),
        (trigger(format!("- {{{isvc}, name: fraud, action: {}}}", quoted(HARM))), &["action"]),
        (trigger(format!("- {{{isvc}, name: {}, action: restart}}", quoted(HARM))), &["name"]),
        (trigger(format!("- {{{isvc}, name: ../../secrets/token, action: restart}}")), &["../../secrets/token"]),
        (
            trigger(format!("- {{{isvc}, name: fraud, namespace: kube-system, action: restart}}")),
            &["kube-system", "allow triggers"],
        ),
        (trigger("- {apiVersion: v1, kind: Secret, name: token, action: restart}".to_owned()), &["Secret"]),
        (trigger(format!("- {{{isvc}, name: {}, action: restart}}", "x".repeat(200 * 1024))), &["on-success-trigger"]),
        (trigger(HARM.to_owned()), &["on-success-trigger"]),
        (trigger("- &a [*a, *a]".to_owned()), &["on-success-trigger"]),
        (json!({"mlops.dev/block-wave": "four"}), &["block-wave", "`four`"]),
        (json!({"mlops.dev/block-wave": HARM}), &["block-wave"]),
        (json!({"mlops.dev/block-wave": "99999999999999999999"}), &["block-wave"]),
    ]
}

#[tokio::test]
async fn hostile_annotations_are_refused_visibly_and_harm_nothing() {
    let Some(cluster) = CLUSTER.get("hostile_annotations_are_refused_visibly_and_harm_nothing") else { return };
    let stage = Stage::new(cluster, "hostile", SENTENCE).await;
    stage.service("fraud").await;
    stage.job("train-fraud").await;
    let cases = hostile_annotations();
    for (n, (annotations, _)) in cases.iter().enumerate() {
        stage.job_with(&format!("hostile-{n}"), annotations.clone()).await;
    }
    // What it reads beside rules: to whom the job belongs, its wave, its own records.
    let other = json!({
        "argocd.argoproj.io/tracking-id": format!("../../../api/v1/secrets/x:batch/Job:{}/hostile-other", stage.namespace),
        "argocd.argoproj.io/sync-wave": HARM,
        "mlops.dev/wave-complete": HARM,
        "tidegate.dev/fired.default": HARM,
    });
    stage.job_with("hostile-other", other).await;
    let controller = stage.start("a").await;
    controller.until_leads().await;
    next_second().await;
    for n in 0..cases.len() {
        stage.succeed(&format!("hostile-{n}")).await;
    }
    stage.succeed("hostile-other").await;
    let refusals = async || stage.events().await.iter().filter(|event| event.ends_with("TriggerRefused")).count();
    controller.until("each is refused", async || refusals().await >= cases.len()).await;
    let told = stage.told().await;
    for (n, (_, words)) in cases.iter().enumerate() {
        let on = format!("Job hostile-{n} TriggerRefused");
        let message = &told.iter().find(|(what, _)| *what == on).unwrap_or_else(|| panic!("{on}: {told:#?}")).1;
        assert!(words.iter().all(|word| message.contains(word)), "{on}: {message}");
    }
    let shown = controller.status()["annotations"].as_array().map(Vec::len);
    assert_eq!(shown, Some(cases.len()));
    check_works(&stage, &controller).await;
    check_told(&stage, &controller, true).await;
    assert_eq!(stage.restarts("fraud").await.0, 2);
}

const TIER: &str = "
application NAMESPACE/app
when job train-fraud succeeds then restart isvc fraud
when any notebook fails then notify validation-failure \"{notebook.metadata.name}: {notebook.status.message}\"
report every notebook to application app
";

#[tokio::test]
async fn hostile_statuses_are_told_harmlessly_and_a_vandalised_annotation_is_made_again() {
    let test = "hostile_statuses_are_told_harmlessly_and_a_vandalised_annotation_is_made_again";
    let Some(cluster) = CLUSTER.get(test) else { return };
    let stage = Stage::new(cluster, "vandal", TIER).await;
    stage.service("fraud").await;
    stage.job("train-fraud").await;
    let source = json!({"repoURL": "https://example.org/r.git", "path": "."});
    let spec = json!({"project": "default", "source": source, "destination": {"namespace": stage.namespace}});
    let app =
        json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"name": "app"}, "spec": spec});
    objects::create(&stage.admin, &stage.namespace, app).await;
    let notebooks =
        [("bad-0", HARM.to_owned()), ("bad-1", "é".repeat(500_000)), ("bad-2", "{}{{}}{notebook}".to_owned())];
    for (name, _) in &notebooks {
        stage.notebook(name).await;
    }
    let controller = stage.start_with("a", &["--log-format=human"]).await;
    controller.until_leads().await;
    next_second().await;
    for (name, message) in &notebooks {
        let status = json!({"phase": "Failed", "message": message, "completionTime": now()});
        objects::set_status(&objects::notebooks(&stage.admin, &stage.namespace), name, status).await;
    }
    let gvk = GroupVersionKind::gvk("argoproj.io", "v1alpha1", "Application");
    let apps: Api<DynamicObject> =
        Api::namespaced_with(stage.admin.clone(), &stage.namespace, &ApiResource::from_gvk(&gvk));
    let good = async || {
        let app = apps.get("app").await.unwrap();
        let text =
            app.metadata.annotations.and_then(|all| all.get("mlops.dev/notebook-status").cloned()).unwrap_or_default();
        let status: Value = serde_json::from_str(&text).unwrap_or_default();
        (&status["total"], &status["failed"], &status["failedJobs"])
            == (&json!(3), &json!(3), &json!(["bad-0", "bad-1", "bad-2"]))
    };
    controller.until("the three are counted", good).await;
    for vandalised in
        [HARM.to_owned(), "x".repeat(200 * 1024), json!({"total": "many", "failed": -1, "failedJobs": {}}).to_string()]
    {
        let patch = Patch::Merge(json!({"metadata": {"annotations": {"mlops.dev/notebook-status": vandalised}}}));
        apps.patch("app", &PatchParams::default(), &patch).await.unwrap();
        controller.until("it is made again", good).await;
    }
    let told = async || {
        let told = stage.told().await;
        notebooks.iter().all(|(name, _)| told.iter().any(|(_, message)| message.starts_with(&format!("{name}: "))))
    };
    controller.until("each failure is told", told).await;
    check_works(&stage, &controller).await;
    check_told(&stage, &controller, false).await;
    let literal = stage.told().await.iter().any(|(_, message)| message == "bad-2: {}{{}}{notebook}");
    assert!(literal, "what stands in a status is no template: {:#?}", stage.told().await);
}

/// The API server refuses to store more: the record on the job is refused, the annotation is given up, and the restart is done.
#[tokio::test]
async fn an_object_whose_annotations_are_full_is_given_up_and_harms_nothing_else() {
    let test = "an_object_whose_annotations_are_full_is_given_up_and_harms_nothing_else";
    let Some(cluster) = CLUSTER.get(test) else { return };
    let rules = "
application NAMESPACE/app
when job full succeeds then annotate deployment web example.org/model=new; retry 1 backoff 1s
when job full succeeds then restart isvc other; block wave 4
when job train-fraud succeeds then restart isvc fraud
";
    let stage = Stage::with(cluster, "full", &Install { rules, ..Install::default() }).await;
    for name in ["fraud", "other"] {
        stage.service(name).await;
    }
    // A job in a wave gets its record there; to the last byte full.
    let wave = "argocd.argoproj.io/sync-wave";
    let full = json!({wave: "3", "full": "x".repeat(ANNOTATION_BYTES_MAX - "full".len() - wave.len() - 1)});
    stage.job("train-fraud").await;
    stage.job_with("full", full.clone()).await;
    let container = json!({"name": "c", "image": "example.org/c"});
    let template = json!({"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [container]}});
    let web = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "annotations": full},
        "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": template}});
    objects::create(&stage.admin, &stage.namespace, web).await;
    let controller = stage.start("a").await;
    controller.until_leads().await;
    next_second().await;
    stage.succeed("full").await;
    let given_up = async || stage.events().await.iter().any(|event| event.ends_with("ActionRefused"));
    controller.until("the annotation is given up", given_up).await;
    controller.until("the restart is done", async || stage.restarts("other").await.0 == 2).await;
    let refused = "tidegate_actions_total{rule=\"tidegate\",action=\"wave record\",result=\"refused\"}";
    controller.until("the record is refused", async || controller.metric(refused).is_some_and(|n| n >= 1.0)).await;
    check_works(&stage, &controller).await;
    check_told(&stage, &controller, true).await;
}

/// A record that somebody overwrote is not taken for one; it is made again with the next restart, and stays short.
#[tokio::test]
async fn a_vandalised_record_neither_fires_nor_stops_anything() {
    let Some(cluster) = CLUSTER.get("a_vandalised_record_neither_fires_nor_stops_anything") else { return };
    let stage = Stage::new(cluster, "record", SENTENCE).await;
    stage.service("fraud").await;
    stage.job("train-fraud").await;
    let garbage = format!("{HARM},,{},", "x".repeat(100 * 1024));
    let patch = Patch::Merge(json!({"spec": {"predictor": {"annotations": {"tidegate.dev/fired.default": garbage}}}}));
    stage.services().patch("fraud", &PatchParams::default(), &patch).await.unwrap();
    let controller = stage.start("a").await;
    controller.until_leads().await;
    next_second().await;
    assert_eq!(stage.restarts("fraud").await.0, 2, "the vandal's own change");
    check_works(&stage, &controller).await;
    let (generation, annotations) = stage.restarts("fraud").await;
    let record = annotations["tidegate.dev/fired.default"].as_str().unwrap();
    assert_eq!(generation, 3);
    check_harmless("record", record, false);
    assert!(record.len() < 1024, "{} bytes", record.len());
    check_told(&stage, &controller, true).await;
}
