//! Which paths a program reads, and what a projection keeps.

use serde_json::json;
use tidegate::expr::{Interner, Lets, Program, Projection, Value};

use super::{compile, compile_with, value};

fn paths(program: &Program) -> Vec<String> {
    program.paths().iter().map(ToString::to_string).collect()
}

/// `.x` is a field, `[]` each element, `?` at the end presence alone, without it the whole subtree.
#[test]
fn the_paths_of_programs() {
    for (text, expected) in [
        ("1 + 2", &[][..]),
        ("self", &["0"]),
        ("self.status.phase", &["0.status.phase"]),
        ("self.status.phase == self.spec.x", &["0.spec.x", "0.status.phase"]),
        ("self.status == self.status.phase", &["0.status"]),
        ("has(self.status.phase)", &["0.status.phase?"]),
        ("has(self.status.a) && self.status.a == 1", &["0.status.a"]),
        ("size(self.status.results)", &["0.status.results[]?"]),
        ("self.status.results.size() > 0", &["0.status.results[]?"]),
        ("self.a['b'].c", &["0.a.b.c"]),
        ("self.a[0].c", &["0.a[].c"]),
        ("self.a[self.k].c", &["0.a[].c", "0.k"]),
        ("self.?status.?message.orValue('')", &["0.status.message"]),
        ("self.?a.or(self.?b).c.hasValue()", &["0.a.c?", "0.b.c?"]),
        ("self.?a.hasValue()", &["0.a?"]),
        ("self.?a.optMap(x, x.b).orValue(1)", &["0.a.b"]),
        ("self.?a.optMap(x, 1).orValue(1)", &["0.a?"]),
        ("self.list.all(r, r.status == 'x')", &["0.list[].status"]),
        ("self.list.exists(r, r.a.exists(s, s.b == 1))", &["0.list[].a[].b"]),
        ("self.list.exists(r, true)", &["0.list[]?"]),
        ("self.list.exists(r, r == 1)", &["0.list[]"]),
        ("self.list.filter(r, r.a == 1).map(r, r.b)", &["0.list[].a", "0.list[].b"]),
        ("self.list.filter(r, r.a == 1)[0].c.d", &["0.list[].a", "0.list[].c.d"]),
        ("size(self.list.filter(r, r.a == 1))", &["0.list[].a"]),
        ("self.list.filter(r, r.a == 1)", &["0.list"]),
        ("(self.t ? self.a : self.b).c", &["0.a.c", "0.b.c", "0.t"]),
        ("'x' in self.metadata.labels", &["0.metadata.labels"]),
        ("{'a': self.b}.a.c", &["0.b"]),
        ("[self.a, self.b].map(x, x.c)", &["0.a", "0.b"]),
        ("(self.a + self.b).filter(c, c.x == 1)[0].y", &["0.a[].x", "0.a[].y", "0.b[].x", "0.b[].y"]),
        ("self.a + 'x' == self.b", &["0.a", "0.b"]),
        ("self.s.matches('x')", &["0.s"]),
        ("optional.of(self.a).value().b", &["0.a.b"]),
        ("optional.ofNonZeroValue(self.a).hasValue()", &["0.a[]?"]),
    ] {
        assert_eq!(paths(&compile(text)), expected, "{text}");
    }
}

#[test]
fn paths_name_the_slot_and_follow_lets() {
    let vars = ["notebook", "isvc"];
    let mut lets = Lets::new();
    for (name, text) in [("status", "notebook.status"), ("bad", "isvc.a == 1"), ("phase", "status.phase")] {
        let program = compile_with(text, &vars, &lets).unwrap();
        lets.push(name, program);
    }
    for (text, expected) in [
        ("phase", &["0.status.phase"][..]),
        ("has(status.message)", &["0.status.message?"]),
        ("bad || isvc.b == 2", &["1.a", "1.b"]),
        ("status.x.y == isvc", &["0.status.x.y", "1"]),
    ] {
        let found = paths(&compile_with(text, &vars, &lets).unwrap());
        let needed: Vec<&str> = expected.to_vec();
        assert_eq!(found, needed, "{text}");
    }
}

/// Each binding may come from twice as many places as the one before.
#[test]
fn paths_stay_bounded() {
    let mut lets = Lets::new();
    lets.push("l0", compile_with("self", &["self"], &lets).unwrap());
    for i in 1..30 {
        let text = format!("self.t ? l{}.a : l{}.b", i - 1, i - 1);
        lets.push(format!("l{i}"), compile_with(&text, &["self"], &lets).unwrap());
    }
    let few = paths(&compile_with("l3.c == 1", &["self"], &lets).unwrap());
    assert_eq!(few.len(), 9, "{few:?}");
    assert_eq!(paths(&compile_with("l29.c == 1", &["self"], &lets).unwrap()), ["0"]);
}

/// A projection to the paths of programs.
pub fn projection(texts: &[&str]) -> Projection {
    let mut projection = Projection::default();
    for text in texts {
        compile(text).paths().iter().for_each(|path| projection.add(path));
    }
    projection
}

#[test]
fn a_projection_keeps_what_is_read() {
    let object = json!({
        "metadata": {"name": "a", "labels": {"x": "1", "y": "2"}, "managedFields": [{"big": "x"}]},
        "status": {
            "phase": "Failed",
            "none": null,
            "conditions": [{"type": "Ready", "status": "True", "message": "long"}, null, {"type": "Done"}],
        },
    });
    for (texts, expected) in [
        (&["1"][..], "{}"),
        (&["self.status.phase"], r#"{"status":{"phase":"Failed"}}"#),
        (&["self.status.phase", "self.metadata.name"], r#"{"metadata":{"name":"a"},"status":{"phase":"Failed"}}"#),
        (&["self.status.none", "self.status.nope"], r#"{"status":{}}"#),
        (&["has(self.status)"], r#"{"status":{}}"#),
        (&["has(self.status.conditions)"], r#"{"status":{"conditions":[]}}"#),
        (&["has(self.status.phase.x)"], r#"{"status":{"phase":"Failed"}}"#),
        (&["size(self.status.conditions)"], r#"{"status":{"conditions":[{},{}]}}"#),
        (
            &["self.status.conditions.exists(c, c.type == 'Ready')"],
            r#"{"status":{"conditions":[{"type":"Ready"},{"type":"Done"}]}}"#,
        ),
        (&["self.metadata.labels.x == '1'"], r#"{"metadata":{"labels":{"x":"1"}}}"#),
        (
            &["self.metadata.labels.all(k, self.metadata.labels[k] != '')"],
            r#"{"metadata":{"labels":{"x":"1","y":"2"}}}"#,
        ),
        (&["self.metadata.all(k, true)"], r#"{"metadata":{"labels":{},"managedFields":[],"name":"a"}}"#),
        (
            &["self.metadata.all(k, true)", "self.metadata.labels.x"],
            r#"{"metadata":{"labels":{"x":"1"},"managedFields":[],"name":"a"}}"#,
        ),
        (
            &["self.metadata.labels.x", "self.metadata[self.k].y"],
            r#"{"metadata":{"labels":{"x":"1","y":"2"},"managedFields":[],"name":"a"}}"#,
        ),
        (
            &["self.metadata[self.k].y", "self.metadata.labels.x"],
            r#"{"metadata":{"labels":{"x":"1","y":"2"},"managedFields":[],"name":"a"}}"#,
        ),
    ] {
        let wanted = projection(texts);
        let from_json = wanted.project(&object, &mut Interner::new()).unwrap();
        assert_eq!(from_json.to_string(), expected, "{texts:?}");
        assert_eq!(wanted.project_value(&value(object.clone())), from_json, "{texts:?}");
        // Merging one by one comes to the same.
        let mut merged = Projection::default();
        texts.iter().for_each(|text| merged.merge(&projection(&[text])));
        assert_eq!(merged, wanted, "{texts:?}");
    }
    let everything = Projection::everything().project(&object, &mut Interner::new());
    assert_eq!(everything, Value::from_json(&object));
}

#[test]
fn plain_field_paths_can_be_added() {
    let mut projection = Projection::default();
    projection.add_fields(["status", "phase"]);
    let found = projection.project(&json!({"status": {"phase": {"a": [1]}, "b": 1}}), &mut Interner::new()).unwrap();
    assert_eq!(found.to_string(), r#"{"status":{"phase":{"a":[1]}}}"#);
}

/// A finished Job as the rules of `job` read it: its unique strings aside, what 100,000 of them cost.
#[test]
fn a_projected_job_is_small() {
    let wanted = projection(&[
        "self.status.conditions.exists(c, c.type == 'Complete' && c.status == 'True')",
        "self.status.?completionTime.or(self.status.conditions.filter(c, c.type == 'Failed')[?0].lastTransitionTime).orValue('')",
    ]);
    let job = json!({
        "apiVersion": "batch/v1", "kind": "Job",
        "metadata": {"name": "train-1", "namespace": "ml", "uid": "0d5c…", "managedFields": [{"x": "y"}], "labels": {"a": "b"}},
        "spec": {"template": {"spec": {"containers": [{"name": "main", "image": "x"}]}}},
        "status": {
            "succeeded": 1, "startTime": "2026-03-01T08:00:00Z", "completionTime": "2026-03-01T08:20:00Z",
            "conditions": [
                {"type": "SuccessCriteriaMet", "status": "True", "lastTransitionTime": "2026-03-01T08:20:00Z", "reason": "CompletionsReached"},
                {"type": "Complete", "status": "True", "lastTransitionTime": "2026-03-01T08:20:00Z", "reason": "CompletionsReached"},
            ],
        },
    });
    let kept = wanted.project(&job, &mut Interner::new()).unwrap();
    println!("{kept}\n{} bytes beside strings", kept.heap_bytes(false));
    assert!(kept.heap_bytes(false) <= 380, "{}", kept.heap_bytes(false));
}
