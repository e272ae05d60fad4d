//! Machine code on disk: compiled once, loaded in a fraction of a millisecond.
//!
//! A `.cwasm` is code that will run with our rights, and wasmtime cannot tell a forged one. So only
//! files that this server wrote are loaded: named by the component's hash and by the engine's
//! settings, mode 0600, and with a digest of their own kept in the [`VersionStore`]. A file that
//! does not match its digest is compiled again and reported. Components come in as components; a
//! `.cwasm` is never accepted from outside.

mod compile;
mod rlimit;

use std::fs;
use std::hash::{Hash, Hasher};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use wasmtime::component::Component;

pub use compile::{CompileError, Compiler, compile_child};
pub(crate) use rlimit::step_back;

use crate::engine::Engine;
use crate::limits::Limits;
use crate::store::VersionStore;

/// Why a component could not be made ready.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// It does not compile within its limits.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// The file system refused.
    #[error("{path}: {source}")]
    Io {
        /// What was read or written.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The component on disk is not the one that was installed.
    #[error("{0} is damaged: it is not what was installed")]
    Damaged(PathBuf),
    /// The store refused.
    #[error(transparent)]
    Store(#[from] crate::error::StoreFault),
    /// Freshly compiled code does not load.
    #[error("the compiled component does not load: {0}")]
    Code(String),
}

/// The folder of components and of what they were compiled to.
pub(crate) struct Cache {
    components: PathBuf,
    code: PathBuf,
    engine: Engine,
    compiler: Compiler,
    store: Arc<dyn VersionStore>,
}

impl Cache {
    pub(crate) fn open(
        dir: &Path,
        engine: Engine,
        compiler: Compiler,
        store: Arc<dyn VersionStore>,
    ) -> Result<Self, LoadError> {
        let cache = Self {
            components: dir.join("components"),
            code: dir.join("cache"),
            engine,
            compiler,
            store,
        };
        for dir in [&cache.components, &cache.code] {
            fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(dir)
                .map_err(io(dir))?;
        }
        Ok(cache)
    }

    /// Keeps a component's bytes.
    pub(crate) fn keep(&self, sha256: &str, bytes: &[u8]) -> Result<(), LoadError> {
        let path = self.component_path(sha256);
        write_durably(&path, bytes).map_err(io(&path))
    }

    /// The component with this hash, ready to be linked.
    pub(crate) fn load(&self, sha256: &str, limits: &Limits) -> Result<Component, LoadError> {
        if let Some(component) = self.load_code(sha256)? {
            return Ok(component);
        }
        let path = self.component_path(sha256);
        let bytes = fs::read(&path).map_err(io(&path))?;
        if hex_digest(&bytes) != sha256 {
            return Err(LoadError::Damaged(path));
        }
        self.compile(sha256, &bytes, limits)
    }

    /// Compiles a component and keeps the code.
    pub(crate) fn compile(
        &self,
        sha256: &str,
        bytes: &[u8],
        limits: &Limits,
    ) -> Result<Component, LoadError> {
        let code = self.compiler.compile(bytes, limits, &self.code)?;
        let file = self.code_file(sha256);
        let path = self.code.join(&file);
        // The digest first: a file without one is compiled again, one with another's is reported.
        self.store.put_cache_digest(&file, &hex_digest(&code))?;
        write_durably(&path, &code).map_err(io(&path))?;
        deserialize(&self.engine, &code).map_err(|e| LoadError::Code(format!("{e:#}")))
    }

    /// Code from an earlier run; none where it has to be made again.
    fn load_code(&self, sha256: &str) -> Result<Option<Component>, LoadError> {
        let file = self.code_file(sha256);
        let path = self.code.join(&file);
        let code = match fs::read(&path) {
            Ok(code) => code,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(LoadError::Io { path, source }),
        };
        match self.store.cache_digest(&file)? {
            Some(digest) if digest == hex_digest(&code) => {}
            _ => {
                tracing::error!(
                    path = %path.display(),
                    "compiled component `{file}` is not what this server wrote; compiling it again"
                );
                return Ok(None);
            }
        }
        match deserialize(&self.engine, &code) {
            Ok(component) => Ok(Some(component)),
            Err(error) => {
                tracing::warn!(error = %format!("{error:#}"), "compiled component `{file}` is stale");
                Ok(None)
            }
        }
    }

    /// Removes what is kept of a component.
    pub(crate) fn forget(&self, sha256: &str) {
        // Either may be missing; a leftover is a file that nothing refers to.
        let _ = fs::remove_file(self.component_path(sha256));
        let _ = fs::remove_file(self.code.join(self.code_file(sha256)));
    }

    fn component_path(&self, sha256: &str) -> PathBuf {
        self.components.join(format!("{sha256}.wasm"))
    }

    fn code_file(&self, sha256: &str) -> String {
        let mut settings = Sha256Hasher(Sha256::new());
        self.engine
            .wasmtime()
            .precompile_compatibility_hash()
            .hash(&mut settings);
        let settings = hex(&settings.0.finalize());
        format!("{sha256}-{}.cwasm", settings.get(..16).unwrap_or(&settings))
    }
}

/// Turns code into a component.
fn deserialize(engine: &Engine, code: &[u8]) -> wasmtime::Result<Component> {
    #[allow(
        unsafe_code,
        reason = "the bytes come from our own compiler: either just now, or from a file whose \
                  digest, kept in the store, was compared"
    )]
    // SAFETY: see the reason above; this function is called for nothing else.
    unsafe {
        Component::deserialize(engine.wasmtime(), code)
    }
}

/// Compiles without keeping anything, for off-line use.
pub(crate) fn compile_once(
    engine: &Engine,
    compiler: &Compiler,
    bytes: &[u8],
    limits: &Limits,
) -> Result<(Component, usize), CompileError> {
    let code = compiler.compile(bytes, limits, &std::env::temp_dir())?;
    let component =
        deserialize(engine, &code).map_err(|e| CompileError::Refused(format!("{e:#}")))?;
    Ok((component, code.len()))
}

/// SHA-256 in lower-case hexadecimal.
pub fn hex_digest(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// What a guest takes for randomness: follows from the component, so that calls can be repeated.
pub(crate) fn seed(sha256: &str) -> [u8; 32] {
    Sha256::digest(sha256.as_bytes()).into()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A new file with this content is there, or the old one: never half of it.
fn write_durably(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let partial = path.with_extension(format!("{}.new", std::process::id()));
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&partial)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&partial, path)?;
    if let Some(dir) = path.parent() {
        fs::File::open(dir)?.sync_all()?;
    }
    Ok(())
}

fn io(path: &Path) -> impl FnOnce(io::Error) -> LoadError {
    let path = path.to_owned();
    |source| LoadError::Io { path, source }
}

/// The standard hasher may change with the compiler; file names should not.
struct Sha256Hasher(Sha256);

impl Hasher for Sha256Hasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }
    fn finish(&self) -> u64 {
        let digest = self.0.clone().finalize();
        u64::from_le_bytes(*digest.first_chunk().expect("32 bytes hold 8"))
    }
}
