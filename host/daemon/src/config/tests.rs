//! What the configuration file promises.

use super::*;

fn read(text: &str) -> Result<Config, Problems> {
    Config::parse(std::path::Path::new("test.toml"), text)
}

/// The template, with every commented-out `key = value` and table header switched on.
fn switched_on() -> String {
    let is_setting = |line: &str| {
        line.starts_with('[')
            || line
                .split_once(" = ")
                .is_some_and(|(key, _)| !key.contains(' '))
    };
    let lines = TEMPLATE.lines().map(|line| match line.strip_prefix("# ") {
        Some(rest) if is_setting(rest) => rest,
        _ => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The template as shipped asks for the defaults, except that state is kept.
#[test]
fn the_template_means_the_defaults() {
    let shipped = read(TEMPLATE).unwrap();
    let mut defaults = Config::default();
    defaults.server.data = Some(DATA_DIR_DEFAULT.into());
    assert_eq!(shipped, defaults);
}

/// Every default that the template shows is the default, and every example is accepted.
#[test]
fn what_the_template_shows_is_true() {
    let text = switched_on();
    // The examples name files that are not here; `primaries` and `file` are two examples.
    let problems = read(&text).unwrap_err().0;
    let missing = |p: &Problem| p.message.starts_with("there is no file");
    assert!(problems.iter().all(missing), "{problems:?}");
    let without_plugins: &str = text.split("[[plugin]]").next().unwrap();
    let shown = read(without_plugins).unwrap();
    let defaults = Config::default();
    assert_eq!(shown.server.listen, defaults.server.listen);
    assert_eq!(shown.server.threads, defaults.server.threads);
    assert_eq!(shown.server.data, Some(DATA_DIR_DEFAULT.into()));
    assert_eq!(shown.http, defaults.http);
    assert_eq!(shown.log, defaults.log);
    assert_eq!(shown.answers, defaults.answers);
    assert_eq!(shown.rate_limit, defaults.rate_limit);
    assert_eq!(shown.limits, defaults.limits);
    assert_eq!(
        (
            shown.zones.len(),
            shown.nodes.len(),
            shown.transfer_allow.len()
        ),
        (2, 1, 2)
    );
}

/// A typo is refused with its place and what was probably meant.
#[test]
fn an_unknown_key_names_line_column_and_the_likely_key() {
    let problems = read("version = \"v1\"\n[server]\nlsiten = [\"127.0.0.1:53\"]\n").unwrap_err();
    let text = problems.to_string();
    assert!(text.starts_with("test.toml:3:1: "), "{text}");
    assert!(text.ends_with("did you mean `listen`?"), "{text}");
}

/// A person corrects a file once: all keys and values that do not fit are named, each once.
#[test]
fn every_key_and_value_that_does_not_fit_is_named() {
    let text = "version = \"v1\"\n[server]\nlsiten = []\nthreads = \"two\"\n[[zone]]\nname = 5\nfile = \"x\"\n\
                [[zone]]\nnmae = \"b.\"\nfile = \"y\"\n[[zone]]\nfile = \"z\"\n[log]\nformat = \"jsno\"\n\
                [transfer]\nallow = [\"10.0.0.0/8\", \"ten\"]\n";
    let problems = read(text).unwrap_err().0;
    let lines: Vec<usize> = problems.iter().map(|problem| problem.line).collect();
    // Line 11 is the zone without a name; those of lines 5 and 8 have mistakes that say more.
    assert_eq!(lines, [3, 4, 6, 9, 11, 14, 16], "{problems:#?}");
}

/// Mistakes of TOML itself are named together too.
#[test]
fn every_broken_line_is_named() {
    let problems = read("version = \"v1\"\n[server\nthreads = = 2\n")
        .unwrap_err()
        .0;
    let lines: Vec<usize> = problems.iter().map(|problem| problem.line).collect();
    assert!(lines.contains(&2) && lines.contains(&3), "{problems:#?}");
}

/// What nobody can mean is not taken for a default.
#[test]
fn senseless_levels_and_thread_counts_are_refused() {
    for wrong in ["nonsense=", "info,,debug", "loud", ""] {
        let text = format!("version = \"v1\"\n[log]\nlevel = \"{wrong}\"\n");
        assert_eq!(read(&text).unwrap_err().0[0].line, 3, "{wrong}");
    }
    let problems = read("version = \"v1\"\n[server]\nthreads = 100000\n").unwrap_err();
    assert!(
        problems.to_string().contains("100000 threads"),
        "{problems}"
    );
}

/// A value of the wrong form is refused with its place.
#[test]
fn a_bad_address_names_line_and_column() {
    let text = read("version = \"v1\"\n[http]\nlisten = \"8080\"\n")
        .unwrap_err()
        .to_string();
    assert!(
        text.starts_with("test.toml:3:10: `8080` is neither ADDR:PORT"),
        "{text}"
    );
}

/// A number out of its range is refused with its place, its neighbours are taken.
#[test]
fn limits_have_bounds() {
    let text = "version = \"v1\"\n[rate-limit]\nrate = 0\nv6-prefix = 128\n[tcp]\nidle-ms = 1\n";
    let text = read(text).unwrap_err().to_string();
    for problem in [
        "test.toml:3:8: must be between 1 and 100000",
        "test.toml:4:13: must be between 16 and 64",
        "test.toml:6:11: must be between 200 and 600000",
    ] {
        assert!(text.contains(problem), "{text}");
    }
    let config =
        read("version = \"v1\"\n[rate-limit]\nmode = \"log\"\nrate = 50\nexempt = []\n").unwrap();
    assert_eq!(config.rate_limit.mode, bailiwick_server::RateLimitMode::Log);
    assert_eq!((config.rate_limit.rate, config.rate_limit.burst), (50, 50));
    assert!(config.rate_limit.exempt.is_empty());
}

/// A zone is hosted or transferred; asking for both or neither is a mistake, and all are named at once.
#[test]
fn all_mistakes_are_named_at_once() {
    let text = "version = \"v2\"\n[[zone]]\nname = \"a\"\n[[zone]]\nname = \"b\"\nfile = \"b\"\nprimaries = [\"192.0.2.1\"]\n";
    let problems = read(text).unwrap_err().0;
    let lines: Vec<usize> = problems.iter().map(|p| p.line).collect();
    assert_eq!(lines, [1, 3, 5]);
}

/// Each problem as "line:column message".
fn problems(text: &str) -> Vec<String> {
    let problems = read(&format!("version = \"v1\"\n{text}")).unwrap_err().0;
    let words = |p: &Problem| format!("{}:{} {}", p.line, p.column, p.message);
    problems.iter().map(words).collect()
}

fn assert_problems(text: &str, expected: &[&str]) {
    let found = problems(text);
    let fits = found.len() == expected.len()
        && found.iter().zip(expected).all(|(found, expected)| {
            let (place, words) = expected.split_once(' ').unwrap();
            found.starts_with(&format!("{place} ")) && found.contains(words)
        });
    assert!(fits, "{text}\n{found:#?}\nand not {expected:#?}");
}

/// Issue 2, point 8: what is given twice would make one of the two a matter of luck. Both places are named.
#[test]
fn what_is_given_twice_is_named_with_both_places() {
    assert_problems(
        "[[zone]]\nname = \"a.\"\nfile = \"x\"\n[[zone]]\nname = \"A\"\nprimaries = [\"192.0.2.1\"]\n",
        &["6:8 zone `a.` is given twice; first on line 3"],
    );
    assert_problems(
        "[[account]]\nname = \"a\"\n[[account]]\nname = \"a\"\n",
        &["5:8 account `a` is given twice; first on line 3"],
    );
    assert_problems(
        "[[node]]\nname = \"n\"\naddresses = [\"192.0.2.1\"]\n[[node]]\nname = \"N.\"\naddresses = [\"192.0.2.1\"]\n",
        &[
            "6:8 node `n.` is given twice",
            "7:14 192.0.2.1 is given twice",
        ],
    );
    let plugin = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../plugins/prebuilt/quota.wasm"
    );
    assert_problems(
        &format!("[[plugin]]\nfile = {plugin:?}\n[[plugin]]\nfile = {plugin:?}\n"),
        &["5:8 quota.wasm is given twice; first on line 3"],
    );
    assert_problems(
        "[[zone]]\nname = \"a\"\nprimaries = [\"192.0.2.1\", \"192.0.2.1:53\"]\n",
        &["4:27 192.0.2.1:53 is given twice"],
    );
}

/// Issue 2, point 8: an address at which nobody can answer, and two listeners in each other's way.
#[test]
fn addresses_that_cannot_work_are_refused() {
    let primaries = |list: &str| format!("[[zone]]\nname = \"a\"\nprimaries = [{list}]\n");
    assert_problems(
        &primaries(
            "\"192.0.2.1:0\", \"224.0.0.1\", \"0.0.0.0\", \"[::]:53\", \"255.255.255.255\", \"192.0.2.1\"",
        ),
        &[
            "4:14 port 0",
            "4:29 multicast",
            "4:42 stands for every address",
            "4:53 stands for every address",
            "4:64 broadcast",
        ],
    );
    assert_problems(
        "[server]\nlisten = [\"127.0.0.1:53\", \"127.0.0.1:53\", \"ff02::1\", \"[ff02::1]:53\"]\n\
         [http]\nlisten = \"127.0.0.1:53\"\n",
        &[
            "3:27 127.0.0.1:53 is given twice in `listen`",
            "3:43 is not ADDR:PORT",
            "3:54 multicast",
            "5:10 127.0.0.1:53 is wanted by `listen` and by `http`, both on TCP",
        ],
    );
    // DNS over TLS and over QUIC share port 853 by custom: TCP and UDP.
    assert!(read("version = \"v1\"\n[server]\nlisten-tls = [\"127.0.0.1:853\"]\nlisten-quic = [\"127.0.0.1:853\"]\n").is_ok());
}

/// Issue 2, point 8: an empty name would be the folder of the configuration, or nobody's account.
#[test]
fn empty_names_are_refused() {
    assert_problems(
        "[server]\ndata = \"\"\n[[account]]\nname = \" \"\n[[zone]]\nname = \"a\"\nfile = \"\"\n[tls]\ncertificate = \"\"\nkey = \"k\"\n",
        &[
            "3:8 is empty",
            "5:8 is empty",
            "8:8 is empty",
            "10:15 is empty",
        ],
    );
}

/// Issue 2, point 8: a brand is names of hosts, each once, and name servers that they stand for.
#[test]
fn a_brand_is_names_of_hosts_that_nodes_stand_behind() {
    let zone = "[[zone]]\nname = \"a\"\nfile = \"x\"\nbrand = ";
    let node = "[[node]]\nname = \"n\"\naddresses = [\"192.0.2.1\"]\n";
    assert_problems(
        &format!("{zone}[\"ns1\", \"-x\", \"a b\", \"\", \"_x\", \"NS1\"]\n{node}"),
        &[
            "5:17 no name of a host",
            "5:23 no name",
            "5:30 no name",
            "5:34 no name",
            "5:40 given twice",
        ],
    );
    assert_problems(&format!("{zone}[\"ns1\"]\n"), &["5:10 there is none"]);
    let good = format!("version = \"v1\"\n{zone}[\"ns1\", \"b.c\", \"ns.other.example.\"]\n{node}");
    assert!(
        read(&good).is_ok(),
        "whether a name is below the zone is the plugin's to say"
    );
}

/// One run names what does not fit and what makes no sense, and nothing that only follows from it.
#[test]
fn mistakes_of_form_and_of_meaning_come_together() {
    assert_problems(
        "[server]\nthraeds = 1\nthreads = 5000\n[[account]]\nname = 5\n[[zone]]\nname = \"a\"\nfiel = \"x\"\naccount = \"five\"\n\
         [[zone]]\nname = \"b\"\nfile = \"x\"\nprimaries = [\"nobody\"]\n[[zone]]\nname = \"b\"\nprimaries = [\"0.0.0.0\"]\n",
        &[
            "3:1 did you mean `threads`?",
            "4:11 5000 threads",
            "6:8 invalid type",
            "9:1 did you mean `file`?",
            "12:8 either `file`",
            "14:14 no literal address",
            "16:8 zone `b.` is given twice",
            "17:14 stands for every address",
        ],
    );
}

/// A certificate is of no use without its key.
#[test]
fn a_certificate_without_key_is_refused_with_its_place() {
    let text = "version = \"v1\"\n[tls]\ncertificate = \"c.pem\"\n";
    let words = read(text).unwrap_err().to_string();
    assert!(
        words.starts_with("test.toml:2:1: ") && words.contains("key"),
        "{words}"
    );
    let both = format!("{text}key = \"k.pem\"\n");
    let files = read(&both).unwrap().certificate.unwrap();
    assert_eq!(files.key, std::path::Path::new("k.pem"));
}

/// A version is required, so that a later format can be told from this one.
#[test]
fn a_file_without_version_is_refused() {
    assert!(
        read("[server]\n")
            .unwrap_err()
            .to_string()
            .contains("version")
    );
}

/// Relative paths start at the file's folder, wherever the server is started.
#[test]
fn relative_paths_start_at_the_files_folder() {
    let path = std::path::Path::new("/etc/bailiwick/bailiwick.toml");
    let config = Config::parse(
        path,
        "version = \"v1\"\n[[zone]]\nname = \"a\"\nfile = \"zones/a\"\n",
    )
    .unwrap();
    assert_eq!(
        config.zones[0].source,
        ZoneSource::File("/etc/bailiwick/zones/a".into())
    );
}

/// What `cargo xtask up` starts with is a good configuration of zones and plugins that are there.
#[test]
fn the_sample_configuration_is_good() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let sample = root.join("packaging/sample");
    let text = std::fs::read_to_string(sample.join("up.toml")).unwrap();
    let prebuilt = root.join("plugins/prebuilt");
    let text = text.replace("@PREBUILT@", &prebuilt.to_string_lossy());
    let config = Config::parse(&sample.join("up.toml"), &text).unwrap();
    for zone in &config.zones {
        let ZoneSource::File(file) = &zone.source else {
            panic!("{} needs a primary", zone.name);
        };
        let parsed = bailiwick_zone::master::parse_file(file, Some(zone.name.clone()));
        assert!(parsed.unwrap().warnings.is_empty());
    }
    assert_eq!(config.plugins.len(), 4);
}

/// A zone of an account that is not there would be counted as the operator's own.
#[test]
fn an_unknown_account_is_named_with_the_likely_one() {
    let text = "version = \"v1\"\n[[account]]\nname = \"acme\"\n[[zone]]\nname = \"a\"\nfile = \"x\"\naccount = \"acem\"\n";
    let words = read(text).unwrap_err().to_string();
    assert!(
        words.starts_with("test.toml:7:11: ") && words.ends_with("did you mean `acme`?"),
        "{words}"
    );
}

/// Zones, transfers and plugins follow a reload; sockets and the directory wait for a restart.
#[test]
fn only_what_needs_a_restart_waits_for_one() {
    let start = Config::default();
    let mut later = start.clone();
    later.transfer_allow = vec!["192.0.2.0/24".parse().unwrap()];
    assert!(start.needs_restart(&later).is_empty());
    later.certificate = Some(CertificateFiles {
        certificate: "cert.pem".into(),
        key: "key.pem".into(),
    });
    assert!(start.needs_restart(&later).is_empty());
    later.server.listen_tls = vec!["127.0.0.1:853".parse().unwrap()];
    later.server.threads = 7;
    later.http.listen = "127.0.0.1:1".parse().unwrap();
    assert_eq!(
        start.needs_restart(&later),
        ["server.listen-tls", "server.threads", "http.listen"]
    );
}
