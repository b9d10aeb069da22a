//! Jobs and pods that wait in their own words for what comes later: `tidegate wait`, `kubectl wait`, `kubectl rollout status`, `until kubectl get`,
//! `argocd app wait`. TG601 to TG604, as for what is mounted.
//!
//! Of a shell only plain commands are understood; a command after which the script goes on whatever happens (`||`, `if`) waits for nothing.

use std::cell::OnceCell;

use serde_json::Value;

use super::needed::{self, Late, Mend};
use super::view::{Placed, Provided, View};
use crate::diagnostic::{Code, Diagnostic, Severity, Span};
use crate::manifests::{Object, Phase};
use crate::rulebook::{Filter, Options, Rulebook, Test, load_condition};
use crate::syntax::tree::Predicate;

/// What a command waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Waited {
    /// A kind's word and a name, perhaps with a namespace.
    Object { kind: String, name: String, namespace: Option<String> },
    /// An Application's whole operation.
    Application(String),
}

/// Words of kubectl for kinds of Kubernetes and KServe; other kinds go by the rulebook.
const WORDS: &[(&str, &str, &str)] = &[
    ("cm", "", "ConfigMap"),
    ("configmap", "", "ConfigMap"),
    ("crd", "apiextensions.k8s.io", "CustomResourceDefinition"),
    ("customresourcedefinition", "apiextensions.k8s.io", "CustomResourceDefinition"),
    ("daemonset", "apps", "DaemonSet"),
    ("deploy", "apps", "Deployment"),
    ("deployment", "apps", "Deployment"),
    ("ds", "apps", "DaemonSet"),
    ("job", "batch", "Job"),
    ("persistentvolumeclaim", "", "PersistentVolumeClaim"),
    ("po", "", "Pod"),
    ("pod", "", "Pod"),
    ("pvc", "", "PersistentVolumeClaim"),
    ("secret", "", "Secret"),
    ("service", "", "Service"),
    ("serviceaccount", "", "ServiceAccount"),
    ("statefulset", "apps", "StatefulSet"),
    ("sts", "apps", "StatefulSet"),
    ("svc", "", "Service"),
];

pub(super) fn check(view: &View<'_>, found: &mut Vec<Diagnostic>) {
    for placed in &view.placed {
        let containers = match (&*placed.object.group, &*placed.object.kind) {
            ("batch", "Job") => "/spec/template/spec",
            ("", "Pod") => "/spec",
            _ => continue,
        };
        let Some(spec) = placed.object.value.pointer(containers) else { continue };
        let mut teller = Teller { view, placed, told: Vec::new(), found };
        for list in ["initContainers", "containers"] {
            for (at, container) in spec.get(list).and_then(Value::as_array).into_iter().flatten().enumerate() {
                let place = Place { spec: containers, list, at };
                for waited in commands(container) {
                    teller.command(&waited, &place);
                }
            }
        }
        if let Some(command) = placed.object.wait_command() {
            let namespace = command.namespace.unwrap_or_else(|| placed.object.namespace.to_string());
            teller.condition(&command.condition, namespace);
        }
    }
}

/// A container.
struct Place<'p> {
    spec: &'p str,
    list: &'p str,
    at: usize,
}

struct Teller<'t, 's> {
    view: &'t View<'s>,
    placed: &'t Placed<'s>,
    told: Vec<*const Object>,
    found: &'t mut Vec<Diagnostic>,
}

impl<'s> Teller<'_, 's> {
    fn command(&mut self, waited: &Waited, place: &Place<'_>) {
        let object = self.placed.object;
        let span = OnceCell::new();
        let span = || *span.get_or_init(|| command_place(self.view, object, place));
        match waited {
            Waited::Object { kind, name, namespace } => {
                let (word, group) = kind.split_once('.').map_or((&**kind, None), |(word, group)| (word, Some(group)));
                let app = object.application.as_ref();
                let namespace = namespace.as_deref().unwrap_or(&object.namespace);
                let known = kinds(self.view.subject.rulebook, word);
                let mut known = known.iter().filter(|(of, _)| group.is_none_or(|group| group.ends_with(of)));
                let from = known.find_map(|(group, kind)| {
                    let namespace = if *kind == "CustomResourceDefinition" { "" } else { namespace };
                    self.view.provided((group, kind, namespace, name), app)
                });
                if let Some(from) = from {
                    let span = span();
                    self.tell(from, span);
                }
            }
            Waited::Application(name) => {
                let own = object.application.as_ref().is_some_and(|app| *app.name == **name);
                if own && object.hook.hook {
                    let span = span();
                    self.own_operation(name, span);
                }
            }
        }
    }

    /// The condition of `tidegate wait`: what must be there for it to hold.
    fn condition(&mut self, condition: &str, namespace: String) {
        let options = Options { default_namespace: Some(namespace), ..Options::default() };
        let Some(rulebook) = load_condition([], condition, &options).rulebook else { return };
        let Some(rule) = rulebook.rules.first() else { return };
        let mut terms = Vec::new();
        must_hold(&rule.when, &mut terms);
        for term in terms.iter().filter_map(|term| rule.terms.get(*term)) {
            let Some(kind) = rulebook.kind(term.source.kind).filter(|_| term.predicate != Predicate::Missing) else {
                continue;
            };
            let app = self.placed.object.application.as_ref();
            let from = match &term.source.object {
                Some(named) => self.view.provided((&kind.group, &kind.kind, &named.namespace, &named.name), app),
                None => self.of_wave(&kind.group, &kind.kind, &term.source.filters),
            };
            let span = wait_place(self.view, self.placed.object);
            if let Some(from) = from {
                self.tell(from, span);
            }
        }
    }

    /// `every notebook in wave 3` of the same application: the first of them that comes too late.
    fn of_wave(&self, group: &str, kind: &str, filters: &[Filter]) -> Option<Provided<'s>> {
        let [Filter::Wave(wave)] = filters else { return None };
        let step = (Phase::Sync, i64::from(*wave));
        let of = |other: &&Placed<'s>| {
            other.step == step
                && (&*other.object.group, &*other.object.kind) == (group, kind)
                && other.object.application == self.placed.object.application
        };
        self.view.placed.iter().find(of).map(|of| Provided { by: of.object, made: false, step })
    }

    fn tell(&mut self, from: Provided<'_>, place: Span) {
        let by = std::ptr::from_ref(from.by);
        if from.step <= self.placed.step || self.told.contains(&by) {
            return;
        }
        self.told.push(by);
        let late = Late {
            object: self.placed.object,
            verb: "waits for",
            what: self.view.subject.say(from.by),
            from,
            severity: Severity::Error,
            why: "it is not there yet".to_owned(),
            mend: Mend::Later,
            waits: true,
            place,
        };
        self.found.push(needed::tell(self.view, self.placed, &late));
    }

    /// Without `--sync`, `--health` and the like, `argocd app wait` also waits for the end of the running operation. Source: argo-cd v3.5.7
    /// `cmd/argocd/commands/app.go`, `NewApplicationWaitCommand`.
    fn own_operation(&mut self, name: &str, place: Span) {
        let say = self.view.subject.say(self.placed.object);
        let early = self.placed.step.0 == Phase::PreSync;
        let code = if early { Code::PRESYNC_DEADLOCK } else { Code::HOOK_TOO_EARLY };
        let message =
            format!("{say} waits for the operation of application `{name}` that it is part of, and that waits for it");
        let help = "wait for what the hook needs, such as `kubectl wait deployment/…`, in a wave after it";
        self.found.push(Diagnostic::error(code, place, message).help(help));
    }
}

/// The terms without which the whole does not hold.
fn must_hold(test: &Test, terms: &mut Vec<usize>) {
    match test {
        Test::All(all) => all.iter().for_each(|test| must_hold(test, terms)),
        Test::Term(term) => terms.push(*term),
        Test::Later(first, second) => terms.extend([*first, *second]),
        Test::Any(_) | Test::Not(_) | Test::Expr(_) => {}
    }
}

fn command_place(view: &View<'_>, object: &Object, place: &Place<'_>) -> Span {
    let at = place.at.to_string();
    let mut path: Vec<&str> = place.spec.split('/').skip(1).collect();
    path.extend([place.list, &at]);
    let container = object.value.pointer(&format!("/{}", path.join("/")));
    let field = if container.is_some_and(|c| c.get("args").is_some()) { "args" } else { "command" };
    path.push(field);
    view.subject.at(object, &path)
}

fn wait_place(view: &View<'_>, object: &Object) -> Span {
    let runs = |container: &&(usize, &Value)| container.1.to_string().contains("wait");
    let containers = object.value.pointer("/spec/template/spec/containers").and_then(Value::as_array);
    let at = containers.and_then(|all| all.iter().enumerate().find(|c| runs(&c))).map_or(0, |(at, _)| at);
    command_place(view, object, &Place { spec: "/spec/template/spec", list: "containers", at })
}

/// Groups and Kinds that a word of kubectl may mean.
fn kinds<'r>(rulebook: &'r Rulebook, word: &str) -> Vec<(&'r str, &'r str)> {
    let word = word.to_ascii_lowercase();
    let named = |known: &str| word == known || word.strip_suffix('s') == Some(known);
    let fixed = WORDS.iter().filter(|(known, ..)| named(known)).map(|(_, group, kind)| (*group, *kind));
    let of_rules = rulebook
        .kinds
        .iter()
        .filter(|kind| word == *kind.short || word == *kind.plural || word == kind.kind.to_ascii_lowercase());
    fixed.chain(of_rules.map(|kind| (&*kind.group, &*kind.kind))).collect()
}

/// What a container's program waits for.
fn commands(container: &Value) -> Vec<Waited> {
    let list = |key: &str| container.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let words: Vec<&str> = list("command").chain(list("args")).collect();
    if !words.iter().any(|word| word.contains("kubectl") || word.contains("oc") || word.contains("argocd")) {
        return Vec::new();
    }
    let mut found = Vec::new();
    for script in words.iter().filter(|word| word.contains(char::is_whitespace)) {
        for (line, goes_on) in lines(script) {
            found.extend(waited(&line, goes_on));
        }
    }
    let plain: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    found.extend(waited(&plain, false));
    found
}

/// The commands of a shell script in words, and whether the script goes on after it failed.
fn lines(script: &str) -> Vec<(Vec<String>, bool)> {
    let (mut lines, mut words, mut word, mut quote) = (Vec::new(), Vec::new(), String::new(), None);
    let script = script.replace("\\\n", " ");
    let mut characters = script.chars().peekable();
    while let Some(character) = characters.next() {
        match (quote, character) {
            (Some(open), close) if open == close => quote = None,
            (Some(_), _) => word.push(character),
            (None, '"' | '\'') => quote = Some(character),
            (None, '#') if word.is_empty() => while characters.next_if(|c| *c != '\n').is_some() {},
            (None, ';' | '&' | '|' | '\n' | '(' | ')') => {
                let goes_on = character == '|' && characters.peek() == Some(&'|');
                words.push(std::mem::take(&mut word));
                lines.push((std::mem::take(&mut words), goes_on));
            }
            (None, blank) if blank.is_whitespace() => words.push(std::mem::take(&mut word)),
            (None, _) => word.push(character),
        }
    }
    words.push(word);
    lines.push((words, false));
    for (words, _) in &mut lines {
        words.retain(|word| !word.is_empty());
    }
    lines
}

/// What one command waits for.
fn waited(words: &[String], goes_on: bool) -> Vec<Waited> {
    let is_program = |word: &&String| matches!(word.rsplit('/').next(), Some("kubectl" | "oc" | "argocd"));
    let Some(at) = words.iter().position(|word| is_program(&word)) else { return Vec::new() };
    let (before, rest) = words.split_at(at);
    let Some((program, rest)) = rest.split_first() else { return Vec::new() };
    let before: Vec<&str> = before.iter().map(String::as_str).filter(|word| !word.contains('=')).collect();
    // What stands before it: a loop until it is there, or a script that looks at how it ended.
    let loops = matches!(before.first(), Some(&"until")) || before.starts_with(&["while", "!"]);
    let plain =
        before.iter().all(|word| matches!(*word, "exec" | "do" | "then" | "else" | "{" | "time") || timeout(word));
    if !loops && (!plain || goes_on) {
        return Vec::new();
    }
    let (positional, flags) = arguments(rest);
    let verbs: Vec<&str> = positional.iter().copied().take(2).collect();
    match (program.ends_with("argocd"), verbs.as_slice()) {
        (true, ["app", "wait"]) => {
            let part = ["--sync", "--health", "--suspended", "--degraded", "--hydrated", "--delete"];
            let whole = !flags.iter().any(|(flag, _)| part.contains(flag));
            let name = positional.get(2).filter(|name| whole && plain_name(name));
            name.map(|name| Waited::Application((*name).to_owned())).into_iter().collect()
        }
        (false, ["wait", ..]) => {
            let gone = flags.iter().any(|(flag, value)| *flag == "--for" && *value == "delete");
            if gone { Vec::new() } else { objects(positional.get(1..).unwrap_or_default(), &flags) }
        }
        (false, ["rollout", "status"]) => objects(positional.get(2..).unwrap_or_default(), &flags),
        (false, ["get", ..]) if loops => objects(positional.get(1..).unwrap_or_default(), &flags),
        _ => Vec::new(),
    }
}

/// `timeout 10m`
fn timeout(word: &str) -> bool {
    word == "timeout" || word.chars().all(|c| c.is_ascii_digit() || matches!(c, 's' | 'm' | 'h'))
}

/// Words that are no flags, and flags with their values.
fn arguments(words: &[String]) -> (Vec<&str>, Vec<(&str, &str)>) {
    let with_value = [
        "-n",
        "--namespace",
        "--for",
        "--timeout",
        "-f",
        "--filename",
        "-l",
        "--selector",
        "--context",
        "--kubeconfig",
        "-o",
        "--output",
        "--server",
        "--auth-token",
        "--request-timeout",
    ];
    let (mut positional, mut flags) = (Vec::new(), Vec::new());
    let mut words = words.iter().map(String::as_str);
    while let Some(word) = words.next() {
        // Redirections end what is of interest.
        if word.contains(['>', '<']) {
            break;
        }
        match word.split_once('=').filter(|(flag, _)| flag.starts_with('-')) {
            Some(flag) => flags.push(flag),
            None if with_value.contains(&word) => flags.push((word, words.next().unwrap_or_default())),
            None if word.starts_with('-') => flags.push((word, "")),
            None => positional.push(word),
        }
    }
    (positional, flags)
}

/// `job/a job/b`, or `job a b`.
fn objects(words: &[&str], flags: &[(&str, &str)]) -> Vec<Waited> {
    let namespace = flags.iter().find(|(flag, _)| matches!(*flag, "-n" | "--namespace")).map(|(_, value)| *value);
    if namespace.is_some_and(|namespace| !plain_name(namespace)) {
        return Vec::new();
    }
    let object = |kind: &str, name: &str| {
        let namespace = namespace.map(ToOwned::to_owned);
        Waited::Object { kind: kind.to_owned(), name: name.to_owned(), namespace }
    };
    let mut found = Vec::new();
    let mut of = "";
    for word in words {
        match word.split_once('/') {
            Some((kind, name)) if plain_name(name) => found.push(object(kind, name)),
            None if of.is_empty() => of = word,
            None if plain_name(word) => found.push(object(of, word)),
            _ => {}
        }
    }
    found
}

fn plain_name(word: &str) -> bool {
    !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.'))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Waited, commands};

    #[test]
    fn what_a_command_waits_for() {
        let cases: &[(&str, &[&str])] = &[
            ("kubectl wait --for=condition=complete job/train -n ml --timeout=10m", &["job train ml"]),
            ("kubectl -n ml wait job train other --for condition=complete", &["job train ml", "job other ml"]),
            ("echo a; /usr/bin/oc rollout status deployment/api && echo b", &["deployment api -"]),
            ("until kubectl get secret/token >/dev/null 2>&1; do sleep 1; done", &["secret token -"]),
            ("while ! oc get pvc models; do sleep 1; done", &["pvc models -"]),
            ("timeout 10m kubectl wait \\\n  isvc fraud", &["isvc fraud -"]),
            ("argocd app wait mine", &["application mine"]),
            ("argocd app wait mine --health", &[]),
            ("kubectl get job train", &[]),
            ("kubectl wait job/train || true", &[]),
            ("if kubectl wait job/train; then echo; fi", &[]),
            ("kubectl wait --for=delete job/train", &[]),
            ("kubectl wait job/$NAME", &[]),
            ("kubectl wait job/a -n \"$NS\"", &[]),
            ("kubectl wait pod -l app=api", &[]),
            ("# kubectl wait job/train\necho 'kubectl wait job/train'", &[]),
        ];
        for (script, wanted) in cases {
            let container = json!({"command": ["sh", "-c", script]});
            let found: Vec<String> = commands(&container)
                .iter()
                .map(|waited| match waited {
                    Waited::Object { kind, name, namespace } => {
                        format!("{kind} {name} {}", namespace.as_deref().unwrap_or("-"))
                    }
                    Waited::Application(name) => format!("application {name}"),
                })
                .collect();
            assert_eq!(found, *wanted, "{script}");
        }
        let plain = json!({"command": ["kubectl"], "args": ["wait", "job/train"]});
        assert_eq!(commands(&plain).len(), 1);
    }
}
