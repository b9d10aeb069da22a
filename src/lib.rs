//! tidegate: rules for Argo CD waves. What must have happened before what may run, and what to do when it has.
//!
//! The way of the data: text is parsed (`syntax`), resolved to an immutable `rulebook`, ordered (`graph`), and evaluated by one pure
//! `engine` against `facts`. `plan`, rehearsals and the controller (`cluster`) all call that engine.

pub mod cli;
pub mod cluster;
pub mod diagnostic;
pub mod diff;
pub mod emit;
pub mod engine;
pub mod expr;
pub mod facts;
pub mod graph;
pub mod lint;
pub mod manifests;
pub mod rehearse;
pub mod rulebook;
pub mod syntax;
