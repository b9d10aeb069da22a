//! Sync options that Argo CD passes over for the sake of one letter: it compares whole words.
//!
//! Source: argo-cd 3.5, gitops-engine `pkg/sync/common/types.go`, `controller/sync.go`; `SyncOptions.HasOption` compares with `==`.

use serde_json::Value;

use super::of::spec_at;
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::lint::subject::field;
use crate::lint::{Check, Subject};

pub(in crate::lint) const CHECK: Check = Check { codes: &[Code::SYNC_OPTION], run: check };

const SYNC_OPTIONS: &str = "argocd.argoproj.io/sync-options";

const KNOWN: [&str; 22] = [
    "ApplyOutOfSyncOnly=true",
    "ApplyOutOfSyncOnly=false",
    "ClientSideApplyMigration=false",
    "ClientSideApplyMigration=true",
    "CreateNamespace=true",
    "Delete=confirm",
    "Delete=false",
    "FailOnSharedResource=true",
    "Force=true",
    "Prune=confirm",
    "Prune=false",
    "PruneLast=true",
    "PrunePropagationPolicy=background",
    "PrunePropagationPolicy=foreground",
    "PrunePropagationPolicy=orphan",
    "Replace=false",
    "Replace=true",
    "RespectIgnoreDifferences=true",
    "ServerSideApply=false",
    "ServerSideApply=true",
    "SkipDryRunOnMissingResource=true",
    "Validate=false",
];

fn check(subject: &Subject<'_>, found: &mut Vec<Diagnostic>) {
    for object in &subject.platform.objects {
        for word in object.sync_options() {
            if let Some(meant) = meant(word) {
                found.push(passed_over(subject.annotation(object, SYNC_OPTIONS), word, meant));
            }
        }
    }
    for application in &subject.platform.applications {
        let Some(object) = subject.platform.objects.iter().find(|object| object.place == application.place) else {
            continue;
        };
        let path = [application.spec_path(), &["syncPolicy", "syncOptions"]].concat();
        let options = field(object, &path).and_then(Value::as_array);
        for (at, option) in options.into_iter().flatten().enumerate() {
            let place = || spec_at(subject, application, &["syncPolicy", "syncOptions", &at.to_string()]);
            match option.as_str() {
                Some(word) => found.extend(meant(word).map(|meant| passed_over(place(), word, meant))),
                None => found.push(no_text(place(), option)),
            }
        }
    }
}

/// The option that differs in case and blanks alone.
fn meant(word: &str) -> Option<&'static str> {
    if KNOWN.contains(&word) {
        return None;
    }
    let plain: String = word.chars().filter(|c| !c.is_whitespace()).collect();
    KNOWN.into_iter().find(|known| known.eq_ignore_ascii_case(&plain))
}

fn passed_over(place: Span, word: &str, meant: &str) -> Diagnostic {
    let message = format!("Argo CD passes over `{word}`: it compares whole words, letter by letter");
    Diagnostic::warning(Code::SYNC_OPTION, place, message).help(format!("write `{meant}`"))
}

/// `- CreateNamespace: true`
fn no_text(place: Span, option: &Value) -> Diagnostic {
    let message = "a sync option is a text; the API server refuses the Application";
    let finding = Diagnostic::error(Code::SYNC_OPTION, place, message);
    let word = option.as_object().and_then(|map| map.iter().next()).map(|(key, value)| format!("{key}={value}"));
    finding.help(word.map_or_else(String::new, |word| format!("write `{word}`")))
}
