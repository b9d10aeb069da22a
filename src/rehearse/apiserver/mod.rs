//! A Kubernetes API server in memory, behind kube's own `Client`: the controller runs on it unchanged.
//!
//! In: HTTP requests of a `kube::Client` (a tower service), and direct calls of simulators. Out: the answers, watch
//! streams, and an audit log. It knows HTTP, JSON and the API conventions of Kubernetes; it may not know rules, the engine,
//! or what any custom resource means.
//!
//! Everything is deterministic: uids, generated names and resourceVersions come from counters, the time in objects from the
//! clock it is given, pauses and timeouts from tokio's time, which a test may pause. One suite, `tests/conformance`, runs
//! every case against this server and a real kube-apiserver and asks for the same answers.
//!
//! # What is deliberately not implemented
//!
//! - Schemas: custom resources are not validated, pruned or defaulted; versions are served without conversion.
//! - Built-in kinds are neither defaulted nor validated in `spec` and `status`, and keep unknown fields (a Job gets no
//!   selector and no labels, and its conditions are not cross-checked), save: Events (both groups), keys and size of ConfigMaps and Secrets, Namespaces.
//!   Events can be changed after creation. Secrets' `stringData` is not encoded.
//! - `metadata.managedFields` is not shown. Server-side apply knows owners of fields; each list is one field, also those
//!   that the real server merges by key.
//! - Strategic merge patches (415), protobuf, tables, `scale`, `eviction`, `log`, `exec` and other subresources than
//!   `status`; OpenAPI; aggregation; admission; authentication and authorization (a SelfSubjectAccessReview is always
//!   allowed; refusals are for the fault hook).
//! - No controllers run: nobody completes a Job or makes pods, and dependents, the finalizers `orphan` and
//!   `foregroundDeletion`, and terminating Namespaces stay until [`ApiServer::collect_garbage`] is called. Pods end at once,
//!   without a grace period. Events do not expire.
//! - A definition's resource is served as soon as it is created, not some milliseconds later, and goes at once.
//! - Continue tokens do not outlive the history of changes; an expired one comes without a token to go on with.

mod answer;
mod apply;
mod builtin;
mod changes;
mod collector;
mod crd;
mod discovery;
mod failure;
mod handle;
mod json;
mod kinds;
mod list;
mod patch;
mod removal;
mod request;
mod selector;
mod service;
mod state;
mod validate;
mod verbs;
mod watch;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use changes::Stored;
pub use failure::ApiError;
pub use kinds::Resource;
pub use request::RequestInfo;
pub use service::{ApiService, AuditRecord, Fault, FaultHook};

use state::State;

/// The time by which objects are stamped.
pub type Clock = Arc<dyn Fn() -> jiff::Timestamp + Send + Sync>;

/// What can be set.
#[derive(Clone)]
pub struct Settings {
    /// Time for `creationTimestamp`, `deletionTimestamp` and the audit log.
    pub clock: Clock,
    /// Changes that each resource remembers. A watch that begins earlier, or falls behind by more, gets `410 Expired`.
    pub history_changes_max: usize,
    /// Seconds that a watch runs when it does not say.
    pub watch_seconds_default: u64,
}

impl Settings {
    /// The usual settings with this clock.
    pub fn new(clock: Clock) -> Self {
        Self { clock, history_changes_max: 100_000, watch_seconds_default: 1800 }
    }
}

/// A handle on the server; clones are the same server.
#[derive(Clone)]
pub struct ApiServer {
    shared: Arc<Shared>,
}

/// What the handles share.
struct Shared {
    settings: Settings,
    state: Mutex<State>,
    faults: Mutex<Option<FaultHook>>,
    audit: Mutex<Vec<AuditRecord>>,
    sequence: AtomicU64,
    closing: tokio::sync::watch::Sender<u64>,
}

/// INVARIANT: no lock is held across an await, and none is taken while another is held, so nothing can wait for ever. A
/// panic under a lock leaves plain data behind, so a poisoned lock is taken as it is.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    fn next_sequence(&self) -> u64 {
        self.sequence.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn fault(&self, request: &RequestInfo) -> Fault {
        let hook = lock(&self.faults).clone();
        hook.map_or(Fault::None, |hook| hook(request))
    }

    fn log(&self, record: AuditRecord) {
        lock(&self.audit).push(record);
    }
}

impl ApiServer {
    /// A server with the built-in kinds and the namespaces that a new cluster has.
    pub fn new(clock: Clock) -> Self {
        Self::with_settings(Settings::new(clock))
    }

    /// A server with settings.
    pub fn with_settings(settings: Settings) -> Self {
        let state = State::new(Arc::clone(&settings.clock), settings.history_changes_max);
        let server = Self {
            shared: Arc::new(Shared {
                settings,
                state: Mutex::new(state),
                faults: Mutex::new(None),
                audit: Mutex::new(Vec::new()),
                sequence: AtomicU64::new(0),
                closing: tokio::sync::watch::Sender::new(0),
            }),
        };
        for name in ["default", "kube-node-lease", "kube-public", "kube-system"] {
            // These names are good, so nothing can be refused.
            let _ = server.ensure_namespace(name);
        }
        server
    }

    /// The tower service, for a client that is put together by hand. `caller` tags its requests in the audit log.
    pub fn service(&self, caller: &str) -> ApiService {
        ApiService { server: self.clone(), caller: Arc::from(caller) }
    }

    /// A client without a tag. Must be called within a tokio runtime, as kube's client spawns a task.
    pub fn client(&self) -> kube::Client {
        self.client_as("")
    }

    /// A client whose requests carry a tag in the audit log and before the fault hook. Must be called within a tokio
    /// runtime.
    pub fn client_as(&self, caller: &str) -> kube::Client {
        kube::Client::new(self.service(caller), "default")
    }

    /// Every request made through a client so far, in the order in which they were answered.
    pub fn audit(&self) -> Vec<AuditRecord> {
        lock(&self.shared.audit).clone()
    }

    /// Takes the audit log away, so that the next call gives only what came after.
    pub fn take_audit(&self) -> Vec<AuditRecord> {
        std::mem::take(&mut *lock(&self.shared.audit))
    }

    /// Sets what decides about faults; `None` for no faults.
    pub fn set_faults(&self, hook: Option<FaultHook>) {
        *lock(&self.shared.faults) = hook;
    }
}
