//! What should change, and the texts with the changes made.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::super::rulebook::Loaded;
use crate::diagnostic::{self, Code, Diagnostic, FileId, Source, Sources, Span};
use crate::graph::{self, Graph, Move, Waves};
use crate::lint::{self, Subject};
use crate::manifests::{DocumentEdit, Edited, Manifests, Object, Platform, SYNC_WAVE, edit};

/// One file of the manifests.
#[derive(Debug)]
pub(super) struct Text {
    /// As it was read.
    pub source: Source,
    /// Objects were read from it.
    pub manifest: bool,
    /// Its edits, each with the number of its move.
    pub edits: Vec<(usize, DocumentEdit)>,
    /// With its edits made.
    pub edited: Edited,
    /// The Helm template behind one of the objects that change.
    pub rendered_from: Option<Arc<str>>,
}

/// The waves that the rules ask for, and the texts that carry them.
pub(super) struct Proposal {
    pub sources: Sources,
    /// The manifests with the new waves.
    pub platform: Platform,
    pub waves: Waves,
    /// Every file of the manifests, in order.
    pub texts: Vec<Text>,
    /// Moves that stay undone, by number, with the reason.
    pub refused: BTreeMap<usize, Diagnostic>,
    /// The order, with the new waves.
    graph: Graph,
}

impl Proposal {
    /// `first`: how many texts of rules come before those of manifests.
    pub fn of(loaded: Loaded, manifests: Manifests, first: usize) -> Proposal {
        let Loaded { sources, rulebook, .. } = loaded;
        let documents: BTreeSet<FileId> = manifests.documents.iter().map(|document| document.file).collect();
        let mut platform = super::plan::platform_of(manifests, &rulebook, &sources);
        let mut graph = graph::build(&rulebook, Some(&platform));
        let mut waves = graph::waves(&rulebook, &platform, &graph);
        let subject = Subject { platform: &platform, rulebook: &rulebook, graph: &graph, sources: &sources };
        waves.diagnostics.extend(lint::absent_in_after(&subject));
        let mut texts = texts(&sources, first, &documents);
        let mut refused = BTreeMap::new();
        for (number, one) in waves.moves.iter().enumerate() {
            let Some(object) = find(&mut platform, one) else { continue };
            let place = DocumentEdit {
                place: object.place.start as usize,
                item: object.item.clone(),
                annotations: vec![(SYNC_WAVE.to_owned(), Some(one.to.to_string()))],
            };
            if let Some(text) = texts.get_mut(&object.place.file) {
                text.edits.push((number, place));
                text.rendered_from = text.rendered_from.take().or_else(|| object.source.clone());
            }
            object.set_wave(one.to);
        }
        for text in texts.values_mut() {
            let edits: Vec<DocumentEdit> = text.edits.iter().map(|(_, edit)| edit.clone()).collect();
            text.edited = edit(&text.source.text, &edits);
            for (at, error) in &text.edited.refused {
                let Some((number, one)) = text.edits.get(*at).and_then(|(n, _)| Some((*n, waves.moves.get(*n)?)))
                else {
                    continue;
                };
                let Some(place) = find(&mut platform, one).map(|object| object.place) else { continue };
                let message = format!("{} stays as it is, though it should be in wave {}: {error}", one.name, one.to);
                let span = Span { end: place.start, ..place };
                let found = Diagnostic::error(Code::EDIT, span, message).label(one.because.join("; "));
                refused.insert(number, found);
            }
        }
        if !waves.moves.is_empty() {
            graph = graph::build(&rulebook, Some(&platform));
        }
        Proposal { sources, platform, waves, texts: texts.into_values().collect(), refused, graph }
    }

    /// What is wrong with the manifests, what no wave can order, and what cannot be edited.
    pub fn findings(&self) -> Vec<Diagnostic> {
        let of_waves = |d: &&Diagnostic| [Code::CYCLE, Code::WAVE_ORDER, Code::BLOCK].contains(&d.code);
        let mut found: Vec<Diagnostic> = self.platform.diagnostics.clone();
        found.extend(self.graph.diagnostics.iter().filter(of_waves).cloned());
        found.extend(self.waves.diagnostics.iter().cloned());
        found.extend(self.refused.values().cloned());
        diagnostic::sort(&mut found);
        found
    }

    /// The object of a move.
    pub fn object(&self, one: &Move) -> Option<&Object> {
        let resource = &one.resource;
        self.platform.find(&resource.group, &resource.kind, &resource.namespace, &resource.name)
    }

    /// All manifests as one stream. The only text comes as it is; of several those that hold objects.
    pub fn print(&self) -> String {
        if let [text] = self.texts.as_slice() {
            return text.edited.text.clone();
        }
        let mut out = String::new();
        for text in self.texts.iter().filter(|text| text.manifest) {
            let body = text.edited.text.strip_prefix('\u{feff}').unwrap_or(&text.edited.text);
            if !out.is_empty() && !out.ends_with('\n') {
                out.push('\n');
            }
            let first = first_line(body);
            if first.starts_with('%') && !out.is_empty() {
                // A directive is one only after the end of what stands before it.
                out.push_str("...\n");
            } else if !first.starts_with("---") && !out.is_empty() {
                out.push_str("---\n");
            }
            out.push_str(body);
        }
        out
    }
}

/// The first line that is neither blank nor a comment.
fn first_line(text: &str) -> &str {
    text.lines().find(|line| !line.trim().is_empty() && !line.starts_with('#')).unwrap_or_default()
}

fn texts(sources: &Sources, first: usize, manifests: &BTreeSet<FileId>) -> BTreeMap<FileId, Text> {
    let shared = sources.shared().count();
    let own = sources.iter().count().saturating_sub(shared);
    let files = sources.iter().take(own).skip(first);
    let text = |(file, source): (FileId, &Source)| {
        let text = Text {
            source: source.clone(),
            manifest: manifests.contains(&file),
            edits: Vec::new(),
            edited: Edited::default(),
            rendered_from: None,
        };
        (file, text)
    };
    files.map(text).collect()
}

fn find<'p>(platform: &'p mut Platform, one: &Move) -> Option<&'p mut Object> {
    let r = &one.resource;
    let key = (&r.group, &r.kind, &r.namespace, &r.name);
    // Sorted so.
    let at = platform.objects.binary_search_by(|o| (&o.group, &o.kind, &o.namespace, &o.name).cmp(&key)).ok()?;
    platform.objects.get_mut(at)
}
