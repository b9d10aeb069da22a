//! All kinds that tidegate ships, and what the machines say of an object.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value as Json;
use tidegate::diagnostic::Severity;
use tidegate::emit::lua::{self, Script};
use tidegate::expr::Value;
use tidegate::rulebook::{Health, Kind, Options, Rulebook, health_by_rule, load};

/// Status and message.
pub type Verdict = (String, String);

/// The built-in kinds and those of `rules/community/`.
pub fn book() -> Rulebook {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("rules/community");
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "tide") {
            let name = format!("rules/community/{}", path.file_name().unwrap().to_string_lossy());
            files.push((name, std::fs::read_to_string(path).unwrap()));
        }
    }
    loaded(files)
}

/// The built-in kinds, and those of these files (name, text).
pub fn loaded(files: Vec<(String, String)>) -> Rulebook {
    let compiled = load(files, &Options::default());
    let errors: Vec<_> = compiled.diagnostics.iter().filter(|d| d.severity == Severity::Error).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    compiled.rulebook.unwrap()
}

/// The kind that reads an object, whatever its version.
pub fn kind_of<'b>(book: &'b Rulebook, object: &Json) -> Option<&'b Kind> {
    let (group, _) = object["apiVersion"].as_str()?.split_once('/').unwrap_or_default();
    book.kinds.iter().find(|kind| *kind.group == *group && Some(&*kind.kind) == object["kind"].as_str())
}

/// The emitted script.
pub fn script(kind: &Kind) -> Script {
    lua::script(&kind.decl).unwrap_or_else(|errors| panic!("{} has no Lua: {errors:#?}", kind.short))
}

/// What the engine says of an object, leaving aside whether it is being deleted, as a script does.
pub fn engine(kind: &Kind, object: &Json) -> Health {
    health_by_rule(kind, &Value::from_json(object).unwrap())
}

/// Status and message of the engine's health.
pub fn verdict(health: &Health) -> Verdict {
    (health.status.to_string(), health.message.clone())
}

/// Whether Lua says what the engine says. Two things Lua does not do as the engine does: tell why an expression of a message has no value (it
/// always says `absent`), and cut a message.
pub fn same(engine: &Verdict, lua: &Verdict) -> bool {
    let (ours, theirs) = (why_not(&engine.1), why_not(&lua.1));
    let cut = ours.strip_suffix('…').filter(|_| engine.1.len() > 4000);
    engine.0 == lua.0 && (ours == theirs || cut.is_some_and(|start| theirs.starts_with(start)))
}

fn why_not(message: &str) -> String {
    let mut out = String::new();
    let mut rest = message;
    while let Some((before, after)) =
        ["<absent: ", "<error: "].iter().filter_map(|mark| rest.split_once(mark)).min_by_key(|(b, _)| b.len())
    {
        let Some((_, tail)) = after.split_once('>') else { break };
        write!(out, "{before}<no value>").unwrap();
        rest = tail;
    }
    out + rest
}
