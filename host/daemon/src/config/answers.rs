//! `[answers]`: what answers say beside their records, from the file to [`Settings`].

use std::ops::Range;
use std::path::{Path, PathBuf};

use bailiwick_answer::settings::NSID_MAX;
use bailiwick_answer::{Any, Cookies, Secret, Secrets, Settings};
use bailiwick_zone::name::Name;
use serde::Deserialize;
use toml::Spanned;

use super::ZoneName;
use super::problem::Problem;

/// `[answers]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct AnswersSpec {
    any: Option<AnyWord>,
    cookies: Option<CookiesWord>,
    cookie_secrets: Option<Spanned<PathBuf>>,
    nsid: Option<Spanned<String>>,
    zoneversion: Option<bool>,
    identity: Option<Spanned<String>>,
    version: Option<Spanned<String>>,
    report_agent: Option<Spanned<String>>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum AnyWord {
    Rrset,
    Hinfo,
}

/// Whether cookies are answered, and asked for.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum CookiesWord {
    Off,
    #[default]
    On,
    Require,
}

/// What answers say beside their records.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct AnswersConfig {
    cookies: CookiesWord,
    /// `None`: each process makes its own.
    cookie_secrets: Option<Secrets>,
    /// Everything else; its cookies are those of no configuration.
    rest: Settings,
}

impl AnswersConfig {
    /// The settings in force with this configuration; `own` are the secrets of this process.
    pub(crate) fn settings(&self, own: &Secrets) -> Settings {
        let secrets = || self.cookie_secrets.as_ref().unwrap_or(own).clone();
        Settings {
            cookies: match self.cookies {
                CookiesWord::Off => Cookies::Off,
                CookiesWord::On => Cookies::Answer(secrets()),
                CookiesWord::Require => Cookies::Require(secrets()),
            },
            ..self.rest.clone()
        }
    }
}

/// Where something is wrong and what, or in which other file.
pub(super) enum Wrong {
    Here(Range<usize>, String),
    In(Problem),
}

impl AnswersSpec {
    /// The configuration, and what is wrong with it. Relative paths start at `base`.
    pub(super) fn config(self, base: &Path) -> (AnswersConfig, Vec<Wrong>) {
        let mut wrong = Vec::new();
        let mut config = AnswersConfig {
            cookies: self.cookies.unwrap_or_default(),
            ..AnswersConfig::default()
        };
        if let Some(file) = self.cookie_secrets
            && file.get_ref() != Path::new(RANDOM)
        {
            match read_secrets(&base.join(file.get_ref())) {
                Ok(secrets) => config.cookie_secrets = Some(secrets),
                Err(SecretsError::File(words)) => wrong.push(Wrong::Here(file.span(), words)),
                Err(SecretsError::Line(problem)) => wrong.push(Wrong::In(problem)),
            }
        }
        let mut keep = |text: Option<Spanned<String>>, max: usize| {
            let text = text.filter(|text| text.get_ref() != OFF)?;
            if text.get_ref().len() > max || text.get_ref().is_empty() {
                let words = format!("a text of 1 to {max} octets, or `{OFF}`");
                wrong.push(Wrong::Here(text.span(), words));
                return None;
            }
            Some(text)
        };
        let identity = keep(self.identity, TEXT_MAX);
        let version = keep(self.version, TEXT_MAX);
        let agent = keep(self.report_agent, usize::MAX);
        let nsid = keep(self.nsid, 2 + 2 * NSID_MAX);
        let rest = &mut config.rest;
        rest.any = match self.any {
            None | Some(AnyWord::Rrset) => Any::OneRrset,
            Some(AnyWord::Hinfo) => Any::Hinfo,
        };
        rest.zone_version = self.zoneversion.unwrap_or(rest.zone_version);
        rest.identity = identity.map(Spanned::into_inner);
        rest.version = version.map(Spanned::into_inner);
        if let Some(text) = nsid {
            match nsid_octets(text.get_ref()) {
                Ok(octets) => rest.nsid = Some(octets),
                Err(words) => wrong.push(Wrong::Here(text.span(), words)),
            }
        }
        if let Some(text) = agent {
            match agent_domain(text.get_ref()) {
                Ok(name) => rest.report_agent = Some(name),
                Err(words) => wrong.push(Wrong::Here(text.span(), words)),
            }
        }
        (config, wrong)
    }
}

/// Text as it is, or octets as `0x` and hexadecimal digits (RFC 5001 2.3).
fn nsid_octets(text: &str) -> Result<Box<[u8]>, String> {
    let octets = match text.strip_prefix("0x") {
        Some(digits) => {
            hex(digits).ok_or_else(|| "hexadecimal digits in pairs follow `0x`".to_owned())?
        }
        None => text.as_bytes().to_vec(),
    };
    match octets.len() {
        1..=NSID_MAX => Ok(octets.into_boxed_slice()),
        len => Err(format!("{len} octets; an NSID here has 1 to {NSID_MAX}")),
    }
}

/// RFC 9567 6.2: not the root, and short enough that reports still fit 255 octets.
fn agent_domain(text: &str) -> Result<Name, String> {
    let name = text.parse::<ZoneName>()?.0;
    if name.is_root() {
        return Err("the agent domain must not be the root (RFC 9567 6.2)".to_owned());
    }
    Ok(name)
}

/// Why a file of cookie secrets is not taken.
enum SecretsError {
    File(String),
    Line(Problem),
}

/// `current`, `previous` and `next`, each with 32 hexadecimal digits. What stands there is never
/// repeated in a message.
fn read_secrets(path: &Path) -> Result<Secrets, SecretsError> {
    let text = match bailiwick_zone::file::read_text(path, SECRETS_SIZE_MAX) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            let words = format!("there is no file {}", path.display());
            return Err(SecretsError::File(words));
        }
        Err(e) => return Err(SecretsError::File(format!("{}: {e}", path.display()))),
    };
    let (mut current, mut previous, mut next) = (None, None, None);
    for (index, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if line.is_empty() {
            continue;
        }
        let at = |message: &str| {
            SecretsError::Line(Problem {
                file: path.to_owned(),
                line: index + 1,
                column: 1,
                message: message.to_owned(),
            })
        };
        let (word, digits) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let place = match word {
            "current" => &mut current,
            "previous" => &mut previous,
            "next" => &mut next,
            _ => return Err(at("a line begins with `current`, `previous` or `next`")),
        };
        let octets = hex(digits.trim()).and_then(|octets| octets.try_into().ok());
        let Some(octets) = octets else {
            return Err(at("a secret has 32 hexadecimal digits"));
        };
        if place.replace(Secret::new(octets)).is_some() {
            return Err(at("this secret is given twice"));
        }
    }
    match current {
        Some(current) => Ok(Secrets {
            current,
            previous,
            next,
        }),
        None => Err(SecretsError::File(format!(
            "{}: there is no `current` secret",
            path.display()
        ))),
    }
}

fn hex(digits: &str) -> Option<Vec<u8>> {
    let digits = digits.as_bytes();
    let pairs = digits.chunks(2).map(|pair| {
        let [high, low] = pair else { return None };
        let value = |digit: &u8| char::from(*digit).to_digit(16);
        u8::try_from(value(high)? << 4 | value(low)?).ok()
    });
    pairs.collect()
}

/// Three lines and what is said about them.
const SECRETS_SIZE_MAX: u64 = 64 << 10;
/// Each process makes its own secrets.
const RANDOM: &str = "random";
const OFF: &str = "off";
/// One character-string of a TXT record (RFC 1035 3.3).
const TEXT_MAX: usize = 255;

#[cfg(test)]
mod tests {
    use super::super::{Config, Problems};
    use super::*;

    fn read(lines: &str) -> Result<Config, Problems> {
        let text = format!("version = \"v1\"\n[answers]\n{lines}\n");
        Config::parse(Path::new("test.toml"), &text)
    }

    fn own() -> Secrets {
        Secrets::only(Secret::new([7; 16]))
    }

    fn settings(lines: &str) -> Settings {
        read(lines).unwrap().answers.settings(&own())
    }

    /// Cookies are answered by default, with secrets of the process; names and versions are told to
    /// nobody.
    #[test]
    fn the_defaults_answer_cookies_and_tell_nothing() {
        let defaults = settings("");
        assert_eq!(defaults.cookies, Cookies::Answer(own()));
        assert!(defaults.nsid.is_none() && defaults.identity.is_none());
        assert!(defaults.version.is_none() && defaults.report_agent.is_none());
        assert_eq!(settings("cookies = \"off\"").cookies, Cookies::Off);
        assert_eq!(
            settings("cookies = \"require\"").cookies,
            Cookies::Require(own())
        );
    }

    /// RFC 5001 2.3: an NSID is any octets.
    #[test]
    fn an_nsid_is_text_or_octets() {
        let nsid = |line| settings(line).nsid.map(Vec::from);
        assert_eq!(nsid("nsid = \"ns1\""), Some(b"ns1".to_vec()));
        assert_eq!(nsid("nsid = \"0x00ff\""), Some(vec![0, 255]));
        assert_eq!(nsid("nsid = \"off\""), None);
        let long = format!("nsid = \"{}\"", "x".repeat(NSID_MAX + 1));
        for wrong in ["nsid = \"0xf\"", "nsid = \"\"", "nsid = \"0x\"", &long] {
            let said = read(wrong).unwrap_err().to_string();
            assert!(said.starts_with("test.toml:3:8: "), "{said}");
        }
    }

    /// RFC 9567 6.2: a report to the root would go to everybody's servers.
    #[test]
    fn the_agent_domain_is_a_name_but_not_the_root() {
        let agent = settings("report-agent = \"agent.example\"").report_agent;
        assert_eq!(agent, Some(Name::parse("agent.example.").unwrap()));
        assert!(read("report-agent = \".\"").is_err());
        assert!(read("report-agent = \"a..b\"").is_err());
    }

    fn with_file(text: &str) -> Result<Settings, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secrets");
        std::fs::write(&file, text).unwrap();
        let config = read(&format!(
            "cookie-secrets = {:?}",
            file.display().to_string()
        ));
        config
            .map(|config| config.answers.settings(&own()))
            .map_err(|e| e.to_string())
    }

    /// RFC 9018 5: three secrets, of which one makes cookies.
    #[test]
    fn secrets_are_read_from_a_file() {
        let (a, b) = ("01".repeat(16), "Fe".repeat(16));
        let text = format!("# rolled on Monday\nnext {b}\ncurrent {a} # since then\n");
        let expected = Secrets {
            next: Some(Secret::new([0xfe; 16])),
            ..Secrets::only(Secret::new([1; 16]))
        };
        assert_eq!(with_file(&text).unwrap().cookies, Cookies::Answer(expected));
    }

    /// A bad file is refused with its line, and nothing of it is repeated.
    #[test]
    fn a_bad_file_of_secrets_is_named_by_line_and_not_quoted() {
        let secret = "5ec2e7".repeat(5);
        let good = "01".repeat(16);
        for (text, line) in [
            (format!("current {secret}\n"), ":1:"),
            (format!("current {good}\nprevious {secret}zz\n"), ":2:"),
            (format!("current {good}\ncurrent {good}\n"), ":2:"),
            (format!("{secret}\n"), ":1:"),
            ("next ".to_owned() + &good, "no `current`"),
        ] {
            let said = with_file(&text).unwrap_err();
            assert!(said.contains(line), "{said}");
            assert!(!said.contains("5ec2e7"), "{said}");
        }
    }

    /// A file that is not there is a mistake, not a reason for secrets of one's own.
    #[test]
    fn a_missing_file_of_secrets_is_refused() {
        let said = read("cookie-secrets = \"nowhere\"")
            .unwrap_err()
            .to_string();
        assert!(said.contains("there is no file"), "{said}");
    }
}
