//! The oracle: a program of Argo CD's Lua package, Flux's evaluator and cel-go (`tests/tools/oracle`, where its questions and answers
//! are described).

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::{Value as Json, json};
use tidegate::expr::Value;

use crate::tools::Tools;

/// Where the program is.
pub struct Oracle {
    program: PathBuf,
}

impl Oracle {
    /// Finds it, builds it if need be. An error says what is missing.
    pub fn find() -> Result<Oracle, String> {
        Ok(Oracle { program: Tools::find(&["oracle"])?.program("oracle") })
    }

    /// An answer for each question, in order, by one process.
    pub fn ask(&self, questions: impl IntoIterator<Item = Json, IntoIter: Send>) -> Vec<Json> {
        let questions = questions.into_iter();
        let mut child = Command::new(&self.program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let answers = std::thread::scope(|threads| {
            let asking = threads.spawn(move || {
                let mut asked = 0;
                for question in questions {
                    writeln!(stdin, "{question}").unwrap();
                    asked += 1;
                }
                asked
            });
            let lines = BufReader::new(child.stdout.take().unwrap()).lines();
            let answers: Vec<Json> = lines.map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect();
            assert_eq!(answers.len(), asking.join().unwrap(), "one answer for each question");
            answers
        });
        assert!(child.wait().unwrap().success());
        answers
    }
}

/// Asks Argo CD for the status and message that a script gives an object.
pub fn lua_question(script: &str, open_libs: bool, object: &Json) -> Json {
    json!({"lua": script, "openLibs": open_libs, "object": object})
}

/// Status and message, or why there are none.
pub fn health_answer(answer: &Json) -> Result<(String, String), String> {
    if let Some(error) = answer.get("error").or_else(|| answer.get("refused")) {
        return Err(error.as_str().unwrap_or_default().to_owned());
    }
    let text = |key: &str| answer.get(key).and_then(Json::as_str).unwrap_or_default().to_owned();
    Ok((text("status"), text("message")))
}

/// Asks cel-go, set up as in Kubernetes, for the value of an expression over `self`.
pub fn cel_question(expression: &str, object: &Json) -> Json {
    json!({"cel": expression, "object": object})
}

/// What cel-go says: a value as tidegate displays it, `error`, `refused`, or `?` for what tidegate has not (null, types).
pub fn cel_answer(answer: &Json) -> String {
    match answer.get("value") {
        Some(value) => typed(value).map_or_else(|| "?".to_owned(), |value| value.to_string()),
        None if answer.get("refused").is_some() => "refused".to_owned(),
        None => "error".to_owned(),
    }
}

fn typed(json: &Json) -> Option<Value> {
    let entry = match json {
        Json::Bool(b) => return Some(Value::Bool(*b)),
        Json::String(s) => return Some(Value::string(s.as_str())),
        Json::Array(items) => return Some(Value::List(items.iter().map(typed).collect::<Option<_>>()?)),
        Json::Object(entry) => entry,
        Json::Null | Json::Number(_) => return None,
    };
    let (kind, of) = entry.iter().next()?;
    let text = of.as_str().unwrap_or_default();
    Some(match kind.as_str() {
        "int" => Value::Int(text.parse().ok()?),
        "uint" => Value::Uint(text.parse().ok()?),
        "double" => Value::Double(text.parse().ok()?),
        "duration" => Value::Duration(jiff::SignedDuration::from_nanos(text.parse().ok()?)),
        "timestamp" => Value::Timestamp(text.parse().ok()?),
        "optional" => Value::Optional(match of.as_array()?.first() {
            Some(inner) => Some(typed(inner)?.into()),
            None => None,
        }),
        "map" => {
            let pair = |pair: &Json| Some((pair.get(0)?.as_str()?.to_owned(), typed(pair.get(1)?)?));
            Value::map(of.as_array()?.iter().map(pair).collect::<Option<Vec<_>>>()?)
        }
        _ => return None,
    })
}
