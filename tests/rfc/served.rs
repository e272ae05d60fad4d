//! What only the whole server shows: the settings of a configuration file, transfers over TCP, and
//! clients of other makers.

use std::fs;
use std::process::Command;

use bailiwick_tests::client::{connect, receive_framed, send_framed};
use bailiwick_tests::server::TestServer;
use tempfile::TempDir;

use super::message::{Ask, DO, Host, Reply};

const ZONE: &str = "\
@ 60 SOA ns host 2026112201 3600 600 86400 60
@ 60 NS ns
ns 60 A 192.0.2.1
www 60 A 192.0.2.2
*._er.agent 60 TXT \"received\"
";
const CONFIG: &str = "\
version = \"v1\"
[answers]
nsid = \"ns1.sydney\"
identity = \"ns1.sydney\"
version = \"served\"
report-agent = \"agent.example.\"
";

/// A server of the zone `example.` with these settings.
fn serve(config: &str) -> (TestServer, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("zone");
    fs::write(&file, ZONE).unwrap();
    let server = TestServer::options()
        .zone("example.", &file)
        .allow_transfer("127.0.0.0/8")
        .http()
        .config(config)
        .start()
        .unwrap();
    (server, folder)
}

fn tcp(server: &TestServer, message: &[u8]) -> Reply {
    let mut stream = connect(server.v4()).unwrap();
    send_framed(&mut stream, message).unwrap();
    Reply::read(&receive_framed(&mut stream).unwrap())
}

fn udp(server: &TestServer, message: &[u8]) -> Reply {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(server.v4()).unwrap();
    let mut buffer = [0; 4096];
    // A datagram may be lost where the machine is busy.
    for _ in 0..5 {
        socket.send(message).unwrap();
        let _ = socket.set_read_timeout(Some(std::time::Duration::from_secs(2)));
        if let Ok(len) = socket.recv(&mut buffer) {
            return Reply::read(&buffer[..len]);
        }
    }
    panic!("no answer");
}

/// What `dig` says, in one line.
fn dig(server: &TestServer, args: &str) -> String {
    let output = Command::new("dig")
        .args([
            "-p",
            &server.v4().port().to_string(),
            "@127.0.0.1",
            "+time=5",
            "+tries=3",
        ])
        .args(args.split(' '))
        .output()
        .unwrap_or_else(|error| panic!("dig (bind9-dnsutils): {error}"));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// RFC 8906 8.2, RFC 6891 6.1.1, RFC 9619 4 on requests to transfer, which other servers hand to a path
/// of its own before anybody looks at EDNS: the answers are those of a question.
#[test]
fn odd_requests_to_transfer_are_answered_like_odd_questions() {
    let (server, _folder) = serve("version = \"v1\"\n");
    let soa = b"\x07example\x00\x00\x06\x00\x01\x00\x00\x00\x00\x00\x16\x00\x00".to_vec();
    let serials = [[0x78, 0xc3, 0x4b, 0xd9], [0; 4], [0; 4], [0; 4], [0; 4]].concat();
    let soa = [soa, serials].concat();
    for rtype in ["AXFR", "IXFR"] {
        let mut ask = Ask::new("example.", rtype);
        if rtype == "IXFR" {
            ask.authority.push(soa.clone());
        }
        // 8.2.1, 8.2.3, 8.2.4, 8.2.8: OPT comes back with version 0, no unknown flag or option.
        for odd in [
            ask.clone().edns(),
            ask.clone().option(100, b"x"),
            ask.clone().edns_with(|edns| edns.flags = 0x40),
            ask.clone().edns_with(|edns| edns.flags = DO),
        ] {
            let reply = tcp(&server, &odd.encode());
            assert_eq!(
                (reply.rcode().as_str(), reply.set().as_str()),
                ("NOERROR", "aa"),
                "{odd:?}"
            );
            assert!(reply.counts[1] >= 1, "{odd:?}");
            let opt = reply.opt.expect("OPT comes back");
            assert_eq!(
                (opt.version, opt.flags & !DO, opt.options.len()),
                (0, 0, 0),
                "{odd:?}"
            );
        }
        // 8.2.2, 8.2.5, 8.2.6, 8.2.9.
        let mut version = ask.clone().option(100, b"x");
        version
            .edns
            .iter_mut()
            .for_each(|edns| (edns.version, edns.flags) = (1, 0x80c0));
        let reply = tcp(&server, &version.encode());
        assert_eq!((reply.rcode().as_str(), reply.counts[1]), ("BADVERS", 0));
        // RFC 9619 4.
        for count in [0, 2] {
            let questions = vec![ask.questions[0].clone(); count];
            for ask in [ask.clone(), ask.clone().edns()] {
                let reply = tcp(
                    &server,
                    &Ask {
                        questions: questions.clone(),
                        ..ask
                    }
                    .encode(),
                );
                assert_eq!((reply.rcode().as_str(), reply.counts[1]), ("FORMERR", 0));
            }
        }
        // RFC 6891 6.1.1: two OPT records.
        let mut message = ask.clone().edns().encode();
        message[11] = 2;
        message.extend([0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0]);
        assert_eq!(tcp(&server, &message).rcode(), "FORMERR");
        // RFC 7873 5.2.2.
        assert_eq!(
            tcp(&server, &ask.clone().option(10, b"short").encode()).rcode(),
            "FORMERR"
        );
        // Not our zone, a name inside it, another class.
        for (name, class, expected) in [
            ("elsewhere.", 1, "NOTAUTH"),
            ("www.example.", 1, "NOTAUTH"),
            ("example.", 3, "REFUSED"),
        ] {
            let mut odd = ask.clone().class(class);
            odd.questions[0].0 = name.to_owned();
            assert_eq!(
                tcp(&server, &odd.encode()).rcode(),
                expected,
                "{name} {class}"
            );
        }
    }
    // RFC 1995 3: without the version the asker has.
    let bare = Ask::new("example.", "IXFR");
    assert_eq!(tcp(&server, &bare.encode()).rcode(), "FORMERR");
    // RFC 5936 4.2, RFC 1995 2: over UDP.
    assert_eq!(
        udp(&server, &Ask::new("example.", "AXFR").edns().encode()).rcode(),
        "FORMERR"
    );
    assert_eq!(
        udp(&server, &Ask::new("example.", "IXFR").encode()).counts[1],
        1
    );
}

/// The battery of RFC 8906 8 as `dig` runs it.
#[test]
fn dig_finds_nothing_to_complain_about() {
    let (server, _folder) = serve("version = \"v1\"\n");
    for (probe, expected) in [
        ("+noedns +noad +norec soa example", "status: NOERROR"),
        ("+noedns +noad +norec type1000 example", "status: NOERROR"),
        ("+noedns +noad +norec +cdflag soa example", "flags: qr aa;"),
        ("+noedns +norec +ad soa example", "flags: qr aa;"),
        ("+noedns +noad +norec +zflag soa example", "flags: qr aa;"),
        ("+noedns +noad +rec soa example", "flags: qr aa rd;"),
        (
            "+noedns +noad +opcode=15 +norec +header-only example",
            "status: NOTIMP",
        ),
        ("+noedns +noad +norec +tcp soa example", "status: NOERROR"),
        (
            "+edns=0 +nocookie +noad +norec soa example",
            "EDNS: version: 0, flags:; udp: 1232",
        ),
        (
            "+edns=1 +noednsneg +nocookie +noad +norec soa example",
            "status: BADVERS",
        ),
        (
            "+edns=0 +noad +norec +nocookie +ednsopt=100 soa example",
            "EDNS: version: 0, flags:; udp: 1232",
        ),
        (
            "+edns=0 +noad +norec +nocookie +ednsflags=0x80 soa example",
            "EDNS: version: 0, flags:; udp: 1232",
        ),
        (
            "+edns=1 +noednsneg +noad +norec +nocookie +ednsflags=0x80 soa example",
            "status: BADVERS",
        ),
        (
            "+edns=1 +noednsneg +noad +norec +nocookie +ednsopt=100 soa example",
            "status: BADVERS",
        ),
        (
            "+edns=0 +norec +noad +dnssec +nocookie soa example",
            "flags: do; udp: 1232",
        ),
        (
            "+edns=1 +norec +noednsneg +noad +dnssec +nocookie soa example",
            "status: BADVERS",
        ),
        (
            "+edns=0 +noad +norec +cookie +nsid +expire +subnet=0.0.0.0/0 soa example",
            "(good)",
        ),
        ("+badcookie +norec soa example", "(good)"),
    ] {
        let said = dig(&server, probe);
        assert!(said.contains(expected), "dig {probe}\n{said}");
        assert!(!said.contains("Warning"), "dig {probe}\n{said}");
    }
}

/// RFC 5001, RFC 4892, RFC 9660: what the configuration says is told to those who ask, and a reload
/// changes it.
#[test]
fn what_is_configured_is_told_and_a_reload_changes_it() {
    let (server, _folder) = serve(CONFIG);
    let nsid = Ask::new("example.", "SOA")
        .option(3, &[])
        .option(19, &[])
        .encode();
    let reply = udp(&server, &nsid);
    assert_eq!(reply.option(3), Some(&b"ns1.sydney"[..]));
    assert_eq!(reply.option(19), Some(&[1, 0, 0x78, 0xc4, 0x04, 0xc9][..]));
    let id = Ask::new("id.server.", "TXT").class(3).encode();
    assert!(udp(&server, &id).octets.ends_with(b"\x0ans1.sydney"));
    assert!(dig(&server, "+short ch txt version.bind").contains("\"served\""));
    let config = CONFIG
        .replace("sydney", "perth")
        .replace("version = \"served\"\n", "");
    fs::write(server.data().path().join("bailiwick.toml"), config).unwrap();
    server.must(&["reload"]).unwrap();
    assert_eq!(udp(&server, &nsid).option(3), Some(&b"ns1.perth"[..]));
    assert_eq!(
        udp(&server, &Ask::new("version.bind.", "TXT").class(3).encode()).rcode(),
        "REFUSED"
    );
}

/// RFC 7873 5.2.3, RFC 9018 5, RELIABILITY P15: a change of secrets in the file, in its three steps,
/// loses no cookie of a client that asks on.
#[test]
fn cookies_outlive_a_change_of_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = ("01".repeat(16), "02".repeat(16));
    let file = folder.path().join("secrets");
    fs::write(&file, format!("current {old}\n")).unwrap();
    let config = format!(
        "version = \"v1\"\n[answers]\ncookies = \"require\"\ncookie-secrets = {:?}\n",
        file.display().to_string()
    );
    let (server, _zone) = serve(&config);
    let ask = |cookie: &[u8]| {
        udp(
            &server,
            &Ask::new("www.example.", "A").option(10, cookie).encode(),
        )
    };
    let first = ask(b"a client");
    assert_eq!((first.rcode().as_str(), first.counts[1]), ("BADCOOKIE", 0));
    let mut cookie = first.option(10).unwrap().to_vec();
    let steps = [
        format!("current {old}\nnext {new}\n"),
        format!("current {new}\nprevious {old}\n"),
        format!("current {new}\n"),
    ];
    for (n, text) in steps.iter().enumerate() {
        fs::write(&file, text).unwrap();
        server.must(&["reload"]).unwrap();
        let reply = ask(&cookie);
        assert_eq!(
            (reply.rcode().as_str(), reply.counts[1]),
            ("NOERROR", 1),
            "step {n}"
        );
        cookie = reply.option(10).unwrap().to_vec();
    }
    // A bad file is kept out, the secrets in force stay, and none is shown.
    fs::write(&file, "current 5ec2e7\n").unwrap();
    let said = server.must(&["reload"]).unwrap_err().to_string();
    assert!(
        said.contains("secrets:1:") && !said.contains("5ec2e7"),
        "{said}"
    );
    assert_eq!(ask(&cookie).rcode(), "NOERROR");
}

/// RFC 9567 6.3: a report over TCP, or with a good cookie, is answered, counted and listed; one whose
/// sender may be forged is sent to TCP.
#[test]
fn reports_of_errors_are_counted_and_listed() {
    let (server, _folder) = serve(CONFIG);
    let reply = udp(&server, &Ask::new("www.example.", "A").edns().encode());
    assert_eq!(reply.option(18), Some(&b"\x05agent\x07example\x00"[..]));
    let report = Ask::new("_er.1.broken.example.7._er.agent.example.", "TXT").edns();
    let reply = udp(&server, &report.encode());
    assert_eq!((reply.set().as_str(), reply.counts[1]), ("tc", 0));
    let status = || server.status().unwrap();
    assert_eq!(status()["error_reports"], serde_json::json!([]));
    assert_eq!(tcp(&server, &report.encode()).counts[1], 1);
    let learned = udp(&server, &report.clone().option(10, b"a client").encode());
    let with_cookie = report.option(10, learned.option(10).unwrap());
    assert_eq!(udp(&server, &with_cookie.encode()).counts[1], 1);
    let row = &status()["error_reports"][0];
    assert_eq!(
        (&row["name"], &row["rtype"], &row["code"], &row["count"]),
        (&"broken.example.".into(), &"A".into(), &7.into(), &2.into())
    );
    let metrics = server.metrics().unwrap();
    assert!(
        metrics.contains("bailiwick_error_reports_total{code=\"7\"} 2"),
        "{metrics}"
    );
}

/// RFC 2136 is not served: NOTIMP, whatever the update says.
#[test]
fn update_is_not_implemented() {
    let update = Ask {
        opcode: 5,
        ..Ask::new("example.", "SOA")
    };
    let host = Host::new(&[
        "example. 60 SOA ns.example. host.example. 1 2 3 4 60\nexample. 60 NS ns.test.\n",
    ]);
    assert_eq!(host.tcp(&update).rcode(), "NOTIMP");
}
