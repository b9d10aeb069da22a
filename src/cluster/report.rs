//! What the controller answers: health, readiness, metrics, `/status`.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value as Json, json};

use super::controller::{Controller, Flight};
use super::http::{Ask, Question, Reply};
use super::kinds;
use super::metrics::Id;
use super::request::shortened;
use super::tenure::Phase;
use crate::engine::{Gate, Ledger, RuleId, Standing, Verdict};
use crate::expr::Truth;
use crate::rulebook::Rulebook;

/// Verdicts in `/status`, at most; the rest is counted.
const VERDICTS_MAX: usize = 500;
/// Gates in `/status`, at most.
const GATES_MAX: usize = 500;
/// Reasons and causes of one verdict, at most.
const REASONS_MAX: usize = 20;

impl Controller {
    /// Answers a question.
    pub(super) fn answer(&mut self, ask: Ask) {
        let reply = match ask.question {
            Question::Health => Reply { good: true, text: "ok\n".to_owned() },
            Question::Ready => self.ready(),
            Question::Metrics => {
                self.refresh();
                Reply { good: true, text: self.metrics.text() }
            }
            Question::Status => Reply { good: true, text: format!("{:#}\n", self.status()) },
        };
        let _ = ask.reply.send(reply);
    }

    /// Ready: rules are loaded, every kind is listed, known to be missing or refused, and a leader can use its state. Neither a CRD nor a
    /// right that is missing makes a replica unready: they are waited for, and what needs no other goes on. A right is said here, both on `/status`.
    fn ready(&self) -> Reply {
        let (mut wants, mut lacks) = (Vec::new(), Vec::new());
        match &self.ledger {
            None if self.refused.is_empty() => wants.push("rules: not read yet".to_owned()),
            None => wants.extend(self.refused.iter().map(|why| format!("rules: {why}"))),
            Some(ledger) => {
                for kind in self.kinds.standings(ledger) {
                    let list = match kind.state {
                        "pending" => &mut wants,
                        "refused" => &mut lacks,
                        _ => continue,
                    };
                    let why = kind.why.unwrap_or_else(|| "not listed yet".to_owned());
                    list.push(format!("{}: {why}", kind.short));
                }
            }
        }
        wants.extend(self.tenure.trouble.clone());
        let good = wants.is_empty();
        if good {
            wants.push("ready".to_owned());
            wants.extend(lacks.into_iter().map(|lack| format!("but not for {lack}")));
        }
        Reply { good, text: format!("{}\n", wants.join("\n")) }
    }

    fn refresh(&mut self) {
        let now = self.env.clock.now();
        let Some(ledger) = &self.ledger else { return };
        for id in [Id::KindState, Id::Objects, Id::RuleState, Id::GateHeld] {
            self.metrics.clear(id);
        }
        for kind in self.kinds.standings(ledger) {
            self.metrics.set(Id::KindState, &[&kind.resource.kind, kind.state], 1.0);
            self.metrics.set(Id::Objects, &[&kind.resource.kind], count(kind.objects));
        }
        let mut states = BTreeMap::new();
        let mut due = 0;
        for verdict in ledger.verdicts() {
            if let Some(state) = word(&verdict.standing) {
                *states.entry((rule_label(verdict), state)).or_insert(0) += 1;
            }
            due += verdict.intents.len();
        }
        for ((rule, state), units) in states {
            self.metrics.set(Id::RuleState, &[&rule, state], count(units));
        }
        let flying = self.flights.values().filter(|flight| matches!(flight, Flight::Intent(_))).count();
        self.metrics.set(Id::QueueDepth, &[], count(due.max(flying)));
        let oldest = ledger.verdicts().flat_map(|verdict| &verdict.intents).flat_map(|intent| &intent.firings);
        let oldest = oldest.map(|firing| firing.due_since).min();
        self.metrics.set(Id::OldestDue, &[], oldest.map_or(0.0, |since| seconds(since, now)));
        self.refresh_gates(now);
    }

    /// Remembers since when each gate has been held: since it was first seen to be.
    pub(super) fn note_gates(&mut self, now: Timestamp) {
        let Some(ledger) = &self.ledger else { return };
        let held = ledger.gates().filter(|gate| gate.open != Truth::True).map(|gate| {
            let key = (gate.rule.to_string(), application(gate), gate.wave);
            let since = *self.held.get(&key).unwrap_or(&now);
            (key, since)
        });
        self.held = held.collect();
    }

    fn refresh_gates(&mut self, now: Timestamp) {
        self.note_gates(now);
        let mut longest: BTreeMap<(String, String, String), f64> = BTreeMap::new();
        for (id, gate) in self.ledger.iter().flat_map(Ledger::gates_of_rules) {
            let key = (gate.rule.to_string(), application(gate), gate.wave);
            let value = self.held.get(&key).map_or(0.0, |since| seconds(*since, now));
            // Whoever may annotate a job names a rule and a wave: they share a series.
            let series = match id {
                RuleId::Annotation(..) => ("annotation".to_owned(), key.1, String::new()),
                RuleId::Book(_) => (key.0, key.1, key.2.to_string()),
            };
            let held = longest.entry(series).or_insert(value);
            *held = held.max(value);
        }
        for ((rule, application, wave), value) in longest {
            self.metrics.set(Id::GateHeld, &[&rule, &application, &wave], value);
        }
    }

    fn status(&self) -> Json {
        let standing = self.standing.borrow();
        let phase = match self.tenure.phase {
            Phase::Following => "following",
            Phase::Reading | Phase::Waiting(_) => "loading the state",
            Phase::Loaded => "leading",
        };
        let mut status = json!({
            "version": 1,
            "rulebook": *self.options.rulebook,
            "observe": self.options.observe,
            "time": self.env.clock.now().to_string(),
            "identity": *self.env.identity,
            "phase": phase,
            "leader": *standing.holder,
            "leaseTrouble": standing.trouble,
            "stateObject": format!("{}/{}", self.store.place().namespace, self.store.place().name),
            "stateTrouble": self.tenure.trouble,
            "admission": self.admission.as_ref().map(super::admission::Admission::status),
            "rules": {"refused": self.refused, "warnings": self.warnings, "count": self.ledger.as_ref().map(|l| l.rulebook().rules.len())},
            "inFlight": self.flights.len(),
            "observed": self.would.iter().map(|(time, would)| json!({
                "time": time.to_string(), "rule": *would.rule, "action": would.action,
                "causes": would.causes.iter().take(REASONS_MAX).collect::<Vec<_>>(),
            })).collect::<Json>(),
        });
        if let (Some(status), Some(ledger)) = (status.as_object_mut(), &self.ledger) {
            status.insert("kinds".to_owned(), self.kinds.standings(ledger).iter().map(kind).collect());
            status.extend(decisions(ledger));
        }
        status
    }
}

/// What is not at rest. A replica that does not lead decides nothing, and has none.
fn decisions(ledger: &Ledger) -> Vec<(String, Json)> {
    let shown: Vec<&Verdict> = ledger.verdicts().filter(|verdict| word(&verdict.standing).is_some()).collect();
    let more = shown.len().saturating_sub(VERDICTS_MAX);
    let verdicts: Json = shown.iter().take(VERDICTS_MAX).map(|v| verdict(ledger.rulebook(), v)).collect();
    let gates: Vec<&Gate> = ledger.gates().collect();
    let more_gates = gates.len().saturating_sub(GATES_MAX);
    let gates: Json = gates.iter().take(GATES_MAX).map(|g| gate(g)).collect();
    let mut refusals = ledger.world().all_annotated().filter(|(_, annotated)| !annotated.refusals.is_empty());
    let said = refusals.by_ref().take(GATES_MAX).map(|(object, annotated)| {
        let why: Vec<String> = annotated.refusals.iter().map(|text| shortened(text)).collect();
        json!({"on": ledger.rulebook().say(object), "refused": why})
    });
    let said: Json = said.collect();
    vec![
        ("verdicts".to_owned(), verdicts),
        ("moreVerdicts".to_owned(), more.into()),
        ("gates".to_owned(), gates),
        ("moreGates".to_owned(), more_gates.into()),
        ("annotations".to_owned(), said),
        ("moreAnnotations".to_owned(), refusals.count().into()),
    ]
}

fn kind(kind: &kinds::Standing) -> Json {
    json!({
        "kind": *kind.short,
        "resource": format!("{} {}", kind.resource.api_version(), kind.resource.kind),
        "state": kind.state,
        "why": kind.why,
        "objects": kind.objects,
    })
}

fn verdict(rulebook: &Rulebook, verdict: &Verdict) -> Json {
    let why = match &verdict.standing {
        Standing::Waiting(text) | Standing::Expired(text) | Standing::Refused(text) | Standing::Would(text) => {
            Some(shortened(text))
        }
        Standing::Quiet | Standing::Due | Standing::Done => None,
    };
    let reasons: Json = verdict.reasons.iter().take(REASONS_MAX).map(reason).collect();
    let causes: Vec<&str> = verdict.causes.iter().take(REASONS_MAX).map(|cause| cause.text.as_str()).collect();
    json!({
        "rule": *verdict.rule.name,
        "match": verdict.unit.member.as_ref().map(|member| rulebook.say(member)),
        "standing": word(&verdict.standing),
        "why": why,
        "truth": verdict.truth.to_string(),
        "reasons": reasons,
        "causes": causes,
        "deadline": verdict.deadline.map(|time| time.to_string()),
        "due": verdict.intents.iter().take(REASONS_MAX).map(|intent| rulebook.say(&intent.target)).collect::<Vec<_>>(),
    })
}

fn reason(reason: &crate::engine::Reason) -> Json {
    json!({"what": reason.what, "truth": reason.truth.to_string(), "why": shortened(&reason.why)})
}

fn gate(gate: &Gate) -> Json {
    json!({
        "rule": *gate.rule,
        "application": application(gate),
        "wave": gate.wave,
        "open": gate.open == Truth::True,
        "reasons": gate.reasons.iter().take(REASONS_MAX).map(reason).collect::<Json>(),
    })
}

fn application(gate: &Gate) -> String {
    gate.application.as_ref().map(|app| format!("{}/{}", app.namespace, app.name)).unwrap_or_default()
}

fn word(standing: &Standing) -> Option<&'static str> {
    Some(match standing {
        Standing::Quiet | Standing::Done => return None,
        Standing::Waiting(_) => "waiting",
        Standing::Due => "due",
        Standing::Expired(_) => "expired",
        Standing::Refused(_) => "refused",
        Standing::Would(_) => "would",
    })
}

fn rule_label(verdict: &Verdict) -> String {
    match verdict.unit.rule {
        RuleId::Annotation(..) => "annotation".to_owned(),
        RuleId::Book(_) => verdict.rule.name.to_string(),
    }
}

fn seconds(since: Timestamp, now: Timestamp) -> f64 {
    now.duration_since(since).as_secs_f64().max(0.0)
}

#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
fn count(n: usize) -> f64 {
    n as f64
}
