//! RULES: files or folders of `.tide` files, to texts.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::manifests::{read_bounded, walk};

/// A rule file above this is not read at all; the language's own limit is lower.
const RULE_FILE_BYTES_MAX: u64 = 64 << 20;

/// Rule files as read.
#[derive(Debug, Default)]
pub struct Rules {
    /// Name (the path as given, or below a folder as given) and text, in the order of the arguments, a folder's files sorted by path.
    pub files: Vec<(String, String)>,
    /// Files that are not UTF-8, with the place of the first byte that is not; their texts have U+FFFD there.
    pub not_utf8: Vec<(String, usize)>,
}

/// Reads rule files. A file is read whatever its name; of a folder, all `.tide` files below it, hidden ones (`.git`, `..data`) left out; `-` is standard
/// input. A file that is reached twice is read once.
///
/// # Errors
/// When a path does not exist or cannot be read, or a folder has no `.tide` file.
pub fn read_rules(paths: &[PathBuf]) -> anyhow::Result<Rules> {
    let mut rules = Rules::default();
    for path in walk(paths, &["tide"])? {
        let bytes = read_bounded(&path, RULE_FILE_BYTES_MAX)?;
        let name = if path.as_os_str() == "-" { "<stdin>".to_owned() } else { path.display().to_string() };
        if let Err(error) = std::str::from_utf8(&bytes) {
            rules.not_utf8.push((name.clone(), error.valid_up_to()));
        }
        rules.files.push((name, String::from_utf8_lossy(&bytes).into_owned()));
    }
    Ok(rules)
}

/// Writes a file whole or not at all: beside it, then in its place, with its permissions. Behind a symbolic link the file itself is replaced.
///
/// # Errors
/// When the folder or the file cannot be written; the file is then as it was.
pub fn replace(path: &Path, text: &str) -> io::Result<()> {
    let path = path.canonicalize()?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let beside = folder.join(format!(".{name}.tidegate-{}", std::process::id()));
    let written = (|| {
        let mut file = std::fs::File::create_new(&beside)?;
        file.write_all(text.as_bytes())?;
        file.set_permissions(std::fs::metadata(&path)?.permissions())?;
        file.sync_all()?;
        std::fs::rename(&beside, &path)
    })();
    if written.is_err() {
        let _ = std::fs::remove_file(&beside);
    }
    written
}
