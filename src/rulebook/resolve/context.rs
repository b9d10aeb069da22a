//! What every step of resolution shares: kinds by name, where unqualified names live, interned words, and what was found wrong.

use std::collections::HashMap;
use std::sync::Arc;

use super::names;
use crate::diagnostic::{Code, Diagnostic, Severity, Span, suggest};
use crate::expr::Interner;
use crate::rulebook::{AppName, Kind, KindIx, Model, ObjectRef};
use crate::syntax::tree;

/// Argo CD's own namespace where nothing else is said.
pub(super) const ARGO_NAMESPACE: &str = "argocd";

/// Words that people write for built-in kinds, and the short name to write. Not accepted, only suggested: one name each.
const ALIASES: &[(&str, &str)] = &[
    ("app", "application"),
    ("applications", "application"),
    ("appset", "applicationset"),
    ("cert", "certificate"),
    ("cj", "cronjob"),
    ("cronjobs", "cronjob"),
    ("cwf", "cronworkflow"),
    ("deploy", "deployment"),
    ("deployments", "deployment"),
    ("ds", "daemonset"),
    ("dv", "datavolume"),
    ("es", "externalsecret"),
    ("gitrepo", "gitrepository"),
    ("hr", "helmrelease"),
    ("ig", "inferencegraph"),
    ("inferenceservice", "isvc"),
    ("inferenceservices", "isvc"),
    ("jobs", "job"),
    ("katib", "katibexperiment"),
    ("ks", "kustomization"),
    ("kwl", "workload"),
    ("llminferenceservice", "llmisvc"),
    ("localmodel", "localmodelcache"),
    ("notebook-server", "notebookserver"),
    ("notebooks", "notebook"),
    ("notebookvalidationjob", "notebook"),
    ("notebookvalidationjobs", "notebook"),
    ("nvj", "notebook"),
    ("ocirepo", "ocirepository"),
    ("persistentvolumeclaim", "pvc"),
    ("pipeline", "pipelinerun"),
    ("pipelineruns", "pipelinerun"),
    ("po", "pod"),
    ("pods", "pod"),
    ("pr", "pipelinerun"),
    ("ro", "rollout"),
    ("rollouts", "rollout"),
    ("sj", "scaledjob"),
    ("so", "scaledobject"),
    ("spark", "sparkapplication"),
    ("sparkapp", "sparkapplication"),
    ("sts", "statefulset"),
    ("taskruns", "taskrun"),
    ("tm", "trainedmodel"),
    ("tr", "taskrun"),
    ("vj", "vcjob"),
    ("volcanojob", "vcjob"),
    ("wf", "workflow"),
    ("wl", "workload"),
    ("workflows", "workflow"),
];

/// Where the unqualified names of one file live.
#[derive(Clone, Debug)]
pub(super) struct Home {
    /// `namespace X`, else the option, else `default`.
    pub namespace: Arc<str>,
    /// Whether it was said by somebody: then it also narrows `any` and `every`.
    pub declared: bool,
    /// `application [NS/]NAME`
    pub application: Option<AppName>,
}

impl Home {
    /// Where Applications named without a namespace live.
    pub fn argo_namespace(&self, interner: &mut Interner) -> Arc<str> {
        match &self.application {
            Some(app) => app.namespace.clone(),
            None => interner.text(ARGO_NAMESPACE),
        }
    }
}

/// The state of one resolution.
pub(super) struct Resolver<'d> {
    /// All kinds, sorted by short name.
    pub kinds: Vec<Kind>,
    /// Place of each short name in `kinds`; looked up only, never iterated.
    pub shorts: HashMap<Arc<str>, KindIx>,
    /// Words of built-in kinds that the user's kinds have replaced, and the words for them now.
    pub replaced: Vec<(String, String)>,
    /// Words in use.
    pub interner: Interner,
    /// The file at hand.
    pub home: Home,
    /// Models, for `is stale`.
    pub models: Vec<Model>,
    /// What was found wrong.
    pub diagnostics: &'d mut Vec<Diagnostic>,
    /// How many errors were found.
    pub errors: usize,
}

impl<'d> Resolver<'d> {
    /// Without any kind.
    pub fn new(home: Home, diagnostics: &'d mut Vec<Diagnostic>) -> Self {
        let (kinds, models, shorts) = (Vec::new(), Vec::new(), HashMap::new());
        let replaced = Vec::new();
        Resolver { kinds, shorts, replaced, interner: Interner::default(), home, models, diagnostics, errors: 0 }
    }

    /// Notes a finding.
    pub fn report(&mut self, diagnostic: Diagnostic) {
        if diagnostic.severity == Severity::Error {
            self.errors += 1;
        }
        self.diagnostics.push(diagnostic);
    }

    /// Notes a plain error.
    pub fn error(&mut self, code: Code, span: Span, message: impl Into<String>, help: impl Into<String>) {
        self.report(Diagnostic::error(code, span, message).help(help));
    }

    /// The kind behind an index.
    pub fn kind(&self, ix: KindIx) -> Option<&Kind> {
        self.kinds.get(usize::from(ix.0))
    }

    /// The short name of a kind.
    pub fn short(&self, ix: KindIx) -> Arc<str> {
        self.kind(ix).map_or_else(|| Arc::from("?"), |kind| kind.short.clone())
    }

    /// Whether a kind is Argo CD's Application, whatever its short name.
    pub fn is_application(&self, ix: KindIx) -> bool {
        self.is_type(ix, "argoproj.io", "Application")
    }

    /// Whether a kind has this group and Kind.
    pub fn is_type(&self, ix: KindIx, group: &str, kind: &str) -> bool {
        self.kind(ix).is_some_and(|k| &*k.group == group && &*k.kind == kind)
    }

    /// Looks a kind word up, with an error if nothing is declared under it.
    pub fn find_kind(&mut self, word: &tree::Name) -> Option<KindIx> {
        if let Some(ix) = self.shorts.get(word.node.as_str()) {
            return Some(*ix);
        }
        let lower = word.node.to_lowercase();
        let alias = ALIASES.iter().find(|(alias, _)| *alias == lower).map_or(&*lower, |(_, short)| *short);
        let replaced = self.replaced.iter().find(|(short, _)| *short == alias).map(|(_, now)| now.as_str());
        let alias = Some(replaced.unwrap_or(alias));
        let known = |short: &&str| self.shorts.contains_key(*short);
        let by_type =
            self.kinds.iter().find(|k| k.kind.eq_ignore_ascii_case(&lower) || *k.plural == *lower).map(|k| &*k.short);
        let meant = alias.filter(known).or(by_type);
        let meant = meant.or_else(|| suggest::nearest(&word.node, self.kinds.iter().map(|k| &*k.short)));
        let help = match meant {
            Some(short) => format!("did you mean `{short}`?"),
            None => {
                let shorts: Vec<&str> = self.kinds.iter().map(|k| &*k.short).collect();
                format!(
                    "known kinds: {}; declare others with `kind {} = GROUP/VERSION KIND (PLURAL)`",
                    shorts.join(", "),
                    word.node
                )
            }
        };
        self.error(Code::UNKNOWN_KIND, word.span, format!("there is no kind `{}`", word.node), help);
        None
    }

    /// A namespace's name, checked.
    pub fn namespace(&mut self, name: &tree::Name) -> Option<Arc<str>> {
        if let Some(wrong) = names::namespace(&name.node) {
            let message = format!("`{}` is not a name of a namespace", name.node);
            self.error(Code::NAME, name.span, message, wrong);
            return None;
        }
        Some(self.interner.text(&name.node))
    }

    /// An object's name, checked.
    fn object_name(&mut self, name: &tree::Name) -> Option<Arc<str>> {
        if let Some(wrong) = names::object_name(&name.node) {
            self.error(Code::NAME, name.span, format!("`{}` is not a name that Kubernetes takes", name.node), wrong);
            return None;
        }
        Some(Arc::from(name.node.as_str()))
    }

    /// `name` or `namespace/name` of a kind.
    pub fn object(&mut self, kind: KindIx, name: &tree::ResourceName) -> Option<ObjectRef> {
        let namespaced = self.kind(kind).is_some_and(|k| k.namespaced);
        let namespace = match &name.namespace {
            Some(given) if !namespaced => {
                let message = format!("`{}` objects do not live in namespaces", self.short(kind));
                self.error(Code::NAME, given.span, message, format!("write `{}` alone", name.name.node));
                None
            }
            Some(given) => self.namespace(given),
            None if !namespaced => Some(self.interner.text("")),
            None if self.is_application(kind) => Some(self.home.argo_namespace(&mut self.interner)),
            None => Some(self.home.namespace.clone()),
        };
        let name = self.object_name(&name.name);
        Some(ObjectRef { kind, namespace: namespace?, name: name? })
    }

    /// `KIND NAME` of an action or a statement.
    pub fn target(&mut self, target: &tree::TargetExpr) -> Option<ObjectRef> {
        let kind = self.find_kind(&target.kind)?;
        self.object(kind, &target.name)
    }

    /// The name of an Application.
    pub fn application(&mut self, name: &tree::ResourceName) -> Option<AppName> {
        let namespace = match &name.namespace {
            Some(given) => self.namespace(given),
            None => Some(self.home.argo_namespace(&mut self.interner)),
        };
        let name = self.object_name(&name.name);
        Some(AppName { namespace: namespace?, name: name? })
    }

    /// The Application as an object; an error if no kind stands for Applications (a user's kind has replaced it).
    pub fn application_object(&mut self, name: &tree::ResourceName) -> Option<ObjectRef> {
        let app = self.application(name)?;
        let kind =
            (0..self.kinds.len()).filter_map(|i| u16::try_from(i).ok()).map(KindIx).find(|ix| self.is_application(*ix));
        if kind.is_none() {
            let help = "declare one: `kind application = argoproj.io/v1alpha1 Application (applications)`";
            self.error(Code::UNKNOWN_KIND, name.span, "no kind stands for Argo CD's Application", help);
        }
        Some(ObjectRef { kind: kind?, namespace: app.namespace, name: app.name })
    }

    /// `isvc ml/fraud`: the canonical name, which does not depend on defaults.
    pub fn say(&self, object: &ObjectRef) -> String {
        let short = self.kind(object.kind).map_or("?", |k| &k.short);
        let mut text = String::with_capacity(short.len() + object.namespace.len() + object.name.len() + 40);
        text.push_str(short);
        text.push(' ');
        if !object.namespace.is_empty() {
            text.push_str(&object.namespace);
            text.push('/');
        }
        text.push_str(&object.name);
        text
    }
}
