//! Variables, `let`, truth, and the bounds of evaluation.

use serde_json::json;
use tidegate::diagnostic::Code;
use tidegate::expr::{EXPRESSION_DEPTH_MAX, ErrorKind, Lets, Program, STEPS_MAX, Scope, Truth, Value};

use super::{compile, compile_with, notebook, parse, show, value};

fn lets(bindings: &[(&str, &str)]) -> Lets {
    let mut lets = Lets::new();
    for (name, text) in bindings {
        let program = compile_with(text, &["self"], &lets).unwrap_or_else(|e| panic!("{text}: {e:?}"));
        lets.push(*name, program);
    }
    lets
}

#[test]
fn variables_are_found_by_slot_and_unbound_ones_are_unknown() {
    let names = ["notebook", "isvc"];
    let (notebook, isvc) = (value(json!({"x": 1})), value(json!({"x": 2})));
    let both = compile_with("notebook.x + isvc.x * 10", &names, &Lets::new()).unwrap();
    assert_eq!(both.eval(&Scope::new(&[Some(&notebook), Some(&isvc)])).unwrap(), Value::Int(21));

    for scope in [&[Some(&notebook), None][..], &[Some(&notebook)][..]] {
        let error = both.eval(&Scope::new(scope)).unwrap_err();
        assert_eq!(error.kind(), &ErrorKind::Unbound("isvc".to_owned()));
        assert_eq!(error.to_string(), "absent: isvc");
        assert!(error.is_absent());
    }
    let decided = compile_with("notebook.x == 2 && isvc.x == 2", &names, &Lets::new()).unwrap();
    assert_eq!(decided.truth(&Scope::new(&[Some(&notebook), None])), Truth::False);
}

#[test]
fn truth_is_unknown_for_errors_and_for_what_is_no_bool() {
    let object = notebook();
    for (text, truth) in [
        ("self.status.phase == \"Succeeded\"", Truth::True),
        ("self.status.phase == \"Failed\"", Truth::False),
        ("self.status.message == \"x\"", Truth::Unknown),
        ("!(self.status.message == \"x\")", Truth::Unknown),
        ("self.status.message == \"x\" || true", Truth::True),
        ("self.status.phase", Truth::Unknown),
    ] {
        assert_eq!(compile(text).truth(&Scope::new(&[Some(&object)])), truth, "{text}");
    }
    let reason = compile("self.status.phase").holds(&Scope::new(&[Some(&object)])).unwrap_err();
    assert_eq!(reason.to_string(), "no such overload: a condition that is a string");
}

#[test]
fn kleene_logic() {
    use Truth::{False, True, Unknown};
    for (a, b, and, or) in [
        (True, True, True, True),
        (True, False, False, True),
        (True, Unknown, Unknown, True),
        (False, False, False, False),
        (False, Unknown, False, Unknown),
        (Unknown, Unknown, Unknown, Unknown),
    ] {
        assert_eq!((a.and(b), b.and(a)), (and, and), "{a} and {b}");
        assert_eq!((a.or(b), b.or(a)), (or, or), "{a} or {b}");
    }
    assert_eq!((!True, !False, !Unknown), (False, True, Unknown));
}

#[test]
fn an_error_says_where_it_is() {
    let text = "self.status.phase == \"x\" || self.status.message == \"y\"";
    let error = compile(text).eval(&Scope::new(&[Some(&notebook())])).unwrap_err();
    let span = error.span();
    assert_eq!(&text[span.start as usize..span.end as usize], "self.status.message");
}

#[test]
fn a_let_matters_only_when_it_is_used() {
    let lets = lets(&[("phase", "self.status.phase"), ("message", "self.status.message"), ("loud", "phase + \"!\"")]);
    let object = notebook();
    let variables = [Some(&object)];
    let scope = Scope::with_lets(&variables, &lets);
    for (text, expected) in [
        ("phase", Ok("\"Succeeded\"")),
        ("loud", Ok("\"Succeeded!\"")),
        ("message", Err("absent: status.message")),
        ("phase == \"Succeeded\" || message == \"x\"", Ok("true")),
        ("has(self.status.message) ? message : loud", Ok("\"Succeeded!\"")),
        ("message.x", Err("absent: status.message")),
        ("phase.x", Err("no such overload: string.x")),
    ] {
        let program = compile_with(text, &["self"], &lets).unwrap();
        let found = program.eval(&scope).map(|v| v.to_string()).map_err(|e| e.to_string());
        assert_eq!(found, expected.map(str::to_owned).map_err(str::to_owned), "{text}");
    }
}

#[test]
fn a_let_hides_a_variable_and_an_earlier_let_and_is_hidden_by_a_macro() {
    let lets = lets(&[("x", "1"), ("x", "x + 1"), ("self", "self.status")]);
    let object = notebook();
    let variables = [Some(&object)];
    let scope = Scope::with_lets(&variables, &lets);
    for (text, expected) in [("x", "2"), ("self.phase", "\"Succeeded\""), ("[5].map(x, x)[0]", "5")] {
        let program = compile_with(text, &["self"], &lets).unwrap();
        assert_eq!(program.eval(&scope).unwrap().to_string(), expected, "{text}");
    }
}

/// The first use costs most of the step limit; if every use did, the second would pass it.
#[test]
fn a_let_is_evaluated_at_most_once_for_a_scope() {
    let list: Vec<i64> = (0..900).collect();
    let object = value(json!({ "list": list }));
    let lets = lets(&[("slow", "self.list.all(x, self.list.all(y, x <= 900))")]);
    let variables = [Some(&object)];
    let error = lets.iter().next().unwrap().1.eval(&Scope::new(&variables)).unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::Steps, "the test needs a let that is slow");

    let used = compile_with("slow || slow || slow", &["self"], &lets).unwrap();
    let scope = Scope::with_lets(&variables, &lets);
    let started = std::time::Instant::now();
    for _ in 0..10_000 {
        assert_eq!(used.eval(&scope).unwrap_err().kind(), &ErrorKind::Steps);
    }
    // Ten thousand evaluations of a million steps each would take minutes.
    assert!(started.elapsed().as_secs() < 60);
}

#[test]
fn a_scope_without_the_lets_of_the_program_is_an_error_and_no_panic() {
    let lets = lets(&[("x", "1"), ("y", "x + 1")]);
    let program = compile_with("y", &["self"], &lets).unwrap();
    assert!(program.eval(&Scope::new(&[None])).unwrap_err().is_absent());
    let mut other = Lets::new();
    let itself = compile_with("y", &["self"], &lets).unwrap();
    other.push("a", compile("1"));
    other.push("b", itself);
    assert!(program.eval(&Scope::with_lets(&[None], &other)).unwrap_err().is_absent());
}

#[test]
fn steps_are_bounded_and_the_bound_is_not_absorbed() {
    let list: Vec<i64> = (0..2000).collect();
    let object = value(json!({ "list": list, "text": "x".repeat(1 << 20) }));
    for text in [
        "self.list.all(x, self.list.all(y, self.list.all(z, true)))",
        "self.list.all(x, self.list.all(y, y >= 0)) || true",
        "false && self.list.size() == 1 || self.list.exists(x, self.list.exists(y, self == 1 && y < 0)) || true",
        "self.list.all(x, self == self)",
        "self.list.exists(x, self.text.contains(\"y\"))",
        "self.list.map(x, self.text + self.text).size() == 0",
        "self.list.exists(x, x < 0 && self.list.all(y, true)) || self.list.all(x, self.text.matches(\"^x+$\"))",
    ] {
        let error = compile(text).eval(&Scope::new(&[Some(&object)])).expect_err(text);
        assert_eq!(error.kind(), &ErrorKind::Steps, "{text}: {error}");
        assert_eq!(error.to_string(), format!("more than {STEPS_MAX} steps"));
    }
}

#[test]
fn texts_that_would_grow_without_bound_are_refused() {
    let list: Vec<String> = vec!["x".repeat(1000); 2000];
    let object = value(json!({ "list": list, "text": "x".repeat(100_000) }));
    for (text, expected) in [
        ("self.list.join(self.text)", "error: join would make more than 1048576 bytes"),
        ("self.text.replace(\"x\", self.text)", "error: replace would make more than 1048576 bytes"),
        ("(self.text + self.text).split(\"\")", "error: split would make more than 100000 parts"),
    ] {
        assert_eq!(show(&compile(text), &object), expected, "{text}");
    }
}

fn depth_error(text: &str, lets: &Lets) {
    let errors = compile_with(text, &["self"], lets).unwrap_err();
    assert_eq!(errors[0].code, Code::LIMIT, "{errors:?}");
    assert_eq!(errors[0].message, "an expression that is nested more than 100 deep");
    assert_eq!(errors.len(), 1);
}

/// On a thread with the stack that a test or a tokio worker has.
#[test]
fn depth_is_bounded_and_what_is_within_the_bound_runs() {
    let sum = |n: usize| vec!["1"; n].join(" + ");
    let object = value(json!({"x": 1}));
    assert_eq!(show(&compile(&sum(EXPRESSION_DEPTH_MAX)), &object), "100");
    depth_error(&sum(EXPRESSION_DEPTH_MAX + 1), &Lets::new());

    // The depth of a `let` counts where it is used.
    let mut lets = Lets::new();
    lets.push("a", compile(&sum(60)));
    lets.push("b", compile_with("a + 1", &["self"], &lets).unwrap());
    depth_error(&format!("b + {}", sum(40)), &lets);
    assert!(compile_with("b + 1", &["self"], &lets).is_ok());

    // Chains of `&&` and of `||` are flat.
    let chain = vec!["self.x == 1"; 200].join(" && ");
    assert_eq!(show(&compile(&chain), &object), "true");
    let chain = vec!["self.x == 2"; 200].join(" || ");
    assert_eq!(show(&compile(&chain), &object), "false");
}

#[test]
fn conditions_that_cannot_be_bools_are_refused_where_a_condition_is_asked() {
    for (text, message) in [
        ("self.status.phase", None),
        ("self.status.phase == \"x\"", None),
        ("\"x\"", Some("a condition is true or false, this is a string")),
        ("size(self.results)", Some("a condition is true or false, this is an int")),
        ("self.?status", Some("a condition is true or false, this is an optional")),
    ] {
        let mut diagnostics = Vec::new();
        let program = Program::compile(&parse(text).unwrap(), &["self"], &mut diagnostics).unwrap();
        assert_eq!(program.expect_bool(&mut diagnostics), message.is_none(), "{text}");
        assert_eq!(diagnostics.first().map(|d| d.message.as_str()), message, "{text}");
    }
}

#[test]
fn all_errors_of_an_expression_come_at_once() {
    let errors = compile_with("foo == 1 && bar.startsWith() || siz(baz) > null", &["self"], &Lets::new()).unwrap_err();
    let codes: Vec<String> = errors.iter().map(|e| format!("{}", e.code)).collect();
    assert_eq!(codes, ["TG103", "TG103", "TG201", "TG103", "TG201", "TG202"]);
}
