//! Knot DNS as a primary.

use super::{Configuration, Setup};

pub(super) fn configure(setup: &Setup<'_>) -> Configuration {
    let (folder, port) = (setup.folder.display(), setup.port);
    let ip = setup.ip;
    let v6 = if setup.has_v6() {
        format!(r#", "::1@{port}""#)
    } else {
        String::new()
    };
    let remote = setup.notify.map_or_else(String::new, |notify| {
        format!("remote:\n  - id: down\n    address: 127.0.0.1@{notify}\n")
    });
    let announce = if setup.notify.is_some() {
        "    notify: down\n"
    } else {
        ""
    };
    let mut text = format!(
        r#"server:
    listen: [{ip}@{port}{v6}]
    rundir: "{folder}"
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
log:
  - target: stderr
    any: warning
database:
    storage: "{folder}"
acl:
  - id: any
    address: [127.0.0.0/8, "::1"]
    action: transfer
{remote}template:
  - id: default
    storage: "{folder}"
    acl: any
    zonefile-sync: -1
    journal-content: none
{announce}zone:
"#
    );
    for (name, file) in setup.zones {
        text += &format!("  - domain: \"{name}\"\n    file: \"{}\"\n", file.display());
    }
    let config = setup.config_file().display().to_string();
    (text, vec!["-c".to_owned(), config])
}
