//! A temporary folder and child processes that end with the test binary, however it ends.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

/// Signals process groups as its standard input asks, and at the end of that input (the test binary closed it or died) kills those
/// still listed and removes the folder. A group stays listed until its leader is reaped, so no number is used twice.
const WATCHDOG: &str = r#"
trap "" HUP INT TERM
groups=
while read -r word group; do
  case $word in
    add) groups="$groups -$group" ;;
    drop) left=; for one in $groups; do [ "$one" = "-$group" ] || left="$left $one"; done; groups=$left ;;
    *) kill -s "$word" -- "-$group" ;;
  esac
done
[ -z "$groups" ] || kill -s KILL -- $groups
chmod -R u+rwx "$1"
for _ in 1 2 3 4 5 6 7 8 9 10; do rm -rf -- "$1" && break; sleep 0.1; done
"#;

/// Runs its arguments once a line has come, and ends without having run them when the input ends first: a process exists only
/// after the watchdog knows of it.
const LAUNCH: &str = r#"read -r _ && exec "$@" </dev/null"#;

/// A temporary folder, and a watchdog that outlives the test binary by just as long as it takes to clean up.
pub struct Scratch {
    folder: PathBuf,
    watchdog: Arc<Watchdog>,
}

struct Watchdog {
    child: Mutex<Child>,
    pipe: Mutex<Option<ChildStdin>>,
}

impl Scratch {
    /// A new folder under the system's temporary folder.
    pub fn new(name: &str) -> io::Result<Self> {
        let folder = tempfile::Builder::new().prefix(&format!("tidegate-{name}-")).tempdir()?.keep();
        fs::create_dir(folder.join("logs"))?;
        let mut command = Command::new("sh");
        command.args(["-c", WATCHDOG, "watchdog"]).arg(&folder).current_dir("/");
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        // A group of its own, so that an interrupt at the terminal does not end it before its work is done.
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = command.spawn()?;
        let pipe = Mutex::new(child.stdin.take());
        Ok(Self { folder, watchdog: Arc::new(Watchdog { child: Mutex::new(child), pipe }) })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.folder
    }

    /// Writes a file of the folder.
    pub fn write(&self, name: &str, text: &str) -> io::Result<PathBuf> {
        let path = self.folder.join(name);
        fs::write(&path, text)?;
        Ok(path)
    }

    /// Starts `command` as the leader of a process group of its own: its program, arguments, variables and folder count, its streams
    /// do not. Output is appended to `logs/NAME.log`.
    pub fn spawn(&self, name: &str, command: &Command) -> io::Result<Process> {
        let log = self.folder.join("logs").join(format!("{name}.log"));
        let file = File::options().create(true).append(true).open(&log)?;
        let mut launch = Command::new("sh");
        launch.args(["-c", LAUNCH, name]).arg(command.get_program()).args(command.get_args());
        for (key, value) in command.get_envs() {
            match value {
                Some(value) => launch.env(key, value),
                None => launch.env_remove(key),
            };
        }
        if let Some(folder) = command.get_current_dir() {
            launch.current_dir(folder);
        }
        launch.stdin(Stdio::piped()).stdout(file.try_clone()?).stderr(file);
        std::os::unix::process::CommandExt::process_group(&mut launch, 0);
        let mut child = launch.spawn()?;
        self.watchdog.tell("add", child.id())?;
        if let Some(mut pipe) = child.stdin.take() {
            pipe.write_all(b"go\n")?;
        }
        Ok(Process { name: name.to_owned(), child, log, ended: None, watchdog: Arc::clone(&self.watchdog) })
    }
}

impl Watchdog {
    fn tell(&self, word: &str, group: u32) -> io::Result<()> {
        let mut pipe = self.pipe.lock().unwrap_or_else(PoisonError::into_inner);
        let pipe = pipe.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        // One write, so that lines of several threads do not mix.
        pipe.write_all(format!("{word} {group}\n").as_bytes())
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        drop(self.pipe.lock().unwrap_or_else(PoisonError::into_inner).take());
        let _ = self.child.lock().unwrap_or_else(PoisonError::into_inner).wait();
    }
}

/// A running program. Dropping it kills it and all of its process group.
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
    ended: Option<ExitStatus>,
    watchdog: Arc<Watchdog>,
}

impl Process {
    /// The name that it was started under.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Its status if it has ended by itself.
    pub fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        if self.ended.is_none()
            && let Some(status) = self.child.try_wait()?
        {
            self.reaped(status);
        }
        Ok(self.ended)
    }

    /// Waits until it has ended by itself.
    pub fn wait(&mut self) -> io::Result<ExitStatus> {
        if let Some(status) = self.ended()? {
            return Ok(status);
        }
        let status = self.child.wait()?;
        self.reaped(status);
        Ok(status)
    }

    /// Kills the process group at once, as a crash would, and waits until its leader is gone.
    pub fn kill(&mut self) -> io::Result<ExitStatus> {
        self.stop("KILL")
    }

    /// Asks the process group to end (SIGTERM) and waits until its leader has; the caller brings the patience.
    pub fn terminate(&mut self) -> io::Result<ExitStatus> {
        self.stop("TERM")
    }

    fn stop(&mut self, signal: &str) -> io::Result<ExitStatus> {
        if let Some(status) = self.ended()? {
            return Ok(status);
        }
        // Not reaped, so the number is still this group's when the watchdog gets to it.
        self.watchdog.tell(signal, self.child.id())?;
        self.wait()
    }

    fn reaped(&mut self, status: ExitStatus) {
        self.ended = Some(status);
        let _ = self.watchdog.tell("drop", self.child.id());
    }

    /// Everything that it has printed.
    pub fn log(&self) -> String {
        fs::read(&self.log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    /// Its name and the last lines that it printed, for the message of a failure.
    pub fn last_words(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        let last = lines.iter().skip(lines.len().saturating_sub(12)).map(|line| format!("\n    {line}"));
        format!("{}, at the end of its log:{}", self.name, last.collect::<String>())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.kill().is_err() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
