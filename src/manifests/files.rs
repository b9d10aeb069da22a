//! Paths to texts.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::beside::{Beside, Role, is_kustomization};
use super::{MANIFEST_BYTES_MAX, Manifests, read_text};
use crate::diagnostic::{Code, Diagnostic, FileId, Sources, Span};

/// Deeper folders are refused.
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
    /// Standard input without a document.
    #[error("standard input holds no document; did the command before the pipe fail?")]
    Nothing,
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
/// In folders, templates and values of Helm charts are passed over, and what a kustomization reads as patches; the chart or the kustomization says so.
///
/// # Errors
/// When a path cannot be read. What is wrong within a file is a finding in [`Manifests::diagnostics`] and stops nothing.
pub fn read(paths: &[PathBuf], sources: &mut Sources) -> Result<Manifests, ReadError> {
    let mut manifests = Manifests::default();
    let files = walk(paths, &["yaml", "yml", "json"])?;
    let mut beside = Beside::of(&files);
    for file in files.iter().filter(|file| is_kustomization(file)) {
        let text = String::from_utf8_lossy(&read_bounded(file, MANIFEST_BYTES_MAX)?).into_owned();
        beside.kustomization(file, &text);
    }
    for path in &files {
        let given = paths.contains(path);
        let bytes = read_bounded(path, MANIFEST_BYTES_MAX)?;
        let name = if path.as_os_str() == "-" { "<stdin>".to_owned() } else { path.display().to_string() };
        let text = match decode(bytes) {
            Ok(text) => text,
            Err((start, text, encoding)) => {
                let span = Span { file: sources.add(name.clone(), text), start, end: start.saturating_add(3) };
                manifests.diagnostics.push(not_utf8(span, &name, encoding));
                continue;
            }
        };
        if path.as_os_str() == "-" && holds_nothing(&text) {
            return Err(ReadError::Nothing);
        }
        let role = beside.role(path, &text);
        match role {
            Role::Part if !given => continue,
            Role::Chart => {
                let templates = beside.templates(path, files.iter());
                let file = sources.add(name, text);
                manifests.diagnostics.push(chart(file, path, templates));
            }
            Role::Kustomization(changes, component) => {
                let file = sources.add(name, text);
                let found = kustomization(file, path, &changes, given);
                let found = found.map(|d| if component { d.help("build the kustomization that names it") } else { d });
                manifests.diagnostics.extend(found);
            }
            Role::Part | Role::Manifest => {
                let file = sources.add(name, text);
                read_text(sources, file, &mut manifests);
            }
        }
    }
    Ok(manifests)
}

/// Only blank lines, comments and marks between documents: what a pipe carries when its command has failed.
#[must_use]
pub fn holds_nothing(text: &str) -> bool {
    let mut lines = text.trim_start_matches('\u{feff}').lines().map(str::trim);
    lines.all(|line| line.is_empty() || line.starts_with('#') || line == "---" || line == "...")
}

/// The text, or the first byte that is no UTF-8, the text as far as it is one, and the encoding that it seems to have.
fn decode(bytes: Vec<u8>) -> Result<String, (u32, String, Option<&'static str>)> {
    // YAML begins with an ASCII character, so a zero among the first two bytes is the half of one.
    let utf_16 = match bytes.as_slice() {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => true,
        [first, second, ..] => (*first == 0) != (*second == 0),
        _ => false,
    };
    if utf_16 {
        return Err((0, String::from_utf8_lossy(&bytes).into_owned(), Some("UTF-16")));
    }
    String::from_utf8(bytes).map_err(|error| {
        let start = u32::try_from(error.utf8_error().valid_up_to()).unwrap_or(u32::MAX);
        (start, String::from_utf8_lossy(error.as_bytes()).into_owned(), None)
    })
}

fn not_utf8(span: Span, name: &str, encoding: Option<&str>) -> Diagnostic {
    let (message, help) = match encoding {
        Some(encoding) => (
            format!("`{name}` is {encoding}, not UTF-8"),
            format!("save the file as UTF-8, for example with `iconv -f {encoding} -t UTF-8`"),
        ),
        None => (format!("`{name}` is not UTF-8"), "save the file as UTF-8".to_owned()),
    };
    Diagnostic::error(Code::ENCODING, span, message).help(help)
}

fn start_of(file: FileId) -> Span {
    Span { file, start: 0, end: 0 }
}

fn folder(path: &Path) -> String {
    let folder = path.parent().map(|folder| folder.display().to_string()).unwrap_or_default();
    if folder.is_empty() { ".".to_owned() } else { folder }
}

fn chart(file: FileId, path: &Path, templates: usize) -> Diagnostic {
    let files = if templates == 1 { "1 file".to_owned() } else { format!("{templates} files") };
    let message = format!("a Helm chart is not read as it stands: its templates ({files}) are passed over");
    let help = format!("render it first: `helm template {}`; `--manifests -` reads what it prints", folder(path));
    Diagnostic::warning(Code::NOT_AN_OBJECT, start_of(file), message).help(help)
}

/// Nothing is said of a kustomization that only lists files: its objects are these files.
fn kustomization(file: FileId, path: &Path, changes: &[String], given: bool) -> Option<Diagnostic> {
    let what = match changes {
        [] if given => "it names files, which are not read from here".to_owned(),
        [] => return None,
        changes => format!("what it changes ({}) is not seen here", changes.join(", ")),
    };
    let help = format!("build it first: `kustomize build {}`; `--manifests -` reads what it prints", folder(path));
    let message = format!("a kustomization is no object: {what}");
    Some(Diagnostic::warning(Code::NOT_AN_OBJECT, start_of(file), message).help(help))
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
            walk_folder(path, extensions, &mut Vec::new(), &mut found)?;
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

/// `above`: the folders that this one is in, without symbolic links. A link to one of them is passed over: all that it leads to is read already.
fn walk_folder(
    folder: &Path,
    extensions: &[&str],
    above: &mut Vec<PathBuf>,
    found: &mut Vec<PathBuf>,
) -> Result<(), ReadError> {
    if above.len() > FOLDER_DEPTH_MAX {
        return Err(ReadError::TooDeep { path: folder.display().to_string() });
    }
    let identity = folder.canonicalize().map_err(io_error(folder))?;
    if above.contains(&identity) {
        return Ok(());
    }
    above.push(identity);
    for entry in std::fs::read_dir(folder).map_err(io_error(folder))? {
        let path = entry.map_err(io_error(folder))?.path();
        if path.file_name().is_none_or(|n| n.to_string_lossy().starts_with('.')) {
            continue;
        }
        let kind = std::fs::metadata(&path).map_err(io_error(&path))?;
        if kind.is_dir() {
            walk_folder(&path, extensions, above, found)?;
        } else if path.extension().is_some_and(|e| extensions.iter().any(|x| e == *x)) {
            found.push(path);
        }
    }
    above.pop();
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
