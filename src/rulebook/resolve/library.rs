//! The built-in library: the files of `rules/`, which hold one kind each, named after the file.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::sync::LazyLock;

use crate::diagnostic::{Diagnostic, FileId, Source, Sources};
use crate::syntax::{self, tree};
use tree::Statement;

/// Name and text of each file, by name.
macro_rules! files {
    ($($name:literal)*) => {
        &[$((concat!("rules/", $name, ".tide"), include_str!(concat!("../../../rules/", $name, ".tide")))),*]
    };
}

/// The built-in library: name and text of each file in `rules/`. Those in its folders are shipped, not loaded.
pub const LIBRARY: &[(&str, &str)] = files! {
    "analysisrun"
    "application"
    "applicationset"
    "canary"
    "certificate"
    "cronjob"
    "cronworkflow"
    "daemonset"
    "datavolume"
    "deployment"
    "experiment"
    "externalsecret"
    "gitrepository"
    "helmrelease"
    "inferencegraph"
    "isvc"
    "job"
    "katibexperiment"
    "kustomization"
    "llmisvc"
    "localmodelcache"
    "mpijob"
    "notebook"
    "notebookserver"
    "ocirepository"
    "pipelinerun"
    "pod"
    "pvc"
    "pytorchjob"
    "raycluster"
    "rayjob"
    "rayservice"
    "rollout"
    "scaledjob"
    "scaledobject"
    "servingruntime"
    "sparkapplication"
    "statefulset"
    "taskrun"
    "tfjob"
    "trainedmodel"
    "trainjob"
    "vcjob"
    "workflow"
    "workload"
};

/// The kinds that `after` knows without a declaration.
const ORDER: (&str, &str) = ("rules/order/kubernetes.tide", include_str!("../../../rules/order/kubernetes.tide"));

/// The word for namespaces, and the one that people expect, which CEL reserves.
pub(super) const NS: &str = "ns";
pub(super) const NAMESPACE: &str = "namespace";

/// Most threads that parse the library.
const THREADS_MAX: usize = 4;

/// The library's texts, which all compilations share.
static TEXTS: LazyLock<Vec<Source>> = LazyLock::new(|| {
    let source = |(name, text): &(&'static str, &'static str)| Source::new(*name, *text);
    LIBRARY.iter().chain([&ORDER]).map(source).collect()
});

/// The library is parsed once a process, when the first rules are loaded.
static PARSED: LazyLock<Parsed> = LazyLock::new(parse);

/// What came of the library's texts.
pub(super) struct Parsed {
    /// One tree a file, in order.
    pub trees: Vec<tree::File>,
    /// The kinds that `after` alone knows.
    pub order: Option<tree::File>,
    /// What is wrong with them; nothing, unless a file of the library was just broken.
    pub diagnostics: Vec<Diagnostic>,
}

/// The library's texts, to be shared with a compilation's sources.
pub(super) fn texts() -> &'static [Source] {
    &TEXTS
}

/// The library's trees.
pub(super) fn parsed() -> &'static Parsed {
    &PARSED
}

/// By a few threads: at start, this is most of the work.
fn parse() -> Parsed {
    let mut sources = Sources::default();
    sources.share(texts());
    let ids: Vec<FileId> = sources.shared().map(|(id, _)| id).collect();
    let threads = std::thread::available_parallelism().map_or(1, NonZeroUsize::get).min(THREADS_MAX);
    let part = |ids: &[FileId]| {
        let mut diagnostics = Vec::new();
        let trees = ids.iter().map(|id| syntax::parse(&sources, *id, &mut diagnostics)).collect();
        Parsed { trees, order: None, diagnostics }
    };
    let mut parts = ids.chunks(ids.len().div_ceil(threads).max(1));
    std::thread::scope(|scope| {
        let first = parts.next().unwrap_or_default();
        let begin = |ids| (ids, std::thread::Builder::new().spawn_scoped(scope, move || part(ids)));
        let others: Vec<_> = parts.map(begin).collect();
        let mut all = part(first);
        for (ids, thread) in others {
            // Where no thread is to be had, it is done here.
            let found = thread.ok().and_then(|thread| thread.join().ok()).unwrap_or_else(|| part(ids));
            all.trees.extend(found.trees);
            all.diagnostics.extend(found.diagnostics);
        }
        // The last of the texts.
        all.order = all.trees.pop();
        all
    })
}

/// The kinds that `after` alone knows, as far as statements of these files name them and declare none of that word or type.
pub(super) fn ordered(files: &[tree::File]) -> Vec<&'static tree::KindDecl> {
    let statements = || files.iter().flat_map(|file| &file.statements);
    let named: BTreeSet<&str> = statements()
        .filter_map(|statement| match statement {
            Statement::After(after) => Some(after),
            _ => None,
        })
        .flat_map(|after| after.after.iter().chain([&after.subject]).map(|target| target.kind.node.as_str()))
        .collect();
    let order = PARSED.order.iter().flat_map(|file| &file.statements);
    let kinds = order.filter_map(|statement| match statement {
        Statement::Kind(kind) => Some(&**kind),
        _ => None,
    });
    let declared = |kind: &tree::KindDecl| {
        statements().any(|statement| match statement {
            Statement::Kind(own) => {
                own.short.node == kind.short.node
                    || (own.group.node == kind.group.node && own.kind.node == kind.kind.node)
            }
            _ => false,
        })
    };
    let wanted = |short: &str| named.contains(short) || (short == NS && named.contains(NAMESPACE));
    kinds.filter(|kind| wanted(&kind.short.node) && !declared(kind)).collect()
}
