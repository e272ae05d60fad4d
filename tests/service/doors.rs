//! Issue 2, point 8, at the doors of the binary: configuration, files, what programs read of it, and its
//! small HTTP side.

#![allow(clippy::unwrap_used, reason = "a panic is a failed test")]

use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bailiwick_tests::client::serial;
use bailiwick_tests::guests;
use bailiwick_tests::http;
use bailiwick_tests::process::wait_until;
use bailiwick_tests::server::{TestServer, bailiwick};
use bailiwick_tests::zones;
use tempfile::TempDir;

/// Who asks for JSON gets JSON, whatever went wrong: one object on stdout whose `error` says it, and an exit
/// code that is not 0.
#[test]
fn with_json_every_failure_is_an_object_with_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = path(folder.path()).to_owned();
    let missing = folder.path().join("missing");
    let missing = path(&missing);
    let broken = folder.path().join("broken");
    fs::write(
        &broken,
        "this is no zone, no component and no configuration\n",
    )
    .unwrap();
    let broken = path(&broken);
    let quota = guests::shipped("quota").unwrap();
    let quota = path(&quota);
    for (code, args) in [
        (3, vec!["status", "--data", &nowhere]),
        (3, vec!["reload", "--data", &nowhere]),
        (3, vec!["plugin", "list", "--data", &nowhere]),
        (3, vec!["plugin", "activate", "quota", "--data", &nowhere]),
        (3, vec!["plugin", "rollback", "quota", "--data", &nowhere]),
        (3, vec!["plugin", "install", quota, "--data", &nowhere]),
        (1, vec!["plugin", "install", missing, "--data", &nowhere]),
        (1, vec!["plugin", "check", missing]),
        (1, vec!["plugin", "check", broken]),
        (1, vec!["plugin", "inspect", missing]),
        (1, vec!["plugin", "inspect", broken]),
        (
            1,
            vec![
                "plugin", "run", quota, "--call", "nothing", "--input", missing,
            ],
        ),
        (1, vec!["zone", "check", missing]),
        (1, vec!["zone", "check", broken]),
        (1, vec!["zone", "answer", missing, "a.test", "A"]),
        (1, vec!["zone", "answer", broken, "a.test", "NOSUCHTYPE"]),
        (1, vec!["check-config", missing]),
        (1, vec!["check-config", broken]),
    ] {
        let args = [&args[..], &["--json"]].concat();
        let output = bailiwick(&args).unwrap();
        assert_eq!(output.code(), code, "{args:?}: {}", output.stdout);
        let said: serde_json::Value = serde_json::from_str(&output.stdout)
            .unwrap_or_else(|e| panic!("{args:?}: {e}: {}{}", output.stdout, output.stderr));
        let error = said["error"].as_str().unwrap_or_default();
        assert!(error.len() > 10, "{args:?}: {said}");
        assert_eq!(output.stderr, "", "{args:?}");
    }
}

/// A refusal of a running server is an object with an error too, and says what there is and what to do.
#[test]
fn what_is_not_there_is_told_with_what_is() {
    let server = TestServer::options()
        .plugin(&guests::shipped("quota").unwrap())
        .start()
        .unwrap();
    server.wait_plugin("quota", LIMIT);
    let refused = |args: &[&str]| {
        let output = server.command(&[args, &["--json"]].concat()).unwrap();
        assert_eq!(output.code(), 1, "{args:?}: {}", output.stdout);
        let said: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
        said["error"].as_str().unwrap().to_owned()
    };
    for (args, words) in [
        (vec!["plugin", "activate", "nope"], "there are quota"),
        (
            vec!["plugin", "activate", "nope"],
            "bailiwick plugin install FILE",
        ),
        (vec!["plugin", "activate", "qouta"], "did you mean `quota`?"),
        (
            vec!["plugin", "activate", "qouta", "1"],
            "did you mean `quota`?",
        ),
        (vec!["plugin", "rollback", "qouta"], "did you mean `quota`?"),
        (vec!["plugin", "activate", "quota", "99"], "installed are"),
        (vec!["plugin", "rollback", "quota"], "`plugin activate`"),
    ] {
        let error = refused(&args);
        assert!(error.contains(words), "{args:?}: {error}");
    }
}

/// `plugin run --kind` that does not fit says which call belongs where.
#[test]
fn a_kind_that_does_not_fit_is_told_with_the_one_that_does() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("input");
    fs::write(&input, r#"{"subject": {"other": {"kind": "test"}}}"#).unwrap();
    let quota = guests::shipped("quota").unwrap();
    let run = |more: &[&str]| {
        let args = [
            "plugin",
            "run",
            path(&quota),
            "--call",
            "admit",
            "--input",
            path(&input),
        ];
        let output = bailiwick(&[&args[..], more].concat()).unwrap();
        assert_eq!(output.code(), 1, "{}", output.stdout);
        output.stderr
    };
    assert!(
        run(&["--kind", "quota"])
            .contains("a call of `abuse`, not of `quota`; ask with --kind abuse")
    );
    assert!(run(&["--kind", "quotas"]).contains("there are quota, abuse"));
    assert!(run(&[]).contains("quota decides quota; `admit` is a call of `abuse`"));
}

/// Request heads that never end, and connections that say nothing, are closed; however many there are, they
/// take no more than so many descriptors, and the page is answered after them.
#[test]
fn half_sent_requests_are_ended_and_bounded() {
    let mut server = TestServer::options().http().start().unwrap();
    let before = server.process().descriptor_count();
    let connect = |text: &str| {
        let mut stream = TcpStream::connect(server.http()).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        stream.write_all(text.as_bytes()).unwrap();
        stream
    };
    let head = format!("GET /healthz HTTP/1.1\r\nHost: {}\r\n", server.http());
    let mut kept = connect(&format!("{head}\r\n"));
    let mut half: Vec<TcpStream> = (0..150).map(|_| connect(&head)).collect();
    half.push(connect(""));
    let held = server.process().descriptor_count();
    assert!(held <= before + 80, "{held} descriptors, {before} before");
    for stream in &mut half {
        // An end, or a short word about it and an end; not the limit of this test.
        stream.read_to_end(&mut Vec::new()).unwrap();
    }
    let mut answer = String::new();
    kept.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(http::get(server.http(), "/healthz").unwrap(), "alive\n");
}

/// `/status.json` has a limit, and filters to find what is beyond it.
#[test]
fn zones_of_the_status_are_limited_and_can_be_paged_through() {
    let folder = tempfile::tempdir().unwrap();
    let mut list = String::new();
    for number in 0..30 {
        let (name, file) = (
            format!("z{number:02}.test."),
            folder.path().join(format!("{number}")),
        );
        let text = match number {
            7 => "broken".to_owned(),
            _ => zones::generated(&name, 1, 1),
        };
        fs::write(&file, text).unwrap();
        writeln!(list, "{name} {}", file.display()).unwrap();
    }
    let listed = folder.path().join("list");
    fs::write(&listed, list).unwrap();
    let server = TestServer::options()
        .http()
        .arg("--zones")
        .arg(path(&listed))
        .start()
        .unwrap();
    let rows = |query: &str| -> Vec<String> {
        let text = http::get(server.http(), &format!("/status.json{query}")).unwrap();
        let status: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(status["zone_count"], 30);
        let rows = status["zones"].as_array().unwrap();
        rows.iter()
            .map(|row| row["name"].as_str().unwrap().to_owned())
            .collect()
    };
    wait_until("all files were tried", LIMIT, || {
        (rows("?state=ok").len() == 29).then_some(())
    });
    assert_eq!(rows("").len(), 30);
    assert_eq!(rows("?limit=3").len(), 3);
    assert_eq!(rows("?limit=3")[0], "z07.test.", "trouble first");
    assert_eq!(rows("?state=failing"), ["z07.test."]);
    assert_eq!(rows("?name=Z2").len(), 10);
    assert_eq!(rows("?name=z2&limit=2"), ["z20.test.", "z21.test."]);
    let mut all: Vec<String> = Vec::new();
    let mut after = "a.test.".to_owned();
    loop {
        let page = rows(&format!("?limit=7&after={after}"));
        let Some(last) = page.last() else { break };
        after.clone_from(last);
        all.extend(page);
    }
    assert_eq!(all.len(), 30);
    assert!(all.is_sorted());
}

/// Settings are held against the schemas of the plugins that the file names, each mistake with its place,
/// and a zone's settings for a plugin that is not there are named with the one that was meant.
#[test]
fn check_config_looks_into_the_settings_of_plugins() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bailiwick.toml");
    let plugin = guests::shipped("dnssec-policy").unwrap();
    let zone = "[[zone]]\nname = \"a.test\"\nfile = \"a\"\n";
    let text = format!(
        "version = \"v1\"\n{zone}[zone.settings.dnssec-policy]\npreset = \"standrad\"\n\
         [[zone]]\nname = \"b.test\"\nfile = \"b\"\n[zone.settings.dnssec-polcy]\npreset = \"standard\"\n\
         [[plugin]]\nfile = {:?}\n[plugin.settings]\nsign = true\n",
        path(&plugin)
    );
    fs::write(&file, &text).unwrap();
    let said = |code| {
        let output = bailiwick(&["check-config", path(&file)]).unwrap();
        assert_eq!(output.status.code(), Some(code), "{}", output.stdout);
        output.stdout
    };
    let found = said(1);
    assert!(found.contains(":6:1: /preset: \"standrad\""), "{found}");
    assert!(
        found.contains(":10:1: ") && found.contains("did you mean `dnssec-policy`?"),
        "{found}"
    );
    assert_eq!(found.lines().count(), 2, "{found}");
    fs::write(&file, text.replace("sign = true", "sign = 1")).unwrap();
    let found = said(1);
    assert!(found.contains(":15:1: /sign: 1 is not of type"), "{found}");
    let good = text
        .replace("standrad", "standard")
        .replace("polcy", "policy");
    fs::write(&file, good).unwrap();
    said(0);
}

/// One zone's wrong setting is that zone's: the plugin serves the others as configured, the zone is named in
/// words and counted, and its correction is taken without a restart.
#[test]
fn a_wrong_setting_of_one_zone_costs_that_zone_alone() {
    let folder = tempfile::tempdir().unwrap();
    let plugin = guests::shipped("dnssec-policy").unwrap();
    let text = |wrong: &str| {
        let zone = |name: &str, preset: &str| {
            let file = zone_file(&folder, name, 1);
            format!(
                "[[zone]]\nname = \"{name}\"\nfile = \"{}\"\nsigning = true\n[zone.settings.dnssec-policy]\npreset = \"{preset}\"\n",
                file.display()
            )
        };
        format!(
            "version = \"v1\"\n{}{}[[plugin]]\nfile = \"{}\"\n",
            zone("right.test.", "conservative"),
            zone("wrong.test.", wrong),
            plugin.display()
        )
    };
    let mut server = TestServer::options()
        .config(&text("nope"))
        .http()
        .start()
        .unwrap();
    let (about, _) = wait_until("the zone is named", LIMIT, || {
        let status = server.status().ok()?;
        let mut troubles = status["troubles"].as_array()?.iter();
        let about =
            troubles.find_map(|words| words.as_str()?.contains("wrong.test.").then_some(words))?;
        Some(about.as_str()?.to_owned())
    });
    assert!(
        about.contains("/preset") && !about.contains("right.test."),
        "{about}"
    );
    let row = server.wait_plugin("dnssec-policy", LIMIT);
    assert_eq!(row["settings_kept_out_count"], 1, "{row}");
    let kept_out = || {
        let text = server.metrics().unwrap();
        http::metric(&text, "bailiwick_plugin_zone_settings_kept_out", &[])
    };
    assert_eq!(kept_out(), Some(1.0));
    wait_until("the other zone has its policy", LIMIT, || {
        let status = server.status().ok()?;
        let rows = status["decisions"].as_array()?.clone();
        rows.iter().find(|row| {
            row["about"] == "right.test."
                && row["outcome"]
                    .as_str()
                    .is_some_and(|o| o.contains("algorithm 8"))
        })?;
        Some(())
    });
    fs::write(
        server.data().path().join("bailiwick.toml"),
        text("standard"),
    )
    .unwrap();
    server.must(&["reload"]).unwrap();
    assert_eq!(kept_out(), Some(0.0));
    server.process().signal("TERM").unwrap();
}

/// A named pipe, a device or a folder in the place of a file is refused in words and holds up nothing: not a
/// check, not an answer, not a start.
#[test]
fn what_is_no_regular_file_is_refused_without_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    let good = zone_file(&folder, "good.test.", 1);
    for (file, what) in [
        (path(&pipe), "a named pipe"),
        ("/dev/zero", "a device"),
        (path(folder.path()), "a directory"),
    ] {
        let config = |name: &str, text: String| {
            let config = folder.path().join(name);
            fs::write(&config, format!("version = \"v1\"\n{text}")).unwrap();
            path(&config).to_owned()
        };
        for args in [
            vec!["zone".to_owned(), "check".into(), file.into()],
            vec![
                "zone".into(),
                "answer".into(),
                file.into(),
                "a.test".into(),
                "A".into(),
            ],
            vec!["check-config".into(), file.into()],
            vec!["serve".into(), "--config".into(), file.into()],
            vec!["serve".into(), "--zones".into(), file.into()],
            vec!["plugin".into(), "check".into(), file.into()],
            vec!["plugin".into(), "install".into(), file.into()],
            vec![
                "check-config".into(),
                config("plugin.toml", format!("[[plugin]]\nfile = {file:?}\n")),
            ],
            vec![
                "check-config".into(),
                config(
                    "secrets.toml",
                    format!("[answers]\ncookie-secrets = {file:?}\n"),
                ),
            ],
            vec![
                "serve".into(),
                "--listen-tls".into(),
                "127.0.0.1:0".into(),
                "--listen".into(),
                "127.0.0.1:0".into(),
                "--tls-certificate".into(),
                file.into(),
                "--tls-key".into(),
                path(&good).into(),
            ],
        ] {
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            let output = bailiwick(&args).unwrap();
            let said = output.stdout + &output.stderr;
            assert_eq!(output.status.code(), Some(1), "{args:?}: {said}");
            assert!(said.contains(what), "{args:?}: {said}");
        }
        let server = TestServer::options()
            .zone("good.test.", &good)
            .zone_unawaited("odd.test.", Path::new(file))
            .http()
            .start()
            .unwrap();
        let (error, _) = wait_until("the odd file is named", LIMIT, || {
            zone_error(&server, "odd.test.")
        });
        assert!(error.contains(what), "{error}");
        assert_eq!(serial(server.v4(), "good.test."), Some(1));
    }
}

/// What the status page says is wrong with a zone.
fn zone_error(server: &TestServer, zone: &str) -> Option<String> {
    let status = server.status().ok()?;
    let row = status["zones"].as_array()?.iter().find(|row| {
        row["name"]
            .as_str()
            .is_some_and(|name| name.trim_end_matches('.') == zone.trim_end_matches('.'))
    })?;
    row["last_error"].as_str().map(str::to_owned)
}

fn zone_file(folder: &TempDir, apex: &str, serial: u32) -> PathBuf {
    let path = folder.path().join(apex);
    fs::write(
        &path,
        zones::with_serial(&zones::generated(apex, 4, 5), serial),
    )
    .unwrap();
    path
}

fn path(path: &Path) -> &str {
    path.to_str().expect("the tests' own paths")
}

const LIMIT: Duration = Duration::from_secs(30);
