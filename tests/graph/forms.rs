//! The four forms of a graph.

use tidegate::graph;

use super::{HEAD, build, findings, objects, support};

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
        held until notebook train succeeds and size(notebook.status.results) > 0, by health of the notebook; no hook in wave 3, though an expression must hold; rule reload  (r.tide:9)
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
        holds wave 4 of argocd/ml by health of the notebook; no hook in wave 3, though an expression must hold  (r.tide:9)

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
      wave -4           externalsecret git-credentials, externalsecret model-storage-config, externalsecret storage-config
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
        held until every notebook in wave 3 succeeds and isvc anomaly-detector is healthy for 10m [4 in the manifests], by health of the notebook; no hook in wave 4, though health does not say for how long; rule tier  (r.tide:5)
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
        holds wave 5 of openshift-gitops/self-healing-platform by health of the notebook; no hook in wave 4, though health does not say for how long  (r.tide:5)
      when-24f9f4827f51
        when  notebook predictive-analytics-kserve-validation succeeds  (r.tide:3)
        then  restart isvc predictive-analytics  (r.tide:3)
        holds wave 4 of openshift-gitops/self-healing-platform by health of the notebook  (r.tide:3)

    order
      isvc predictive-analytics after job init-model-storage  (r.tide:6)
    ");
    assert_eq!(findings(&built), "");
}
