//! Compilation where it can be stopped.
//!
//! A component can be written to keep a compiler busy or to make it eat memory. So it is compiled
//! in a child process of our own binary, which limits itself before it reads the component; the
//! parent waits no longer than the limit. Where there is no such binary (tests, tools) a thread
//! does it, which cannot be stopped but is not waited for either.

use std::ffi::OsString;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use super::rlimit;
use crate::engine::Engine;
use crate::limits::Limits;

/// Where components are compiled.
#[derive(Clone, Debug)]
pub enum Compiler {
    /// In a child process: `program arguments… INPUT OUTPUT BYTES MILLISECONDS`, which calls
    /// [`compile_child`].
    Child {
        /// Our own binary.
        program: PathBuf,
        /// What makes it a compiler.
        arguments: Vec<OsString>,
    },
    /// In a thread of this process.
    Thread,
}

/// Why there is no code.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompileError {
    /// It is not a component this host can run.
    #[error("it does not compile: {0}")]
    Refused(String),
    /// It took longer than its class may.
    #[error("it does not compile within {0} ms")]
    TooSlow(u64),
    /// The compiler process ended without a word, which is what the limits of its memory and CPU
    /// time look like.
    #[error("the compiler ended abnormally ({0}): it needs more memory or time than its class may")]
    Killed(String),
    /// The compiler could not be started.
    #[error("the compiler does not start: {0}")]
    Start(String),
}

impl Compiler {
    /// A child of the running program, called with this subcommand.
    pub fn child_of_this_program(subcommand: &str) -> std::io::Result<Self> {
        let program = std::env::current_exe()?;
        Ok(Self::Child {
            program,
            arguments: vec![subcommand.into()],
        })
    }

    pub(crate) fn compile(
        &self,
        bytes: &[u8],
        limits: &Limits,
        dir: &Path,
    ) -> Result<Vec<u8>, CompileError> {
        match self {
            Self::Child { program, arguments } => in_child(program, arguments, bytes, limits, dir),
            Self::Thread => in_thread(bytes, limits),
        }
    }
}

fn in_thread(bytes: &[u8], limits: &Limits) -> Result<Vec<u8>, CompileError> {
    let (sender, receiver) = mpsc::sync_channel(1);
    let bytes = bytes.to_vec();
    thread::Builder::new()
        .name("plugin-compile".into())
        .spawn(move || {
            // Nobody may be waiting any more.
            let _ = sender.send(compile(&bytes));
        })
        .map_err(|e| CompileError::Start(e.to_string()))?;
    match receiver.recv_timeout(Duration::from_millis(limits.compile_ms)) {
        Ok(code) => code,
        Err(RecvTimeoutError::Timeout) => Err(CompileError::TooSlow(limits.compile_ms)),
        Err(RecvTimeoutError::Disconnected) => Err(CompileError::Killed("panic".into())),
    }
}

fn compile(bytes: &[u8]) -> Result<Vec<u8>, CompileError> {
    let engine = Engine::for_compiling().map_err(|e| CompileError::Start(e.to_string()))?;
    engine
        .precompile_component(bytes)
        .map_err(|e| CompileError::Refused(format!("{e:#}")))
}

fn in_child(
    program: &Path,
    arguments: &[OsString],
    bytes: &[u8],
    limits: &Limits,
    dir: &Path,
) -> Result<Vec<u8>, CompileError> {
    let files = Files::new(dir, bytes).map_err(|e| CompileError::Start(e.to_string()))?;
    let mut child = Command::new(program)
        .args(arguments)
        .args([files.input.as_os_str(), files.output.as_os_str()])
        .args([
            limits.compile_bytes.to_string(),
            limits.compile_ms.to_string(),
        ])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        // A stranger's component is no reason to show the child our environment.
        .env_clear()
        // Each thread reserves address space, of which the child has little; on a machine of many
        // cores the limit would be spent before anything is compiled.
        .envs([("RAYON_NUM_THREADS", "2"), ("MALLOC_ARENA_MAX", "2")])
        .envs(std::env::var_os("LD_LIBRARY_PATH").map(|path| ("LD_LIBRARY_PATH", path)))
        .spawn()
        .map_err(|e| CompileError::Start(format!("{}: {e}", program.display())))?;
    let words = wait(&mut child, limits)?;
    let status = child
        .wait()
        .map_err(|e| CompileError::Start(e.to_string()))?;
    if status.success() {
        return fs::read(&files.output).map_err(|e| CompileError::Killed(e.to_string()));
    }
    match status.code() {
        Some(REFUSED) => Err(CompileError::Refused(words)),
        _ => Err(CompileError::Killed(status.to_string())),
    }
}

/// Waits for the child's standard error to close, which it does when the child ends.
fn wait(child: &mut Child, limits: &Limits) -> Result<String, CompileError> {
    let mut stderr = child
        .stderr
        .take()
        .expect("it was asked for when the child was started");
    let (sender, receiver) = mpsc::sync_channel(1);
    thread::spawn(move || {
        let mut words = Vec::new();
        // What was read before an error is as good as all of it.
        let _ = stderr.by_ref().take(4096).read_to_end(&mut words);
        let _ = sender.send(String::from_utf8_lossy(&words).trim().to_owned());
    });
    // CPU time is limited by the child itself; this is for one that does not even run.
    let wall_ms = limits.compile_ms.saturating_mul(3);
    receiver
        .recv_timeout(Duration::from_millis(wall_ms))
        .map_err(|_| {
            // It may have ended in this moment, which is as good.
            let _ = child.kill();
            let _ = child.wait();
            CompileError::TooSlow(wall_ms)
        })
}

/// The child's side: `INPUT OUTPUT BYTES MILLISECONDS`. Limits itself, compiles, and gives the exit
/// code; what went wrong is for standard error.
pub fn compile_child(arguments: &[OsString]) -> Result<(), (i32, String)> {
    let [input, output, bytes, ms] = arguments else {
        return Err((2, "usage: INPUT OUTPUT BYTES MILLISECONDS".into()));
    };
    let number = |text: &OsString| text.to_str().and_then(|text| text.parse::<u64>().ok());
    let (Some(bytes), Some(ms)) = (number(bytes), number(ms)) else {
        return Err((2, "BYTES and MILLISECONDS are numbers".into()));
    };
    rlimit::confine(bytes, ms.div_ceil(1000)).map_err(|e| (2, format!("no limits: {e}")))?;
    let bytes = fs::read(input).map_err(|e| (2, e.to_string()))?;
    let code = compile(&bytes).map_err(|e| match e {
        CompileError::Refused(words) => (REFUSED, words),
        other => (2, other.to_string()),
    })?;
    fs::write(output, code).map_err(|e| (2, e.to_string()))
}

/// Exit code of a child that found the component wanting.
const REFUSED: i32 = 3;

/// The two files through which parent and child talk; removed when dropped.
struct Files {
    input: PathBuf,
    output: PathBuf,
}

impl Files {
    fn new(dir: &Path, bytes: &[u8]) -> std::io::Result<Self> {
        use std::sync::atomic::{AtomicU64, Ordering};
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let stem = format!(
            "compile-{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        let files = Self {
            input: dir.join(format!("{stem}.wasm")),
            output: dir.join(format!("{stem}.out")),
        };
        super::write_durably(&files.input, bytes)?;
        Ok(files)
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        // One of them may not exist; a leftover does no harm.
        let _ = fs::remove_file(&self.input);
        let _ = fs::remove_file(&self.output);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Class;

    fn shell(script: &str, compile_ms: u64) -> Result<Vec<u8>, CompileError> {
        let arguments = vec!["-c".into(), script.into(), "compiler".into()];
        let compiler = Compiler::Child {
            program: "/bin/sh".into(),
            arguments,
        };
        let limits = Limits {
            compile_ms,
            ..Limits::of(Class::Default)
        };
        let dir = tempfile::tempdir().unwrap();
        let outcome = compiler.compile(b"component", &limits, dir.path());
        assert_eq!(
            fs::read_dir(dir.path()).unwrap().count(),
            0,
            "files are left behind"
        );
        outcome
    }

    /// The child finds the component in its first file and leaves the code in its second.
    #[test]
    fn input_and_output_are_files() {
        assert_eq!(shell("cp $1 $2", 5000).unwrap(), b"component");
    }

    /// W9: a compiler that does not come to an end is stopped.
    #[test]
    fn a_compiler_that_hangs_is_stopped() {
        let error = shell("exec sleep 600", 20).unwrap_err();
        assert!(matches!(error, CompileError::TooSlow(60)), "{error}");
    }

    /// W9: a compiler that dies is no compiler that refuses.
    #[test]
    fn a_compiler_that_dies_is_told_from_one_that_refuses() {
        let error = shell("kill -9 $$", 5000).unwrap_err();
        assert!(matches!(error, CompileError::Killed(_)), "{error}");
        let error = shell("echo too odd >&2; exit 3", 5000).unwrap_err();
        assert!(
            matches!(&error, CompileError::Refused(words) if words == "too odd"),
            "{error}"
        );
    }

    /// A program that is not there is said to be missing.
    #[test]
    fn a_missing_compiler_is_named() {
        let compiler = Compiler::Child {
            program: "/no/such".into(),
            arguments: vec![],
        };
        let dir = tempfile::tempdir().unwrap();
        let limits = Limits::of(Class::Default);
        let error = compiler.compile(b"", &limits, dir.path()).unwrap_err();
        assert!(matches!(&error, CompileError::Start(words) if words.contains("/no/such")));
    }

    /// What the harness is told to run in the child: this test binary is the compiler.
    const CHILD: &str = "cache::compile::tests::memory_is_limited";

    /// W9: a component that needs more memory to compile than its class has is given up; with the
    /// limit of its class the same one compiles.
    #[test]
    fn memory_is_limited() {
        let arguments: Vec<OsString> = std::env::args_os().collect();
        let as_child = arguments
            .iter()
            .position(|argument| argument == "--nocapture");
        if let Some(rest) = as_child
            .and_then(|at| arguments.get(at + 1..))
            .filter(|r| r.len() == 4)
        {
            std::process::exit(compile_child(rest).map_or_else(|(code, _)| code, |()| 0));
        }
        let arguments = [CHILD, "--exact", "--nocapture"]
            .map(OsString::from)
            .to_vec();
        let program = std::env::current_exe().unwrap();
        let compiler = Compiler::Child { program, arguments };
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../plugins/prebuilt/quota.wasm"
        );
        let component = fs::read(path).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let limits = Limits::of(Class::Default);
        compiler.compile(&component, &limits, dir.path()).unwrap();
        let tight = Limits {
            compile_bytes: 64 << 20,
            ..limits
        };
        let error = compiler
            .compile(&component, &tight, dir.path())
            .unwrap_err();
        assert!(matches!(error, CompileError::Killed(_)), "{error}");
    }
}
