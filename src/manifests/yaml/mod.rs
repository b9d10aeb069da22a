//! One YAML stream to JSON values, read as Kubernetes reads it.
//!
//! The reference is sigs.k8s.io/yaml 1.6, which kubectl and Argo CD use: YAML 1.1 scalars (`0644` is 420, `on` is true), merge keys, the last of two equal keys wins,
//! keys become texts. The table in `tests/manifests.rs` holds inputs with what that library gives.

mod compose;
mod locate;
mod scalar;
mod split;

use std::ops::Range;

use serde_json::Value;

pub use compose::{Composed, Mark, MarkKind};
pub(super) use compose::{Padding, padded, range, scan_error};
pub use locate::locate;
pub use split::split;

/// Deeper values are refused: nothing real is as deep, and values are walked recursively.
pub const YAML_DEPTH_MAX: usize = 200;

/// What anchors and aliases of one document may add, in bytes of the values that they stand for (16 for each value, and its text).
/// "A billion laughs" ends here; real manifests stay in the kilobytes.
pub const YAML_ALIAS_BYTES_MAX: usize = 8 << 20;

/// Why a document is not read, or what is odd about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct YamlError {
    /// Lower case, no full stop.
    pub message: String,
    /// Bytes of the text that was given.
    pub bytes: Range<usize>,
}

/// Reads the first document of a text. `null` when there is none.
///
/// # Errors
/// When it is not YAML, or one of the limits is passed.
pub fn parse(text: &str) -> Result<Value, YamlError> {
    Ok(compose::compose(text)?.map_or(Value::Null, |c| c.value))
}

/// Reads the first document of a text with the places that matter; `None` when the text holds no document.
pub(super) fn compose(text: &str) -> Result<Option<Composed>, YamlError> {
    compose::compose(text)
}

/// The name of a key as Kubernetes reads it: `yes` is `true`. `None` for those that it refuses.
pub(super) fn key_name(text: &str, plain: bool) -> Option<String> {
    scalar::resolve(text, plain, None).ok().and_then(|value| scalar::key(&value))
}

/// Whether a plain scalar is null.
pub(super) fn is_null(text: &str) -> bool {
    scalar::resolve(text, true, None).is_ok_and(|value| value.is_null())
}

/// Whether a plain scalar is a text.
pub(super) fn is_text(text: &str) -> bool {
    scalar::resolve(text, true, None).is_ok_and(|value| value.is_string())
}
