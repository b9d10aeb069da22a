//! YAML as Kubernetes reads it, streams, and what Argo CD reads from annotations.
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

#[path = "manifests/reading.rs"]
mod reading;
mod support;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use tidegate::diagnostic::{Severity, Sources};
use tidegate::manifests::{
    self, App, Defaults, Manifests, Phase, Platform, parse_yaml, read_hook, read_text, read_wave,
};

/// `text => JSON`, or `text => ! message`. The JSON is what sigs.k8s.io/yaml 1.6 gives for the same text.
fn yaml(text: &str, expected: &str) {
    let got = match parse_yaml(text) {
        Ok(value) => value.to_string(),
        Err(error) => format!("! {error}"),
    };
    assert_eq!(got, expected, "for {text:?}");
}

#[test]
fn scalars_are_read_as_kubernetes_reads_them() {
    let cases = [
        ("0644", "420"),
        ("0o644", "420"),
        ("0899", "899"),
        ("-0644", "-420"),
        ("00", "0"),
        ("0x1F", "31"),
        ("0X1F", "31"),
        ("-0x1F", "-31"),
        ("0b11", "3"),
        ("1_000", "1000"),
        ("12_", "12"),
        ("_1", "\"_1\""),
        ("0x", "\"0x\""),
        ("0x1p4", "\"0x1p4\""),
        ("0o8", "\"0o8\""),
        ("+5", "5"),
        ("-0", "0"),
        ("1e3", "1000"),
        ("+12e03", "12000"),
        ("1.5e-3", "0.0015"),
        (".5", "0.5"),
        ("-.5", "-0.5"),
        ("+.5", "0.5"),
        ("1.", "1"),
        ("1.0", "1"),
        ("09.5", "9.5"),
        ("1_000.5e2", "100050"),
        ("1e", "\"1e\""),
        ("1e400", "\"1e400\""),
        ("1.2.3", "\"1.2.3\""),
        ("1-2", "\"1-2\""),
        (".", "\".\""),
        ("12:30:45", "\"12:30:45\""),
        ("2026-03-01", "\"2026-03-01\""),
        ("9223372036854775807", "9223372036854775807"),
        ("-9223372036854775808", "-9223372036854775808"),
        ("18446744073709551615", "18446744073709551615"),
        ("0xFFFFFFFFFFFFFFFFF", "\"0xFFFFFFFFFFFFFFFFF\""),
        ("yes", "true"),
        ("on", "true"),
        ("Y", "true"),
        ("n", "false"),
        ("OFF", "false"),
        ("yES", "\"yES\""),
        ("TRUE", "true"),
        ("~", "null"),
        ("Null", "null"),
        ("nan", "\"nan\""),
        ("<<", "\"<<\""),
        ("\"0644\"", "\"0644\""),
        ("'yes'", "\"yes\""),
        ("!!str 5", "\"5\""),
        ("!!int \"5\"", "5"),
        ("!!bool yes", "true"),
        ("!!float 5", "5"),
        ("!!null \"\"", "null"),
        ("!Ref 5", "\"5\""),
        ("! 5", "\"5\""),
        (".inf", "! `.inf` is a number that JSON cannot say"),
        ("!!int abc", "! `abc` is not of the type that its tag `!!int` names"),
    ];
    for (text, expected) in cases {
        let expected = if expected.starts_with('!') { expected.to_owned() } else { format!("{{\"a\":{expected}}}") };
        yaml(&format!("a: {text}\n"), &expected);
    }
}

#[test]
fn documents_are_read_as_kubernetes_reads_them() {
    let cases = [
        ("base: &b {a: 1, c: {x: 1}}\nm: {<<: *b, a: 2}\n", r#"{"base":{"a":1,"c":{"x":1}},"m":{"a":2,"c":{"x":1}}}"#),
        ("b: &b {a: 1}\nm: {a: 2, <<: *b}\n", r#"{"b":{"a":1},"m":{"a":1}}"#),
        ("a: &x {b: 1}\nd: {<<: [*x, {b: 2, e: 3}]}\n", r#"{"a":{"b":1},"d":{"b":1,"e":3}}"#),
        ("m: {\"<<\": {a: 5}}\n", r#"{"m":{"<<":{"a":5}}}"#),
        ("m: {<<: 5}\n", "! a merge key takes a map or a list of maps"),
        ("dup: 1\ndup: 2\n", r#"{"dup":2}"#),
        ("1: a\ntrue: b\n1.5: c\n.5: d\n1e3: e\n", r#"{"0.5":"d","1":"a","1.5":"c","1000":"e","true":"b"}"#),
        ("? [1, 2]\n: 3\n", "! a key must be a text, a number or a boolean"),
        ("~: 3\n", "! a key must be a text, a number or a boolean"),
        (
            "lua: |\n  hs = {}\n  if obj.status ~= nil then\n    hs.status = \"Healthy\"\n  end\n\n  return hs\n",
            r#"{"lua":"hs = {}\nif obj.status ~= nil then\n  hs.status = \"Healthy\"\nend\n\nreturn hs\n"}"#,
        ),
        (
            "keep: |+\n  a\n\nstrip: >-\n  folded\n  text\n  \n   more\n",
            r#"{"keep":"a\n\n","strip":"folded text\n\n more"}"#,
        ),
        ("indent: |2\n    two\n", r#"{"indent":"  two\n"}"#),
        ("a: 1\r\nb: |\r\n  x\r\n  y\r\n", r#"{"a":1,"b":"x\ny\n"}"#),
        ("a: x # c\nb: x#c\n", r#"{"a":"x","b":"x#c"}"#),
        ("b: !!set {x, y}\nd: [a: 1]\n", r#"{"b":{"true":null,"x":null},"d":[{"a":1}]}"#),
        // As `kubectl get -o yaml` may write long texts; YAML 1.2 wants them indented, go-yaml does not.
        ("a:\n  - m: 'foo\n    bar\n\n  baz'\n    o: 1\n", r#"{"a":[{"m":"foo bar\nbaz","o":1}]}"#),
        ("a: \"x\ny\"\nb: 2\n", r#"{"a":"x y","b":2}"#),
        ("- 1\n", "[1]"),
        ("# nothing\n", "null"),
        ("a: &x [*x]\n", "! an anchor whose value contains itself"),
        ("a: &x 1\nb: *y\n", "! while parsing node, found unknown anchor"),
        ("a: @x\n", "! unexpected character: `@'"),
        ("a: b: c\n", "! mapping values are not allowed in this context"),
    ];
    for (text, expected) in cases {
        yaml(text, expected);
    }
}

/// One line a document and a finding.
fn listing(text: &str) -> String {
    let mut sources = Sources::default();
    let file = sources.add("m.yaml", text);
    let mut manifests = Manifests::default();
    read_text(&sources, file, &mut manifests);
    show(&sources, &manifests)
}

fn show(sources: &Sources, manifests: &Manifests) -> String {
    let mut out = String::new();
    for d in &manifests.documents {
        let name = d.object.pointer("/metadata/name").and_then(|n| n.as_str()).unwrap_or("-");
        write!(out, "{} {} {name}", sources.place(d.span), d.object["kind"].as_str().unwrap()).unwrap();
        for (key, span) in &d.annotations {
            let (line, column) = sources.position(*span);
            write!(out, " {key}@{line}:{column}").unwrap();
        }
        out.push_str(&d.source.as_ref().map(|s| format!(" from {s}")).unwrap_or_default());
        out.push('\n');
    }
    for d in &manifests.diagnostics {
        let help = if d.help.is_empty() { String::new() } else { format!(" ({})", d.help) };
        writeln!(out, "{} {:?} {}: {}{help}", sources.place(d.span), d.severity, d.code, d.message).unwrap();
    }
    out
}

#[test]
fn a_stream_loses_nothing() {
    let text = "\u{feff}# a comment\n---\n# Source: hub/templates/a.yaml\n\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  annotations:\n    x: y\n    \
        argocd.argoproj.io/sync-wave: \"3\"\ndata:\n  stream: |\n    a\n    ---\n    b\n--- # next\n{apiVersion: v1, kind: Secret, metadata: {name: b}}\n---\n---\n\
        broken: [1, 2\n---\napiVersion: v1\r\nkind: Pod\r\nmetadata:\r\n  name: c\r\n---\nreplicas: 2\n---\njust text\n---\n{{ if .Values.x }}\na: 1\n{{ end }}\n\
        ---\napiVersion: v1\nkind: Pod\nmetadata: {name: d, name: e}\n...\nignored: true\n";
    insta::assert_snapshot!(listing(text), @r"
    m.yaml:5:1 ConfigMap a argocd.argoproj.io/sync-wave@11:5 x@10:5 from hub/templates/a.yaml
    m.yaml:18:1 Secret b
    m.yaml:23:1 Pod c
    m.yaml:36:1 Pod e
    m.yaml:21:9 Error TG400: unclosed bracket '['
    m.yaml:28:1 Note TG401: not an object: it has no `apiVersion`, `kind` or `metadata`
    m.yaml:30:1 Error TG401: a document must be an object with `apiVersion` and `kind`
    m.yaml:32:2 Error TG400: a key must be a text, a number or a boolean (this looks like a template; render it first, for example with `helm template`)
    m.yaml:38:21 Warning TG402: the key `name` stands twice; Kubernetes takes the last
    m.yaml:40:1 Warning TG402: what follows `...` is not read by Kubernetes; begin a document with `---`
    ");
}

#[test]
fn places_stay_where_quoted_texts_are_not_indented() {
    let text = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\n  annotations:\n    x: 'é\n  y\n    z'\n    next: n\n    next: n\n";
    insta::assert_snapshot!(listing(text), @r"
    m.yaml:1:1 Pod a next@10:5 x@6:5
    m.yaml:10:5 Warning TG402: the key `next` stands twice; Kubernetes takes the last
    ");
}

#[test]
fn directives_stand_before_their_document() {
    let text = "# c\n%YAML 1.1\n---\n{apiVersion: v1, kind: Pod, metadata: {name: a}}\n---\n{apiVersion: v1, kind: Pod, metadata: {name: b}}\n";
    insta::assert_snapshot!(listing(text), @r"
    m.yaml:4:1 Pod a
    m.yaml:6:1 Pod b
    ");
}

/// What a whole platform looks like to Argo CD.
#[test]
fn the_platform_of_the_corpus() {
    let Some(corpus) = support::skip::corpus("the_platform_of_the_corpus") else { return };
    let mut sources = Sources::default();
    let manifests = manifests::read(&[corpus.join("platform")], &mut sources).unwrap();
    let platform = Platform::new(manifests, &Defaults::default(), &sources);
    let app = platform.applications[0].app.clone();
    let mut waves: BTreeMap<(Option<Phase>, i64), usize> = BTreeMap::new();
    for object in platform.objects.iter().filter(|o| o.application.as_ref() == Some(&app)) {
        *waves.entry((object.phase(), object.wave)).or_default() += 1;
    }
    let mut out = format!("{} objects, application {}/{}\n", platform.objects.len(), app.namespace, app.name);
    for ((phase, wave), count) in waves {
        writeln!(out, "{} wave {wave}: {count}", phase.map_or("-", Phase::name)).unwrap();
    }
    for d in &platform.diagnostics {
        let place = sources.place(d.span).replace(&corpus.display().to_string(), "CORPUS");
        writeln!(out, "{place} {}: {}", d.code, d.message).unwrap();
    }
    insta::assert_snapshot!(out, @r"
    124 objects, application openshift-gitops/self-healing-platform
    Sync wave -7: 1
    Sync wave -6: 8
    Sync wave -5: 5
    Sync wave -4: 3
    Sync wave -2: 1
    Sync wave -1: 1
    Sync wave 0: 55
    Sync wave 1: 3
    Sync wave 2: 6
    Sync wave 3: 14
    Sync wave 4: 3
    Sync wave 5: 3
    Sync wave 6: 3
    Sync wave 7: 4
    Sync wave 8: 4
    Sync wave 9: 3
    Sync wave 10: 3
    PostSync wave 4: 1
    PostSync wave 5: 1
    PostSync wave 11: 1
    CORPUS/platform/predictive-analytics-kserve-validation-job.yaml:1:1 TG403: the NotebookValidationJob `predictive-analytics-kserve-validation` stands twice; Argo CD applies the last
    CORPUS/platform/rendered.yaml:3450:9 TG402: the key `name` stands twice; Kubernetes takes the last
    ");
    let bucket = platform.find("batch", "Job", "self-healing-platform", "s3-bucket-setup").unwrap();
    assert_eq!(sources.words(bucket.wave_place), "argocd.argoproj.io/sync-wave: \"-2\"");
}

/// Every YAML file of the corpus is read without an error.
#[test]
fn the_whole_corpus_is_read() {
    let Some(corpus) = support::skip::corpus("the_whole_corpus_is_read") else { return };
    let mut sources = Sources::default();
    let manifests = manifests::read(&[corpus], &mut sources).unwrap();
    let errors: Vec<_> = manifests.diagnostics.iter().filter(|d| d.severity == Severity::Error).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    assert!(manifests.documents.len() > 900, "{}", manifests.documents.len());
}

#[test]
fn lists_are_taken_apart() {
    let text = "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Pod\n  metadata:\n    name: a\n    annotations: {k: v}\n- apiVersion: v1\n  kind: PodList\n  items:\n  - \
        {apiVersion: v1, kind: Pod, metadata: {name: b, annotations: {k: v}}}\n- 5\n- apiVersion: v1\n  kind: Pod\n  metadata:\n    name: c\n    annotations:\n      k: v\n";
    insta::assert_snapshot!(listing(text), @r"
    m.yaml:4:3 Pod a k@8:19
    m.yaml:12:5 Pod b k@12:67
    m.yaml:14:3 Pod c k@19:7
    m.yaml:13:3 Error TG401: a document must be an object with `apiVersion` and `kind`
    ");
}

#[test]
fn json_is_read() {
    let one = "{\n\t\"apiVersion\": \"v1\", \"kind\": \"Pod\",\n\t\"metadata\": {\"name\": \"\\u00e9\\/\\ud83c\\udfb5\"}\n}\n {\"apiVersion\": \"v1\", \"kind\": \"Pod\", \"metadata\": {\"name\": \"b\"}}";
    insta::assert_snapshot!(listing(one), @r"
    m.yaml:1:1 Pod é/🎵
    m.yaml:5:2 Pod b
    ");
    insta::assert_snapshot!(listing("{\n \"a\": [1,\n}\n"), @"m.yaml:3:1 Error TG400: expected value");
    insta::assert_snapshot!(listing("{apiVersion: v1, kind: Pod, metadata: {name: a}}\n---\nx\n"), @r"
    m.yaml:1:1 Pod a
    m.yaml:3:1 Error TG401: a document must be an object with `apiVersion` and `kind`
    ");
}

#[test]
fn hostile_yaml_ends_early() {
    let mut laughs = "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol]\n".to_owned();
    for n in 1..12 {
        let before = format!("*a{}, ", n - 1).repeat(8);
        writeln!(laughs, "a{n}: &a{n} [{}]", before.trim_end_matches(", ")).unwrap();
    }
    yaml(&laughs, "! anchors and aliases stand for more than 8 MiB of values");

    let mut chain = "a0: &a0 [x]\n".to_owned();
    for n in 1..1000 {
        writeln!(chain, "a{n}: &a{n} [*a{}]", n - 1).unwrap();
    }
    yaml(&chain, "! nested more than 200 levels deep, by aliases");

    for open in ["[", "{a: ", "- ", "? "] {
        let error = parse_yaml(&open.repeat(100_000)).unwrap_err();
        assert!(error.message.contains("nest") || error.message.contains("limit"), "{open}: {error}");
    }
    let mut deep = String::new();
    for n in 0..3000 {
        writeln!(deep, "{}a:", " ".repeat(n)).unwrap();
    }
    assert!(parse_yaml(&deep).is_err());
}

fn platform(text: &str, defaults: &Defaults) -> String {
    let mut sources = Sources::default();
    let file = sources.add("m.yaml", text);
    let mut manifests = Manifests::default();
    read_text(&sources, file, &mut manifests);
    let platform = Platform::new(manifests, defaults, &sources);
    let mut out = String::new();
    for o in &platform.objects {
        let app = o.application.as_ref().map_or("-".to_owned(), |a| format!("{}/{}", a.namespace, a.name));
        let phases: Vec<&str> = o.hook.phases.iter().map(|p| p.name()).collect();
        write!(out, "{} {}/{} of {app} {} {}", o.kind, o.namespace, o.name, phases.join("+"), o.wave).unwrap();
        writeln!(out, "@{} {:?}", sources.position(o.wave_place).0, o.delete_policies).unwrap();
    }
    for d in &platform.diagnostics {
        writeln!(out, "{} {}: {} ({})", sources.place(d.span), d.code, d.message, d.help).unwrap();
    }
    out
}

#[test]
fn waves_and_hooks_are_read_as_argo_cd_reads_them() {
    let cases = [
        (r#"argocd.argoproj.io/sync-wave: "3""#, "3 Sync"),
        (r#"argocd.argoproj.io/sync-wave: "-5""#, "-5 Sync"),
        (r#"argocd.argoproj.io/sync-wave: "+5""#, "5 Sync"),
        (r#"argocd.argoproj.io/sync-wave: "007""#, "7 Sync"),
        (r#"argocd.argoproj.io/sync-wave: " 3""#, "0 Sync passed over"),
        (r#"argocd.argoproj.io/sync-wave: "1_0""#, "0 Sync passed over"),
        (r#"argocd.argoproj.io/sync-wave: "1.0""#, "0 Sync passed over"),
        (r#"argocd.argoproj.io/sync-wave: "99999999999999999999""#, "0 Sync passed over"),
        (r#"argocd.argoproj.io/sync-wave: "x", helm.sh/hook-weight: "4""#, "4 Sync passed over"),
        (r#"helm.sh/hook-weight: "-4""#, "-4 Sync"),
        (r#"argocd.argoproj.io/sync-wave: 3, argocd.argoproj.io/hook: PreSync"#, "0 Sync"),
        ("argocd.argoproj.io/hook: PreSync", "0 PreSync hook"),
        (r#"argocd.argoproj.io/hook: "PostSync, PreSync""#, "0 PreSync+PostSync hook"),
        ("argocd.argoproj.io/hook: SyncFail", "0 SyncFail hook"),
        ("argocd.argoproj.io/hook: Skip", "0  skip"),
        (r#"argocd.argoproj.io/hook: "Skip,Sync""#, "0 Sync hook"),
        ("argocd.argoproj.io/hook: Presync", "0  hook Presync"),
        ("argocd.argoproj.io/hook: PostDelete", "0  hook"),
        ("helm.sh/hook: pre-install", "0 PreSync hook"),
        (r#"helm.sh/hook: "post-install,post-upgrade""#, "0 PostSync hook"),
        ("helm.sh/hook: crd-install", "0 Sync"),
        ("helm.sh/hook: test", "0  hook"),
        ("helm.sh/hook: pre-install, argocd.argoproj.io/hook: PostSync", "0 PostSync hook"),
        ("helm.sh/hook: pre-install, argocd.argoproj.io/hook: nonsense", "0 PreSync hook nonsense"),
    ];
    for (annotations, expected) in cases {
        let object = parse_yaml(&format!("metadata: {{annotations: {{{annotations}}}}}")).unwrap();
        let (wave, hook) = (read_wave(&object), read_hook(&object));
        let phases: Vec<&str> = hook.phases.iter().map(|p| p.name()).collect();
        let mut got = format!("{} {}", wave.wave, phases.join("+"));
        got.push_str(if hook.hook { " hook" } else { "" });
        got.push_str(if hook.skip { " skip" } else { "" });
        got.push_str(if wave.unreadable.is_some() { " passed over" } else { "" });
        for (_, word) in &hook.unreadable {
            write!(got, " {word}").unwrap();
        }
        assert_eq!(got, expected, "for {annotations}");
    }
}

const APPS: &str = "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: shop, namespace: argocd}\nspec: {destination: {namespace: shop}}\n---\n\
    apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: ml, namespace: argocd}\nspec: {destination: {namespace: ml}}\n---\n";

#[test]
fn objects_find_their_application() {
    let text = format!(
        "{APPS}{}",
        "{apiVersion: v1, kind: Pod, metadata: {name: by-id, namespace: x, annotations: {argocd.argoproj.io/tracking-id: 'ml:/Pod:x/by-id'}}}\n---\n\
        {apiVersion: v1, kind: Pod, metadata: {name: copied-id, namespace: ml, annotations: {argocd.argoproj.io/tracking-id: 'shop:/Pod:x/parent'}}}\n---\n\
        {apiVersion: v1, kind: Pod, metadata: {name: other-ns, namespace: x, annotations: {argocd.argoproj.io/tracking-id: 'team_far:/Pod:x/other-ns'}}}\n---\n\
        {apiVersion: v1, kind: Pod, metadata: {name: by-label, labels: {app.kubernetes.io/instance: ml}}}\n---\n\
        {apiVersion: v1, kind: Pod, metadata: {name: by-namespace, namespace: shop}}\n---\n\
        {apiVersion: v1, kind: Pod, metadata: {name: nobody, namespace: z}}\n---\n\
        {apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: cluster, labels: {app.kubernetes.io/instance: ml}}}\n---\n\
        {apiVersion: batch/v1, kind: Job, metadata: {generateName: migrate-, labels: {app.kubernetes.io/instance: ml}, annotations: {argocd.argoproj.io/hook: PreSync}}}\n---\n\
        {apiVersion: v1, kind: Pod, metadata: {name: by-namespace, namespace: shop}}\n---\n\
        {apiVersion: v1, kind: Pod, metadata: {}}\n---\n\
        {apiVersion: v1, kind: Pod, metadata: {name: odd, namespace: ml, annotations: {argocd.argoproj.io/sync-wave: x, argocd.argoproj.io/hook: postsync}}}\n---\n\
        {apiVersion: v1, kind: Pod, metadata: {name: number, namespace: ml, annotations: {argocd.argoproj.io/sync-wave: 3}}}\n"
    );
    insta::assert_snapshot!(platform(&text, &Defaults::default()), @r#"
    Pod ml/by-label of argocd/ml Sync 0@17 []
    Pod ml/copied-id of argocd/ml Sync 0@13 []
    Pod ml/number of argocd/ml Sync 0@33 []
    Pod ml/odd of argocd/ml  0@31 [BeforeHookCreation]
    Pod shop/by-namespace of argocd/shop Sync 0@27 []
    Pod x/by-id of argocd/ml Sync 0@11 []
    Pod x/other-ns of team/far Sync 0@15 []
    Pod z/nobody of - Sync 0@21 []
    Application argocd/ml of - Sync 0@6 []
    Application argocd/shop of - Sync 0@1 []
    Job ml/migrate-* of argocd/ml PreSync 0@25 [BeforeHookCreation]
    ClusterRole /cluster of argocd/ml Sync 0@23 []
    m.yaml:19:1 TG403: the Pod `by-namespace` stands twice; Argo CD applies the last ()
    m.yaml:29:1 TG401: not read: a Pod without `metadata.name` ()
    m.yaml:31:80 TG404: `x` is not a wave; Argo CD passes over it and takes 0 (write a whole number in quotes, such as `argocd.argoproj.io/sync-wave: "3"`)
    m.yaml:31:113 TG404: `postsync` is not a hook that Argo CD knows (one of `PreSync`, `Sync`, `PostSync`, `SyncFail`, `Skip`, `PostDelete`)
    m.yaml:33:83 TG404: the value of the annotation `argocd.argoproj.io/sync-wave` is not a text; the API server refuses the object (put it in quotes)
    "#);
}

#[test]
fn objects_take_the_default_application() {
    let defaults = Defaults {
        application: Some(App { namespace: Arc::from("argocd"), name: Arc::from("root") }),
        namespace: Arc::from("team"),
    };
    let text = format!(
        "{APPS}{}",
        "{apiVersion: v1, kind: Pod, metadata: {name: a}}\n---\n{apiVersion: v1, kind: Node, metadata: {name: gpu-1}}\n---\n{apiVersion: v1, kind: Pod, metadata: {name: n}}\n---\n{apiVersion: v1, kind: Pod, metadata: {name: ok, namespace: y}}\n"
    );
    insta::assert_snapshot!(platform(&text, &defaults), @r"
    Node /gpu-1 of argocd/root Sync 0@13 []
    Pod team/a of argocd/root Sync 0@11 []
    Application argocd/ml of argocd/root Sync 0@6 []
    Application argocd/shop of argocd/root Sync 0@1 []
    m.yaml:15:1 TG401: not read: a Pod whose `metadata.name` is `false`, not a text (put it in quotes)
    m.yaml:17:1 TG401: not read: a Pod whose `metadata.namespace` is `true`, not a text (put it in quotes)
    ");
}

#[test]
fn files_folders_and_their_errors() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let object = |name: &str| format!("{{apiVersion: v1, kind: Pod, metadata: {{name: {name}}}}}\n");
    for (name, text) in [
        ("b.yaml", "b"),
        ("a.yml", "a"),
        ("sub/c.json", "c"),
        (".hidden/x.yaml", "x"),
        ("readme.md", "y"),
        ("bare", "bare"),
    ] {
        std::fs::create_dir_all(path(name).parent().unwrap()).unwrap();
        let text = if name.ends_with("json") {
            object(text).replace(
                "apiVersion: v1, kind: Pod, metadata: {name: c}",
                r#""apiVersion": "v1", "kind": "Pod", "metadata": {"name": "c"}"#,
            )
        } else {
            object(text)
        };
        std::fs::write(path(name), text).unwrap();
    }
    std::fs::write(path("latin.yaml"), b"a: 1\nb: \xe9\n").unwrap();
    std::fs::create_dir(path("empty")).unwrap();
    let read = |paths: &[PathBuf]| {
        let mut sources = Sources::default();
        let result = manifests::read(paths, &mut sources).map(|m| show(&sources, &m)).unwrap_or_else(|e| e.to_string());
        result.replace(&dir.path().display().to_string(), "DIR")
    };
    insta::assert_snapshot!(read(&[path("bare"), dir.path().to_owned(), path("b.yaml")]), @r"
    DIR/bare:1:1 Pod bare
    DIR/a.yml:1:1 Pod a
    DIR/b.yaml:1:1 Pod b
    DIR/sub/c.json:1:1 Pod c
    DIR/latin.yaml:2:4 Error TG006: `DIR/latin.yaml` is not UTF-8 (save the file as UTF-8)
    ");
    insta::assert_snapshot!(read(&[path("empty")]), @"no `.yaml` or `.yml` or `.json` file in `DIR/empty`");
    insta::assert_snapshot!(read(&[path("nowhere")]), @"cannot read `DIR/nowhere`: No such file or directory (os error 2)");
}
