//! NSD as a primary.

use super::{Configuration, Setup};

pub(super) fn configure(setup: &Setup<'_>) -> Configuration {
    let (folder, port) = (setup.folder.display(), setup.port);
    let ip = setup.ip;
    let v6 = if setup.has_v6() {
        format!(" ip-address: ::1@{port}\n")
    } else {
        String::new()
    };
    let mut text = format!(
        r#"server:
 server-count: 1
 ip-address: {ip}@{port}
{v6} username: ""
 chroot: ""
 database: ""
 zonesdir: "{folder}"
 pidfile: "{folder}/nsd.pid"
 xfrdfile: "{folder}/xfrd.state"
 xfrdir: "{folder}"
 zonelistfile: "{folder}/zone.list"
 rrl-ratelimit: 0
 rrl-whitelist-ratelimit: 0
remote-control:
 control-enable: no
"#
    );
    for (name, file) in setup.zones {
        text += &format!(
            "zone:\n name: \"{name}\"\n zonefile: \"{}\"\n provide-xfr: 127.0.0.0/8 NOKEY\n provide-xfr: ::1 NOKEY\n",
            file.display()
        );
        if let Some(notify) = setup.notify {
            text += &format!(" notify: 127.0.0.1@{notify} NOKEY\n");
        }
    }
    let config = setup.config_file().display().to_string();
    (text, vec!["-d".to_owned(), "-c".to_owned(), config])
}
