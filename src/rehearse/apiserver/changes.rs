//! Changes as they are stored, for simulators: every one, in order, with who made it.

use std::sync::Arc;

use serde_json::{Map, Value};
use tokio::sync::mpsc;

use super::ApiServer;

/// One change of one object.
#[derive(Clone, Debug)]
pub struct Stored {
    /// The tag of the client that made it; empty for simulators and the server itself.
    pub by: Arc<str>,
    /// The object before; none when it was created.
    pub before: Option<Arc<Map<String, Value>>>,
    /// The object now; none when it was removed.
    pub after: Option<Arc<Map<String, Value>>>,
}

/// Tells each change to whoever listens. The queues have no bound: a simulator is part of the server.
#[derive(Default)]
pub(super) struct Listeners(Vec<mpsc::UnboundedSender<Stored>>);

impl Listeners {
    pub fn tell(&mut self, change: &Stored) {
        self.0.retain(|listener| listener.send(change.clone()).is_ok());
    }
}

impl ApiServer {
    /// Every change from now on.
    pub fn changes(&self) -> mpsc::UnboundedReceiver<Stored> {
        let (sender, receiver) = mpsc::unbounded_channel();
        self.shared.state().listeners.0.push(sender);
        receiver
    }
}
