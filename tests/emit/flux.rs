//! `emit flux`: the text, what it refuses, and expressions made at random, of which Flux says nothing else than the rules.

use std::collections::BTreeMap;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, TestRng, TestRunner};
use serde_json::{Value as Json, json};
use tidegate::diagnostic::{Code, Diagnostic, Sources};
use tidegate::emit::flux::{Check, Options, Target, TargetKind, check, flux};
use tidegate::expr::Value;
use tidegate::rulebook::{HealthStatus, Kind, health};
use tidegate::syntax::tree::Statement;

use crate::expressions::{PATHS, compiles, declared, kind, text_of};
use crate::health::{book, kinds};
use crate::objects::{Shape, words};
use crate::oracle::Oracle;
use crate::skip;

/// Kinds made at random, and objects for each.
const KINDS: usize = 200;
const OBJECTS: usize = 10;

const RULES: &str = "namespace ml\nwhen notebook train succeeds then restart isvc fraud\nwhen isvc fraud is degraded then notify x \"y\"\n\
                     when job x succeeds then notify x \"y\"\nwhen application ml is healthy then notify x \"y\"\n\
                     kind widget = example.org/v1 Widget (widgets)\n";

fn text(rules: &str, options: &Options) -> String {
    flux(&book(rules), options).unwrap_or_else(|errors| panic!("{errors:#?}"))
}

#[test]
fn isvc_and_notebook_for_flux() {
    insta::assert_snapshot!("flux", text(RULES, &Options::default()));
}

/// Every kind as YAML that reads back as the conditions that were meant, alone and as patches.
#[test]
fn what_is_emitted_reads_back() {
    let target = |kind, namespace: Option<&str>| {
        Some(Target { kind, namespace: namespace.map(str::to_owned), name: "on".to_owned() })
    };
    let book = book("");
    for (target, kind) in [
        (None, None),
        (target(TargetKind::Kustomization, Some("flux-system")), Some("Kustomization")),
        (target(TargetKind::HelmRelease, None), Some("HelmRelease")),
    ] {
        let namespace = target.as_ref().and_then(|target: &Target| target.namespace.clone());
        let text = flux(&book, &Options { all: true, target }).unwrap();
        assert!(text.lines().all(|line| !line.ends_with(' ') && !line.contains('\t')));
        let document: Json = serde_yaml::from_str(&text).unwrap();
        assert_eq!(document.get("kind").and_then(Json::as_str), kind);
        if kind.is_some() {
            assert_eq!(document["metadata"]["name"], "on");
            assert_eq!(document["metadata"].get("namespace").and_then(Json::as_str), namespace.as_deref());
        }
        let listed = document["spec"]["healthCheckExprs"].as_array().unwrap();
        let made: Vec<(&Kind, Check)> =
            book.kinds.iter().filter_map(|kind| Some((kind, check(&kind.decl).ok()??))).collect();
        assert_eq!(listed.len(), made.len());
        for (one, (kind, check)) in listed.iter().zip(made) {
            let version = format!("{}/{}", kind.group, kind.version);
            assert_eq!(one["apiVersion"], version.trim_start_matches('/'));
            assert_eq!(one["kind"], *kind.kind);
            assert_eq!(one["inProgress"], check.in_progress);
            assert_eq!(one.get("failed").and_then(Json::as_str), check.failed.as_deref());
            assert_eq!(one["current"], check.current);
        }
    }
}

/// The conditions of a kind with these lines, before a last one that is progressing.
fn lines(lines: &str) -> Result<Check, Vec<Diagnostic>> {
    let text = format!("kind k = example.org/v1 K (ks) {{\n  {lines}\n  progressing \"\" otherwise\n}}\n");
    check(&kinds(&text).unwrap()[0]).map(Option::unwrap)
}

#[test]
fn conditions() {
    let cases = [
        ("healthy '' when self.status.phase == 'a'", "status.?phase.orValue(\"\") == \"a\""),
        ("healthy '' when self.status.phase != 'a'", "has(status.phase) && status.phase != \"a\""),
        ("healthy '' when self.status.a.b == ''", "status.?a.?b.hasValue() && status.a.b == \"\""),
        ("healthy '' when !(self.status.n > 3)", "has(status.n) && status.n <= 3"),
        ("healthy '' when self.spec.paused", "spec.?paused.orValue(false)"),
        ("healthy '' when !self.spec.paused", "!spec.?paused.orValue(true)"),
        // The fields at the top are variables; one of a macro takes another name than they have.
        ("healthy '' when self['spec']['x-y'] == 1", "spec[?\"x-y\"].orValue(0) == 1"),
        (
            "healthy '' when self.spec.list.exists(status, status == self.status.phase)",
            "has(spec.list) && spec.list.exists(status_, has(status.phase) && status_ == status.phase)",
        ),
        (
            "healthy '' when self.spec.list.exists(string, string == 'a')",
            "has(spec.list) && spec.list.exists(string_, string_ == \"a\")",
        ),
        // A `let` in its place, in no macro's sight.
        (
            "let c = self.status.phase\n healthy '' when self.spec.list.all(d, d == c)",
            "has(spec.list) && spec.list.all(d, has(status.phase) && d == status.phase)",
        ),
        // One error in a list is an error of `filter`, and of `exists` only where no element decides.
        (
            "healthy '' when self.spec.list.exists(c, c.x == 1)",
            "has(spec.list) && spec.list.exists(c, c.?x.orValue(0) == 1)",
        ),
        (
            "healthy '' when size(self.spec.list.filter(c, c.x == 1)) > 0",
            "has(spec.list) &&\nspec.list.all(c, has(c.x)) &&\nsize(spec.list.filter(c, c.x == 1)) > 0",
        ),
        (
            "healthy '' when self.spec.list[self.spec.n] == 'a'",
            "has(spec.n) && spec.?list[?spec.n].orValue(\"\") == \"a\"",
        ),
        (
            "healthy '' when self.spec.n / self.spec.m == 2",
            "has(spec.n) && has(spec.m) && spec.m != 0 && spec.n / spec.m == 2",
        ),
        (
            "healthy '' when int(self.spec.n) == 2",
            "has(spec.n) && (type(spec.n) != string || spec.n.matches(\"^[-+]?[0-9]+$\")) && int(spec.n) == 2",
        ),
        // What is decided before is not asked again.
        (
            "degraded '' when self.status.phase == 'b'\n healthy '' when self.status.phase == 'a'",
            "status.?phase.orValue(\"\") == \"a\"",
        ),
        (
            "degraded '' when self.status.x\n healthy '' when self.status.x || self.status.y",
            "!status.?x.orValue(false) && status.?y.orValue(false)",
        ),
        (
            "healthy '' when self.status.phase == 'a' || self.status.phase in ['b', 'c']",
            "status.?phase.orValue(\"\") in [\"a\", \"b\", \"c\"]",
        ),
        ("healthy '' when has(self.status) && has(self.status.x)", "has(status.x)"),
        ("healthy '' when has(self.status)", "status != null"),
        ("healthy '' when self.status.s == '\u{2028}\\n'", "status.?s.orValue(\"\") == \"\\u2028\\n\""),
        ("healthy '' when false", "false"),
        ("healthy '' when self.?status.?x.orValue(1) == 1 || true", "true"),
    ];
    for (given, wanted) in cases {
        let given = given.replace("''", "\"\"");
        let found = lines(&given).unwrap_or_else(|errors| panic!("{given}: {errors:#?}"));
        let flat = |text: &str| text.replace("&&\n", "&& ");
        assert_eq!(flat(&found.current), flat(wanted), "{given}");
    }
}

/// What is neither, and what is being deleted.
#[test]
fn in_progress() {
    let found = lines("suspended \"\" when self.spec.off\n unknown \"\" when self.status.x == 1\n healthy \"\" when self.status.x == 2").unwrap();
    assert_eq!(
        found.in_progress,
        "has(metadata.deletionTimestamp) || spec.?off.orValue(false) || status.?x.orValue(0) != 2"
    );
    assert_eq!(found.failed, None);
    assert_eq!(found.current, "!spec.?off.orValue(false) && status.?x.orValue(0) == 2");
}

/// What Flux says otherwise is said in the text.
#[test]
fn differences_are_said() {
    let kind = |lines: &str| {
        let rules = format!("kind k = example.org/v1 K (ks) {{\n  {lines}\n}}\n");
        let text = text(&rules, &Options::default());
        let notes = text.lines().filter_map(|line| line.strip_prefix("    # ")).skip(1);
        notes.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(kind("healthy \"\" when self.status.x\n progressing \"\" otherwise"), Vec::<String>::new());
    assert_eq!(
        kind("degraded \"\" when self.status.x\n healthy \"\" otherwise"),
        ["without `status` Flux waits; the rules can say healthy"]
    );
    assert_eq!(
        kind("degraded \"\" when !has(self.status)\n healthy \"\" when self.spec.n > 1\n progressing \"\" otherwise"),
        ["without `spec` or `status` Flux waits; the rules can say degraded"]
    );
    // What no expression reads is not waited for.
    for lines in [
        "healthy \"x\" when self.status.phase == \"Ready\"\n suspended \"q\" when self.spec.suspend\n progressing \"p\" otherwise",
        "healthy \"x\" when true\n degraded \"d\" when self.status.x\n progressing \"p\" otherwise",
    ] {
        assert_eq!(kind(lines), Vec::<String>::new(), "{lines}");
    }
    assert_eq!(
        kind(
            "healthy \"\" when self.status.t.substring(3) == \"x\" since self.status.since\n progressing \"\" otherwise"
        ),
        [
            "where `substring` cannot take a value, its line does not hold in the rules, and Flux waits",
            "`since` has no counterpart in Flux"
        ]
    );
}

#[test]
fn what_flux_cannot_say_is_an_error_at_the_expression() {
    let cases = [
        ("size(self) > 1", "self", "Flux has no variable for the whole object"),
        ("self.in.x == 1", "self.in", "Flux cannot read the field `in` at the top of an object"),
        ("self.namespace == \"x\"", "self.namespace", "Flux cannot read the field `namespace` at the top of an object"),
        ("self[\"a-b\"] == 1", "self[\"a-b\"]", "Flux cannot read the field `a-b` at the top of an object"),
        ("self.type == \"x\"", "self.type", "Flux cannot read the field `type` at the top of an object"),
        ("has(self.data)", "has(self.data)", "Flux cannot tell whether an object has the field `data` at its top"),
        (
            "self.?data.?x.orValue(1) == 1",
            "self.?data",
            "Flux cannot tell whether an object has the field `data` at its top",
        ),
        (
            "self.metadata.labels.map(k, k).join(\",\") == \"a\"",
            "self.metadata.labels.map(k, k).join(\",\")",
            "Flux goes through a map in no fixed order",
        ),
        (
            "self.status.?m.orValue({}).filter(k, k != \"a\")[0] == \"b\"",
            "self.status.?m.orValue({}).filter(k, k != \"a\")[0]",
            "Flux goes through a map in no fixed order",
        ),
    ];
    for (when, underlined, message) in cases {
        let rules = format!(
            "kind k = example.org/v1 K (ks) {{\n  healthy \"\" when {when}\n  progressing \"\" otherwise\n}}\n"
        );
        let mut sources = Sources::default();
        let file = sources.add("k.tide", rules.as_str());
        let mut diagnostics = Vec::new();
        let tree = tidegate::syntax::parse(&sources, file, &mut diagnostics);
        let Some(Statement::Kind(kind)) = tree.statements.first() else { panic!("{when}: {diagnostics:#?}") };
        let errors = check(kind).expect_err(when);
        assert_eq!(errors.len(), 1, "{when}: {errors:#?}");
        assert_eq!(errors[0].code, Code::NOT_IN_FLUX);
        assert_eq!((sources.words(errors[0].span), errors[0].message.as_str()), (underlined, message), "{when}");
    }
}

/// Flux refuses two checks for one type; the order of files does not matter.
#[test]
fn one_check_for_each_type() {
    let text = text("", &Options { all: true, ..Options::default() });
    let document: Json = serde_yaml::from_str(&text).unwrap();
    let mut types = std::collections::BTreeSet::new();
    for one in document["spec"]["healthCheckExprs"].as_array().unwrap() {
        let version = one["apiVersion"].as_str().unwrap();
        let group = version.rsplit_once('/').map_or("", |(group, _)| group).to_owned();
        assert!(types.insert((group, one["kind"].as_str().unwrap().to_owned())), "{one}");
    }
}

/// What is not needed is not asked.
#[test]
fn which_kinds_are_emitted() {
    let emitted = |rules: &str| {
        let document: Json = serde_yaml::from_str(&text(rules, &Options::default())).unwrap();
        let listed = document["spec"]["healthCheckExprs"].as_array().unwrap();
        listed.iter().map(|one| one["kind"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(emitted("when job a succeeds then restart isvc b\n"), Vec::<String>::new());
    let target = Target { kind: TargetKind::Kustomization, namespace: None, name: "on".to_owned() };
    let patch = text("", &Options { target: Some(target), ..Options::default() });
    assert!(patch.ends_with("metadata:\n  name: \"on\"\nspec: {}\n"), "{patch}");
    assert_eq!(emitted("isvc a after notebook b\n"), ["InferenceService", "NotebookValidationJob"]);
    assert_eq!(emitted("kind job = batch/v1 Job (jobs) runs to completion { healthy \"\" otherwise }\n"), ["Job"]);
}

/// What the page says of Flux, by Flux's own evaluator: lines, objects, and what comes out; `!` is an error, for which Flux waits.
#[test]
fn what_flux_makes_of_odd_objects() {
    let oracle = match Oracle::find() {
        Ok(oracle) => oracle,
        Err(need) => return skip::skipped("flux::what_flux_makes_of_odd_objects", &need),
    };
    let failed = "degraded \"\" when self.status.phase == \"Failed\"\n  healthy \"\" otherwise";
    let cases = [
        (failed, "status: {phase: Failed}", "Failed"),
        (failed, "status: {}", "Current"),
        // A field at the top that is absent is an unknown variable.
        (failed, "spec: {}", "!no such attribute(s): status.phase"),
        (failed, "status: {phase: null}", "Current"),
        (failed, "status: {phase: 5}", "Current"),
        (failed, "status: [1]", "!unsupported index type 'string' in list"),
        (failed, "{metadata: {generation: 3}, status: {observedGeneration: 2, phase: Failed}}", "InProgress"),
        (failed, "{metadata: {generation: 2}, status: {observedGeneration: 2, phase: Failed}}", "Failed"),
        (failed, "{metadata: {deletionTimestamp: '2026-03-01T08:00:00Z'}, status: {phase: Failed}}", "InProgress"),
        // Whole numbers beyond what Lua tells apart.
        (
            "healthy \"\" when self.status.a == self.status.b\n  progressing \"\" otherwise",
            "status: {a: 9007199254740993, b: 9007199254740992}",
            "InProgress",
        ),
        (
            "healthy \"\" when self.status.a == self.status.b\n  progressing \"\" otherwise",
            "status: {a: 9007199254740993, b: 9007199254740993}",
            "Current",
        ),
        ("healthy \"\" when has(self.status)\n  progressing \"\" otherwise", "status: {}", "Current"),
        (
            "healthy \"\" when has(self.status)\n  progressing \"\" otherwise",
            "spec: {}",
            "!no such attribute(s): status",
        ),
        (
            "healthy \"\" when self.status.conditions.exists(c, c.type == \"Ready\" && c.status == \"True\")\n  progressing \"\" otherwise",
            "status: {conditions: [{status: 'True'}]}",
            "!no such key: type",
        ),
        // What an expression cannot read is asked for before.
        ("healthy \"\" when int(self.status.n) == 7\n  suspended \"\" otherwise", "status: {n: '7'}", "Current"),
        ("healthy \"\" when int(self.status.n) == 7\n  suspended \"\" otherwise", "status: {n: 7}", "Current"),
        ("healthy \"\" when int(self.status.n) == 7\n  degraded \"\" otherwise", "status: {n: 7a9c}", "Failed"),
        ("healthy \"\" when self.status.l[0] == \"a\"\n  degraded \"\" otherwise", "status: {l: []}", "Failed"),
        ("healthy \"\" when 6 / self.status.n == 2\n  degraded \"\" otherwise", "status: {n: 0}", "Failed"),
        ("unknown \"\" when self.status.x\n  healthy \"\" otherwise", "status: {x: true}", "InProgress"),
    ];
    let questions = cases.map(|(lines, object, _)| {
        let text = format!("kind k = example.org/v1 K (ks) {{\n  {lines}\n}}\n");
        let Check { in_progress, failed, current, .. } = check(&kinds(&text).unwrap()[0]).unwrap().unwrap();
        let exprs = json!({"inProgress": in_progress, "failed": failed.unwrap_or_default(), "current": current});
        let mut object: Json = serde_yaml::from_str(object).unwrap();
        object.as_object_mut().unwrap().entry("metadata").or_insert_with(|| json!({}));
        json!({"flux": exprs, "object": object})
    });
    for ((lines, object, wanted), answer) in cases.iter().zip(oracle.ask(questions)) {
        let found = answer["status"].as_str().map_or_else(
            || answer["error"].as_str().and_then(|e| e.rsplit_once("': ")).map(|(_, end)| format!("!{end}")),
            |status| Some(status.to_owned()),
        );
        assert_eq!(found.as_deref(), Some(*wanted), "{lines}\n{object}\n{answer}");
    }
}

/// The page shows what is emitted.
#[test]
fn the_page_shows_what_is_emitted() {
    let page = include_str!("../../docs/flux.md");
    let text = text(RULES, &Options::default());
    let notebook = text.split("    # notebook\n").nth(1).unwrap();
    for line in notebook.lines() {
        assert!(page.contains(&format!("    {line}\n")), "{line}");
    }
}

/// Kinds of expressions made at random, in Flux's own evaluator: what the rules say, or an error; no error where only a field is absent.
#[test]
fn random_expressions_agree() {
    let oracle = match Oracle::find() {
        Ok(oracle) => oracle,
        Err(need) => return skip::skipped("flux::random_expressions_agree", &need),
    };
    let config = Config { failure_persistence: None, ..Config::default() };
    let rng = TestRng::deterministic_rng(config.rng_algorithm);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let (mut text, mut kept, mut refused) = (String::new(), 0, 0);
    while kept < KINDS {
        let one = declared(kept, &kind().new_tree(&mut runner).unwrap().current());
        let Ok(parsed) = kinds(&one) else { continue };
        if !compiles(&parsed[0]) {
            continue;
        }
        match check(&parsed[0]) {
            Ok(_) => {
                text += &one;
                kept += 1;
            }
            Err(_) => refused += 1,
        }
    }
    println!("{kept} kinds, {refused} refused");
    let compiled = tidegate::rulebook::load([("rules.tide".to_owned(), text.clone())], &Default::default());
    let book = compiled.rulebook.unwrap();
    let words = words("\"Succeeded\" \"Ready\" \"Succ\" \"Error\" \"7\" \"-3\" \"1.50\" \"t\"");
    let (mut expected, mut questions) = (Vec::new(), Vec::new());
    for kind in book.kinds.iter().filter(|kind| !kind.builtin) {
        let Check { in_progress, failed, current, .. } = check(&kind.decl).unwrap().unwrap();
        let exprs = json!({"inProgress": in_progress, "failed": failed.unwrap_or_default(), "current": current});
        let objects = Shape::of_paths(PATHS).objects(&words, true);
        for _ in 0..OBJECTS {
            let object = Value::from_json(&objects.new_tree(&mut runner).unwrap().current()).unwrap();
            let object_json = in_a_cluster(object.to_json());
            expected.push((kind, by_rules(kind, &object_json)));
            questions.push(json!({"flux": exprs, "object": object_json}));
        }
    }
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for (((kind, ours), question), answer) in expected.iter().zip(&questions).zip(oracle.ask(questions.clone())) {
        let why = || format!("{}\n{question:#}\n{answer}", text_of(&text, &kind.short));
        assert_eq!(answer.get("refused"), None, "{}", why());
        match answer["status"].as_str() {
            Some(theirs) => assert_eq!(theirs, *ours, "{}", why()),
            None => {
                let error = answer["error"].as_str().unwrap();
                let end = error.rsplit_once("': ").map_or(error, |(_, end)| end);
                // What is absent below the top is asked for.
                assert!(!end.starts_with("no such key"), "{}", why());
            }
        }
        *counts.entry(answer["status"].as_str().unwrap_or("an error").to_owned()).or_default() += 1;
    }
    println!("{counts:?}");
    for status in ["Current", "Failed", "InProgress"] {
        assert!(counts[status] > KINDS * OBJECTS / 40, "{counts:?}");
    }
    assert!(counts["an error"] < KINDS * OBJECTS / 2, "{counts:?}");
}

fn by_rules(kind: &Kind, object: &Json) -> &'static str {
    match health(kind, &Value::from_json(object).unwrap()).status {
        HealthStatus::Healthy => "Current",
        HealthStatus::Degraded => "Failed",
        _ => "InProgress",
    }
}

/// With the fields at the top that every object has.
fn in_a_cluster(mut object: Json) -> Json {
    let fields = object.as_object_mut().unwrap();
    for field in ["metadata", "spec", "status"] {
        fields.entry(field).or_insert_with(|| json!({}));
    }
    fields.entry("kind").or_insert_with(|| json!("K"));
    object
}
