//! Resource expressions to selections: which object, or what narrows `any` and `every`.

use std::sync::Arc;

use super::canonical;
use super::context::Resolver;
use super::names;
use crate::diagnostic::{Code, Diagnostic};
use crate::rulebook::{Filter, KindIx, Selection};
use crate::syntax::tree::{Name, Quantifier, ResourceExpr, ResourceName, Selector};

/// Most selectors of one resource.
const SELECTORS_MAX: usize = 16;
/// The label that Tekton puts on the runs of a pipeline. Source: Tekton Pipelines, `pkg/apis/pipeline/register.go`.
const TEKTON_PIPELINE: &str = "tekton.dev/pipeline";

impl Resolver<'_> {
    /// Resolves a resource expression; errors where it names nothing or too much.
    pub fn selection(&mut self, resource: &ResourceExpr) -> Option<Selection> {
        let before = self.errors;
        let kind = self.find_kind(&resource.kind)?;
        let word = &resource.kind.node;
        if let (Quantifier::One, Some(name)) = (resource.quantifier, &resource.name) {
            if !resource.selectors.is_empty() {
                let message = format!("`{word} {}` is one object, there is nothing to narrow", name.name.node);
                let help =
                    format!("leave the name out: `any {word} …` or `every {word} …`; or leave the selectors out");
                self.error(Code::QUANTIFIER, resource.span, message, help);
                return None;
            }
            let object = self.object(kind, name)?;
            let object = Some(object);
            return Some(Selection { quantifier: Quantifier::One, kind, object, namespace: None, filters: Vec::new() });
        }
        if resource.quantifier == Quantifier::One {
            // Without selectors too the parser has said so already.
            if !resource.selectors.is_empty() {
                let message = format!("which `{word}` is meant?");
                let help =
                    format!("write `any {word} …` for each by itself, or `every {word} …` for all of them together");
                self.error(Code::QUANTIFIER, resource.span, message, help);
            }
            return None;
        }
        let selection = self.narrowed(kind, resource);
        (self.errors == before).then_some(selection)
    }

    fn narrowed(&mut self, kind: KindIx, resource: &ResourceExpr) -> Selection {
        let namespaced = self.kind(kind).is_some_and(|k| k.namespaced);
        let default = match &self.home.application {
            Some(app) if self.is_application(kind) => Some(app.namespace.clone()),
            None if self.is_application(kind) => None,
            _ => (self.home.declared && namespaced).then(|| self.home.namespace.clone()),
        };
        let quantifier = resource.quantifier;
        let mut selection = Selection { quantifier, kind, object: None, namespace: None, filters: Vec::new() };
        if resource.selectors.len() > SELECTORS_MAX {
            let message =
                format!("{} selectors are more than the {SELECTORS_MAX} that are allowed", resource.selectors.len());
            self.error(Code::LIMIT, resource.span, message, "");
        }
        for selector in resource.selectors.iter().take(SELECTORS_MAX) {
            if let Some(filter) = self.selector(selector, &mut selection, namespaced) {
                selection.filters.push(filter);
            }
        }
        selection.namespace = selection.namespace.or(default);
        let text = |filter: &Filter| canonical::filter(&self.kinds, filter);
        let mut sorted: Vec<(String, Filter)> = Vec::new();
        sorted.extend(std::mem::take(&mut selection.filters).into_iter().map(|filter| (text(&filter), filter)));
        sorted.sort_by(|(a, _), (b, _)| a.cmp(b));
        sorted.dedup_by(|(a, _), (b, _)| a == b);
        selection.filters = sorted.into_iter().map(|(_, filter)| filter).collect();
        selection
    }

    fn selector(&mut self, selector: &Selector, selection: &mut Selection, namespaced: bool) -> Option<Filter> {
        match selector {
            Selector::Label(key, value) => self.label(key, value),
            Selector::Wave(wave) => {
                let twice =
                    selection.filters.iter().any(|f| matches!(f, Filter::Wave(w) if i64::from(*w) != wave.node));
                if twice {
                    self.error(
                        Code::QUANTIFIER,
                        wave.span,
                        "an object is in one wave only, so this matches nothing",
                        "",
                    );
                    return None;
                }
                self.wave(wave).map(Filter::Wave)
            }
            Selector::Namespace(name) => {
                if !namespaced {
                    let message = format!("`{}` objects do not live in namespaces", self.short(selection.kind));
                    self.error(Code::QUANTIFIER, name.span, message, "leave `in namespace` out");
                    return None;
                }
                let namespace = self.namespace(name)?;
                self.narrow_namespace(selection, namespace, name);
                None
            }
            Selector::Application(name) => self.application(name).map(Filter::Application),
            Selector::Of(word, name) if word.node == "pipeline" && !self.shorts.contains_key("pipeline") => {
                let name = self.owner_name(name, selection)?;
                Some(Filter::Series(self.interner.text(TEKTON_PIPELINE), name))
            }
            Selector::OwnedBy(word, name) | Selector::Of(word, name) => {
                let owner = self.find_kind(word)?;
                let name = self.owner_name(name, selection)?;
                Some(Filter::Owner(owner, name))
            }
            Selector::Where(expr) => {
                let program = self.where_program(expr, selection.kind)?;
                Some(Filter::Where(program, canonical::expr(expr)))
            }
        }
    }

    fn label(&mut self, key: &Name, value: &Name) -> Option<Filter> {
        let mut fine = true;
        if let Some(wrong) = names::key(&key.node) {
            self.error(Code::NAME, key.span, format!("`{}` is not a label's key", key.node), wrong);
            fine = false;
        }
        if let Some(wrong) = names::label_value(&value.node) {
            self.error(Code::NAME, value.span, format!("`{}` is not a label's value", value.node), wrong);
            fine = false;
        }
        fine.then(|| Filter::Label(self.interner.text(&key.node), self.interner.text(&value.node)))
    }

    /// The owner's name. An owner lives where the owned live, so a namespace given here narrows the selection.
    fn owner_name(&mut self, name: &ResourceName, selection: &mut Selection) -> Option<Arc<str>> {
        if let Some(given) = &name.namespace {
            let namespace = self.namespace(given)?;
            self.narrow_namespace(selection, namespace, given);
        }
        if let Some(wrong) = names::object_name(&name.name.node) {
            let message = format!("`{}` is not a name that Kubernetes takes", name.name.node);
            self.error(Code::NAME, name.name.span, message, wrong);
            return None;
        }
        Some(self.interner.text(&name.name.node))
    }

    fn narrow_namespace(&mut self, selection: &mut Selection, namespace: Arc<str>, word: &Name) {
        match &selection.namespace {
            Some(other) if *other != namespace => {
                let message = format!("an object cannot be in the namespaces `{other}` and `{namespace}`");
                self.report(Diagnostic::error(Code::QUANTIFIER, word.span, message).help("leave one of them out"));
            }
            _ => selection.namespace = Some(namespace),
        }
    }

    /// A sync wave, as Argo CD can hold it.
    pub fn wave(&mut self, wave: &crate::diagnostic::Spanned<i64>) -> Option<i32> {
        let number = i32::try_from(wave.node).ok();
        if number.is_none() {
            let message = format!("`{}` is not a sync wave", wave.node);
            self.error(Code::MODIFIER, wave.span, message, format!("waves go from {} to {}", i32::MIN, i32::MAX));
        }
        number
    }
}
