//! The graph as text, DOT, Mermaid, JSON and SVG.

mod picture;
mod places;
mod structured;
mod svg;
mod words;

pub use picture::{dot, mermaid};
pub use structured::{GRAPH_VERSION, json};
pub use svg::svg;
pub use words::text;
