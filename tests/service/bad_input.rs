//! Issue point 8: what comes in broken from operators, primaries and plugin authors. Each is a
//! clear error, nothing is lost, the rest keeps serving. Packets have a file of their own.

#![allow(clippy::unwrap_used, reason = "a panic is a failed test")]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bailiwick_tests::client::serial;
use bailiwick_tests::guests;
use bailiwick_tests::hostile::{Behaviour, HostilePrimary};
use bailiwick_tests::process::wait_until;
use bailiwick_tests::server::{TestServer, bailiwick};
use bailiwick_tests::wire::{A, Question, SOA};
use bailiwick_tests::zones;
use tempfile::TempDir;

/// P2.2: every problem of a zone file with its line and column, all at once; exit code 1.
#[test]
fn zone_check_names_every_problem_with_line_and_column() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("zone");
    fs::write(
        &file,
        "@ 3600 IN SOA ns host 1 2 3 4 5\n@ NS ns\nns A 192.0.2.256\nwww AAAA 2001:db8::zz\n\
         a NOSUCHTYPE x\nmx MX mail\ntxt TXT \"open\n",
    )
    .unwrap();
    let output = bailiwick(&["zone", "check", "--origin", "bad.test.", path(&file)]).unwrap();
    let said = output.stdout + &output.stderr;
    assert_eq!(output.status.code(), Some(1), "{said}");
    for line in 3..=7 {
        assert!(
            said.contains(&format!(":{line}:")),
            "nothing about line {line}: {said}"
        );
    }
}

/// A good file passes, with exit code 0.
#[test]
fn zone_check_passes_a_good_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = zone_file(&folder, "good.test.", 1);
    let output = bailiwick(&["zone", "check", path(&file)]).unwrap();
    assert_eq!(output.code(), 0, "{}{}", output.stdout, output.stderr);
}

/// A file that broke between two reloads changes nothing but the status; the next good one is taken.
#[test]
fn a_broken_zone_file_keeps_the_last_good_version() {
    let folder = tempfile::tempdir().unwrap();
    let file = zone_file(&folder, "kept.test.", 1);
    let mut server = TestServer::options()
        .zone("kept.test.", &file)
        .http()
        .start()
        .unwrap();
    for broken in ["not a zone (", "", "kept.test. 60 IN A 192.0.2.1\n"] {
        fs::write(&file, broken).unwrap();
        server.process().signal("HUP").unwrap();
        let (error, _) = wait_until("the broken file is named", LIMIT, || {
            zone_error(&server, "kept.test.")
        });
        assert!(error.len() > 10, "{error}");
        assert_eq!(serial(server.v4(), "kept.test."), Some(1));
        zone_file(&folder, "kept.test.", 1);
        server.process().signal("HUP").unwrap();
        wait_until("the good file clears it", LIMIT, || {
            zone_error(&server, "kept.test.").is_none().then_some(())
        });
    }
    zone_file(&folder, "kept.test.", 2);
    server.process().signal("HUP").unwrap();
    server.wait_serial("kept.test.", 2, LIMIT);
}

/// A broken file at the start costs that zone, not the others.
#[test]
fn a_zone_file_broken_at_the_start_leaves_the_other_zones() {
    let folder = tempfile::tempdir().unwrap();
    let good = zone_file(&folder, "good.test.", 1);
    let bad = folder.path().join("bad");
    fs::write(&bad, "$INCLUDE /etc/passwd\n").unwrap();
    let server = TestServer::options()
        .zone("good.test.", &good)
        .zone_unawaited("bad.test.", &bad)
        .http()
        .start()
        .unwrap();
    let (error, _) = wait_until("the broken file is named", LIMIT, || {
        zone_error(&server, "bad.test.")
    });
    assert!(
        !error.contains("root:"),
        "a file outside the folder was read: {error}"
    );
    assert_eq!(serial(server.v4(), "good.test."), Some(1));
}

/// A key with a typo is refused with the line, and the key that was meant.
#[test]
fn a_typo_in_the_configuration_is_named_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bailiwick.toml");
    fs::write(
        &file,
        "version = \"v1\"\n\n[server]\nlisten = [\"127.0.0.1:0\"]\nthreds = 2\n",
    )
    .unwrap();
    for args in [
        vec!["check-config", path(&file)],
        vec!["serve", "--config", path(&file)],
    ] {
        let output = bailiwick(&args).unwrap();
        let said = output.stdout + &output.stderr;
        assert_eq!(output.status.code(), Some(1), "{args:?}: {said}");
        assert!(
            said.contains("threds") && said.contains("threads"),
            "{args:?}: {said}"
        );
        assert!(
            said.contains(":5:") || said.contains("line 5"),
            "{args:?}: {said}"
        );
    }
}

/// A reload of a configuration with a typo is kept out and named; the server serves on.
#[test]
fn a_bad_configuration_is_kept_out_at_a_reload() {
    let folder = tempfile::tempdir().unwrap();
    let zone = zone_file(&folder, "first.test.", 1);
    let text = format!(
        "version = \"v1\"\n[[zone]]\nname = \"first.test\"\nfile = \"{}\"\n",
        zone.display()
    );
    let mut server = TestServer::options().config(&text).http().start().unwrap();
    server.wait_for(&["first.test.".to_owned()]).unwrap();
    let config = server.data().path().join("bailiwick.toml");
    fs::write(&config, text.replace("file =", "fiel =")).unwrap();
    server.process().signal("HUP").unwrap();
    let (error, _) = wait_until("the typo is named", LIMIT, || {
        server.status().ok()?["config"]["error"]
            .as_str()
            .map(str::to_owned)
    });
    assert!(error.contains("fiel"), "{error}");
    assert_eq!(serial(server.v4(), "first.test."), Some(1));
    let second = zone_file(&folder, "second.test.", 5);
    let more = format!(
        "[[zone]]\nname = \"second.test\"\nfile = \"{}\"\n",
        second.display()
    );
    fs::write(&config, text + &more).unwrap();
    server.process().signal("HUP").unwrap();
    server.wait_serial("second.test.", 5, LIMIT);
    // The zone is answered a moment before the reload is reported as done.
    wait_until("the error is gone", LIMIT, || {
        server.status().ok()?["config"]["error"]
            .is_null()
            .then_some(())
    });
}

/// A second server on the same port ends with exit code 1 and says which address; the first keeps
/// answering, and keeps every query.
#[test]
fn a_busy_port_is_named_and_the_first_server_keeps_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = zone_file(&folder, "first.test.", 1);
    let server = TestServer::options()
        .zone("first.test.", &file)
        .start()
        .unwrap();
    let listen = server.v4().to_string();
    let output = bailiwick(&["serve", "--listen", &listen, "--http", "off"]).unwrap();
    let said = output.stdout + &output.stderr;
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(&listen), "{said}");
    for _ in 0..200 {
        assert_eq!(serial(server.v4(), "first.test."), Some(1));
    }
}

/// Two servers do not share a data folder.
#[test]
fn a_data_folder_in_use_is_refused() {
    let server = TestServer::options().start().unwrap();
    let data = server.data().path().to_owned();
    let port = bailiwick_tests::place::free_port();
    let listen = format!("127.0.0.1:{port}");
    let output = bailiwick(&[
        "serve",
        "--data",
        path(&data),
        "--listen",
        &listen,
        "--http",
        "off",
    ])
    .unwrap();
    let said = output.stdout + &output.stderr;
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(path(&data)), "{said}");
}

/// A primary that misbehaves (RELIABILITY X1, X5): the old version is served, the error is in words,
/// and the next honest transfer is taken.
#[test]
fn a_misbehaving_primary_costs_nothing_but_its_new_version() {
    use Behaviour::{AnotherZone, CutsOff, HangsUp, Honest, Noise, OutOfZone, Refuses, TwoSerials};

    let folder = tempfile::tempdir().unwrap();
    let file = zone_file(&folder, "hosted.test.", 3);
    let primary = HostilePrimary::start("moved.test.", 1).unwrap();
    let server = TestServer::options()
        .zone("hosted.test.", &file)
        .secondary("moved.test.", primary.address())
        .http()
        .start()
        .unwrap();
    let mut good = 1;
    for behaviour in [
        Refuses,
        HangsUp,
        CutsOff,
        AnotherZone,
        TwoSerials,
        OutOfZone,
        Noise,
    ] {
        primary.turn(behaviour, good + 1);
        let before = primary.transfers();
        primary.notify(server.v4()).unwrap();
        let (error, _) = wait_until(&format!("{behaviour:?} is named"), LIMIT, || {
            (primary.transfers() > before).then(|| zone_error(&server, "moved.test."))?
        });
        assert!(error.len() > 10, "{behaviour:?}: {error}");
        assert_eq!(
            serial(server.v4(), "moved.test."),
            Some(good),
            "{behaviour:?}"
        );
        assert_eq!(
            serial(server.v4(), "hosted.test."),
            Some(3),
            "{behaviour:?}"
        );
        let www = server
            .client()
            .unwrap()
            .udp(&Question::new("www.moved.test.", A))
            .unwrap();
        assert_eq!(www.answer[0].rdata[3], (good % 256) as u8, "{behaviour:?}");

        good += 2;
        primary.turn(Honest, good);
        primary.notify(server.v4()).unwrap();
        server.wait_serial("moved.test.", good, LIMIT);
        wait_until("the error is gone", LIMIT, || {
            zone_error(&server, "moved.test.").is_none().then_some(())
        });
    }
}

/// X1 and X2: a primary that sends for ever, and one that says nothing, hold neither memory nor the
/// other zones.
#[test]
fn an_endless_and_a_silent_primary_leave_the_others_alone() {
    let endless = HostilePrimary::start("endless.test.", 1).unwrap();
    endless.turn(Behaviour::Endless, 1);
    let silent = HostilePrimary::start("silent.test.", 1).unwrap();
    silent.turn(Behaviour::Silent, 1);
    let honest = HostilePrimary::start("honest.test.", 1).unwrap();
    let mut server = TestServer::options()
        .secondary_unawaited("endless.test.", endless.address())
        .secondary_unawaited("silent.test.", silent.address())
        .secondary("honest.test.", honest.address())
        .http()
        .start()
        .unwrap();
    honest.turn(Behaviour::Honest, 2);
    honest.notify(server.v4()).unwrap();
    server.wait_serial("honest.test.", 2, LIMIT);
    let (error, _) = wait_until(
        "the endless transfer is ended",
        Duration::from_secs(100),
        || zone_error(&server, "endless.test."),
    );
    assert!(error.len() > 10, "{error}");
    assert_eq!(serial(server.v4(), "endless.test."), None);
    // While it ran, not after: what is given up is given back.
    let peak = server.process().peak_bytes();
    assert!(
        peak < 1 << 30,
        "{peak} bytes resident during an endless transfer"
    );
}

/// RFC 1034 4.3.2 step 2: a zone that is configured and has no data yet, transferred or hosted, is
/// answered with SERVFAIL; the zone above it must not deny its names.
#[test]
fn a_zone_without_data_is_not_answered_from_the_zone_above() {
    let folder = tempfile::tempdir().unwrap();
    let above = zone_file(&folder, "test.", 1);
    let broken = folder.path().join("broken");
    fs::write(&broken, "this is no zone\n").unwrap();
    let silent = HostilePrimary::start("late.test.", 1).unwrap();
    silent.turn(Behaviour::Silent, 1);
    let server = TestServer::options()
        .zone("test.", &above)
        .zone_unawaited("broken.test.", &broken)
        .secondary_unawaited("late.test.", silent.address())
        .start()
        .unwrap();
    let mut client = server.client().unwrap();
    for name in [
        "www.broken.test.",
        "broken.test.",
        "www.late.test.",
        "late.test.",
    ] {
        let reply = client.ask(&Question::new(name, A)).unwrap();
        assert_eq!((reply.rcode(), reply.answer.len()), (2, 0), "{name}");
    }
    let above = client.ask(&Question::new("test.", SOA)).unwrap();
    assert_eq!((above.rcode(), above.answer.len()), (0, 1));

    // The data come: the zone is answered as any other.
    fs::write(
        &broken,
        fs::read_to_string(zone_file(&folder, "broken.test.", 1)).unwrap(),
    )
    .unwrap();
    server.must(&["reload"]).unwrap();
    let reply = client.ask(&Question::new("broken.test.", SOA)).unwrap();
    assert_eq!((reply.rcode(), reply.answer.len()), (0, 1));
}

/// A component that is none, is empty, imports what it may not, or is too large: refused with the
/// reason, by `check` and by `install`; the plugins and the answers stay as they were.
#[test]
fn broken_components_are_refused_for_a_reason() {
    let folder = tempfile::tempdir().unwrap();
    let file = zone_file(&folder, "first.test.", 1);
    let put = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    };
    let shipped = fs::read(guests::shipped("quota").unwrap()).unwrap();
    let broken = [
        put("text.wasm", b"this is no component"),
        put("nothing.wasm", b""),
        put("module.wasm", b"\0asm\x01\0\0\0"),
        put("empty.wasm", b"\0asm\x0d\0\x01\0"),
        put("cut.wasm", &shipped[..shipped.len() / 2]),
        put("large.wasm", &padded(&shipped, 3 << 20)),
        guests::hostile("sockets").unwrap(),
        guests::hostile("undeclared").unwrap(),
    ];
    let server = TestServer::options()
        .zone("first.test.", &file)
        .plugin(&guests::shipped("quota").unwrap())
        .http()
        .start()
        .unwrap();
    let before = server.wait_plugin("quota", LIMIT)["installed"].clone();
    for component in &broken {
        let name = component.file_name().unwrap().display();
        let check = bailiwick(&["plugin", "check", path(component)]).unwrap();
        let said = check.stdout + &check.stderr;
        assert_eq!(check.status.code(), Some(1), "{name}: {said}");
        assert!(said.trim().len() > 20, "{name}: {said}");
        let install = server
            .command(&["plugin", "install", path(component)])
            .unwrap();
        assert_eq!(
            install.code(),
            1,
            "{name}: {}{}",
            install.stdout,
            install.stderr
        );
        assert!(
            install.stderr.trim().len() > 20,
            "{name}: {}",
            install.stderr
        );
        assert_eq!(serial(server.v4(), "first.test."), Some(1), "{name}");
    }
    assert_eq!(server.wait_plugin("quota", LIMIT)["installed"], before);
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

/// A component with a custom section that makes it `len` bytes long, and otherwise the same.
fn padded(component: &[u8], len: usize) -> Vec<u8> {
    let mut out = component.to_vec();
    let content = len - component.len();
    out.push(0);
    // LEB128, always five bytes.
    for shift in [0, 7, 14, 21, 28] {
        out.push((content >> shift & 127) as u8 | if shift < 28 { 128 } else { 0 });
    }
    out.extend([3, b'p', b'a', b'd']);
    out.resize(out.len() + content - 4, 0);
    out
}

fn path(path: &Path) -> &str {
    path.to_str().expect("the tests' own paths")
}

const LIMIT: Duration = Duration::from_secs(20);
