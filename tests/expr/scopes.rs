//! Variables, `let`, truth, and the bounds of evaluation.

use std::sync::Arc;

use serde_json::json;
use tidegate::diagnostic::Code;
use tidegate::expr::{ERROR_BYTES_MAX, EXPRESSION_DEPTH_MAX, ErrorKind, Lets, Program, STEPS_MAX, Scope, Truth, Value};

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

/// The same list each time, not one made again.
#[test]
fn a_let_is_evaluated_at_most_once_for_a_scope() {
    let lets = lets(&[("doubled", "self.list.map(x, x * 2)")]);
    let object = value(json!({"list": [1, 2, 3]}));
    let variables = [Some(&object)];
    let programs = ["doubled", "true ? doubled : [1]"].map(|text| compile_with(text, &["self"], &lets).unwrap());
    let run = |program: &Program, scope: &Scope<'_>| match program.eval(scope).unwrap() {
        Value::List(items) => items,
        other => panic!("{other}"),
    };
    let scope = Scope::with_lets(&variables, &lets);
    let first = run(&programs[0], &scope);
    assert!(Arc::ptr_eq(&first, &run(&programs[0], &scope)));
    assert!(Arc::ptr_eq(&first, &run(&programs[1], &scope)));
    assert!(!Arc::ptr_eq(&first, &run(&programs[0], &Scope::with_lets(&variables, &lets))));
}

/// A `let` has the step limit for itself, whoever asks for it and whatever was spent before.
#[test]
fn a_let_that_takes_too_long_is_an_error_wherever_it_is_used() {
    let list: Vec<i64> = (0..900).collect();
    let object = value(json!({ "list": list }));
    let lets = lets(&[("slow", "self.list.all(x, self.list.all(y, x <= 900))")]);
    let variables = [Some(&object)];
    let scope = Scope::with_lets(&variables, &lets);
    for text in ["slow", "slow || true", "self.list.all(x, x >= 0) && slow"] {
        let error = compile_with(text, &["self"], &lets).unwrap().eval(&scope).unwrap_err();
        assert_eq!(error.kind(), &ErrorKind::Steps, "{text}");
    }
    assert!(compile_with("true || slow", &["self"], &lets).unwrap().eval(&scope).is_ok());
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
        "(self.list + self.list + self.list).exists(x, 'x'.matches('y' + string(x)))",
        "self.list.exists(x, x < 0 && self.list.all(y, true)) || self.list.all(x, self.text.matches(\"^x+$\"))",
    ] {
        let error = compile(text).eval(&Scope::new(&[Some(&object)])).expect_err(text);
        assert_eq!(error.kind(), &ErrorKind::Steps, "{text}: {error}");
        assert_eq!(error.to_string(), format!("more than {STEPS_MAX} steps"));
    }
}

/// What an object holds may be hostile: errors quote little of it.
#[test]
fn texts_of_errors_are_short() {
    let object = value(json!({"long": "ü".repeat(100_000), "map": {}}));
    for text in [
        "int(self.long)",
        "self.map[self.long]",
        "'x'.matches('(' + self.long.substring(0, 400))",
        "{self.long: 1, self.long: 2}",
        "duration(self.long)",
    ] {
        let found = show(&compile(text), &object);
        assert!(found.starts_with("error: ") && found.len() < ERROR_BYTES_MAX + 32, "{text}: {} bytes", found.len());
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

/// Each form as deep as the limits allow, on the stack of a test thread (2 MiB, a tokio worker's too).
#[test]
fn the_deepest_of_every_form_fits_the_stack() {
    let object = value(json!({"list": [true], "t": true, "m": {"m": 1}}));
    let nest =
        |depth: usize, start: &str, wrap: &dyn Fn(&str) -> String| (0..depth).fold(start.to_owned(), |t, _| wrap(&t));
    for (start, wrap, expected) in [
        ("true", &(|t: &str| format!("[true].all(x, {t})")) as &dyn Fn(&str) -> String, "true"),
        ("true", &|t: &str| format!("self.list.exists_one(x, {t})"), "true"),
        ("self.list", &|t: &str| format!("{t}.filter(x, x)"), "[true]"),
        ("self.list", &|t: &str| format!("{t}.map(x, x)"), "[true]"),
        ("1", &|t: &str| format!("(self.t ? {t} : 2)"), "1"),
        ("1", &|t: &str| format!("[{t}][0]"), "1"),
        ("1", &|t: &str| format!("{{'a': {t}}}.a"), "1"),
        ("1", &|t: &str| format!("optional.of({t}).optMap(x, x).orValue(0)"), "1"),
        ("1", &|t: &str| format!("({t} + 0)"), "1"),
        ("true", &|t: &str| format!("!!{t}"), "true"),
        ("'x'", &|t: &str| format!("{t}.trim()"), "\"x\""),
        ("true", &|t: &str| format!("({t} == true)"), "true"),
        ("true", &|t: &str| format!("(self.t && (false || {t}))"), "true"),
    ] {
        let deepest = (1..EXPRESSION_DEPTH_MAX)
            .map(|depth| nest(depth, start, wrap))
            .take_while(|text| compile_with(text, &["self"], &Lets::new()).is_ok())
            .last();
        let deepest = deepest.unwrap_or_else(|| panic!("{}", wrap(start)));
        assert!(deepest.len() > 20 * start.len(), "{deepest}");
        let program = compile(&deepest);
        let _ = program.paths();
        assert_eq!(show(&program, &object), expected, "{deepest}");
    }
}
