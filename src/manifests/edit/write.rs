//! A file's new text, all of it or nothing.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Why a file is left as it was.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The system says no.
    #[error("cannot write `{path}`: {error}")]
    Io {
        /// The file.
        path: String,
        /// Why.
        error: io::Error,
    },
    /// Somebody else has written it since it was read.
    #[error("`{path}` has changed since it was read; run again")]
    Changed {
        /// The file.
        path: String,
    },
    /// A pipe, a device.
    #[error("`{path}` is not a file")]
    NotAFile {
        /// The path.
        path: String,
    },
    /// Its mode says that it is not to be written; a rename would pass over that.
    #[error("`{path}` is read-only")]
    ReadOnly {
        /// The file.
        path: String,
    },
}

/// Replaces a file's text by a rename within its folder, so that a reader, and a crash, sees the old text or the new one. The mode stays, and so does the owner where
/// the system allows it. A symbolic link is followed: what it points to is replaced.
///
/// # Errors
/// When the file cannot be written, or holds something else than `before`; it is left as it was then.
pub fn write(path: &Path, before: &str, after: &str) -> Result<(), WriteError> {
    let name = path.display().to_string();
    let failed = |error: io::Error| WriteError::Io { path: name.clone(), error };
    let real = fs::canonicalize(path).map_err(failed)?;
    let metadata = fs::metadata(&real).map_err(failed)?;
    if !metadata.is_file() {
        return Err(WriteError::NotAFile { path: name });
    }
    if metadata.permissions().readonly() {
        return Err(WriteError::ReadOnly { path: name });
    }
    if fs::read(&real).map_err(failed)? != before.as_bytes() {
        return Err(WriteError::Changed { path: name });
    }
    let beside = temporary(&real);
    let result = put(&beside, &metadata, after).and_then(|()| fs::rename(&beside, &real));
    if let Err(error) = result {
        let _ = fs::remove_file(&beside);
        return Err(failed(error));
    }
    // The rename itself is lasting once the folder is on disk; some file systems cannot say so.
    if let Some(folder) = real.parent() {
        let _ = File::open(folder).and_then(|folder| folder.sync_all());
    }
    Ok(())
}

/// A hidden name beside the file: not read as a manifest by anybody.
fn temporary(path: &Path) -> PathBuf {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    path.with_file_name(format!(".{name}.tidegate-{}", std::process::id()))
}

fn put(beside: &Path, metadata: &fs::Metadata, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(beside)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt, fchown};
        // Only root may give files away; a file of one's own stays one's own.
        let _ = fchown(&file, Some(metadata.uid()), Some(metadata.gid()));
    }
    file.set_permissions(metadata.permissions())?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}
