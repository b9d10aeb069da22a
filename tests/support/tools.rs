//! Where the real programs are.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The folder that `KUBEBUILDER_ASSETS` names, or the cache folder.
#[derive(Debug, Clone)]
pub struct Tools {
    folder: PathBuf,
}

impl Tools {
    /// Finds `programs`, and builds those that the cache folder lacks if there is Go. An error says what is missing.
    ///
    /// `KUBEBUILDER_ASSETS` is taken when it holds all of `programs`. It rarely holds more than etcd and kube-apiserver (that is all
    /// that setup-envtest ships), so for other programs the cache folder is the second place; it must hold those two, though.
    pub fn find(programs: &[&str]) -> Result<Self, String> {
        if let Some(folder) = std::env::var_os("KUBEBUILDER_ASSETS").filter(|folder| !folder.is_empty()) {
            let folder = PathBuf::from(folder);
            if let Some(missing) = ["etcd", "kube-apiserver"].iter().find(|program| !folder.join(program).is_file()) {
                return Err(format!("`{missing}` in KUBEBUILDER_ASSETS ({})", folder.display()));
            }
            if programs.iter().all(|program| folder.join(program).is_file()) {
                return Ok(Self { folder });
            }
        }
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tools/build.sh");
        let built = Command::new("bash")
            .arg(&script)
            .args(programs)
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .map_err(|error| format!("bash ({error})"))?;
        if built.status.success() {
            let folder = String::from_utf8_lossy(&built.stdout).trim_end().into();
            return Ok(Self { folder });
        }
        Err(match built.status.code() {
            Some(3) => format!("{} (KUBEBUILDER_ASSETS, or Go to build them)", programs.join(", ")),
            _ => format!("{}, and tests/tools/build.sh failed: {}", programs.join(", "), built.status),
        })
    }

    /// The folder of the programs.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The path of one program.
    pub fn program(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

/// Fails with the name of the first of `programs` that is not on PATH.
pub fn on_path(programs: &[&str]) -> Result<(), String> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = |program: &str| std::env::split_paths(&path).any(|folder| folder.join(program).is_file());
    match programs.iter().find(|program| !found(program)) {
        Some(missing) => Err(format!("{missing} (on PATH)")),
        None => Ok(()),
    }
}
