//! The program as a user runs it.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What a run of the program came to.
pub struct Ran {
    /// Exit status.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

/// The repository.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// `tidegate ARGUMENTS` in a folder.
pub fn tidegate(folder: &Path, arguments: &[&str]) -> Ran {
    tidegate_with(folder, arguments, "")
}

/// The same, with standard input.
pub fn tidegate_with(folder: &Path, arguments: &[&str], stdin: &str) -> Ran {
    run(folder, arguments, stdin, &[])
}

/// The same, with variables of the environment.
pub fn tidegate_in(folder: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Ran {
    run(folder, arguments, "", environment)
}

fn run(folder: &Path, arguments: &[&str], stdin: &str, environment: &[(&str, &str)]) -> Ran {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tidegate"))
        .args(arguments)
        .envs(environment.iter().copied())
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that does not read its input closes it.
    let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
}
