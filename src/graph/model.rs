//! Nodes and edges.

use std::collections::BTreeMap;
use std::sync::Arc;

use petgraph::graph::{DiGraph, NodeIndex};

use super::means::BlockMeans;
use crate::diagnostic::{Diagnostic, Span};
use crate::manifests::Phase;
use crate::rulebook::{AppName, KindIx, Rule};

/// An object, by what makes it the same object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Resource {
    /// The word for its kind: the short name of the rules, else the Kind.
    pub word: Arc<str>,
    /// API group.
    pub group: Arc<str>,
    /// Kind.
    pub kind: Arc<str>,
    /// Namespace; empty for cluster-scoped kinds.
    pub namespace: Arc<str>,
    /// Name.
    pub name: Arc<str>,
}

/// `then` or `else`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Branch {
    /// `then …`
    Then,
    /// `else …`
    Else,
}

/// What the graph is about. The order of nodes is the order of output.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Node {
    /// A wave of one phase of an application's sync.
    Wave {
        /// The application; none where nothing tells.
        application: Option<AppName>,
        /// Its phase.
        phase: Phase,
        /// Its number.
        wave: i64,
    },
    /// An object.
    Resource(Resource),
    /// `any …`, `every …`
    Selection {
        /// As the rule says it, with what is asked.
        text: Arc<str>,
        /// The rule.
        rule: Arc<str>,
    },
    /// One side of an `or` is enough.
    Choice {
        /// The rule.
        rule: Arc<str>,
        /// Which `or` of the rule, from 0.
        index: usize,
    },
    /// A block.
    Gate {
        /// The rule.
        rule: Arc<str>,
        /// Whose waves.
        application: Option<AppName>,
        /// The first wave that is held.
        wave: i32,
    },
    /// An action of a rule.
    Action {
        /// The rule.
        rule: Arc<str>,
        /// Of `then` or `else`.
        branch: Branch,
        /// Its place there, from 0.
        index: usize,
        /// As the rule says it.
        text: Arc<str>,
    },
}

/// Why something comes after something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// A resource is applied in its wave.
    InWave,
    /// The next wave begins when all of this one is healthy.
    WaveOrder,
    /// A phase begins when the one before has ended.
    Phase,
    /// A rule's condition.
    Condition,
    /// One of those that a selection means.
    Member,
    /// Actions of a rule run in order.
    Sequence,
    /// `block wave N`
    Block,
    /// `mlops.dev/block-wave`
    BlockAnnotation,
    /// `mlops.dev/on-success-trigger`
    Trigger,
    /// `… after …`
    After,
    /// An application's resources and its Application.
    Application,
    /// The order of a model's steps.
    ModelStep,
    /// What an action does to its target.
    Effect,
    /// What makes the runs that a selection means: a CronJob, a pipeline.
    Owner,
}

impl Reason {
    /// The word for it, as in JSON.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Reason::InWave => "in-wave",
            Reason::WaveOrder => "wave-order",
            Reason::Phase => "phase",
            Reason::Condition => "condition",
            Reason::Member => "member",
            Reason::Sequence => "sequence",
            Reason::Block => "block",
            Reason::BlockAnnotation => "block-annotation",
            Reason::Trigger => "trigger",
            Reason::After => "after",
            Reason::Application => "application",
            Reason::ModelStep => "model-step",
            Reason::Effect => "effect",
            Reason::Owner => "owner",
        }
    }
}

/// An edge, from what comes first to what comes later.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edge {
    /// Why.
    pub reason: Reason,
    /// What is later cannot happen before what is first has.
    pub waits: bool,
    /// The words of the rule or annotation; may be empty.
    pub text: Arc<str>,
    /// Where it is written; none for what Argo CD does by itself.
    pub place: Option<Span>,
}

/// What manifests and rules say of a resource, beside its edges.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// Its kind in the rulebook.
    pub kind: Option<KindIx>,
    /// Its application.
    pub application: Option<AppName>,
    /// It is among the manifests.
    pub rendered: bool,
    /// The phase in which it is applied first; none for what no sync applies.
    pub phase: Option<Phase>,
    /// Its wave, as Argo CD reads it.
    pub wave: i64,
    /// It carries a wave; otherwise it is in wave 0 because nothing is said.
    pub wave_given: bool,
    /// It is a hook.
    pub hook: bool,
    /// The wave that the order asks for; differs from `wave` where that is too early.
    pub wave_wanted: i64,
    /// The document, or the first place in the rules.
    pub place: Option<Span>,
    /// Where its wave stands.
    pub wave_place: Option<Span>,
}

/// What a rule says, beside its nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleNote {
    /// The condition, canonical.
    pub when: String,
    /// The sentence after its name.
    pub title: Option<Arc<str>>,
    /// Where it stands.
    pub place: Span,
    /// It comes from annotations of the manifests.
    pub annotated: bool,
}

/// The whole order.
#[derive(Debug, Default)]
pub struct Graph {
    /// Nodes and edges. Acyclic over edges that wait, unless `diagnostics` holds a cycle.
    pub dag: DiGraph<Node, Edge>,
    /// What is known of resources.
    pub about: BTreeMap<NodeIndex, About>,
    /// Every block with its means, by rule and wave.
    pub blocks: Vec<BlockMeans>,
    /// The rules, those of annotations included.
    pub rules: BTreeMap<Arc<str>, RuleNote>,
    /// The rules that annotations of the manifests mean, in the order of their objects. Their own spans point nowhere: `rules` has their places.
    pub annotated: Vec<Arc<Rule>>,
    /// Where gates and actions are written.
    pub places: BTreeMap<NodeIndex, Span>,
    /// What cannot work, and what is odd. Sorted.
    pub diagnostics: Vec<Diagnostic>,
    /// Layer of each node, by index: the longest way to it over edges that wait. Empty if there is a cycle.
    pub layers: Vec<usize>,
    /// The default namespace, which texts leave out.
    pub namespace: Arc<str>,
    pub(super) index: BTreeMap<Node, NodeIndex>,
}

impl Graph {
    /// The node, if it is there.
    #[must_use]
    pub fn find(&self, node: &Node) -> Option<NodeIndex> {
        self.index.get(node).copied()
    }

    /// Every node with its index, in the order of output.
    pub fn nodes(&self) -> impl Iterator<Item = (&Node, NodeIndex)> {
        self.index.iter().map(|(node, index)| (node, *index))
    }

    /// A node as a person would say it: `notebook train`, `wave 4`, `rule reload: restart isvc fraud`.
    #[must_use]
    pub fn say(&self, node: NodeIndex) -> String {
        self.dag.node_weight(node).map_or_else(String::new, |node| self.words(node))
    }

    fn words(&self, node: &Node) -> String {
        match node {
            Node::Resource(r) if r.namespace.is_empty() || r.namespace == self.namespace => {
                format!("{} {}", r.word, r.name)
            }
            Node::Resource(r) => format!("{} {}/{}", r.word, r.namespace, r.name),
            Node::Wave { application, phase, wave } => {
                let of = application.as_ref().map(|app| format!(" of {}", app.name)).unwrap_or_default();
                match phase {
                    Phase::Sync => format!("wave {wave}{of}"),
                    phase => format!("{} wave {wave}{of}", phase.name()),
                }
            }
            Node::Selection { text, .. } => self.short(text),
            Node::Choice { rule, .. } => format!("one side of `or` in rule {rule}"),
            Node::Gate { rule, wave, .. } => format!("block wave {wave} of rule {rule}"),
            Node::Action { rule, text, branch: Branch::Then, .. } => format!("{} (rule {rule})", self.short(text)),
            Node::Action { rule, text, branch: Branch::Else, .. } => {
                format!("{} (else of rule {rule})", self.short(text))
            }
        }
    }

    /// A canonical text without the default namespace; what stands in quotes is left as it is.
    #[must_use]
    pub fn short(&self, text: &str) -> String {
        let (words, quoted) = text.split_at(text.find('"').unwrap_or(text.len()));
        let words = words.replace(&format!(" {}/", self.namespace), " ");
        format!("{}{quoted}", words.replace(&format!(" in namespace {}", self.namespace), ""))
    }

    pub(super) fn node(&mut self, node: Node) -> NodeIndex {
        if let Some(found) = self.index.get(&node) {
            return *found;
        }
        let index = self.dag.add_node(node.clone());
        self.index.insert(node, index);
        index
    }

    /// Adds an edge unless the same is there.
    pub(super) fn edge(&mut self, from: NodeIndex, to: NodeIndex, edge: Edge) {
        let same = self.dag.edges_connecting(from, to).any(|known| *known.weight() == edge);
        if !same {
            self.dag.add_edge(from, to, edge);
        }
    }
}

impl Edge {
    /// Why, in words.
    #[must_use]
    pub fn why(&self) -> String {
        let text = match self.reason {
            Reason::InWave => "it is applied in that wave",
            Reason::WaveOrder => "a wave begins when the one before is healthy",
            Reason::Phase => "a phase begins when the one before has ended",
            Reason::Member => "it is one of those that are meant",
            Reason::Sequence => "actions run in order",
            Reason::Application => "an Application and what it applies",
            Reason::After => "`after`",
            Reason::Effect => "the next run of its target",
            Reason::Owner => "it makes the runs that are meant",
            Reason::BlockAnnotation => "`mlops.dev/block-wave`",
            Reason::Trigger => "`mlops.dev/on-success-trigger`",
            Reason::Condition | Reason::Block | Reason::ModelStep => return format!("`{}`", self.text),
        };
        text.to_owned()
    }
}
