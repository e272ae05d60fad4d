//! Programs that a test starts, and ends by the process id it was given.

use std::ffi::OsStr;
use std::fmt;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// A running program with its output in a file. Dropping it ends it.
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `program` in `folder`; what it prints goes to `<folder>/<name>.log`.
    ///
    /// # Errors
    /// The program cannot be started.
    pub fn start<A: AsRef<OsStr>>(
        name: &str,
        program: &Path,
        args: impl IntoIterator<Item = A>,
        folder: &Path,
    ) -> Result<Self> {
        let log = folder.join(format!("{name}.log"));
        let out = File::options()
            .create(true)
            .append(true)
            .open(&log)
            .context("log file")?;
        let child = Command::new(program)
            .args(args)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(out.try_clone()?)
            .stderr(out)
            .spawn()
            .with_context(|| format!("{} could not be started", program.display()))?;
        Ok(Self {
            name: name.to_owned(),
            child,
            log,
        })
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child of this process")
    }

    /// What it has printed so far.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Sends a signal, named as `kill` names it (`HUP`, `TERM`).
    ///
    /// # Errors
    /// The process is gone.
    pub fn signal(&self, name: &str) -> Result<()> {
        // The shell's builtin: std sends only SIGKILL, and this crate has no unsafe code.
        let status = Command::new("sh")
            .args(["-c", &format!("kill -{name} {}", self.id())])
            .stderr(Stdio::null())
            .status()?;
        if !status.success() {
            bail!("{} (process {}) takes no signal", self.name, self.id());
        }
        Ok(())
    }

    /// SIGKILL, and waits until the kernel has taken the process away.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// SIGTERM, and how it ended; killed if it has not by `limit`.
    ///
    /// # Errors
    /// It had to be killed.
    pub fn stop(&mut self, limit: Duration) -> Result<ExitStatus> {
        let _ = self.signal("TERM");
        // A process that was stopped has to go on to see it.
        let _ = self.signal("CONT");
        let start = Instant::now();
        loop {
            if let Some(status) = self.ended() {
                return Ok(status);
            }
            if start.elapsed() > limit {
                self.kill();
                bail!(
                    "{} did not stop within {limit:?} of SIGTERM; its log:\n{}",
                    self.name,
                    self.log_tail()
                );
            }
            thread::sleep(POLL);
        }
    }

    /// The end of what it printed, for failure messages.
    pub fn log_tail(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }

    /// Memory the process keeps resident, in bytes.
    pub fn resident_bytes(&self) -> u64 {
        self.status_bytes("VmRSS:")
    }

    /// The most that was ever resident.
    pub fn peak_bytes(&self) -> u64 {
        self.status_bytes("VmHWM:")
    }

    fn status_bytes(&self, key: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap_or_default();
        status
            .lines()
            .find_map(|line| line.strip_prefix(key))
            .and_then(|rest| {
                rest.trim()
                    .trim_end_matches("kB")
                    .trim()
                    .parse::<u64>()
                    .ok()
            })
            .map_or(0, |kib| kib * 1024)
    }

    /// Descriptors it has open.
    pub fn descriptor_count(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.id())).map_or(0, Iterator::count)
    }

    /// The names of its threads, in no order.
    pub fn thread_names(&self) -> Vec<String> {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.id()));
        let names = tasks.into_iter().flatten().flatten().filter_map(|task| {
            let name = fs::read_to_string(task.path().join("comm")).ok()?;
            Some(name.trim_end().to_owned())
        });
        names.collect()
    }

    /// Threads the process has.
    pub fn thread_count(&self) -> usize {
        fs::read_dir(format!("/proc/{}/task", self.id())).map_or(0, Iterator::count)
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.id())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.ended().is_none() && self.stop(Duration::from_secs(5)).is_err() {
            self.kill();
        }
        if thread::panicking() {
            eprintln!("--- {} ended with:\n{}", self.name, self.log_tail());
        }
    }
}

/// What a command printed and how it ended, run to its end or for `limit` at most.
///
/// # Errors
/// It cannot be started or does not end in time.
pub fn run<A: AsRef<OsStr>>(
    program: &Path,
    args: impl IntoIterator<Item = A>,
    input: Option<&[u8]>,
    limit: Duration,
) -> Result<Output> {
    use std::io::{Read, Write};

    let mut child = Command::new(program)
        .args(args)
        .stdin(if input.is_some() {
            Stdio::piped()
        } else {
            Stdio::null()
        })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("{} could not be started", program.display()))?;
    let start = Instant::now();
    let stdin = child.stdin.take();
    let mut stdout = child.stdout.take().expect("piped above");
    let mut stderr = child.stderr.take().expect("piped above");
    thread::scope(|scope| {
        if let (Some(mut stdin), Some(input)) = (stdin, input) {
            // A program that ends before it has read everything is its own business.
            scope.spawn(move || drop(stdin.write_all(input)));
        }
        let out = scope.spawn(move || {
            let mut bytes = Vec::new();
            stdout.read_to_end(&mut bytes).map(|_| bytes)
        });
        let err = scope.spawn(move || {
            let mut bytes = Vec::new();
            stderr.read_to_end(&mut bytes).map(|_| bytes)
        });
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break status;
            }
            if start.elapsed() > limit {
                let _ = child.kill();
                let _ = child.wait();
                bail!("{} was still running after {limit:?}", program.display());
            }
            thread::sleep(POLL);
        };
        Ok(Output {
            status,
            stdout: String::from_utf8_lossy(&out.join().expect("reads only")?).into_owned(),
            stderr: String::from_utf8_lossy(&err.join().expect("reads only")?).into_owned(),
        })
    })
}

/// How a command ended and what it said.
#[derive(Debug)]
pub struct Output {
    /// Its exit status.
    pub status: ExitStatus,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Output {
    /// The exit code; a signal counts as 255.
    pub fn code(&self) -> i32 {
        self.status.code().unwrap_or(255)
    }
}

/// Asks until `condition` gives something, and gives that and how long it took.
///
/// # Panics
/// `limit` passed first; the message says what was waited for.
pub fn wait_until<T>(
    what: &str,
    limit: Duration,
    mut condition: impl FnMut() -> Option<T>,
) -> (T, Duration) {
    let start = Instant::now();
    loop {
        if let Some(value) = condition() {
            return (value, start.elapsed());
        }
        assert!(start.elapsed() < limit, "{what}: not within {limit:?}");
        thread::sleep(POLL);
    }
}

/// Between two looks at something that is awaited.
const POLL: Duration = Duration::from_millis(5);
