//! Facts: objects, live or from YAML, cut down to the few fields that the rules read.
//!
//! In: objects as JSON and, for each kind, [`KindFields`]. Out: [`Row`]s.
//! May not know: what rules mean (engine, emit, cluster, rehearse, cli).

mod row;

pub use row::{KindFields, Owner, Row, tracking_application};
