//! What Flux says of objects: by its own evaluator, and by the `cel` crate with the same text.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use cel::objects::{Key, Value as Cel};
use cel::{Context, Env, Program, extensions};
use serde_json::{Value as Json, json};
use tidegate::emit::flux::{Check, check};
use tidegate::expr::Value;
use tidegate::rulebook::{HealthStatus, Kind, Rulebook, health};

static ENV: LazyLock<Arc<Env>> = LazyLock::new(|| {
    let mut env = Env::stdlib().with_optional_support(true);
    env.add_extension(extensions::strings).unwrap();
    Arc::new(env)
});

/// A kind's conditions, for the machines that evaluate them.
pub struct Flux {
    pub check: Check,
    programs: Vec<(&'static str, Result<Program, String>)>,
}

impl Flux {
    /// None where the kind has no lines; an error where Flux cannot read it.
    pub fn of(kind: &Kind) -> Result<Option<Flux>, String> {
        let Some(check) = check(&kind.decl).map_err(|errors| errors[0].message.clone())? else { return Ok(None) };
        let texts = [
            ("InProgress", Some(&check.in_progress)),
            ("Failed", check.failed.as_ref()),
            ("Current", Some(&check.current)),
        ];
        let compiled = |text: &String| ENV.compile(text).map_err(|e| e.to_string());
        let programs = texts.into_iter().filter_map(|(status, text)| Some((status, compiled(text?))));
        Ok(Some(Flux { programs: programs.collect(), check }))
    }

    /// Asks Flux's own evaluator.
    pub fn question(&self, object: &Json) -> Json {
        let Check { in_progress, failed, current, .. } = &self.check;
        let exprs =
            json!({"inProgress": in_progress, "failed": failed.clone().unwrap_or_default(), "current": current});
        json!({"flux": exprs, "object": object})
    }

    /// What the crate makes of it, in Flux's order; an error is one.
    pub fn in_crate(&self, object: &Json) -> Result<&'static str, String> {
        if unobserved(object) {
            return Ok("InProgress");
        }
        let mut context = Context::with_env(Arc::clone(&ENV));
        for (name, value) in object.as_object().unwrap() {
            context.add_variable_from_value(name.as_str(), to_cel(value));
        }
        for (status, program) in &self.programs {
            match program.as_ref().map_err(Clone::clone)?.execute(&context).map_err(|e| e.to_string())? {
                Cel::Bool(true) => return Ok(status),
                Cel::Bool(false) => {}
                other => return Err(format!("not a bool: {other:?}")),
            }
        }
        Ok("InProgress")
    }

    /// How many of the conditions the crate finds true; none if one is an error.
    pub fn holding(&self, object: &Json) -> Option<usize> {
        let mut context = Context::with_env(Arc::clone(&ENV));
        for (name, value) in object.as_object()? {
            context.add_variable_from_value(name.as_str(), to_cel(value));
        }
        let holds = |program: &Result<Program, String>| match program.as_ref().ok()?.execute(&context).ok()? {
            Cel::Bool(b) => Some(usize::from(b)),
            _ => None,
        };
        self.programs.iter().map(|(_, program)| holds(program)).sum()
    }
}

/// What the rules say, in Flux's words.
pub fn by_rules(kind: &Kind, object: &Json) -> &'static str {
    match health(kind, &Value::from_json(object).unwrap()).status {
        HealthStatus::Healthy => "Current",
        HealthStatus::Degraded => "Failed",
        HealthStatus::Progressing | HealthStatus::Suspended | HealthStatus::Unknown => "InProgress",
        HealthStatus::Missing => "Missing",
    }
}

/// Whether Flux waits before it reads any expression.
pub fn unobserved(object: &Json) -> bool {
    let (observed, wanted) = (&object["status"]["observedGeneration"], &object["metadata"]["generation"]);
    observed.is_i64() && wanted.is_i64() && observed != wanted
}

/// As Kubernetes' clients read numbers.
fn to_cel(value: &Json) -> Cel {
    match value {
        Json::Null => Cel::Null,
        Json::Bool(b) => Cel::Bool(*b),
        Json::Number(n) => n.as_i64().map_or_else(|| Cel::Float(n.as_f64().unwrap()), Cel::Int),
        Json::String(s) => Cel::String(Arc::new(s.clone())),
        Json::Array(items) => Cel::List(Arc::new(items.iter().map(to_cel).collect())),
        Json::Object(map) => {
            let entry = |(k, v): (&String, &Json)| (Key::String(Arc::new(k.clone())), to_cel(v));
            Cel::Map(map.iter().map(entry).collect::<std::collections::HashMap<_, _>>().into())
        }
    }
}

/// The kinds of a rulebook that Flux can read.
pub fn kinds(book: &Rulebook) -> BTreeMap<&str, Flux> {
    book.kinds.iter().filter_map(|kind| Some((&*kind.short, Flux::of(kind).ok()??))).collect()
}

/// A status, or why there is none.
pub fn flux_answer(answer: &Json) -> Result<String, String> {
    match answer["status"].as_str() {
        Some(status) => Ok(status.to_owned()),
        None => Err(answer.to_string()),
    }
}

/// A test's object often lacks `metadata`; what is in a cluster has it.
pub fn as_in_a_cluster(object: &Json) -> Json {
    let mut object = object.clone();
    let fields = object.as_object_mut().unwrap();
    if !fields.get("metadata").is_some_and(Json::is_object) {
        fields.insert("metadata".to_owned(), json!({}));
    }
    object
}
