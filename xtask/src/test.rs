//! `cargo xtask test`: everything that has to hold before a change goes in, on any machine.

use std::process::Command;
use std::time::Instant;

use anyhow::bail;

use crate::step::{cargo, duration, has_program, root, step, tool};
use crate::{guests, machine, nextest, packages};

/// Runs the steps. A failed check does not keep the later ones from telling what they know.
pub(crate) fn run(args: &[&str]) -> anyhow::Result<()> {
    let allow_missing = match args {
        [] => false,
        ["--allow-missing"] => true,
        _ => bail!("`cargo xtask test` takes only --allow-missing"),
    };
    let start = Instant::now();
    println!(
        "Everything takes about half an hour on two cores the first time, most of it compiling; later runs a few minutes."
    );
    machine::need_c_compiler()?;
    step("Debian packages the tests need", || {
        packages::install(allow_missing)
    })?;
    step("WebAssembly target for the plugins", wasm_target)?;
    step("test runner", nextest::install)?;

    let mut failed = Vec::new();
    let mut check = |what: &'static str, work: &dyn Fn() -> anyhow::Result<()>| {
        if let Err(error) = step(what, work) {
            println!("   {error:#}");
            failed.push(what);
        }
    };
    check("format", &|| tool(&mut cargo(&["fmt", "--all", "--check"])));
    check("prebuilt plugins belong to their sources", &|| {
        guests::verify_prebuilt(&root())
    });
    check("lints (cargo clippy)", &clippy);
    check("documentation (cargo doc)", &doc);
    check("plugins: format, lints, native tests", &|| {
        guests::check_sources(&root())
    });
    check("plugins built again from source", &|| {
        guests::rebuild(&root())
    });
    check("documented examples", &|| {
        tool(&mut cargo(&[
            "test",
            "--release",
            "--workspace",
            "--doc",
            "--quiet",
        ]))
    });
    check("tests", &|| tests(allow_missing));

    println!();
    if failed.is_empty() {
        println!("xtask test: all passed in {}", duration(start));
        return Ok(());
    }
    bail!("failed after {}: {}", duration(start), failed.join(", "))
}

fn wasm_target() -> anyhow::Result<()> {
    if !has_program("rustup") {
        println!("no rustup here; the plugin build says what it found instead");
        return Ok(());
    }
    // A machine that is off-line but has the target must pass; one without either is told by the build.
    if let Err(error) = tool(
        Command::new("rustup")
            .args(["target", "add", "wasm32-wasip2"])
            .current_dir(root()),
    ) {
        println!("{error:#}; the plugin build says what it found instead");
    }
    Ok(())
}

fn clippy() -> anyhow::Result<()> {
    tool(&mut cargo(&[
        "clippy",
        "--release",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ]))
}

fn doc() -> anyhow::Result<()> {
    let mut command = cargo(&["doc", "--release", "--workspace", "--no-deps", "--quiet"]);
    tool(command.env("RUSTDOCFLAGS", "-D warnings"))
}

/// The whole workspace at once, as `up` builds it: other selections would give shared dependencies
/// other features, and the WebAssembly compiler would be compiled again.
fn tests(allow_missing: bool) -> anyhow::Result<()> {
    tool(&mut cargo(&[
        "build",
        "--release",
        "--workspace",
        "--exclude",
        "xtask",
        "--bins",
    ]))?;
    let mut command = nextest::command(&["run", "--release", "--workspace", "--no-fail-fast"]);
    if allow_missing {
        command.env("BAILIWICK_ALLOW_MISSING", "1");
    }
    tool(&mut command)
}
