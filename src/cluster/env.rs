//! The one door for the outside: time, randomness, the rule folder and the API client of one replica.
//!
//! INVARIANT: nothing in this room reads a clock, a random number, a file or a global by any other way, so a whole run can be
//! replayed from a seed. Pauses are tokio's, which a rehearsal runs in virtual time.

use std::fmt;
use std::hash::{BuildHasher, Hasher};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use kube::Client;
use tokio::sync::watch;
use tokio::time::Instant;

/// Everything that the controller gets from outside. A clone is the same door.
#[derive(Clone)]
pub struct Env {
    /// What time it is.
    pub clock: Clock,
    /// Random numbers.
    pub random: Random,
    /// The API server. Must not retry by itself: a 504 can mean that a write was applied.
    pub client: Client,
    /// Where rule texts come from.
    pub rules: Rules,
    /// The namespace of the lease and of the state object.
    pub namespace: Arc<str>,
    /// Who this replica is, in the lease. No two living replicas may share it.
    pub identity: Arc<str>,
}

/// Rule files as (name, text), sorted by name; or why they cannot be read.
pub type RuleTexts = Result<Vec<(String, String)>, String>;

/// Reads rule files.
pub type Read = Arc<dyn Fn() -> RuleTexts + Send + Sync>;

/// Where rule texts come from.
#[derive(Clone)]
pub enum Rules {
    /// A folder or a file that is watched for changes, and how it is read.
    Path(PathBuf, Read),
    /// Whatever the channel holds.
    Channel(watch::Receiver<RuleTexts>),
}

/// The time of day.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    /// The system's.
    #[must_use]
    pub fn system() -> Clock {
        Clock(Arc::new(Timestamp::now))
    }

    /// Starts at a time and moves as tokio's clock does, which a test can pause.
    #[must_use]
    pub fn from(start: Timestamp) -> Clock {
        let began = Instant::now();
        Clock(Arc::new(move || {
            let passed = SignedDuration::try_from(began.elapsed()).unwrap_or(SignedDuration::MAX);
            start.saturating_add(passed).unwrap_or(Timestamp::MAX)
        }))
    }

    /// What the function says.
    #[must_use]
    pub fn of(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Clock {
        Clock(Arc::new(now))
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clock({})", self.now())
    }
}

/// Random numbers from a seed (SplitMix64). Good enough to spread load and to tell replicas apart, for nothing else.
#[derive(Clone, Debug)]
pub struct Random(Arc<Mutex<u64>>);

impl Random {
    /// Always the same numbers for the same seed.
    #[must_use]
    pub fn seeded(seed: u64) -> Random {
        Random(Arc::new(Mutex::new(seed)))
    }

    /// Other numbers in every process.
    #[must_use]
    pub fn system() -> Random {
        Random::seeded(std::hash::RandomState::new().build_hasher().finish())
    }

    /// The next number.
    #[must_use]
    pub fn next(&self) -> u64 {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = *state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Between the pause and a fifth more, so that replicas do not knock at the same moment.
    #[must_use]
    pub fn jitter(&self, pause: Duration) -> Duration {
        let thousandths = u32::try_from(self.next() % 200).unwrap_or(0);
        pause + pause / 1000 * thousandths
    }
}

/// Pauses after failures: doubling from a first to a longest one.
#[derive(Clone, Debug)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    next: Duration,
}

impl Backoff {
    /// The first pause and the longest.
    #[must_use]
    pub fn new(first: Duration, longest: Duration) -> Backoff {
        Backoff { first, longest, next: first }
    }

    /// How long to pause now.
    pub fn pause(&mut self, random: &Random) -> Duration {
        let pause = self.next;
        self.next = (pause * 2).min(self.longest);
        random.jitter(pause)
    }

    /// It went well: the next pause is the first again.
    pub fn reset(&mut self) {
        self.next = self.first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_pauses() {
        let pauses = |seed| {
            let (random, mut backoff) =
                (Random::seeded(seed), Backoff::new(Duration::from_millis(500), Duration::from_secs(30)));
            (0..10).map(|_| backoff.pause(&random)).collect::<Vec<_>>()
        };
        assert_eq!(pauses(1), pauses(1));
        assert_ne!(pauses(1), pauses(2));
        assert!(pauses(1).iter().all(|pause| *pause <= Duration::from_secs(36)));
        assert!(pauses(1).last() >= Some(&Duration::from_secs(30)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_moves_as_virtual_time_does() {
        let start: Timestamp = "2026-03-01T08:00:00Z".parse().unwrap_or_default();
        let clock = Clock::from(start);
        tokio::time::sleep(Duration::from_secs(3600)).await;
        assert_eq!(clock.now(), start + SignedDuration::from_hours(1));
    }
}
