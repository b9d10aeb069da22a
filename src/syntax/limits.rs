//! The hard limits of rule text. Past each there is an error of its own ([`Code::LIMIT`](crate::diagnostic::Code::LIMIT)).

/// Bytes of one file.
pub const FILE_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Statements of one file.
pub const STATEMENTS_MAX: usize = 200_000;
/// Brackets, one within the other. The grammar's `nesting_check` holds the same number.
pub const NESTING_MAX: usize = 64;
/// Levels of the tree of one expression or condition: operators, calls and fields count one each.
pub const DEPTH_MAX: usize = 256;
/// Characters of a name, a label's key or a word: what Kubernetes allows for the name of an object.
pub const NAME_CHARS_MAX: usize = 253;
/// Bytes of one text (a message, a title).
pub const TEXT_BYTES_MAX: usize = 4096;
/// Days of one duration.
pub const DURATION_DAYS_MAX: u64 = 3660;
/// Errors reported for one file; the rest is counted.
pub const ERRORS_MAX: usize = 1000;
