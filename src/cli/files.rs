//! RULES: files or folders of `.tide` files, to [`Sources`].

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::diagnostic::{Code, Diagnostic, Sources, Span};

/// A rule file above this is not read at all; the language's own limit is lower.
const RULE_FILE_BYTES_MAX: u64 = 64 << 20;

/// Deeper folders are refused, so that a circle of symbolic links ends.
const FOLDER_DEPTH_MAX: usize = 32;

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

/// The files behind paths: a file is itself, a folder is every file below it with one of the extensions, sorted by path. Hidden entries (names that begin
/// with a dot: `.git`, a ConfigMap's `..data`) of folders are left out, symbolic links are followed, no file comes twice.
///
/// # Errors
/// When a path does not exist or cannot be read, or a folder holds no such file.
pub fn walk(paths: &[PathBuf], extensions: &[&str]) -> anyhow::Result<Vec<PathBuf>> {
    let mut seen = BTreeSet::new();
    let mut files = Vec::new();
    for path in paths {
        let kind = std::fs::metadata(path).with_context(|| format!("cannot read `{}`", path.display()))?;
        let mut found = Vec::new();
        if kind.is_dir() {
            walk_folder(path, extensions, 0, &mut found)?;
            if found.is_empty() {
                let wanted: Vec<String> = extensions.iter().map(|e| format!("`.{e}`")).collect();
                bail!("no {} file in `{}`", wanted.join(" or "), path.display());
            }
            found.sort();
        } else {
            found.push(path.clone());
        }
        for file in found {
            // A pipe (`/dev/fd/63`) has no canonical path.
            let identity = file.canonicalize().unwrap_or_else(|_| file.clone());
            if seen.insert(identity) {
                files.push(file);
            }
        }
    }
    Ok(files)
}

fn walk_folder(folder: &Path, extensions: &[&str], depth: usize, found: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    if depth > FOLDER_DEPTH_MAX {
        bail!("`{}` is more than {FOLDER_DEPTH_MAX} folders deep", folder.display());
    }
    let entries = std::fs::read_dir(folder).with_context(|| format!("cannot read folder `{}`", folder.display()))?;
    for entry in entries {
        let path = entry.with_context(|| format!("cannot read folder `{}`", folder.display()))?.path();
        if path.file_name().is_none_or(|n| n.to_string_lossy().starts_with('.')) {
            continue;
        }
        let kind = std::fs::metadata(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
        if kind.is_dir() {
            walk_folder(&path, extensions, depth.saturating_add(1), found)?;
        } else if path.extension().is_some_and(|e| extensions.iter().any(|x| e == *x)) {
            found.push(path);
        }
    }
    Ok(())
}

/// A file's bytes, up to a limit.
///
/// # Errors
/// When it cannot be read or is larger.
pub fn read_bounded(path: &Path, bytes_max: u64) -> anyhow::Result<Vec<u8>> {
    let file = File::open(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    let mut bytes = Vec::new();
    file.take(bytes_max.saturating_add(1))
        .read_to_end(&mut bytes)
        .with_context(|| format!("cannot read `{}`", path.display()))?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > bytes_max {
        bail!("`{}` is larger than {} MiB", path.display(), bytes_max >> 20);
    }
    Ok(bytes)
}
