//! Cycles, the waves that `after` asks for, loops by syncs.

use petgraph::visit::EdgeRef;
use tidegate::graph::{Node, Reason};

use super::{HEAD, build, check, findings, objects};

#[test]
fn after_in_a_circle() {
    insta::assert_snapshot!(check("isvc c after job b\njob b after job a\njob a after isvc c\n", "Job a\nJob b\nInferenceService c"), @r"
    r.tide:4:13 Error TG300: a cycle: job b waits for job a, which waits for isvc c, which waits for job b
      r.tide:4:13 job b waits for job a: `after`
      r.tide:5:13 job a waits for isvc c: `after`
      r.tide:3:14 isvc c waits for job b: `after`
    ");
}

#[test]
fn two_cycles_are_two_errors_the_shorter_first() {
    let rules = "job a after job b\njob b after job a\njob x after job y\njob y after job z\njob z after job x\njob a after job x\n";
    insta::assert_snapshot!(check(rules, "Job a\nJob b\nJob x\nJob y\nJob z"), @r"
    r.tide:4:13 Error TG300: a cycle: job b waits for job a, which waits for job b
      r.tide:4:13 job b waits for job a: `after`
      r.tide:3:13 job a waits for job b: `after`
    r.tide:7:13 Error TG300: a cycle: job z waits for job x, which waits for job y, which waits for job z
      r.tide:7:13 job z waits for job x: `after`
      r.tide:5:13 job x waits for job y: `after`
      r.tide:6:13 job y waits for job z: `after`
    ");
}

/// Each application's block waits for a job behind the other's block.
#[test]
fn a_cycle_through_the_waves_of_two_applications() {
    let label = |text: &str, app: &str| {
        text.replace("  annotations:", &format!("  labels: {{argocd.argoproj.io/instance: {app}}}\n  annotations:"))
    };
    let apps = "Application one - spec: x\nApplication two - spec: x";
    let one = label(&objects("Job a0 0\nJob a1 1\nJob a3 3\nJob a5 5"), "one");
    let two = label(&objects("Job b0 0\nJob b2 2\nJob b4 4"), "two");
    let rules = "namespace ml\nrule hold-one { when job b4 succeeds\n block wave 3 of application argocd/one }\n\
        rule hold-two { when job a5 succeeds\n block wave 2 of application argocd/two }\n";
    let apps = objects(apps).replace("  annotations:\n    spec: x", "  namespace: argocd");
    let built = build(&[("r.tide", rules)], &[("apps.yaml", &apps), ("one.yaml", &one), ("two.yaml", &two)]);
    insta::assert_snapshot!(findings(&built), @r"
    r.tide:4:22 Error TG300: a cycle: block wave 2 of rule hold-two waits for job a5, which waits for wave 5 of one, which waits for wave 3 of one, which waits for block wave 3 of rule hold-one, which waits for job b4, which waits for wave 4 of two, which waits for wave 2 of two, which waits for block wave 2 of rule hold-two
      r.tide:4:22 block wave 2 of rule hold-two waits for job a5: `job ml/a5 succeeds`
      one.yaml:32:5 job a5 waits for wave 5 of one: it is applied in that wave
      one.yaml:32:5 wave 5 of one waits for wave 3 of one: a wave begins when the one before is healthy
      r.tide:3:2 wave 3 of one waits for block wave 3 of rule hold-one: `block wave 3`
      r.tide:2:22 block wave 3 of rule hold-one waits for job b4: `job ml/b4 succeeds`
      two.yaml:24:5 job b4 waits for wave 4 of two: it is applied in that wave
      two.yaml:24:5 wave 4 of two waits for wave 2 of two: a wave begins when the one before is healthy
      r.tide:5:2 wave 2 of two waits for block wave 2 of rule hold-two: `block wave 2`
    ");
}

#[test]
fn one_side_of_or_is_enough() {
    let rules = "rule r { when job early succeeds or job late succeeds\n block wave 4 }\n";
    insta::assert_snapshot!(check(rules, "Job early 1\nJob late 5\nConfigMap x 4"), @"");
    let both = "rule r { when job late succeeds or job later succeeds\n block wave 4 }\n";
    insta::assert_snapshot!(check(both, "Job later 6\nJob late 5\nConfigMap x 4"), @r"
    r.tide:3:1 Error TG300: a cycle: block wave 4 of rule r waits for one side of `or` in rule r, which waits for job late, which waits for wave 5 of ml, which waits for wave 4 of ml, which waits for block wave 4 of rule r
      r.tide:3:1 block wave 4 of rule r waits for one side of `or` in rule r: `or`
      r.tide:3:15 one side of `or` in rule r waits for job late: `job ml/late succeeds`
      m.yaml:14:5 job late waits for wave 5 of ml: it is applied in that wave
      m.yaml:14:5 wave 5 of ml waits for wave 4 of ml: a wave begins when the one before is healthy
      r.tide:4:2 wave 4 of ml waits for block wave 4 of rule r: `block wave 4`
    r.tide:3:1 Error TG300: a cycle: block wave 4 of rule r waits for one side of `or` in rule r, which waits for job later, which waits for wave 6 of ml, which waits for wave 4 of ml, which waits for block wave 4 of rule r
      r.tide:3:1 block wave 4 of rule r waits for one side of `or` in rule r: `or`
      r.tide:3:36 one side of `or` in rule r waits for job later: `job ml/later succeeds`
      m.yaml:7:5 job later waits for wave 6 of ml: it is applied in that wave
      m.yaml:7:5 wave 6 of ml waits for wave 4 of ml: a wave begins when the one before is healthy
      r.tide:4:2 wave 4 of ml waits for block wave 4 of rule r: `block wave 4`
    ");
}

#[test]
fn what_need_not_come_is_not_waited_for() {
    let rules = "rule r { when job early succeeds and not isvc served is degraded\n block wave 4 }\n";
    assert_eq!(check(rules, "Job early 1\nInferenceService served 5\nConfigMap x 4"), "");
}

#[test]
fn an_effect_is_not_a_wait() {
    assert_eq!(
        check(
            "when job a succeeds then restart isvc b; block wave 2\njob a after isvc b\n",
            "InferenceService b 0\nJob a 1\nConfigMap x 2"
        ),
        ""
    );
}

#[test]
fn waves_that_contradict_after() {
    let rules = "job c after job b\njob b after job a\nisvc d after job a\njob e after job post\n";
    let list = "Job a 3\nJob b 1\nJob c 2\nInferenceService d 3\nJob e 9\nJob post 0 argocd.argoproj.io/hook: PostSync";
    insta::assert_snapshot!(check(rules, list), @r#"
    r.tide:3:13 Warning TG301: job c is in wave 2, and all that it comes after ends in wave 4
      m.yaml:21:5 job c is in wave 2
      m.yaml:14:5 job b is in wave 1
      help: put job c in wave 5: `argocd.argoproj.io/sync-wave: "5"`
    r.tide:4:13 Error TG301: job b is applied before job a, which it comes after
      m.yaml:14:5 job b is in wave 1
      m.yaml:7:5 job a is in wave 3
      help: put job b in wave 4: `argocd.argoproj.io/sync-wave: "4"`
    r.tide:5:14 Warning TG301: isvc d is applied together with job a, which it comes after
      m.yaml:28:5 isvc d is in wave 3
      m.yaml:7:5 job a is in wave 3
      help: put isvc d in wave 4: `argocd.argoproj.io/sync-wave: "4"`
    r.tide:6:13 Error TG301: job e is applied before job post, which it comes after
      m.yaml:35:5 job e is in wave 9
      m.yaml:42:5 job post is in PostSync wave 0
      help: job post runs in a later phase than job e; no wave changes that
    "#);
}

#[test]
fn waves_follow_from_after_where_none_are_given() {
    let rules = format!("{HEAD}job c after job b, job a\njob b after job a\nisvc d after job c\n");
    let built = build(
        &[("r.tide", &rules)],
        &[("m.yaml", &objects("Job a\nJob b\nJob c\nInferenceService d 7\nConfigMap other"))],
    );
    assert_eq!(findings(&built), "");
    let wanted = |name: &str| {
        let about = built.graph.nodes().find(|(node, _)| matches!(node, Node::Resource(r) if &*r.name == name));
        built.graph.about[&about.unwrap().1].wave_wanted
    };
    assert_eq!(["a", "b", "c", "d", "other"].map(wanted), [0, 1, 2, 7, 0]);
}

#[test]
fn a_sync_that_runs_its_own_cause_again() {
    let list = "Job smoke 0 argocd.argoproj.io/hook: PostSync\nJob plain 0\nApplication other -";
    let rules = "rule again { when job smoke succeeds then sync application argocd/ml }\n";
    insta::assert_snapshot!(check(rules, list), @r"
    r.tide:3:1 Error TG112: rule `again` can bring about its own cause: the sync makes again what it waits for
      r.tide:3:43 rule again syncs
      m.yaml:8:5 Job smoke is a hook: made again at each sync
      r.tide:3:19 rule again takes its end as a cause
      help: limit it with `at most N per D`, such as `at most 3 per 1d`, or wait for what a sync does not make again
    ");
    assert_eq!(check("rule again { when job plain succeeds then sync application argocd/ml }\n", list), "");
    assert_eq!(
        check("rule again { when job smoke succeeds then sync application argocd/ml\n at most 3 per 1d }\n", list),
        ""
    );
    assert_eq!(check("rule again { when job smoke succeeds then sync application argocd/other }\n", list), "");
    let any = "rule a { when any job fails then sync application argocd/ml }\n";
    assert!(check(any, list).contains("TG112"));
}

#[test]
fn the_steps_of_a_model() {
    let model = "model fraud {\n  trained by notebook train\n  copied by job copy\n  served by isvc fraud\n  reload on retrain\n}\n";
    assert_eq!(check(model, "NotebookValidationJob train 3\nJob copy 4\nInferenceService fraud 2"), "");
    insta::assert_snapshot!(check(model, "NotebookValidationJob train 3\nJob copy 2\nInferenceService fraud 2"), @r"
    m.yaml:14:5 Warning TG301: model fraud: job copy (copied) runs before notebook train (trained) on a first sync
      m.yaml:7:5 notebook train is in wave 3
      r.tide:3:1 the model
      help: put job copy in a wave above 3
    ");
}

/// An Application's own waves begin when it is applied; nothing waits for its health unless a rule does.
#[test]
fn applications_in_applications() {
    let child = objects("Job seed 0\nJob train 1")
        .replace("metadata:", "metadata:\n  labels: {argocd.argoproj.io/instance: child}");
    let root =
        objects("Application child 2\nConfigMap last 3").replace("name: child", "name: child\n  namespace: argocd");
    let rules =
        "application argocd/root\nnamespace ml\nrule r { when application argocd/child is healthy\n block wave 3 }\n";
    let built = build(&[("r.tide", rules)], &[("root.yaml", &root), ("child.yaml", &child)]);
    assert_eq!(findings(&built), "");
    let edges: Vec<String> = built
        .graph
        .dag
        .edge_references()
        .filter(|e| e.weight().reason == Reason::Application)
        .map(|e| format!("{} -> {}", built.graph.say(e.source()), built.graph.say(e.target())))
        .collect();
    insta::assert_snapshot!(edges.join("\n"), @r"
    wave 2 of root -> wave 0 of child
    wave 1 of child -> application argocd/child
    job train -> application argocd/child
    ");
    let rules = rules.replace("block wave 3", "block wave 2");
    let built = build(&[("r.tide", &rules)], &[("root.yaml", &root), ("child.yaml", &child)]);
    insta::assert_snapshot!(findings(&built), @r"
    r.tide:4:2 Error TG111: `block wave 2` waits for what it holds itself: application child is in wave 2
      r.tide:3:15 waits for `application argocd/child is healthy`
      root.yaml:8:5 the wave of application child
      help: block a wave above 2, or put application child in a wave below 2
    ");
}
