//! Plays one scenario: the controller starts, the steps happen at their times, what is expected is looked at.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::RehearseError;
use super::apiserver::ApiServer;
use super::expect::{Expected, Since};
use super::explain;
use super::replica::Replicas;
use super::script::{Rules, Script, Step, What};
use super::stage::Stage;
use super::timeline::{Entry, Timeline, Who};
use crate::cluster::{Clock, Times};
use crate::engine::later;
use crate::syntax::tree::ReplicaEvent;

/// The controller is up for so long when the scenario begins.
const BEFORE: SignedDuration = SignedDuration::from_secs(60);
/// An expectation looks at what happens up to this long after its time, if no other step comes first.
const MOMENT: Duration = Duration::from_secs(10);
/// After the last step the world goes on for so long.
const AFTER: Duration = Duration::from_secs(15 * 60);

/// A lease is renewed five times in its length, and so about five times this often in a scenario.
const RENEWALS: u32 = 400;
/// As `tidegate run` has it by default.
const LEASE_MIN: Duration = Duration::from_secs(15);
/// As long as `tidegate run` allows.
const LEASE_MAX: Duration = Duration::from_secs(300);

/// A scenario that was played.
#[derive(Clone, Debug)]
pub struct Played {
    /// Its name.
    pub name: String,
    /// When it began.
    pub start: Timestamp,
    /// What happened.
    pub timeline: Timeline,
    /// What was not as expected, or could not be done.
    pub problems: usize,
}

/// A step that could not be done.
pub type Problem = String;

/// Plays a script in a runtime of its own, in virtual time.
pub fn play(rules: &Rules, script: Script, seed: u64) -> Result<Played, RehearseError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.map_err(RehearseError::Runtime)?;
    Ok(runtime.block_on(run(rules, script, seed)))
}

async fn run(rules: &Rules, mut script: Script, seed: u64) -> Played {
    let clock = Clock::from(script.start.saturating_sub(BEFORE).unwrap_or(script.start));
    let times = clock.clone();
    let server = ApiServer::new(std::sync::Arc::new(move || times.now()));
    let stage = Stage::new(server.clone(), rules.rulebook.clone(), clock.clone(), &mut script);
    let mut replicas = Replicas::new(server, clock, rules, seed, lease_times(&script));
    replicas.start();
    let mut player = Player { stage, replicas, since: Since::default(), problems: 0, end: Vec::new() };
    if let Err(problem) = player.steps(&script).await {
        player.fail(None, "the scenario can go on", vec![problem]);
    }
    let Player { stage, problems, .. } = player;
    Played { name: script.name, start: script.start, timeline: stage.scene.timeline, problems }
}

/// The lease of a cluster, but longer in a long scenario, so that an idle day costs little.
fn lease_times(script: &Script) -> Times {
    let length = script.steps.iter().filter_map(|step| step.at).max().unwrap_or_default() + AFTER;
    Times::of((length / RENEWALS).clamp(LEASE_MIN, LEASE_MAX))
}

struct Player<'s> {
    stage: Stage,
    replicas: Replicas,
    since: Since,
    problems: usize,
    /// What is only known at the end: the time, from where on.
    end: Vec<(Duration, Since, &'s Expected)>,
}

impl<'s> Player<'s> {
    async fn steps(&mut self, script: &'s Script) -> Result<(), Problem> {
        self.stage.pass_until(script.start).await?;
        let mut last = Duration::ZERO;
        let (timed, at_end): (Vec<&Step>, Vec<&Step>) = script.steps.iter().partition(|step| step.at.is_some());
        for (index, step) in timed.iter().enumerate() {
            let at = step.at.unwrap_or(last);
            last = at;
            self.stage.pass_until(later(script.start, at)).await?;
            let What::Expect(expected) = &step.what else {
                if let Err(problem) = self.act(&step.what).and_then(|()| self.stage.settle()) {
                    self.fail(Some(at), "the scenario can go on", vec![problem]);
                    return Ok(());
                }
                continue;
            };
            // All that is expected at one time looks at the same actions.
            let same = |other: &&Step| other.at == Some(at) && matches!(other.what, What::Expect(_));
            let next = timed.iter().skip(index + 1).find(|other| !same(other)).and_then(|other| other.at);
            let until = next.map_or(at + MOMENT, |next| next.min(at + MOMENT));
            self.stage.pass_until(later(script.start, until)).await?;
            self.expect(Some(at), expected).await;
            if !timed.get(index + 1).is_some_and(same) {
                self.look_from_here();
            }
        }
        self.stage.pass_until(later(script.start, last + AFTER)).await?;
        for step in at_end {
            if let What::Expect(expected) = &step.what {
                self.expect(None, expected).await;
            }
        }
        for (at, since, expected) in std::mem::take(&mut self.end) {
            let found = expected.check(&self.stage, since);
            self.note(Some(at), expected, found);
        }
        Ok(())
    }

    fn look_from_here(&mut self) {
        self.since = Since { actions: self.stage.witness.actions.len(), turns: self.stage.witness.turns.len() };
    }

    fn act(&mut self, what: &What) -> Result<(), Problem> {
        match what {
            What::Sync(app) => self.stage.sync(app),
            What::Becomes(object, predicate, with) => self.stage.becomes(object, *predicate, with.as_ref()),
            What::Apply(path, objects) => self.stage.apply(path, objects),
            What::Delete(object) => self.stage.delete(object),
            What::Tidegate(event) => self.replica(*event),
            What::Expect(_) => Ok(()),
        }
    }

    fn replica(&mut self, event: ReplicaEvent) -> Result<(), Problem> {
        let running = self.replicas.is_running();
        let what = match event {
            ReplicaEvent::Restarts => "tidegate is killed and started again",
            ReplicaEvent::Stops if running => "tidegate is killed",
            ReplicaEvent::Starts if !running => "tidegate is started",
            ReplicaEvent::Stops => return Err("tidegate is not running".to_owned()),
            ReplicaEvent::Starts => return Err("tidegate is running already".to_owned()),
        };
        if event != ReplicaEvent::Starts {
            self.replicas.kill();
        }
        if event != ReplicaEvent::Stops {
            self.replicas.start();
        }
        self.stage.scene.say(Who::Scenario, what, "");
        Ok(())
    }

    async fn expect(&mut self, at: Option<Duration>, expected: &'s [Expected]) {
        for expected in expected {
            if let (Expected::NothingMore, Some(at)) = (expected, at) {
                self.end.push((at, self.since, expected));
                continue;
            }
            let mut found = expected.check(&self.stage, self.since);
            if !found.is_empty() {
                let status = self.replicas.status().await;
                found.extend(explain::why(&self.stage, expected, status.as_ref()));
            }
            self.note(at, expected, found);
        }
    }

    fn note(&mut self, at: Option<Duration>, expected: &Expected, instead: Vec<String>) {
        self.problems += usize::from(!instead.is_empty());
        self.stage.scene.timeline.entries.push(Entry::Expected { at, what: expected.words(), instead });
    }

    fn fail(&mut self, at: Option<Duration>, what: &str, instead: Vec<String>) {
        self.problems += 1;
        self.stage.scene.timeline.entries.push(Entry::Expected { at, what: what.to_owned(), instead });
    }
}
