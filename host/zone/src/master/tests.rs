//! RFC 1035 5 and 2308 4, findings, includes, and text that is no zone file.

use proptest::prelude::*;

use super::*;

const HEAD: &str = "example. 300 IN SOA ns.other. host.other. 1 2 3 4 5\nexample. NS ns.other.\n";

fn read(text: &str) -> Result<Parsed, Vec<Finding>> {
    parse(text.as_bytes(), &ParseOptions::default())
}

fn lines(parsed: &Parsed) -> Vec<String> {
    let line = |record| {
        let mut out = String::new();
        write_record(record, &mut out);
        out
    };
    parsed.records.iter().map(line).collect()
}

/// What a zone with these lines has beside SOA and NS.
fn after_head(text: &str) -> Vec<String> {
    let parsed =
        read(&format!("{HEAD}{text}")).unwrap_or_else(|findings| panic!("{text}: {findings:?}"));
    lines(&parsed).split_off(2)
}

/// Line, column and message of the only error in these lines; the first is line 3.
fn error_after_head(text: &str) -> (u32, u32, String) {
    let mut findings = read(&format!("{HEAD}{text}")).unwrap_err();
    findings.retain(|finding| finding.severity == Severity::Error);
    assert_eq!(findings.len(), 1, "{text}: {findings:?}");
    let finding = findings.remove(0);
    (finding.line, finding.column, finding.message)
}

/// RFC 1035 5.3: the example given there.
#[test]
fn example_of_rfc_1035_is_read() {
    let text = "@   IN  SOA     VENERA      Action\\.domains (\n\
                                 20     ; SERIAL\n\
                                 7200   ; REFRESH\n\
                                 600    ; RETRY\n\
                                 3600000; EXPIRE\n\
                                 60)    ; MINIMUM\n\
        \n\
        \x20       NS      A.ISI.EDU.\n\
        \x20       MX      10      VENERA\n\
        A       A       26.3.0.103\n\
        VAXA    A       10.2.0.27\n\
        \x20       A       128.9.0.33\n";
    let options = ParseOptions {
        origin: Some(Name::parse("ISI.EDU").unwrap()),
        ..Default::default()
    };
    let parsed = parse(text.as_bytes(), &options).unwrap();
    assert_eq!(
        lines(&parsed),
        [
            "ISI.EDU. 60 IN SOA VENERA.ISI.EDU. Action\\.domains.ISI.EDU. 20 7200 600 3600000 60",
            "ISI.EDU. 60 IN NS A.ISI.EDU.",
            "ISI.EDU. 60 IN MX 10 VENERA.ISI.EDU.",
            "A.ISI.EDU. 60 IN A 26.3.0.103",
            "VAXA.ISI.EDU. 60 IN A 10.2.0.27",
            "VAXA.ISI.EDU. 60 IN A 128.9.0.33",
        ]
    );
}

#[test]
fn first_owner_is_the_apex_and_the_origin() {
    let parsed = read("example. 1 SOA a b 1 2 3 4 5\n NS www\nwww A 192.0.2.1").unwrap();
    assert_eq!(parsed.apex, Name::parse("example").unwrap());
    assert_eq!(
        lines(&parsed)[1..],
        [
            "example. 1 IN NS www.example.",
            "www.example. 1 IN A 192.0.2.1"
        ]
    );
}

/// RFC 1035 5.1: TTL and class stand in either order, or are missing.
#[test]
fn ttl_and_class_come_in_either_order() {
    let text =
        "a.example. IN 7 A 192.0.2.1\nb.example. 1h30m in A 192.0.2.1\nc.example. A 192.0.2.1\n";
    assert_eq!(
        after_head(text),
        [
            "a.example. 7 IN A 192.0.2.1",
            "b.example. 5400 IN A 192.0.2.1",
            "c.example. 5400 IN A 192.0.2.1"
        ]
    );
}

/// RFC 2308 4: what follows `$TTL` and states no TTL has that one, whatever stood on the record before.
#[test]
fn dollar_ttl_beats_the_last_stated_ttl() {
    let text = "$TTL 1d\na.example. 7 A 192.0.2.1\nb.example. A 192.0.2.1\n";
    assert_eq!(
        after_head(text),
        [
            "a.example. 7 IN A 192.0.2.1",
            "b.example. 86400 IN A 192.0.2.1"
        ]
    );
}

/// RFC 2181 8: the top bit of a TTL is zero; larger values mean zero.
#[test]
fn too_large_a_ttl_is_taken_as_zero() {
    let parsed = read(&format!("{HEAD}a.example. 4294967295 A 192.0.2.1\n")).unwrap();
    assert_eq!(lines(&parsed)[2], "a.example. 0 IN A 192.0.2.1");
    assert!(
        parsed.warnings[0]
            .to_string()
            .starts_with("3:12: warning: TTL is larger"),
        "{:?}",
        parsed.warnings
    );
}

#[test]
fn record_without_any_ttl_is_refused() {
    let findings = read("example. NS ns.other.\nexample. 300 SOA a. b. 1 2 3 4 5").unwrap_err();
    assert_eq!(
        findings[0].message,
        "the record has no TTL, and there is no $TTL"
    );
}

#[test]
fn origin_changes_what_relative_means() {
    let text = "$ORIGIN sub.example.\n@ A 192.0.2.1\nwww CNAME @\n$ORIGIN low\nx HTTPS 1 @\n";
    assert_eq!(
        after_head(text),
        [
            "sub.example. 300 IN A 192.0.2.1",
            "www.sub.example. 300 IN CNAME sub.example.",
            "x.low.sub.example. 300 IN HTTPS 1 low.sub.example.",
        ]
    );
}

#[test]
fn quoted_strings_keep_comments_and_parentheses() {
    assert_eq!(
        after_head("a.example. TXT ( \"x ; y (\"\n\t z ) ; c\n"),
        ["a.example. 300 IN TXT \"x ; y (\" \"z\""]
    );
}

/// P2.2: everything that is wrong is said at once, with line, column, text and reason.
#[test]
fn all_findings_come_at_once() {
    let text = format!(
        "{HEAD}a.example. A 1.2.3\nb.example. BOGUS x\n  MX ten mail\nc.example. TXT \"x\nd.example. A 192.0.2.1\n"
    );
    let findings: Vec<_> = read(&text)
        .unwrap_err()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        findings,
        [
            "3:14: error: address is not an IPv4 address (at `1.2.3`)",
            "4:12: error: not a record type; a type, class or TTL is expected here (at `BOGUS`)",
            "5:6: error: preference is not a number from 0 to 65535 (at `ten`)",
            "6:16: error: quote is not closed on its line (at `\"x`)",
        ]
    );
}

#[test]
fn columns_count_characters_and_name_the_place() {
    assert_eq!(error_after_head("a.example. TXT \"äöü\" \"\\300\"\n").1, 22);
    assert_eq!(
        error_after_head("a.example. MX 10\n"),
        (3, 17, "exchange is missing".to_owned())
    );
    assert_eq!(error_after_head("a.example. SOA\n").0, 3);
    assert_eq!(error_after_head("a.example. A (\n192.0.2.1 x )\n").0, 4);
}

#[test]
fn directives_that_are_not_standard_are_refused_clearly() {
    assert!(
        error_after_head("$GENERATE 1-9 a$ A 192.0.2.$\n")
            .2
            .contains("write the records out")
    );
    assert!(error_after_head("$FOO\n").2.contains("unknown directive"));
    assert!(error_after_head("$TTL\n").2.contains("TTL is missing"));
    assert!(
        error_after_head("$ORIGIN a. b.\n")
            .2
            .contains("unexpected text")
    );
    assert!(
        error_after_head("$INCLUDE x\n")
            .2
            .contains("not allowed here")
    );
}

#[test]
fn other_classes_are_refused() {
    assert!(
        error_after_head("a.example. CH TXT x\n")
            .2
            .contains("only class IN")
    );
}

#[test]
fn blank_owner_without_a_record_before_is_refused() {
    assert!(
        read(" 300 SOA a. b. 1 2 3 4 5").unwrap_err()[0]
            .message
            .contains("no owner")
    );
}

#[test]
fn relative_owner_without_an_origin_is_refused() {
    assert!(
        read("example 300 SOA a. b. 1 2 3 4 5").unwrap_err()[0]
            .message
            .contains("without an origin")
    );
}

#[test]
fn nothing_is_no_zone() {
    for text in ["", "; only a comment\n", "\u{feff}"] {
        assert_eq!(
            read(text).unwrap_err()[0].message,
            "there is no record",
            "{text:?}"
        );
    }
}

/// While lines cannot be read, nothing is said about records that seem to be missing.
#[test]
fn missing_records_are_not_reported_beside_unreadable_lines() {
    let findings = read("example. 300 SOA a. b. 1 2 3 4\n").unwrap_err();
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert!(findings[0].message.contains("minimum is missing"));
}

/// RFC 2181 5.2; the peers warn and take one TTL for all.
#[test]
fn differing_ttls_become_the_lowest() {
    let text = "a.example. 9 A 192.0.2.1\na.example. 5 A 192.0.2.2\na.example. 7 TXT x\n";
    assert_eq!(
        after_head(text),
        [
            "a.example. 5 IN A 192.0.2.1",
            "a.example. 5 IN A 192.0.2.2",
            "a.example. 7 IN TXT \"x\""
        ]
    );
}

/// BIND and Knot leave such records out and serve the rest.
#[test]
fn records_outside_the_zone_are_left_out() {
    assert_eq!(
        after_head("other. A 192.0.2.1\na.example. A 192.0.2.1\n"),
        ["a.example. 300 IN A 192.0.2.1"]
    );
}

#[test]
fn zone_findings_have_the_line_of_their_record() {
    let text = "a.example. CNAME b.\n\na.example. TXT x\n";
    assert_eq!(
        error_after_head(text),
        (
            5,
            1,
            "a.example. has a CNAME, so it cannot have TXT too".to_owned()
        )
    );
}

#[test]
fn endless_errors_end() {
    let findings = read(&"a\n".repeat(100_000)).unwrap_err();
    assert!(findings.len() <= FINDINGS_MAX + 1);
    assert!(findings.last().unwrap().message.contains("not listed"));
}

mod includes {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        folder
    }

    fn findings(folder: &Path) -> Vec<Finding> {
        parse_file(&folder.join("zone"), None).unwrap_err()
    }

    /// RFC 1035 5.1: the origin may be given, and the including file's own does not change.
    #[test]
    fn included_records_have_their_origin() {
        let zone = format!("{HEAD}$INCLUDE deep/more sub.example.\n TXT here\nz A 192.0.2.3\n");
        let folder = folder(&[("zone", &zone), ("deep/more", "www A 192.0.2.1\n")]);
        let parsed = parse_file(&folder.path().join("zone"), None).unwrap();
        assert_eq!(
            lines(&parsed)[2..],
            [
                "www.sub.example. 300 IN A 192.0.2.1",
                "example. 300 IN TXT \"here\"",
                "z.example. 300 IN A 192.0.2.3",
            ]
        );
    }

    #[test]
    fn findings_name_the_included_file() {
        let folder = folder(&[
            ("zone", &format!("{HEAD}$INCLUDE more\n")),
            ("more", "\nwww A x\n"),
        ]);
        let found = findings(folder.path());
        assert_eq!(
            found[0].to_string(),
            "more:2:7: error: address is not an IPv4 address (at `x`)"
        );
    }

    /// A zone file must not be a way to read the machine's files.
    #[test]
    fn files_outside_the_folder_are_refused() {
        let outer = folder(&[("secret", "www A 192.0.2.1\n"), ("in/zone", "")]);
        let inner = outer.path().join("in");
        std::os::unix::fs::symlink(outer.path().join("secret"), inner.join("link")).unwrap();
        let absolute = outer.path().join("secret");
        for name in [
            "../secret",
            "link",
            absolute.to_str().unwrap(),
            "/dev/null",
            ".",
            "missing",
            "../in/../secret",
        ] {
            std::fs::write(inner.join("zone"), format!("{HEAD}$INCLUDE {name}\n")).unwrap();
            let found = findings(&inner);
            assert!(
                found[0].message.contains("not a readable file inside"),
                "{name}: {found:?}"
            );
        }
    }

    #[test]
    fn includes_that_never_end_are_refused() {
        let folder = folder(&[
            ("zone", &format!("{HEAD}$INCLUDE loop\n")),
            ("loop", "$INCLUDE loop\n$INCLUDE loop\n"),
        ]);
        assert!(
            findings(folder.path())
                .iter()
                .any(|finding| finding.message.contains("nests deeper"))
        );
    }

    #[test]
    fn unreadable_zone_file_is_named() {
        let error = parse_file(Path::new("/nonexistent/zone"), None).unwrap_err();
        assert!(
            error[0]
                .to_string()
                .starts_with("/nonexistent/zone: error: the file cannot be read")
        );
    }
}

fn entries() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        "[ -~\t]{0,40}",
        "(a|b|\\*|@|) (5|1h|) (IN|) (A|NS|MX|TXT|CNAME|SOA|SVCB|\\$ORIGIN) [a-z0-9. \\\\\"();=]{0,20}",
        Just(HEAD.to_owned()),
        Just("$ORIGIN x".to_owned()),
        Just("$TTL 5".to_owned()),
    ];
    proptest::collection::vec(line, 0..8).prop_map(|lines| lines.join("\n"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2048))]

    /// P2: no text makes the reader panic, and a zone that is read prints to one that reads the same.
    #[test]
    fn any_text_is_a_zone_or_findings(text in entries()) {
        let options = ParseOptions { origin: Some(Name::parse("example").unwrap()), ..Default::default() };
        for text in [text.clone(), format!("{HEAD}{text}")] {
            match parse(text.as_bytes(), &options) {
                Err(findings) => prop_assert!(findings.iter().any(|f| f.severity == Severity::Error)),
                Ok(parsed) => {
                    let printed = lines(&parsed).join("\n");
                    let again = parse(printed.as_bytes(), &options);
                    prop_assert_eq!(again.map(|again| lines(&again).join("\n")), Ok(printed));
                }
            }
        }
    }

    #[test]
    fn any_octets_are_findings(octets in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(parse(&octets, &ParseOptions::default()).is_err());
    }
}
