//! Paths to texts.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::{MANIFEST_BYTES_MAX, Manifests, read_text};
use crate::diagnostic::{Code, Diagnostic, Sources, Span};

/// Deeper folders are refused, so that a circle of symbolic links ends.
const FOLDER_DEPTH_MAX: usize = 32;

/// Why a path cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The system says no.
    #[error("cannot read `{path}`: {error}")]
    Io {
        /// The path as given, or below a folder as given.
        path: String,
        /// Why.
        error: io::Error,
    },
    /// A folder without a file of the kind that is wanted.
    #[error("no {wanted} file in `{path}`")]
    Empty {
        /// The folder.
        path: String,
        /// Such as ``.yaml``.
        wanted: String,
    },
    /// A file above the limit.
    #[error("`{path}` is larger than {} MiB", bytes_max >> 20)]
    TooLarge {
        /// The file.
        path: String,
        /// The limit in bytes.
        bytes_max: u64,
    },
    /// Folders in folders in folders.
    #[error("`{path}` is more than {FOLDER_DEPTH_MAX} folders deep")]
    TooDeep {
        /// The folder.
        path: String,
    },
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> ReadError {
    move |error| ReadError::Io { path: path.display().to_string(), error }
}

/// Reads manifests: files (whatever their names), folders (`.yaml`, `.yml` and `.json` below them), `-` for standard input. The texts are added to `sources`.
///
/// # Errors
/// When a path cannot be read. What is wrong within a file is a finding in [`Manifests::diagnostics`] and stops nothing.
pub fn read(paths: &[PathBuf], sources: &mut Sources) -> Result<Manifests, ReadError> {
    let mut manifests = Manifests::default();
    for path in walk(paths, &["yaml", "yml", "json"])? {
        let bytes = read_bounded(&path, MANIFEST_BYTES_MAX)?;
        let name = if path.as_os_str() == "-" { "<stdin>".to_owned() } else { path.display().to_string() };
        match String::from_utf8(bytes) {
            Ok(text) => {
                let file = sources.add(name, text);
                read_text(sources, file, &mut manifests);
            }
            Err(error) => {
                let start = u32::try_from(error.utf8_error().valid_up_to()).unwrap_or(u32::MAX);
                let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
                let message = format!("`{name}` is not UTF-8");
                let span = Span { file: sources.add(name, text), start, end: start.saturating_add(3) };
                manifests
                    .diagnostics
                    .push(Diagnostic::error(Code::ENCODING, span, message).help("save the file as UTF-8"));
            }
        }
    }
    Ok(manifests)
}

/// The files behind paths: a file is itself, `-` stays, a folder is every file below it with one of the extensions, sorted by path. Hidden entries of folders (names
/// that begin with a dot: `.git`, a ConfigMap's `..data`) are left out, symbolic links are followed, no file comes twice.
///
/// # Errors
/// When a path does not exist or cannot be read, or a folder holds no such file.
pub fn walk(paths: &[PathBuf], extensions: &[&str]) -> Result<Vec<PathBuf>, ReadError> {
    let mut seen = BTreeSet::new();
    let mut files = Vec::new();
    for path in paths {
        let mut found = Vec::new();
        if path.as_os_str() != "-" && std::fs::metadata(path).map_err(io_error(path))?.is_dir() {
            walk_folder(path, extensions, 0, &mut found)?;
            if found.is_empty() {
                let wanted: Vec<String> = extensions.iter().map(|e| format!("`.{e}`")).collect();
                return Err(ReadError::Empty { path: path.display().to_string(), wanted: wanted.join(" or ") });
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

fn walk_folder(folder: &Path, extensions: &[&str], depth: usize, found: &mut Vec<PathBuf>) -> Result<(), ReadError> {
    if depth > FOLDER_DEPTH_MAX {
        return Err(ReadError::TooDeep { path: folder.display().to_string() });
    }
    for entry in std::fs::read_dir(folder).map_err(io_error(folder))? {
        let path = entry.map_err(io_error(folder))?.path();
        if path.file_name().is_none_or(|n| n.to_string_lossy().starts_with('.')) {
            continue;
        }
        let kind = std::fs::metadata(&path).map_err(io_error(&path))?;
        if kind.is_dir() {
            walk_folder(&path, extensions, depth + 1, found)?;
        } else if path.extension().is_some_and(|e| extensions.iter().any(|x| e == *x)) {
            found.push(path);
        }
    }
    Ok(())
}

/// A file's bytes, or those of standard input for `-`, up to a limit.
///
/// # Errors
/// When it cannot be read or is larger.
pub fn read_bounded(path: &Path, bytes_max: u64) -> Result<Vec<u8>, ReadError> {
    let from: Box<dyn Read> = if path.as_os_str() == "-" {
        Box::new(io::stdin().lock())
    } else {
        Box::new(File::open(path).map_err(io_error(path))?)
    };
    let mut bytes = Vec::new();
    from.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes).map_err(io_error(path))?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > bytes_max {
        return Err(ReadError::TooLarge { path: path.display().to_string(), bytes_max });
    }
    Ok(bytes)
}
