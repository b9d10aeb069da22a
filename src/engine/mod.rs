//! The engine: what is due, what waits for what and why. One pure, synchronous function of (rulebook, world, now).
//!
//! In: a [`Rulebook`](crate::rulebook::Rulebook), a [`World`] of projected rows and the records that the cluster holds, a time. Out:
//! [`Verdict`]s with their reasons, [`Gate`]s, [`Intent`]s and what is to be settled. `plan`, rehearsals and the controller all
//! come here; nothing else decides.
//! May not know: kube, tokio, files, the clock (emit, manifests, cluster, rehearse, cli).

mod act;
mod cause;
mod condition;
mod decide;
mod dry_run;
mod episodes;
mod gate;
mod index;
mod judge;
mod ledger;
mod listed;
mod mark;
mod missing;
mod operator;
mod owed;
mod pace;
mod record;
mod reopen;
mod state;
mod types;
mod world;
mod write;

pub use cause::{Item, RunId, baseline_items, item_count};
pub use condition::{matches, members};
pub use decide::{decide, rule_of};
pub use dry_run::{Checks, DryRun, Effected, STEPS_MAX, Stage, Step, Supposition, at_rest, dry_run};
pub use gate::{cannot_hold, condition, gates, timed};
pub use index::{target, targets};
pub use ledger::{Failure, Hold, Holds, Ledger, STATUS_INTERVAL, Tick, Would};
pub use listed::{Listers, listers};
pub use mark::Mark;
pub use owed::{OWED_BYTES_MAX, Owed};
pub use pace::Pace;
pub use record::{
    STATUS, SUMMARY, WAVE_COMPLETE, WAVE_FAILED, application_object, application_of, gates_key, notebook_kind,
};
pub use state::{
    ACTED_MAX, BASELINE_RUNS_MAX, DEPARTED_MAX, FIRED_MAX, How, ITEMS_MAX, Keep, LOADS_MAX, Load, NOTES_MAX,
    SETTLED_KEEP, SETTLED_MAX, STATE_BYTES_MAX, Settled, State, TIMELESS_MAX,
};
pub use types::{
    BACKOFF_DEFAULT, BACKOFF_MAX, Branch, Cause, DEADLINE_DEFAULT, Effect, EventDraft, Firing, Gate, Intent,
    MEMBERS_MAX, RETRIES_DEFAULT, Reason, RuleId, Settle, Standing, Unit, Verdict, later,
};
pub use world::{Annotated, Attempt, BLOCK_WAVE, CLOCK_SKEW, Change, EPISODES_MAX, Entry, Listing, TRIGGER, World};
pub use write::{CAUSES, RULE, Write, WriteOp, writes};
