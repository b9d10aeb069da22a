//! The graph: order, cycles, waves, means of blocks, and its four forms.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    clippy::print_stderr,
    missing_docs
)]

mod support;

use std::fmt::Write as _;
use std::sync::Arc;

use petgraph::visit::{EdgeFiltered, EdgeRef};
use proptest::prelude::*;
use tidegate::diagnostic::{Code, Sources};
use tidegate::graph::{self, Graph, Node, Reason};
use tidegate::manifests::{App, Defaults, Manifests, Platform, read_text};
use tidegate::rulebook::{self, Options};

struct Built {
    sources: Sources,
    graph: Graph,
}

/// Rules and manifest streams to a graph; without streams there is no platform.
fn build(rules: &[(&str, &str)], streams: &[(&str, &str)]) -> Built {
    let files = rules.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
    let compiled = rulebook::load(files, &Options::default());
    let Some(rulebook) = compiled.rulebook else { panic!("{:#?}", compiled.diagnostics) };
    let mut sources = compiled.sources;
    let mut manifests = Manifests::default();
    for (name, text) in streams {
        let file = sources.add(*name, *text);
        read_text(&sources, file, &mut manifests);
    }
    let application =
        rulebook.application.as_ref().map(|a| App { namespace: a.namespace.clone(), name: a.name.clone() });
    let defaults = Defaults { application, namespace: rulebook.namespace.clone() };
    let platform = (!streams.is_empty()).then(|| Platform::new(manifests, &defaults, &sources));
    let graph = graph::build(&rulebook, platform.as_ref());
    Built { sources, graph }
}

/// One finding a paragraph: place, code, message, each further place, help.
fn findings(built: &Built) -> String {
    let mut out = String::new();
    for d in &built.graph.diagnostics {
        let place = |span| built.sources.place(span);
        writeln!(out, "{} {:?} {}: {}", place(d.span), d.severity, d.code, d.message).unwrap();
        for (span, text) in &d.related {
            writeln!(out, "  {} {text}", place(*span)).unwrap();
        }
        if !d.help.is_empty() {
            writeln!(out, "  help: {}", d.help).unwrap();
        }
    }
    out
}

/// `kind name wave [more]` a line to a stream of objects of application `ml`.
fn objects(list: &str) -> String {
    let mut out = String::new();
    for line in list.lines().map(str::trim).filter(|l| !l.is_empty()) {
        let mut words = line.splitn(4, ' ');
        let (kind, name, wave) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap_or("-"));
        let api = match kind {
            "NotebookValidationJob" => "mlops.mlops.dev/v1alpha1",
            "Job" => "batch/v1",
            "InferenceService" => "serving.kserve.io/v1beta1",
            "Application" => "argoproj.io/v1alpha1",
            _ => "v1",
        };
        writeln!(out, "---\napiVersion: {api}\nkind: {kind}\nmetadata:\n  name: {name}").unwrap();
        let more = words.next().unwrap_or("");
        if wave != "-" || !more.is_empty() {
            writeln!(out, "  annotations:").unwrap();
        }
        if wave != "-" {
            writeln!(out, "    argocd.argoproj.io/sync-wave: \"{wave}\"").unwrap();
        }
        for annotation in more.split(" ; ").filter(|a| !a.is_empty()) {
            writeln!(out, "    {annotation}").unwrap();
        }
    }
    out
}

const HEAD: &str = "application argocd/ml\nnamespace ml\n";

fn check(rules: &str, list: &str) -> String {
    let rules = format!("{HEAD}{rules}");
    findings(&build(&[("r.tide", &rules)], &[("m.yaml", &objects(list))]))
}

const PLATFORM: &str = "
    ConfigMap settings -
    Job prepare -2
    NotebookValidationJob train 3
    NotebookValidationJob explore 3
    InferenceService fraud 4
    Job migrate 1 argocd.argoproj.io/hook: PreSync
    Job smoke - argocd.argoproj.io/hook: PostSync";

const RULES: &str = "
rule reload \"A new model is served\" {
  when notebook train succeeds and size(notebook.status.results) > 0
  then restart isvc fraud
       notify validation-success \"{notebook.metadata.name} \\\"done\\\"\"
  else notify validation-failure \"not good enough\"
  block wave 4
}
rule explored {
  when every notebook in wave 3 succeeds or job prepare fails
  then annotate configmap settings example.org/tier=done
}
kind configmap = v1 ConfigMap (configmaps)
isvc fraud after notebook train, job prepare
";

#[test]
fn a_small_platform_as_text() {
    let rules = format!("{HEAD}{RULES}");
    let built = build(&[("r.tide", &rules)], &[("m.yaml", &objects(PLATFORM))]);
    insta::assert_snapshot!(graph::text(&built.graph, &built.sources), @r#"
    application argocd/ml: 7 objects, 6 waves
      PreSync wave 1    job migrate
      wave -2           job prepare
        job prepare
          one side of `or` in rule explored  (r.tide:12)
      wave 0            configmap settings
        configmap settings
          target of annotate configmap settings example.org/tier="done" (rule explored)  (r.tide:13)
      wave 3            notebook explore, notebook train
        notebook train
          then restart isvc fraud; rule reload  (r.tide:5)
      wave 4            isvc fraud
        held until notebook train succeeds and size(notebook.status.results) > 0, by health of the notebook; hook in wave 3, since an expression must hold; rule reload  (r.tide:9)
        isvc fraud
          target of restart isvc fraud (rule reload)  (r.tide:6)
          after job prepare  (r.tide:16)
          after notebook train  (r.tide:16)
      PostSync wave 0   job smoke

    rules
      explored
        when  every notebook in wave 3 succeeds or job prepare fails [2 in the manifests]  (r.tide:11)
        then  annotate configmap settings example.org/tier="done"  (r.tide:13)
      reload: A new model is served
        when  notebook train succeeds and size(notebook.status.results) > 0  (r.tide:4)
        then  restart isvc fraud  (r.tide:6)
        then  notify validation-success "{notebook.metadata.name} \"done\""  (r.tide:7)
        else  notify validation-failure "not good enough"  (r.tide:8)
        holds wave 4 of argocd/ml by health of the notebook; hook in wave 3, since an expression must hold  (r.tide:9)

    order
      isvc fraud after job prepare  (r.tide:16)
      isvc fraud after notebook train  (r.tide:16)
    "#);
    assert_eq!(findings(&built), "");
}

#[test]
fn a_small_platform_as_dot() {
    let rules = format!("{HEAD}{RULES}");
    let built = build(&[("r.tide", &rules)], &[("m.yaml", &objects(PLATFORM))]);
    insta::assert_snapshot!(graph::dot(&built.graph), @r##"
    digraph tidegate {
      compound=true;
      node [fontname="sans-serif", fontsize=11];
      edge [fontname="sans-serif", fontsize=9];
      subgraph cluster_app0 {
        label="application argocd/ml"; fontname="sans-serif"; style=dashed; color=gray50;
        n0 [shape=box, style=rounded, label="PreSync wave 1 (1 object)"];
        subgraph cluster_n1 {
          label="wave -2"; style=rounded; color=gray30; fontsize=11;
          n1 [shape=point, style=invis];
          n9 [shape=box, style=filled, fillcolor="#f4f4f4", label="job prepare"];
        }
        subgraph cluster_n2 {
          label="wave 0"; style=rounded; color=gray30; fontsize=11;
          n2 [shape=point, style=invis];
          n6 [shape=box, style=filled, fillcolor="#f4f4f4", label="configmap settings"];
        }
        subgraph cluster_n3 {
          label="wave 3"; style=rounded; color=gray30; fontsize=11;
          n3 [shape=point, style=invis];
          n11 [shape=box, style=filled, fillcolor="#f4f4f4", label="notebook explore"];
          n12 [shape=box, style=filled, fillcolor="#f4f4f4", label="notebook train"];
        }
        subgraph cluster_n4 {
          label="wave 4"; style=rounded; color=gray30; fontsize=11;
          n4 [shape=point, style=invis];
          n7 [shape=box, style=filled, fillcolor="#f4f4f4", label="isvc fraud"];
        }
        n5 [shape=box, style=rounded, label="PostSync wave 0 (1 object)"];
      }
      n13 [shape=box, style="dashed,rounded", label="every notebook in wave 3 succeeds"];
      n14 [shape=diamond, label="or"];
      n15 [shape=hexagon, style=filled, fillcolor="#ffd7d7", label="block wave 4"];
      n16 [shape=cds, style=filled, fillcolor="#d7e8ff", label="annotate configmap settings example.org/tier=\"done\""];
      n17 [shape=cds, style=filled, fillcolor="#d7e8ff", label="restart isvc fraud"];
      n18 [shape=cds, style=filled, fillcolor="#d7e8ff", label="notify validation-success \"{notebook.metadata.name} \\\"done\\\"\""];
      n19 [shape=cds, style=filled, fillcolor="#d7e8ff", label="notify validation-failure \"not good enough\""];
      n0 -> n1 [label="", lhead=cluster_n1, color=gray60, weight=10];
      n1 -> n2 [label="", ltail=cluster_n1, lhead=cluster_n2, color=gray60, weight=10];
      n2 -> n3 [label="", ltail=cluster_n2, lhead=cluster_n3, color=gray60, weight=10];
      n3 -> n4 [label="", ltail=cluster_n3, lhead=cluster_n4, color=gray60, weight=10];
      n4 -> n5 [label="", ltail=cluster_n4, color=gray60, weight=10];
      n9 -> n7 [label="then"];
      n9 -> n14 [label="fails"];
      n11 -> n13 [label=""];
      n12 -> n7 [label="then"];
      n12 -> n13 [label=""];
      n12 -> n15 [label="succeeds"];
      n12 -> n17 [label="succeeds"];
      n12 -> n19 [label="succeeds", style=dashed];
      n13 -> n14 [label=""];
      n14 -> n16 [label=""];
      n15 -> n4 [label="holds", lhead=cluster_n4];
      n16 -> n6 [label="acts on", style=dashed, constraint=false];
      n17 -> n7 [label="acts on", style=dashed, constraint=false];
      n17 -> n18 [label=""];
    }
    "##);
}

#[test]
fn a_small_platform_as_mermaid() {
    let rules = format!("{HEAD}{RULES}");
    let built = build(&[("r.tide", &rules)], &[("m.yaml", &objects(PLATFORM))]);
    insta::assert_snapshot!(graph::mermaid(&built.graph), @r#"
    flowchart TB
      subgraph app0["application argocd/ml"]
        n0(["PreSync wave 1 (1 object)"])
        subgraph n1["wave -2"]
          n9["job prepare"]
        end
        subgraph n2["wave 0"]
          n6["configmap settings"]
        end
        subgraph n3["wave 3"]
          n11["notebook explore"]
          n12["notebook train"]
        end
        subgraph n4["wave 4"]
          n7["isvc fraud"]
        end
        n5(["PostSync wave 0 (1 object)"])
      end
      n13[["every notebook in wave 3 succeeds"]]
      n14{"or"}
      n15{{"block wave 4"}}
      n16[/"annotate configmap settings example.org/tier=#34;done#34;"/]
      n17[/"restart isvc fraud"/]
      n18[/"notify validation-success #34;#123;notebook.metadata.name#125; #92;#34;done#92;#34;#34;"/]
      n19[/"notify validation-failure #34;not good enough#34;"/]
      n0 --> n1
      n1 --> n2
      n2 --> n3
      n3 --> n4
      n4 --> n5
      n9 -->|"then"| n7
      n9 -->|"fails"| n14
      n11 --> n13
      n12 -->|"then"| n7
      n12 --> n13
      n12 -->|"succeeds"| n15
      n12 -->|"succeeds"| n17
      n12 -.->|"succeeds"| n19
      n13 --> n14
      n14 --> n16
      n15 -->|"holds"| n4
      n16 -.->|"acts on"| n6
      n17 -.->|"acts on"| n7
      n17 --> n18
    "#);
}

#[test]
fn a_small_platform_as_json() {
    let rules = format!("{HEAD}when job a succeeds then restart isvc b; block wave 2\n");
    let built = build(&[("r.tide", &rules)], &[("m.yaml", &objects("Job a 1\nInferenceService b 2"))]);
    insta::assert_snapshot!(graph::json(&built.graph, &built.sources), @r#"
    {
      "blocks": [
        {
          "application": "argocd/ml",
          "edges": [
            {
              "means": "health",
              "object": "job a",
              "place": {
                "column": 6,
                "file": "r.tide",
                "line": 3
              },
              "what": "job ml/a succeeds"
            }
          ],
          "place": {
            "column": 42,
            "file": "r.tide",
            "line": 3
          },
          "rule": "when-4d982148b73e",
          "wave": 2
        }
      ],
      "edges": [
        {
          "from": "wave/argocd/ml/Sync/1",
          "place": {
            "column": 5,
            "file": "m.yaml",
            "line": 14
          },
          "reason": "wave-order",
          "to": "wave/argocd/ml/Sync/2",
          "waits": true
        },
        {
          "from": "wave/argocd/ml/Sync/1",
          "place": {
            "column": 5,
            "file": "m.yaml",
            "line": 7
          },
          "reason": "in-wave",
          "to": "resource/batch/Job/ml/a",
          "waits": true
        },
        {
          "from": "wave/argocd/ml/Sync/2",
          "place": {
            "column": 5,
            "file": "m.yaml",
            "line": 14
          },
          "reason": "in-wave",
          "to": "resource/serving.kserve.io/InferenceService/ml/b",
          "waits": true
        },
        {
          "from": "resource/batch/Job/ml/a",
          "place": {
            "column": 5,
            "file": "m.yaml",
            "line": 7
          },
          "reason": "wave-order",
          "to": "wave/argocd/ml/Sync/2",
          "waits": true
        },
        {
          "from": "resource/batch/Job/ml/a",
          "place": {
            "column": 6,
            "file": "r.tide",
            "line": 3
          },
          "reason": "condition",
          "text": "job ml/a succeeds",
          "to": "gate/when-4d982148b73e/argocd/ml/2",
          "waits": true
        },
        {
          "from": "resource/batch/Job/ml/a",
          "place": {
            "column": 6,
            "file": "r.tide",
            "line": 3
          },
          "reason": "condition",
          "text": "job ml/a succeeds",
          "to": "action/when-4d982148b73e/then/0",
          "waits": true
        },
        {
          "from": "gate/when-4d982148b73e/argocd/ml/2",
          "place": {
            "column": 42,
            "file": "r.tide",
            "line": 3
          },
          "reason": "block",
          "text": "block wave 2",
          "to": "wave/argocd/ml/Sync/2",
          "waits": true
        },
        {
          "from": "action/when-4d982148b73e/then/0",
          "place": {
            "column": 26,
            "file": "r.tide",
            "line": 3
          },
          "reason": "effect",
          "to": "resource/serving.kserve.io/InferenceService/ml/b",
          "waits": false
        }
      ],
      "findings": [],
      "nodes": [
        {
          "application": "argocd/ml",
          "id": "wave/argocd/ml/Sync/1",
          "layer": 0,
          "phase": "Sync",
          "text": "wave 1 of ml",
          "type": "wave",
          "wave": 1
        },
        {
          "application": "argocd/ml",
          "id": "wave/argocd/ml/Sync/2",
          "layer": 3,
          "phase": "Sync",
          "text": "wave 2 of ml",
          "type": "wave",
          "wave": 2
        },
        {
          "application": "argocd/ml",
          "group": "serving.kserve.io",
          "hook": false,
          "id": "resource/serving.kserve.io/InferenceService/ml/b",
          "kind": "InferenceService",
          "layer": 4,
          "name": "b",
          "namespace": "ml",
          "phase": "Sync",
          "place": {
            "column": 1,
            "file": "m.yaml",
            "line": 9
          },
          "rendered": true,
          "text": "isvc b",
          "type": "resource",
          "wave": 2,
          "waveGiven": true,
          "waveWanted": 2
        },
        {
          "application": "argocd/ml",
          "group": "batch",
          "hook": false,
          "id": "resource/batch/Job/ml/a",
          "kind": "Job",
          "layer": 1,
          "name": "a",
          "namespace": "ml",
          "phase": "Sync",
          "place": {
            "column": 1,
            "file": "m.yaml",
            "line": 2
          },
          "rendered": true,
          "text": "job a",
          "type": "resource",
          "wave": 1,
          "waveGiven": true,
          "waveWanted": 1
        },
        {
          "application": "argocd/ml",
          "id": "gate/when-4d982148b73e/argocd/ml/2",
          "layer": 2,
          "rule": "when-4d982148b73e",
          "text": "block wave 2 of rule when-4d982148b73e",
          "type": "gate",
          "wave": 2
        },
        {
          "action": "restart isvc ml/b",
          "branch": "then",
          "id": "action/when-4d982148b73e/then/0",
          "index": 0,
          "layer": 2,
          "rule": "when-4d982148b73e",
          "text": "restart isvc b (rule when-4d982148b73e)",
          "type": "action"
        }
      ],
      "rules": [
        {
          "annotated": false,
          "name": "when-4d982148b73e",
          "place": {
            "column": 1,
            "file": "r.tide",
            "line": 3
          },
          "when": "job ml/a succeeds"
        }
      ],
      "version": 1
    }
    "#);
}

#[test]
fn rules_alone() {
    let rules = format!("{HEAD}{RULES}");
    let built = build(&[("r.tide", &rules)], &[]);
    insta::assert_snapshot!(graph::text(&built.graph, &built.sources), @r#"
    application argocd/ml
      wave 4
        held until notebook train succeeds and size(notebook.status.results) > 0, by health or a hook, as manifests tell; hook in wave 3, since an expression must hold; rule reload  (r.tide:9)

    rules
      explored
        when  every notebook in wave 3 succeeds or job prepare fails  (r.tide:11)
        then  annotate configmap settings example.org/tier="done"  (r.tide:13)
      reload: A new model is served
        when  notebook train succeeds and size(notebook.status.results) > 0  (r.tide:4)
        then  restart isvc fraud  (r.tide:6)
        then  notify validation-success "{notebook.metadata.name} \"done\""  (r.tide:7)
        else  notify validation-failure "not good enough"  (r.tide:8)
        holds wave 4 of argocd/ml by health or a hook, as manifests tell; hook in wave 3, since an expression must hold  (r.tide:9)

    order
      isvc fraud after job prepare  (r.tide:16)
      isvc fraud after notebook train  (r.tide:16)
    "#);
}

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
            "nothing: notebook above is in wave 5; hook in wave 3, since health does not say for how long",
        ),
        (
            "every notebook succeeds",
            "nothing: notebook above is in wave 5; health of the notebook; nothing: notebook same is in wave 4",
        ),
        ("job post succeeds", "nothing: job post is a PostSync hook, which runs after wave 4"),
        ("job failing succeeds", "nothing: job failing is a SyncFail hook, which runs after wave 4"),
        ("job never succeeds", "hook in wave 3, since no sync applies it"),
        ("isvc served is healthy for 10m", "hook in wave 3, since health does not say for how long"),
        ("notebook below fails", "hook in wave 3, since a wave waits for success alone"),
        (
            "notebook below succeeds and size(notebook.status.results) > 0",
            "health of the notebook; hook in wave 3, since an expression must hold",
        ),
        (
            "notebook below as a succeeds and then job sync as b succeeds",
            "health of the notebook; health of the job; hook in wave 3, since one run must end after another",
        ),
        ("notebook below succeeds or notebook above succeeds", "hook in wave 3, since it need not hold in every case"),
        (
            "notebook below succeeds and not isvc served is degraded",
            "health of the notebook; hook in wave 3, since it need not hold in every case",
        ),
        (
            "application argocd/child is healthy",
            "hook in wave 3, since an Application shows its old health until it has seen the new commit",
        ),
        ("isvc served is missing", "hook in wave 3, since health says nothing about what is missing"),
        ("notebook elsewhere succeeds", "hook in wave 3, since no manifest makes it"),
        ("notebook other/below succeeds", "hook in wave 3, since no manifest makes it"),
        ("every job of cronjob nightly succeeds", "hook in wave 3, since only the cluster knows which runs are meant"),
    ];
    for (condition, expected) in cases {
        let rules = format!("{HEAD}rule r {{ when {condition}\n block wave 4 }}\n");
        let stream = objects(list).replace("name: child", "name: child\n  namespace: argocd");
        let built = build(&[("r.tide", &rules)], &[("m.yaml", &stream)]);
        assert_eq!(built.graph.blocks[0].text(), expected, "for {condition}");
        let errors = built.graph.diagnostics.iter().filter(|d| d.code == Code::BLOCK).count();
        assert_eq!(errors, expected.matches("nothing:").count(), "for {condition}");
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
    assert_eq!(built.graph.blocks[0].text(), "hook in wave 2, since it is of another application");
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

#[test]
fn a_sync_that_runs_its_own_cause_again() {
    let list = "Job smoke 0 argocd.argoproj.io/hook: PostSync\nJob plain 0\nApplication other -";
    let rules = "rule again { when job smoke succeeds then sync application argocd/ml }\n";
    insta::assert_snapshot!(check(rules, list), @r"
    r.tide:3:1 Error TG112: rule `again` can bring about its own cause: the sync runs the hook again that it waits for
      r.tide:3:43 rule again syncs
      m.yaml:8:5 Job smoke is a hook: made again at each sync
      r.tide:3:19 rule again takes its end as a cause
      help: limit it with `at most N per D`, such as `at most 3 per 1d`, or wait for what is no hook
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

#[test]
fn the_platform_of_the_corpus() {
    let Some(corpus) = support::skip::corpus("the_platform_of_the_corpus") else { return };
    let text = std::fs::read_to_string(corpus.join("platform/rendered.yaml")).unwrap();
    let rules = "application openshift-gitops/self-healing-platform\nnamespace self-healing-platform\n\
        when notebook predictive-analytics-kserve-validation succeeds then restart isvc predictive-analytics; block wave 4\n\
        rule tier { when every notebook in wave 3 succeeds and isvc anomaly-detector is healthy for 10m\n block wave 5 }\n\
        isvc predictive-analytics after job init-model-storage\n";
    let built = build(&[("r.tide", rules)], &[("rendered.yaml", &text)]);
    insta::assert_snapshot!(graph::text(&built.graph, &built.sources), @r"
    application openshift-gitops/self-healing-platform: 118 objects, 20 waves
      wave -7           job noobaa-credentials-init
      wave -6           8 objects: 2 × Role, 2 × RoleBinding, 2 × ServiceAccount, 2 × pvc
      wave -5           5 objects: 2 × ImageStream, 1 × BuildConfig, 1 × SecretStore, 1 × job
      wave -4           ExternalSecret git-credentials, ExternalSecret model-storage-config, ExternalSecret storage-config
      wave -2           job s3-bucket-setup
      wave -1           Namespace self-healing-platform
      wave 0            50 objects: 11 × Task, 8 × ConfigMap, 3 × Service, 3 × ServiceMonitor, 3 × notebook, 22 of 13 other kinds
      wave 1            notebook log-parsing-analysis-validation, notebook openshift-events-analysis-validation, notebook prometheus-metrics-collection-validation
      wave 2            6 objects: 2 × isvc, 2 × notebook, 1 × Role, 1 × RoleBinding
        isvc predictive-analytics
          target of restart isvc predictive-analytics (rule when-24f9f4827f51)  (r.tide:3)
          after job init-model-storage  (r.tide:6)
      wave 3            14 objects: 6 × Task, 4 × notebook, 2 × Pipeline, 2 × Service
        notebook predictive-analytics-kserve-validation
          then restart isvc predictive-analytics; rule when-24f9f4827f51  (r.tide:3)
      wave 4            cronjob weekly-anomaly-detector-training, cronjob weekly-predictive-analytics-training, notebook ensemble-anomaly-methods-validation
        held until notebook predictive-analytics-kserve-validation succeeds, by health of the notebook; rule when-24f9f4827f51  (r.tide:3)
      wave 5            notebook ai-driven-decision-making-validation, notebook hybrid-healing-workflows-validation, notebook rule-based-remediation-validation
        held until every notebook in wave 3 succeeds and isvc anomaly-detector is healthy for 10m [4 in the manifests], by health of the notebook; hook in wave 4, since health does not say for how long; rule tier  (r.tide:5)
      wave 6            notebook inference-pipeline-setup-validation, notebook kserve-model-deployment-validation, notebook model-versioning-mlops-validation
      wave 7            4 × notebook
      wave 8            4 × notebook
      wave 9            notebook healing-success-tracking-validation, notebook model-performance-monitoring-validation, notebook prometheus-metrics-monitoring-validation
      wave 10           notebook cost-optimization-validation, notebook predictive-scaling-validation, notebook security-incident-response-validation
      PostSync wave 4   job gpu-model-copy-predictive-analytics
      PostSync wave 5   job restart-predictors-after-models-ready
      PostSync wave 11  job model-restart-after-training

    rules
      tier
        when  every notebook in wave 3 succeeds and isvc anomaly-detector is healthy for 10m [4 in the manifests]  (r.tide:4)
        holds wave 5 of openshift-gitops/self-healing-platform by health of the notebook; hook in wave 4, since health does not say for how long  (r.tide:5)
      when-24f9f4827f51
        when  notebook predictive-analytics-kserve-validation succeeds  (r.tide:3)
        then  restart isvc predictive-analytics  (r.tide:3)
        holds wave 4 of openshift-gitops/self-healing-platform by health of the notebook  (r.tide:3)

    order
      isvc predictive-analytics after job init-model-storage  (r.tide:6)
    ");
    assert_eq!(findings(&built), "");
}

/// Edges that wait, one a line, and every finding: what must not depend on the order of input.
fn essence(built: &Built) -> String {
    format!("{}\n{}", graph::json(&built.graph, &built.sources), graph::text(&built.graph, &built.sources))
}

fn holds_together(built: &Built) {
    let graph = &built.graph;
    let waiting = EdgeFiltered::from_fn(&graph.dag, |e| e.weight().waits);
    let cyclic = petgraph::algo::is_cyclic_directed(&waiting);
    let reported = graph.diagnostics.iter().any(|d| d.code == Code::CYCLE);
    assert_eq!(cyclic, reported, "cyclic {cyclic}, reported {reported}");
    assert_eq!(graph.layers.is_empty(), cyclic && graph.dag.node_count() > 0 || graph.dag.node_count() == 0);
    for edge in graph.dag.edge_references().filter(|e| e.weight().waits && !cyclic) {
        let layer = |node: petgraph::graph::NodeIndex| graph.layers[node.index()];
        assert!(
            layer(edge.source()) < layer(edge.target()),
            "{} before {}",
            graph.say(edge.source()),
            graph.say(edge.target())
        );
    }
    for edge in graph.dag.edge_references().filter(|e| e.weight().reason == Reason::After && !cyclic) {
        let (Some(a), Some(b)) = (graph.about.get(&edge.source()), graph.about.get(&edge.target())) else { continue };
        if a.rendered && b.rendered && a.phase == b.phase && a.application == b.application {
            assert!(a.wave_wanted < b.wave_wanted, "{} before {}", graph.say(edge.source()), graph.say(edge.target()));
        }
    }
}

const NAMES: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

fn rule_line() -> impl Strategy<Value = String> {
    let name = || prop::sample::select(&NAMES[..]);
    let term = move || {
        (name(), prop::sample::select(&["succeeds", "fails", "has succeeded", "is healthy for 5m", "is missing"][..]))
    };
    let all = prop::collection::vec(term(), 1..4);
    let either = prop::collection::vec(term(), 2..3);
    prop_oneof![
        (name(), name()).prop_filter("itself", |(a, b)| a != b).prop_map(|(a, b)| format!("job {a} after job {b}\n")),
        (
            all,
            either,
            any::<bool>(),
            any::<bool>(),
            -1..6i32,
            prop::sample::select(&["", " of application argocd/two"][..])
        )
            .prop_map(|(all, either, or, negated, wave, of)| {
                let say = |(n, (name, word)): (usize, &(&str, &str))| format!("job {name} as v{n} {word}");
                let mut condition: Vec<String> = all.iter().enumerate().map(say).collect();
                if or {
                    let sides: Vec<String> = either.iter().enumerate().map(|(n, side)| say((n + 10, side))).collect();
                    condition.push(format!("({})", sides.join(" or ")));
                }
                if negated {
                    condition.push(format!("not job {} as w has failed", all[0].0));
                }
                format!("when {} then restart isvc served; block wave {wave}{of}\n", condition.join(" and "))
            }),
    ]
}

fn case() -> impl Strategy<Value = (Vec<String>, Vec<(i32, u8)>, Vec<usize>)> {
    let waves = prop::collection::vec((-1..5i32, 0..8u8), NAMES.len());
    let order = Just((0..NAMES.len() + 3).collect::<Vec<_>>()).prop_shuffle();
    (prop::collection::vec(rule_line(), 0..7), waves, order)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// A graph is acyclic or says where its cycle is; layers respect every edge; the order of files and documents does not matter.
    #[test]
    fn any_graph_is_acyclic_or_says_so((lines, waves, order) in case()) {
        let mut seen = std::collections::BTreeSet::new();
        let lines: Vec<String> = lines.into_iter().filter(|line| seen.insert(line.clone())).collect();
        let files: Vec<(String, String)> = lines.iter().enumerate().map(|(n, line)| (format!("r{n}.tide"), format!("{HEAD}{line}"))).collect();
        let mut forward = vec![("z.tide".to_owned(), HEAD.to_owned())];
        forward.extend(files);
        prop_assume!(rulebook::load(forward.clone(), &Options::default()).rulebook.is_some());
        let mut documents: Vec<String> = Vec::new();
        for (name, (wave, other)) in NAMES.iter().zip(&waves) {
            let hook = match other { 0 => " argocd.argoproj.io/hook: PreSync", 1 => " argocd.argoproj.io/hook: PostSync", _ => "" };
            let object = objects(&format!("Job {name} {wave}{hook}"));
            let two = other % 3 == 0;
            documents.push(if two { object.replace("  annotations:", "  labels: {argocd.argoproj.io/instance: two}\n  annotations:") } else { object });
        }
        documents.push("---\napiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: two, namespace: argocd}\nspec: {}\n".to_owned());
        documents.push(objects("InferenceService served 2"));
        documents.push(objects("ConfigMap x 4"));
        // Each document in a file of its own, so that places do not move.
        let streams: Vec<(String, String)> = documents.into_iter().enumerate().map(|(n, text)| (format!("m{n}.yaml"), text)).collect();
        let shuffled: Vec<(String, String)> = order.iter().map(|at| streams[*at].clone()).collect();
        let backward: Vec<(String, String)> = forward.iter().rev().cloned().collect();
        let one = build(&borrow(&forward), &borrow(&streams));
        let two = build(&borrow(&backward), &borrow(&shuffled));
        holds_together(&one);
        prop_assert_eq!(essence(&one), essence(&two));
        holds_together(&build(&borrow(&forward), &[]));
    }
}

fn borrow(list: &[(String, String)]) -> Vec<(&str, &str)> {
    list.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect()
}

/// Ten thousand objects, a thousand `after` lines, a cycle at the end: large input ends, and is told apart from small only by its size.
#[test]
fn ten_thousand_objects() {
    let mut list = String::new();
    for n in 0..10_000 {
        writeln!(list, "Job j{n} {}", n % 100).unwrap();
    }
    let mut rules = HEAD.to_owned();
    for n in 0..1_000 {
        writeln!(rules, "job j{} after job j{}", n * 10 + 1, n * 10).unwrap();
    }
    writeln!(rules, "rule r {{ when every job in wave 50 succeeds\n block wave 51 }}").unwrap();
    let stream = objects(&list);
    let built = build(&[("r.tide", &rules)], &[("m.yaml", &stream)]);
    assert_eq!(findings(&built), "");
    assert_eq!(built.graph.about.len(), 10_000);
    assert!(graph::json(&built.graph, &built.sources).lines().count() > 100_000);
    assert!(graph::text(&built.graph, &built.sources).contains("wave 99"));
    holds_together(&built);
    let cyclic = format!("{rules}job j10 after job j11\n");
    let built = build(&[("r.tide", &cyclic)], &[("m.yaml", &stream)]);
    assert!(findings(&built).contains("job j10"), "{}", findings(&built));
    let names: Arc<str> = Arc::from("j10");
    assert!(built.graph.nodes().any(|(node, _)| matches!(node, Node::Resource(r) if r.name == names)));
}
