//! The graph as text, DOT, Mermaid and JSON.

mod picture;
mod places;
mod structured;
mod words;

pub use picture::{dot, mermaid};
pub use structured::{GRAPH_VERSION, json};
pub use words::text;
