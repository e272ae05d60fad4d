//! BIND as a primary.

use super::{Configuration, Setup};

pub(super) fn configure(setup: &Setup<'_>) -> Configuration {
    let (folder, port) = (setup.folder.display(), setup.port);
    let ip = setup.ip;
    let v6 = if setup.has_v6() { "::1" } else { "none" };
    let announce = setup.notify.map_or_else(
        || "notify no;".to_owned(),
        |notify| format!("notify explicit; also-notify {{ 127.0.0.1 port {notify}; }};"),
    );
    // Its own pauses before announcing are switched off: the test measures ours. So is TTL 0 on
    // the SOA record of a negative answer to an SOA question, which no other server has.
    let mut text = format!(
        r#"options {{
 directory "{folder}"; pid-file "{folder}/named.pid"; session-keyfile "{folder}/session.key";
 managed-keys-directory "{folder}"; lock-file none;
 listen-on port {port} {{ {ip}; }}; listen-on-v6 port {port} {{ {v6}; }};
 recursion no; dnssec-validation no; allow-transfer {{ any; }}; {announce}
 zero-no-soa-ttl no;
 notify-delay 0; notify-rate 1000; startup-notify-rate 1000;
 check-integrity no; check-names primary ignore; zone-statistics none; empty-zones-enable no;
}};
controls {{ }};
logging {{ category default {{ default_stderr; }}; category queries {{ null; }}; }};
"#
    );
    for (name, file) in setup.zones {
        text += &format!(
            "zone \"{name}\" {{ type primary; file \"{}\"; }};\n",
            file.display()
        );
    }
    let config = setup.config_file().display().to_string();
    (
        text,
        ["-f", "-n", "1", "-c"]
            .map(str::to_owned)
            .into_iter()
            .chain([config])
            .collect(),
    )
}
