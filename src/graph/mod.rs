//! The order of things: a DAG of resources, waves, gates and actions.
//!
//! In: a [`Rulebook`](crate::rulebook::Rulebook), and a [`Platform`](crate::manifests::Platform) of manifests if there are any. Out: a [`Graph`] (petgraph) whose edges each carry a reason and a place, the
//! waves that `after` implies, the [`Means`] by which each block is held, findings; and the graph as text, DOT, Mermaid, JSON and SVG.
//! May not know: clusters, time (facts, engine, emit, cluster, rehearse, cli).
//!
//! # What an edge means
//!
//! An edge goes from what comes first to what comes later. A [`Node::Wave`] stands for "this wave begins", a [`Node::Resource`] for "this object is applied
//! and, if it has health, healthy or finished", a [`Node::Gate`] for "this block is open", an [`Node::Action`] for "this is done". A [`Node::Choice`] is one
//! of several (`or`), a [`Node::Selection`] is `any …` or `every …`.
//!
//! | reason | from | to | waits |
//! |---|---|---|---|
//! | in wave | wave | its resources | yes |
//! | wave order, phase | resource, wave | the next wave of its application | yes |
//! | condition | resource, selection, choice | gate, choice, the first action | yes, except under `not` and for `is missing` |
//! | member | resource | selection | yes |
//! | owner | CronJob, pipeline | the selection of its runs | yes |
//! | sequence | action | the next action of its rule | yes |
//! | block, block-wave annotation | gate | the first wave that it holds | yes, if it can hold at all (else `TG111` says why not) |
//! | trigger annotation | resource | action | yes |
//! | `after` | resource | resource | yes, if the waves of the manifests do not contradict it (else `TG301`) |
//! | application | the last wave's resources; the Application | the Application; the first wave of what it applies | yes |
//! | model step | resource | resource | no: it says in which order runs count, not what must wait |
//! | effect | action | its target | no: it is the target's next run, not this one |
//!
//! Only edges that wait take part in cycle detection. An Application is not waited for by the wave that it stands in: Argo CD has no health for it by default.
//! What can never happen is found as Kahn's algorithm finds it, with a choice ready as soon as one of its sides is; what is left holds the cycles.

mod build;
mod cycles;
mod layers;
mod loops;
mod means;
mod model;
mod order;
mod rules;
mod select;
mod show;
mod waves;

pub use build::build;
pub use means::{BlockMeans, EdgeMeans, FoundHook, Means, means};
pub use model::{About, Branch, Edge, Graph, Node, Reason, Resource, RuleNote};
pub use show::{GRAPH_VERSION, dot, json, mermaid, svg, text};
pub use waves::{Move, Waves, waves};
