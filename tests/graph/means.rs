//! By which means blocks are held, and annotations as rules.

use tidegate::diagnostic::Code;
use tidegate::graph;

use super::{HEAD, build, check, findings, objects};

/// What each block is held by, or why nothing can.
#[test]
fn the_means_of_blocks() {
    let list = "NotebookValidationJob below 3
        NotebookValidationJob same 4
        NotebookValidationJob above 5
        InferenceService served 2
        Job before 9 argocd.argoproj.io/hook: PreSync
        Job sync 2 argocd.argoproj.io/hook: Sync
        Job post 0 argocd.argoproj.io/hook: PostSync
        Job failing 0 argocd.argoproj.io/hook: SyncFail
        Job never 0 argocd.argoproj.io/hook: Skip
        Application child 1";
    let cases = [
        ("notebook below succeeds", "health of the notebook"),
        ("notebook below has succeeded", "health of the notebook"),
        ("isvc served is healthy", "health of the isvc"),
        ("job before succeeds", "health of the job"),
        ("job sync succeeds", "health of the job"),
        ("every notebook in wave 3 succeeds", "health of the notebook"),
        ("notebook below succeeds and isvc served is healthy", "health of the notebook; health of the isvc"),
        ("notebook same succeeds", "nothing: notebook same is in wave 4"),
        ("notebook above succeeds", "nothing: notebook above is in wave 5"),
        (
            "notebook above succeeds and isvc served is healthy for 5m",
            "nothing: notebook above is in wave 5; no hook in wave 3, though health does not say for how long",
        ),
        (
            "every notebook succeeds",
            "nothing: notebook above is in wave 5; health of the notebook; nothing: notebook same is in wave 4",
        ),
        ("job post succeeds", "nothing: job post is a PostSync hook, which runs after wave 4"),
        ("job failing succeeds", "nothing: job failing is a SyncFail hook, which runs after wave 4"),
        ("job never succeeds", "no hook in wave 3, though no sync applies it"),
        ("isvc served is healthy for 10m", "no hook in wave 3, though health does not say for how long"),
        (
            "notebook below fails",
            "nothing: when notebook below has failed, the sync has failed too, and wave 4 never begins",
        ),
        (
            "notebook below succeeds and size(notebook.status.results) > 0",
            "health of the notebook; no hook in wave 3, though an expression must hold",
        ),
        (
            "notebook below as a succeeds and then job sync as b succeeds",
            "health of the notebook; health of the job; no hook in wave 3, though one run must end after another",
        ),
        (
            "notebook below succeeds or notebook above succeeds",
            "no hook in wave 3, though it need not hold in every case",
        ),
        (
            "notebook below succeeds and not isvc served is degraded",
            "health of the notebook; no hook in wave 3, though it need not hold in every case",
        ),
        (
            "application argocd/child is healthy",
            "no hook in wave 3, though an Application shows its old health until it has seen the new commit",
        ),
        ("isvc served is missing", "no hook in wave 3, though health says nothing about what is missing"),
        ("notebook elsewhere succeeds", "no hook in wave 3, though no manifest makes it"),
        ("notebook other/below succeeds", "no hook in wave 3, though no manifest makes it"),
        (
            "every job of cronjob nightly succeeds",
            "no hook in wave 3, though only the cluster knows which runs are meant",
        ),
    ];
    for (condition, expected) in cases {
        let rules = format!("{HEAD}rule r {{ when {condition}\n block wave 4 }}\n");
        let stream = objects(list).replace("name: child", "name: child\n  namespace: argocd");
        let built = build(&[("r.tide", &rules)], &[("m.yaml", &stream)]);
        assert_eq!(built.graph.blocks[0].text(), expected, "for {condition}");
        let count = |code| built.graph.diagnostics.iter().filter(|d| d.code == code).count();
        assert_eq!(count(Code::BLOCK), expected.matches("nothing:").count(), "for {condition}");
        let lacks = !expected.contains("nothing:") && expected.contains("no hook");
        assert_eq!(count(Code::NO_HOOK), usize::from(lacks), "for {condition}");
        let cycles = built.graph.diagnostics.iter().filter(|d| d.code == Code::CYCLE).count();
        assert_eq!(cycles, 0, "a block that cannot hold is not also a cycle: {condition}");
        let alone = build(&[("r.tide", &rules)], &[]);
        assert!(alone.graph.blocks[0].works());
    }
}

#[test]
fn a_block_that_waits_for_what_it_holds() {
    let rules = "when notebook train succeeds then restart isvc fraud; block wave 4\n";
    insta::assert_snapshot!(check(rules, "NotebookValidationJob train 4\nInferenceService fraud 5"), @r"
    r.tide:3:55 Error TG111: `block wave 4` waits for what it holds itself: notebook train is in wave 4
      r.tide:3:6 waits for `notebook train succeeds`
      m.yaml:7:5 the wave of notebook train
      help: block a wave above 4, or put notebook train in a wave below 4
    ");
}

#[test]
fn a_block_that_holds_nothing() {
    insta::assert_snapshot!(check("when job a succeeds then restart isvc b; block wave 7\n", "Job a 1\nInferenceService b 5"), @r"
    r.tide:3:42 Warning TG111: `block wave 7` holds nothing: the application has no wave 7 or later
      help: its last wave is 5, in Sync
    ");
    assert_eq!(
        check(
            "when job a succeeds then restart isvc b; block wave 7\n",
            "Job a 1\nJob b 0 argocd.argoproj.io/hook: PostSync"
        ),
        ""
    );
}

#[test]
fn another_application_is_held_by_a_hook() {
    let rules = format!("{HEAD}rule r {{ when job a succeeds\n block wave 3 of application argocd/other }}\n");
    let built = build(&[("r.tide", &rules)], &[("m.yaml", &objects("Job a 9"))]);
    assert_eq!(built.graph.blocks[0].text(), "no hook in wave 2, though it is of another application");
    assert_eq!(findings(&built), "");
}

const ANNOTATED: &str = "NotebookValidationJob train 3 mlops.dev/on-success-trigger: '[{apiVersion: serving.kserve.io/v1beta1, kind: InferenceService, name: fraud, action: restart}]' ; mlops.dev/block-wave: \"4\"
    InferenceService fraud 5
    NotebookValidationJob late 5 mlops.dev/block-wave: \"4\"
    NotebookValidationJob odd 1 mlops.dev/on-success-trigger: 'x' ; mlops.dev/block-wave: four
    NotebookValidationJob far 1 mlops.dev/on-success-trigger: '[{apiVersion: serving.kserve.io/v1beta1, kind: InferenceService, name: fraud, namespace: serving, action: restart}]'
    ConfigMap idle 1 mlops.dev/block-wave: \"4\"";

#[test]
fn annotations_are_rules() {
    let built = build(&[("r.tide", HEAD)], &[("m.yaml", &objects(ANNOTATED))]);
    insta::assert_snapshot!(graph::text(&built.graph, &built.sources), @r"
    application argocd/ml: 6 objects, 3 waves
      wave 1            ConfigMap idle, notebook far, notebook odd
      wave 3            notebook train
        notebook train
          then restart isvc fraud; annotation  (m.yaml:8)
      wave 5            isvc fraud, notebook late
        CANNOT be held until notebook late succeeds: notebook late is in wave 5; rule trigger-notebook-ml.late  (m.yaml:24)
        held until notebook train succeeds, by health of the notebook; rule trigger-notebook-ml.train  (m.yaml:9)
        isvc fraud
          target of restart isvc fraud (rule trigger-notebook-ml.train)  (m.yaml:8)

    rules
      trigger-notebook-ml.late
        when  notebook late succeeds  (m.yaml:24)
        holds wave 4 of argocd/ml by nothing: notebook late is in wave 5  (m.yaml:24)
      trigger-notebook-ml.train
        when  notebook train succeeds  (m.yaml:8)
        then  restart isvc fraud  (m.yaml:8)
        holds wave 4 of argocd/ml by health of the notebook  (m.yaml:9)
    ");
    insta::assert_snapshot!(findings(&built), @r#"
    m.yaml:24:5 Error TG111: `block wave 4` waits for what it holds itself: notebook late is in wave 5
      m.yaml:24:5 waits for `notebook late succeeds`
      m.yaml:23:5 the wave of notebook late
      help: block a wave above 5, or put notebook late in a wave below 4
    m.yaml:32:5 Warning TG118: mlops.dev/on-success-trigger: it is not a list; write `- ` before each trigger, which has apiVersion, kind, name, namespace, action
    m.yaml:33:5 Warning TG118: mlops.dev/block-wave: `four` is not a wave; write a number such as "4"
    m.yaml:41:5 Warning TG118: mlops.dev/on-success-trigger: trigger 1: a job in namespace `ml` may not act on namespace `serving`; a rule file can say `allow triggers from namespace ml to namespace serving`
    m.yaml:49:5 Warning TG118: a ConfigMap does not run to completion, so its triggers never act
      help: declare its kind in a rule file with `runs to completion`
    "#);
    let never = build(&[("r.tide", &format!("{HEAD}honour annotations never\n"))], &[("m.yaml", &objects(ANNOTATED))]);
    assert_eq!((findings(&never).as_str(), never.graph.rules.len()), ("", 0));
}

/// A hook holds a block when it waits for the same words, not before what it waits for and before what it holds.
#[test]
fn a_hook_that_runs_tidegate_wait() {
    let rules = format!(
        "{HEAD}rule r {{ when notebook train succeeds and size(notebook.status.results) > 0\n block wave 4 }}\n"
    );
    let condition = "notebook train succeeds and size(notebook.status.results) > 0";
    let hook = |wave: i32, phase: &str, condition: &str| {
        let list = format!(
            "NotebookValidationJob train 2\nInferenceService fraud 4\nJob gate {wave} argocd.argoproj.io/hook: {phase}"
        );
        let pod = serde_json::json!({"template": {"spec": {"containers": [
            {"name": "wait", "image": "tidegate:1", "args": ["wait", condition, "--timeout=1h"]}
        ]}}});
        build(&[("r.tide", &rules)], &[("m.yaml", &format!("{}spec: {pod}\n", objects(&list)))])
    };
    let cases = [
        (3, "Sync", condition, true),
        (2, "Sync", condition, true),
        (3, "Sync", "notebook  ml/train succeeds and size(notebook.status.results) > 0", true),
        (1, "Sync", condition, false),
        (4, "Sync", condition, false),
        (3, "PreSync", condition, false),
        (3, "Sync", "notebook train succeeds", false),
    ];
    for (wave, phase, condition, holds) in cases {
        let built = hook(wave, phase, condition);
        let block = &built.graph.blocks[0];
        let found = block.hook.as_ref().map(|hook| (&*hook.name, hook.wave));
        assert_eq!(found, holds.then_some(("gate", i64::from(wave))), "{phase} wave {wave}: {condition}");
        let missing = built.graph.diagnostics.iter().filter(|d| d.code == Code::NO_HOOK).count();
        assert_eq!(missing, usize::from(!holds), "{phase} wave {wave}: {condition}");
    }
}
