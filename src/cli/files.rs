//! RULES: files or folders of `.tide` files, to [`Sources`].

use std::path::PathBuf;

use crate::diagnostic::{Code, Diagnostic, Sources, Span};
use crate::manifests::{read_bounded, walk};

/// A rule file above this is not read at all; the language's own limit is lower.
const RULE_FILE_BYTES_MAX: u64 = 64 << 20;

/// Rule files as read.
#[derive(Debug, Default)]
pub struct Rules {
    /// The texts, in the order of the arguments, a folder's files sorted by path.
    pub sources: Sources,
    /// What reading found: files that are not UTF-8.
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads rule files. A file is read whatever its name; of a folder, all `.tide` files below it, hidden ones (`.git`, `..data`) left out. A file
/// that is reached twice is read once.
///
/// # Errors
/// When a path does not exist or cannot be read, or a folder has no `.tide` file.
pub fn read_rules(paths: &[PathBuf]) -> anyhow::Result<Rules> {
    let mut rules = Rules::default();
    for path in walk(paths, &["tide"])? {
        let bytes = read_bounded(&path, RULE_FILE_BYTES_MAX)?;
        let valid = std::str::from_utf8(&bytes).map_err(|e| e.valid_up_to());
        let text = String::from_utf8_lossy(&bytes);
        let file = rules.sources.add(path.display().to_string(), text.as_ref());
        if let Err(at) = valid {
            let start = u32::try_from(at).unwrap_or(u32::MAX);
            let span = Span { file, start, end: start.saturating_add(3) };
            let message = format!("`{}` is not UTF-8", path.display());
            let found = Diagnostic::error(Code::ENCODING, span, message).label("the first byte that is not UTF-8");
            rules.diagnostics.push(found.help("save the file as UTF-8"));
        }
    }
    Ok(rules)
}
