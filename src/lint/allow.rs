//! Silencing a finding where it stands: `# tidegate: allow TG605 the reason`.
//!
//! In a manifest, the comment counts for the document that it stands in, or, between documents, for the one that follows. In a rule file it counts for
//! what that file says; with an object after the code, `# tidegate: allow TG605 for pvc models: the reason`, for that object of the manifests, since
//! manifests that kustomize renders keep no comments.

use crate::diagnostic::{Code, Diagnostic, FileId, Sources, Span};
use crate::manifests::{Object, Platform};
use crate::rulebook::Rulebook;

const WORDS: &str = "# tidegate: allow ";

/// One comment.
#[derive(Debug)]
struct Allow {
    code: String,
    /// `KIND NAME` or `KIND NAMESPACE/NAME`, in a rule file.
    object: Option<(String, String)>,
    reason: String,
    place: Span,
    /// The bytes that it counts for; none: the whole file.
    document: Option<Span>,
    used: bool,
}

/// The comments of all texts.
#[derive(Debug, Default)]
pub struct Allows {
    allows: Vec<Allow>,
}

impl Allows {
    /// Reads the comments of rule files and manifests.
    #[must_use]
    pub fn read(sources: &Sources, rule_files: &[FileId], platform: Option<&Platform>) -> Self {
        let mut allows = Vec::new();
        let mut places = None;
        for (file, source) in sources.iter() {
            if !source.text.contains(WORDS) {
                continue;
            }
            let rules = rule_files.contains(&file);
            for (start, line) in comments(&source.text) {
                let mut allow = read(line, rules, place(file, start, line.len()));
                if !rules {
                    let places = places.get_or_insert_with(|| Places::of(platform));
                    allow.document = Some(document(allow.place, &source.text, places));
                }
                allows.push(allow);
            }
        }
        Allows { allows }
    }
}

/// The findings that no comment silences, then what is wrong with comments: no reason, no such code, nothing that it silences. Errors of reading (a file that is not YAML) cannot be silenced.
#[must_use]
pub fn allowed(
    found: Vec<Diagnostic>,
    mut allows: Allows,
    platform: Option<&Platform>,
    rulebook: &Rulebook,
) -> Vec<Diagnostic> {
    if allows.allows.is_empty() {
        return found;
    }
    let places = Places::of(platform);
    let mut left = Vec::with_capacity(found.len());
    for finding in found {
        let object = places.at(finding.span);
        let silenced = allows.allows.iter_mut().filter(|allow| allow.covers(&finding, object, rulebook));
        if silenced.map(|allow| allow.used = true).count() == 0 || finding.code == Code::YAML {
            left.push(finding);
        }
    }
    left.extend(allows.allows.iter().filter_map(Allow::wrong));
    crate::diagnostic::sort(&mut left);
    left
}

impl Allow {
    fn covers(&self, finding: &Diagnostic, object: Option<&Object>, rulebook: &Rulebook) -> bool {
        if finding.code.to_string() != self.code || self.reason.is_empty() {
            return false;
        }
        if let Some((kind, name)) = &self.object {
            return object.is_some_and(|object| names(object, kind, name, rulebook));
        }
        let inside =
            |place: Span| place.file == finding.span.file && (place.start..=place.end).contains(&finding.span.start);
        self.document.map_or(self.place.file == finding.span.file, inside)
    }

    fn wrong(&self) -> Option<Diagnostic> {
        let known = crate::diagnostic::CODES.iter().any(|info| info.code.to_string() == self.code);
        if !known {
            let message = format!("`{}` is not a code", self.code);
            let help = "write a code such as `TG605`; docs/errors.md has them all";
            return Some(Diagnostic::warning(Code::ALLOW, self.place, message).help(help));
        }
        if self.reason.is_empty() {
            let message = format!("`allow {}` without a reason silences nothing", self.code);
            return Some(
                Diagnostic::warning(Code::ALLOW, self.place, message).help("say after the code why it is meant so"),
            );
        }
        let message = format!("`allow {}` silences nothing here", self.code);
        (!self.used).then(|| Diagnostic::note(Code::ALLOW, self.place, message).help("take it away"))
    }
}

/// Each comment with its first byte. A `#` begins a comment at the start of a line or after a blank.
fn comments(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.match_indices(WORDS).filter_map(|(at, _)| {
        let before = text.get(..at)?;
        let line = text.get(at..)?.lines().next()?;
        (before.is_empty() || before.ends_with(['\n', ' ', '\t', '\u{feff}'])).then(|| (at, line.trim_end()))
    })
}

fn read(line: &str, rules: bool, place: Span) -> Allow {
    let rest = line.strip_prefix(WORDS).unwrap_or_default().trim();
    let (code, rest) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let named = rest.strip_prefix("for ").filter(|_| rules).and_then(|rest| {
        let (object, reason) = rest.split_once(':')?;
        let mut words = object.split_whitespace();
        let (kind, name) = (words.next()?, words.next()?);
        words.next().is_none().then(|| ((kind.to_owned(), name.to_owned()), reason))
    });
    let (object, reason) = named.map_or((None, rest), |(object, reason)| (Some(object), reason));
    Allow { code: code.to_owned(), object, reason: reason.trim().to_owned(), place, document: None, used: false }
}

fn place(file: FileId, start: usize, length: usize) -> Span {
    let at = |byte: usize| u32::try_from(byte).unwrap_or(u32::MAX);
    Span { file, start: at(start), end: at(start + length) }
}

/// The document that a comment stands in, or the next one; from the comment to the end of that document.
fn document(comment: Span, text: &str, places: &Places<'_>) -> Span {
    let end = u32::try_from(text.len()).unwrap_or(u32::MAX);
    let found = places.ending_after(comment).map_or(Span { end, ..comment }, |object| object.place);
    Span { start: found.start.min(comment.start), ..found }
}

/// The objects of manifests in the order of their places. Places of one file do not overlap.
struct Places<'p>(Vec<&'p Object>);

impl<'p> Places<'p> {
    fn of(platform: Option<&'p Platform>) -> Self {
        let mut objects: Vec<&Object> = platform.iter().flat_map(|platform| &platform.objects).collect();
        objects.sort_by_key(|object| object.place);
        Places(objects)
    }

    /// The object whose document a place stands in.
    fn at(&self, place: Span) -> Option<&'p Object> {
        let before =
            self.0.partition_point(|object| (object.place.file, object.place.start) <= (place.file, place.start));
        let object = before.checked_sub(1).and_then(|at| self.0.get(at)).copied()?;
        (object.place.file == place.file && place.start <= object.place.end).then_some(object)
    }

    /// The first object of the file that ends after a place begins.
    fn ending_after(&self, place: Span) -> Option<&'p Object> {
        let after = self.0.partition_point(|object| (object.place.file, object.place.end) <= (place.file, place.start));
        self.0.get(after).copied().filter(|object| object.place.file == place.file)
    }
}

fn names(object: &Object, kind: &str, name: &str, rulebook: &Rulebook) -> bool {
    let short = rulebook
        .kind_by_type(&object.group, &object.kind)
        .and_then(|kind| rulebook.kind(kind))
        .map(|kind| &*kind.short);
    let (namespace, name) = name.split_once('/').map_or((None, name), |(namespace, name)| (Some(namespace), name));
    (short == Some(kind) || kind.eq_ignore_ascii_case(&object.kind))
        && *object.name == *name
        && namespace.is_none_or(|ns| *object.namespace == *ns)
}
