//! Rules from outside, read and compiled again whenever they change.
//!
//! INVARIANT: rules that do not compile, or cannot be read, never replace those that do; the refusal is told.
//!
//! The folder is watched (a ConfigMap swaps its `..data` link), and looked at now and then all the same: a watch ends with the
//! folder that it is on, and network filesystems tell nothing.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notify::{RecursiveMode, Watcher as _};
use tokio::sync::{Notify, mpsc, watch};

use super::env::{Read, RuleTexts, Rules};
use super::request::shortened;
use crate::diagnostic::{Diagnostic, Severity, Sources};

/// A change is read after so long without another.
pub const QUIET_MILLISECONDS: u64 = 100;
/// A change is read after so long in any case.
pub const QUIET_MILLISECONDS_MAX: u64 = 1_000;
/// How often the folder is looked at though nothing was told.
pub const LOOK_SECONDS: u64 = 10;
/// Diagnostics that are logged and shown, at most.
pub const DIAGNOSTICS_MAX: usize = 20;

/// What became of rules that were read.
#[derive(Clone, Debug)]
pub enum Load<B> {
    /// They compile. What they say, and warnings, one line each.
    Good(Arc<B>, Vec<String>),
    /// They cannot be used. One line a reason.
    Refused(Vec<String>),
}

/// Compiles rule files: what they say if there are no errors, and all diagnostics.
pub type Compile<B> = Arc<dyn Fn(&[(String, String)]) -> Compiled<B> + Send + Sync>;

/// What compiling gives.
pub struct Compiled<B> {
    /// What the files say; none if there are errors.
    pub rulebook: Option<Arc<B>>,
    /// The files, for the places of diagnostics.
    pub sources: Sources,
    /// All findings.
    pub diagnostics: Vec<Diagnostic>,
}

/// Tells every change until nobody listens. The first is told at once.
pub async fn run<B: Send + Sync + 'static>(rules: Rules, compile: Compile<B>, loads: mpsc::Sender<Load<B>>) {
    let mut last: Option<RuleTexts> = None;
    let mut source = Source::new(rules);
    loop {
        let texts = source.read();
        if last.as_ref() != Some(&texts) {
            let load = load(&texts, &compile);
            last = Some(texts);
            if loads.send(load).await.is_err() {
                return;
            }
        }
        tokio::select! {
            biased;
            () = loads.closed() => return,
            more = source.changed() => if !more {
                // The channel is closed: what it last held stays.
                return loads.closed().await;
            },
        }
    }
}

fn load<B>(texts: &RuleTexts, compile: &Compile<B>) -> Load<B> {
    let texts = match texts {
        Ok(texts) => texts,
        Err(why) => return Load::Refused(vec![shortened(why)]),
    };
    let Compiled { rulebook, sources, diagnostics } = compile(texts);
    let lines = |severity: Severity| {
        let chosen: Vec<&Diagnostic> = diagnostics.iter().filter(|d| d.severity == severity).collect();
        let more = chosen.len().saturating_sub(DIAGNOSTICS_MAX);
        let mut lines: Vec<String> = chosen.iter().take(DIAGNOSTICS_MAX).map(|d| line(&sources, d)).collect();
        lines.extend((more > 0).then(|| format!("and {more} more")));
        lines
    };
    match rulebook {
        Some(rulebook) => Load::Good(rulebook, lines(Severity::Warning)),
        None => Load::Refused(lines(Severity::Error)),
    }
}

fn line(sources: &Sources, diagnostic: &Diagnostic) -> String {
    let help = if diagnostic.help.is_empty() { String::new() } else { format!(" ({})", diagnostic.help) };
    shortened(&format!("{}: {}: {}{help}", sources.place(diagnostic.span), diagnostic.code, diagnostic.message))
}

enum Source {
    Path { path: PathBuf, read: Read, told: Arc<Notify>, watcher: Option<notify::RecommendedWatcher> },
    Channel(watch::Receiver<RuleTexts>),
}

impl Source {
    fn new(rules: Rules) -> Source {
        match rules {
            Rules::Path(path, read) => Source::Path { path, read, told: Arc::new(Notify::new()), watcher: None },
            Rules::Channel(receiver) => Source::Channel(receiver),
        }
    }

    /// What is there now. The watch is set before reading, so that no change falls between the two.
    fn read(&mut self) -> RuleTexts {
        match self {
            Source::Channel(receiver) => receiver.borrow_and_update().clone(),
            Source::Path { path, read, told, watcher } => {
                *watcher = watch_path(path, told);
                read()
            }
        }
    }

    /// Waits until there may be something new. False: there never will be.
    async fn changed(&mut self) -> bool {
        match self {
            Source::Channel(receiver) => receiver.changed().await.is_ok(),
            Source::Path { told, .. } => {
                let look = Duration::from_secs(LOOK_SECONDS);
                if tokio::time::timeout(look, told.notified()).await.is_ok() {
                    quiet(told).await;
                }
                true
            }
        }
    }
}

/// Waits until nothing has been told for a moment: an editor or kubelet makes several changes in a row.
async fn quiet(told: &Notify) {
    let settled = async {
        while tokio::time::timeout(Duration::from_millis(QUIET_MILLISECONDS), told.notified()).await.is_ok() {}
    };
    let _ = tokio::time::timeout(Duration::from_millis(QUIET_MILLISECONDS_MAX), settled).await;
}

/// A new watch each time: the folder may have been replaced. None when that is not possible; then the regular look has to do.
fn watch_path(path: &Path, told: &Arc<Notify>) -> Option<notify::RecommendedWatcher> {
    let teller = Arc::clone(told);
    let changed = move |event: notify::Result<notify::Event>| {
        // Reading the files is an event too.
        if !event.is_ok_and(|event| event.kind.is_access()) {
            teller.notify_one();
        }
    };
    let mut watcher = notify::recommended_watcher(changed).ok()?;
    // A file is replaced by renaming another over it, so its folder is watched.
    let (folder, mode) = match path.parent() {
        Some(parent) if path.is_file() => (parent, RecursiveMode::NonRecursive),
        _ => (path, RecursiveMode::Recursive),
    };
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    watcher.watch(folder, mode).ok()?;
    Some(watcher)
}
