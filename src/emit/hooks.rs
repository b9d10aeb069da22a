//! `emit hooks`: for each block that health alone does not hold, a hook Job of the Sync phase that runs `tidegate wait`, with an account
//! and a role that lets it look at what its condition names, and at nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{Result, Write as _};
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::yaml::scalar;
use crate::diagnostic::Sources;
use crate::graph::BlockMeans;
use crate::rulebook::{Filter, KindIx, Rule, Rulebook, Term};

/// Characters of a Job's name: its pods carry it in a label. Source: Kubernetes `batch/v1`.
const NAME_CHARS_MAX: usize = 63;
/// The pod's time to start, beyond the condition's deadline.
const START_SECS: u64 = 600;

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Options {
    /// The image that the hooks run.
    pub image: String,
    /// How long a hook waits where its rule has no `within`.
    pub timeout: Duration,
}

/// The hooks as YAML; empty when none is needed. The same bytes for the same rules and blocks.
#[must_use]
pub fn hooks(rulebook: &Rulebook, sources: &Sources, blocks: &[BlockMeans], options: &Options) -> String {
    let mut out = String::new();
    for block in blocks.iter().filter(|block| block.works()) {
        let rule = rulebook.rules.iter().find(|rule| rule.name == block.rule);
        let Some((rule, wave)) = rule.zip(block.hook_wave()) else { continue };
        let hook = Hook { rulebook, sources, rule, block, wave, options, name: name(block) };
        // Writing to a String does not fail.
        let _ = hook.print(&mut out);
    }
    out
}

/// `tidegate-wait-reload-4`, never longer than a Job's name may be.
fn name(block: &BlockMeans) -> String {
    let wave = block.wave.to_string().replace('-', "minus-");
    let lower = block.rule.to_lowercase();
    let rule: String = lower.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let whole = format!("tidegate-wait-{}-{wave}", rule.trim_matches('-'));
    if whole.len() <= NAME_CHARS_MAX && rule == *block.rule {
        return whole;
    }
    let hash: String = Sha256::digest(block.rule.as_bytes()).iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    let room = NAME_CHARS_MAX.saturating_sub(hash.len() + wave.len() + "tidegate-wait---".len());
    let rule: String = rule.trim_matches('-').chars().take(room).collect();
    format!("tidegate-wait-{}-{hash}-{wave}", rule.trim_end_matches('-'))
}

struct Hook<'r> {
    rulebook: &'r Rulebook,
    sources: &'r Sources,
    rule: &'r Rule,
    block: &'r BlockMeans,
    wave: i64,
    options: &'r Options,
    name: String,
}

/// Kinds with the names that are asked for; no names: all objects of the kind.
type Reads = BTreeMap<KindIx, Option<BTreeSet<Arc<str>>>>;

impl Hook<'_> {
    fn print(&self, out: &mut String) -> Result {
        let namespace = self.namespace();
        writeln!(out, "# Holds wave {} for rule {}, made by `tidegate emit hooks`;", self.block.wave, self.rule.name)?;
        writeln!(out, "# make it again when the rule changes. Put it among the application's manifests.")?;
        writeln!(out, "apiVersion: v1\nkind: ServiceAccount")?;
        self.metadata(out, Some(&namespace))?;
        writeln!(out, "automountServiceAccountToken: false")?;
        for (place, reads) in self.reads() {
            self.role(out, place.as_deref(), &reads, &namespace)?;
        }
        let kinds = self.own_kinds();
        if !kinds.is_empty() {
            writeln!(out, "---\napiVersion: v1\nkind: ConfigMap")?;
            self.metadata(out, Some(&namespace))?;
            writeln!(out, "data:\n  kinds.tide: |")?;
            kinds.lines().try_for_each(|line| writeln!(out, "{}", format!("    {line}").trim_end()))?;
        }
        writeln!(out, "---")?;
        self.job(out, &namespace, !kinds.is_empty())?;
        writeln!(out, "---")
    }

    /// Where the hook runs: beside the first object that the condition names.
    fn namespace(&self) -> Arc<str> {
        let mut named = self.rule.terms.iter().filter_map(|term| match &term.source.object {
            Some(object) => Some(object.namespace.clone()).filter(|ns| !ns.is_empty()),
            None => term.source.namespace.clone(),
        });
        named.next().unwrap_or_else(|| self.rulebook.namespace.clone())
    }

    fn metadata(&self, out: &mut String, namespace: Option<&str>) -> Result {
        writeln!(out, "metadata:\n  name: {}", self.name)?;
        if let Some(namespace) = namespace {
            writeln!(out, "  namespace: {}", scalar(namespace))?;
        }
        writeln!(out, "  annotations:\n    argocd.argoproj.io/sync-wave: \"{}\"", self.wave)
    }

    /// What `wait` watches, by namespace; none: in all of them.
    fn reads(&self) -> BTreeMap<Option<Arc<str>>, Reads> {
        let mut reads: BTreeMap<Option<Arc<str>>, Reads> = BTreeMap::new();
        let mut add = |place: Option<Arc<str>>, kind: KindIx, name: Option<Arc<str>>| {
            let of_kind = reads.entry(place).or_default().entry(kind).or_insert_with(|| Some(BTreeSet::new()));
            match name {
                Some(name) => of_kind.iter_mut().for_each(|names| {
                    names.insert(name.clone());
                }),
                None => *of_kind = None,
            }
        };
        for term in &self.rule.terms {
            match &term.source.object {
                Some(object) => {
                    let place = Some(object.namespace.clone()).filter(|ns| !ns.is_empty());
                    add(place, object.kind, Some(object.name.clone()));
                }
                None => add(term.source.namespace.clone(), term.source.kind, None),
            }
            let application = self.rulebook.kind_by_type("argoproj.io", "Application");
            for app in term.source.filters.iter().filter_map(|filter| match filter {
                Filter::Application(app) if term.source.is_listed() => Some(app),
                _ => None,
            }) {
                application.into_iter().for_each(|kind| add(Some(app.namespace.clone()), kind, Some(app.name.clone())));
            }
            if term.source.is_listed() && !term.source.filters.iter().any(|f| matches!(f, Filter::Application(_))) {
                let home = self.rulebook.application.as_ref();
                let (place, name) = home.map(|app| (app.namespace.clone(), app.name.clone())).unzip();
                application.into_iter().for_each(|kind| add(place.clone(), kind, name.clone()));
            }
        }
        reads
    }

    fn role(&self, out: &mut String, place: Option<&str>, reads: &Reads, account: &str) -> Result {
        let kind = if place.is_some() { "Role" } else { "ClusterRole" };
        writeln!(out, "---\napiVersion: rbac.authorization.k8s.io/v1\nkind: {kind}")?;
        self.metadata(out, place)?;
        writeln!(out, "rules:")?;
        for (of, names) in reads {
            let Some(of) = self.rulebook.kind(*of) else { continue };
            writeln!(out, "  - apiGroups: [{}]\n    resources: [{}]", scalar(&of.group), scalar(&of.plural))?;
            if let Some(names) = names {
                let names: Vec<String> = names.iter().map(|name| scalar(name)).collect();
                writeln!(out, "    resourceNames: [{}]", names.join(", "))?;
            }
            writeln!(out, "    verbs: [get, list, watch]")?;
        }
        writeln!(out, "---\napiVersion: rbac.authorization.k8s.io/v1\nkind: {kind}Binding")?;
        self.metadata(out, place)?;
        writeln!(out, "roleRef:\n  apiGroup: rbac.authorization.k8s.io\n  kind: {kind}\n  name: {}", self.name)?;
        writeln!(
            out,
            "subjects:\n  - kind: ServiceAccount\n    name: {}\n    namespace: {}",
            self.name,
            scalar(account)
        )
    }

    /// The users' own kinds that the condition is about, as they are written.
    fn own_kinds(&self) -> String {
        let asked: BTreeSet<KindIx> = self.rule.terms.iter().map(|term| term.source.kind).collect();
        let own = asked.into_iter().filter_map(|kind| self.rulebook.kind(kind)).filter(|kind| !kind.builtin);
        own.map(|kind| format!("{}\n", self.sources.words(kind.decl.span))).collect()
    }

    fn job(&self, out: &mut String, namespace: &str, own_kinds: bool) -> Result {
        let timeout = self.rule.within.unwrap_or(self.options.timeout).as_secs();
        let name = &self.name;
        writeln!(out, "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: {name}")?;
        writeln!(out, "  namespace: {}\n  annotations:\n    argocd.argoproj.io/hook: Sync", scalar(namespace))?;
        writeln!(out, "    argocd.argoproj.io/hook-delete-policy: BeforeHookCreation")?;
        writeln!(out, "    argocd.argoproj.io/sync-wave: \"{}\"", self.wave)?;
        writeln!(out, "spec:\n  activeDeadlineSeconds: {}\n  backoffLimit: 3", timeout.saturating_add(START_SECS))?;
        out.push_str(POD_FAILURE);
        writeln!(out, "  template:\n    metadata:\n      labels:\n        app.kubernetes.io/name: tidegate-wait")?;
        writeln!(out, "    spec:\n      restartPolicy: Never\n      serviceAccountName: {name}")?;
        out.push_str(POD_SECURITY);
        writeln!(
            out,
            "      containers:\n        - name: wait\n          image: {}",
            serde_json::json!(self.options.image)
        )?;
        writeln!(out, "          args:\n            - wait\n            - {}", serde_json::json!(self.rule.text))?;
        writeln!(out, "            - --timeout={}", duration(timeout))?;
        let of_file = |term: &Term| {
            term.source.is_listed() && !term.source.filters.iter().any(|f| matches!(f, Filter::Application(_)))
        };
        if let Some(app) = self.rulebook.application.as_ref().filter(|_| self.rule.terms.iter().any(of_file)) {
            writeln!(out, "            - --application={}/{}", app.namespace, app.name)?;
        }
        if own_kinds {
            writeln!(out, "            - --rules=/etc/tidegate/rules")?;
        }
        out.push_str(CONTAINER);
        if own_kinds {
            writeln!(
                out,
                "          volumeMounts:\n            - name: rules\n              mountPath: /etc/tidegate/rules"
            )?;
            writeln!(out, "              readOnly: true\n      volumes:\n        - name: rules")?;
            writeln!(out, "          configMap:\n            name: {name}")?;
        }
        Ok(())
    }
}

/// `2h`, `90m`, `45s`
fn duration(seconds: u64) -> String {
    match seconds {
        s if s % 3_600 == 0 => format!("{}h", s / 3_600),
        s if s % 60 == 0 => format!("{}m", s / 60),
        s => format!("{s}s"),
    }
}

/// 1: it has failed; 3: it did not hold in time. Trying again would change neither; a drained node is no verdict.
const POD_FAILURE: &str = "  podFailurePolicy:
    rules:
      - action: FailJob
        onExitCodes:
          containerName: wait
          operator: In
          values: [1, 3]
      - action: Ignore
        onPodConditions:
          - type: DisruptionTarget
";

const POD_SECURITY: &str = "      automountServiceAccountToken: true
      securityContext:
        runAsNonRoot: true
        runAsUser: 65532
        runAsGroup: 65532
        seccompProfile:
          type: RuntimeDefault
";

const CONTAINER: &str = "          resources:
            requests:
              cpu: 10m
              memory: 16Mi
            limits:
              memory: 64Mi
          securityContext:
            allowPrivilegeEscalation: false
            readOnlyRootFilesystem: true
            capabilities:
              drop: [ALL]
";
