//! Jobs that run `tidegate wait`.

use serde_json::Value;

use super::Object;

/// What a Job waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitCommand {
    /// The condition, as it is written.
    pub condition: String,
    /// `--timeout`, as it is written.
    pub timeout: Option<String>,
    /// `--default-namespace`
    pub namespace: Option<String>,
}

impl Object {
    /// What a Job waits for, if one of its containers runs `tidegate wait`, as program and arguments or through a shell.
    #[must_use]
    pub fn wait_command(&self) -> Option<WaitCommand> {
        if &*self.group != "batch" || &*self.kind != "Job" {
            return None;
        }
        let containers = self.value.pointer("/spec/template/spec/containers")?.as_array()?;
        containers.iter().find_map(of_container)
    }
}

fn of_container(container: &Value) -> Option<WaitCommand> {
    let list = |key: &str| container.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let (command, args): (Vec<&str>, Vec<&str>) = (list("command").collect(), list("args").collect());
    let image = container.get("image").and_then(Value::as_str).unwrap_or_default();
    let words: Vec<&str> = command.iter().chain(&args).copied().collect();
    if let Some(line) = words.iter().find(|word| word.contains("tidegate wait ")) {
        return of_shell(line);
    }
    let program = command.first().map_or_else(|| image.to_owned(), |program| (*program).to_owned());
    let rest = words.get(usize::from(!command.is_empty())..)?;
    let (verb, rest) = rest.split_first()?;
    (program.contains("tidegate") && *verb == "wait").then(|| of_words(rest)).flatten()
}

/// `tidegate wait "CONDITION" --timeout 2h` in a line of a shell: quotes are all that is understood of it.
fn of_shell(line: &str) -> Option<WaitCommand> {
    let (_, rest) = line.split_once("tidegate wait ")?;
    let (mut words, mut word, mut quote) = (Vec::new(), String::new(), None);
    for character in rest.chars() {
        match (quote, character) {
            (Some(open), close) if open == close => quote = None,
            (Some(_), _) => word.push(character),
            (None, '"' | '\'') => quote = Some(character),
            (None, ';' | '&' | '|' | '\n') => break,
            (None, ' ') => words.push(std::mem::take(&mut word)),
            (None, _) => word.push(character),
        }
    }
    words.push(word);
    let words: Vec<&str> = words.iter().filter(|word| !word.is_empty()).map(String::as_str).collect();
    of_words(&words)
}

fn of_words(words: &[&str]) -> Option<WaitCommand> {
    let (mut condition, mut timeout, mut namespace) = (None, None, None);
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let Some(flag) = word.strip_prefix("--") else {
            condition.get_or_insert_with(|| (*word).to_owned());
            continue;
        };
        let (name, value) = match flag.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (flag, words.next().map(|value| (*value).to_owned())),
        };
        match name {
            "timeout" => timeout = value,
            "default-namespace" => namespace = value,
            _ => {}
        }
    }
    Some(WaitCommand { condition: condition?, timeout, namespace })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::of_container;

    #[test]
    fn commands() {
        let cases = [
            (
                json!({"image": "tidegate:1", "args": ["wait", "job a succeeds", "--timeout=2h"]}),
                Some(("job a succeeds", Some("2h"))),
            ),
            (
                json!({"image": "x", "command": ["/tidegate", "wait"], "args": ["--timeout", "1m", "job a fails"]}),
                Some(("job a fails", Some("1m"))),
            ),
            (
                json!({"image": "x", "command": ["sh", "-c", "sleep 1; tidegate wait \"job a succeeds\" --timeout 5m && true"]}),
                Some(("job a succeeds", Some("5m"))),
            ),
            (json!({"image": "x", "args": ["wait", "job a succeeds"]}), None),
            (json!({"image": "tidegate:1", "args": ["run"]}), None),
            (json!({"image": "tidegate:1"}), None),
        ];
        for (container, wanted) in cases {
            let found = of_container(&container);
            let found = found.as_ref().map(|found| (found.condition.as_str(), found.timeout.as_deref()));
            assert_eq!(found, wanted, "{container}");
        }
    }
}
