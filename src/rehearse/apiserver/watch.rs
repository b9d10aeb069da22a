//! Watches: a cursor in the history of one resource. A slow reader loses nothing until the history forgets what it has
//! not read; then it is told `410 Expired`, as by the real server.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use futures::Stream;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::Instant;

use super::failure::ApiError;
use super::json::{Object, edit_meta, put};
use super::kinds::Resource;
use super::list::ListOptions;
use super::request::{Projection, Query};
use super::state::{Change, State};
use super::{Shared, builtin};

/// Between two bookmarks of a quiet watch, and before its end (the real server's figures).
const BOOKMARK_PERIOD: Duration = Duration::from_secs(60);
const BOOKMARK_BEFORE_END: Duration = Duration::from_secs(2);

/// A watch that has been admitted and not yet begun.
pub(super) struct Watch {
    resource: Arc<Resource>,
    namespace: Option<String>,
    options: ListOptions,
    projection: Projection,
    bookmarks: bool,
    seconds: Option<u64>,
    cursor: u64,
    pending: VecDeque<Bytes>,
    signal: watch::Receiver<u64>,
}

impl Watch {
    /// Admits a watch: finds where it begins, and queues what it must first send.
    pub fn open(
        state: &mut State,
        resource: &Arc<Resource>,
        namespace: Option<&str>,
        projection: Projection,
        query: &Query,
    ) -> Result<Self, ApiError> {
        let options = ListOptions::parse(resource, query, true)?;
        let bookmarks = query.flag("allowWatchBookmarks");
        let current = state.revision;
        let collection = state.collection(&resource.storage);
        let mut watch = Self {
            resource: Arc::clone(resource),
            namespace: namespace.map(str::to_owned),
            projection,
            bookmarks,
            seconds: query.get("timeoutSeconds").parse().ok().filter(|seconds| *seconds > 0),
            cursor: options.version.unwrap_or_default(),
            pending: VecDeque::new(),
            signal: collection.signal(),
            options,
        };
        let asked = watch.options.version;
        let initial = match query.has("sendInitialEvents") {
            true => query.flag("sendInitialEvents"),
            false => asked.unwrap_or_default() == 0,
        };
        if initial {
            for (key, object) in &collection.objects {
                if watch.within(&key.namespace) && watch.options.selector.matches(object) {
                    watch.push("ADDED", object, None);
                }
            }
        }
        if initial || asked.unwrap_or_default() == 0 {
            watch.cursor = current;
        }
        if initial && bookmarks {
            watch.bookmark(current, true);
        }
        Ok(watch)
    }

    fn within(&self, namespace: &str) -> bool {
        self.namespace.as_deref().is_none_or(|own| own == namespace)
    }

    /// Queues the changes since the cursor. False when the stream is over.
    fn catch_up(&mut self, state: &mut State) -> bool {
        let collection = state.collection(&self.resource.storage);
        if self.cursor < collection.forgotten {
            let message = format!("too old resource version: {} ({})", self.cursor, collection.forgotten);
            self.line("ERROR", ApiError::expired(message).to_status());
            return false;
        }
        let changes: Vec<Change> = collection.changes_after(self.cursor).cloned().collect();
        let ended = collection.ended;
        for change in &changes {
            self.deliver(change);
            self.cursor = change.revision;
        }
        !ended
    }

    /// One change as this watch sees it: coming into the selection is an addition, leaving it a deletion.
    fn deliver(&mut self, change: &Change) {
        if !self.within(&change.key.namespace) {
            return;
        }
        let selected = |object: &&Arc<Object>| self.options.selector.matches(object);
        let before = change.old.as_ref().filter(selected);
        let after = change.new.as_ref().filter(selected);
        match (before, after) {
            (None, Some(new)) => self.push("ADDED", new, None),
            (Some(_), Some(new)) => self.push("MODIFIED", new, None),
            (Some(old), None) => self.push("DELETED", old, Some(change.revision)),
            (None, None) => {}
        }
    }

    fn push(&mut self, kind: &str, stored: &Object, revision: Option<u64>) {
        let mut object = builtin::to_served(&self.resource, stored);
        if let Some(revision) = revision {
            edit_meta(&mut object, |meta| put(meta, "resourceVersion", Some(Value::from(revision.to_string()))));
        }
        let object = match self.projection {
            Projection::Metadata | Projection::MetadataList => super::answer::metadata_only(object),
            _ => Value::Object(object),
        };
        self.line(kind, object);
    }

    fn bookmark(&mut self, revision: u64, ends_initial: bool) {
        let (version, kind) = match self.projection {
            Projection::Metadata | Projection::MetadataList => ("meta.k8s.io/v1".to_owned(), "PartialObjectMetadata"),
            _ => (self.resource.api_version(), self.resource.kind.as_str()),
        };
        let mut metadata = json!({"resourceVersion": revision.to_string()});
        if let Some(fields) = metadata.as_object_mut().filter(|_| ends_initial) {
            fields.insert("annotations".to_owned(), json!({"k8s.io/initial-events-end": "true"}));
        }
        let object = json!({"apiVersion": version, "kind": kind, "metadata": metadata});
        self.line("BOOKMARK", object);
    }

    fn line(&mut self, kind: &str, object: Value) {
        let mut line = json!({"type": kind, "object": object}).to_string();
        line.push('\n');
        self.pending.push_back(Bytes::from(line));
    }

    /// The stream of lines. It ends when its time is over, after an error, or when the server ends it.
    pub fn stream(self, shared: &Arc<Shared>) -> impl Stream<Item = Result<Bytes, std::io::Error>> + Send + 'static {
        let now = Instant::now();
        let length = Duration::from_secs(self.seconds.unwrap_or(shared.settings.watch_seconds_default));
        let session = Session {
            closing: shared.closing.subscribe(),
            shared: Arc::downgrade(shared),
            deadline: now + length,
            next_bookmark: match length.checked_sub(BOOKMARK_BEFORE_END) {
                Some(last) if !last.is_zero() => now + last.min(BOOKMARK_PERIOD),
                _ => now + length,
            },
            over: false,
            watch: self,
        };
        futures::stream::unfold(
            session,
            |mut session| async move { session.next().await.map(|line| (Ok(line), session)) },
        )
    }
}

/// A watch that runs.
struct Session {
    watch: Watch,
    shared: Weak<Shared>,
    closing: watch::Receiver<u64>,
    deadline: Instant,
    next_bookmark: Instant,
    over: bool,
}

impl Session {
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(line) = self.watch.pending.pop_front() {
                return Some(line);
            }
            if self.over {
                return None;
            }
            self.watch.signal.mark_unchanged();
            self.over = !self.catch_up();
            if self.over || !self.watch.pending.is_empty() {
                continue;
            }
            let bookmark_due = self.watch.bookmarks && self.next_bookmark <= self.deadline - BOOKMARK_BEFORE_END;
            // Changes come first: at the very end of its time a watch still delivers what has happened.
            tokio::select! {
                biased;
                _ = self.closing.changed() => self.over = true,
                changed = self.watch.signal.changed() => self.over = changed.is_err(),
                () = tokio::time::sleep_until(self.next_bookmark), if bookmark_due => self.bookmark(),
                () = tokio::time::sleep_until(self.deadline) => self.over = true,
            }
        }
    }

    fn catch_up(&mut self) -> bool {
        let Some(shared) = self.shared.upgrade() else { return false };
        let mut state = shared.state();
        self.watch.catch_up(&mut state)
    }

    fn bookmark(&mut self) {
        let Some(shared) = self.shared.upgrade() else { return };
        let mut state = shared.state();
        // A bookmark says that everything before it was sent: so send it, under the same lock.
        self.over = !self.watch.catch_up(&mut state);
        if !self.over {
            self.watch.bookmark(state.revision, false);
            self.watch.cursor = self.watch.cursor.max(state.revision);
        }
        let last = self.deadline - BOOKMARK_BEFORE_END;
        let next = self.next_bookmark + BOOKMARK_PERIOD;
        self.next_bookmark = if self.next_bookmark < last { next.min(last) } else { self.deadline };
    }
}
