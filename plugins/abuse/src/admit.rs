//! Rulings on who and what is let in.

mod lookalike;
mod names;

use bailiwick_plugin_sdk::abuse::{SignUp, Subject, ZoneChange, ZoneClaim};
use bailiwick_plugin_sdk::{AbuseCategory, Finding, Ruling, Verdict, kv, log, name};
use serde::{Deserialize, Serialize};

use self::lookalike::{Likeness, Protected};
use crate::settings::{Claims, Settings, SignUps};

pub(crate) fn admit(settings: &Settings, now: u64, subject: &Subject) -> Ruling {
    let ruling = match subject {
        Subject::SignUp(sign_up) => judge_sign_up(&settings.sign_up, sign_up),
        Subject::ZoneClaim(claim) => judge_claim(settings, now, claim),
        Subject::ZoneChange(change) => judge_change(settings, change),
        // Kinds of event younger than this policy.
        Subject::Other(_) => Ruling::accept(),
    };
    match &ruling.verdict {
        Verdict::Accept => {}
        Verdict::Hold(_) => log::count("held", 1),
        Verdict::Refuse(_) => log::count("refused", 1),
    }
    ruling
}

/// The findings of one subject, by what they do.
#[derive(Default)]
struct Findings {
    refuse: Vec<Finding>,
    hold: Vec<Finding>,
    notes: Vec<Finding>,
}

impl Findings {
    fn ruling(self) -> Ruling {
        Ruling::of(self.refuse, self.hold, self.notes)
    }
}

/// Bursts of accounts are how unsolicited mail and throwaway zones begin.
fn judge_sign_up(settings: &SignUps, sign_up: &SignUp) -> Ruling {
    let mut findings = Findings::default();
    let network = sign_up.network.to_string();
    if sign_up.network_recent >= settings.network_hold {
        let finding = Finding::new(
            "sign-up-burst",
            format!(
                "{} accounts were made from {network} today",
                sign_up.network_recent
            ),
        )
        .about("network")
        .category(AbuseCategory::Spam)
        .with("abuse.accounts", sign_up.network_recent);
        if sign_up.network_recent >= settings.network_refuse {
            findings.refuse.push(finding);
        } else {
            findings.hold.push(finding);
        }
    }
    let domain = sign_up
        .email_domain
        .trim_end_matches('.')
        .to_ascii_lowercase();
    if is_in(&settings.throwaway_domains, &domain) {
        findings.hold.push(
            Finding::new(
                "throwaway-address",
                format!("addresses at {domain} do not last, and nobody could be reached there"),
            )
            .about("email")
            .category(AbuseCategory::Spam),
        );
    } else if sign_up.domain_recent >= settings.domain_hold
        && !is_in(&settings.mail_providers, &domain)
    {
        findings.hold.push(
            Finding::new(
                "mail-domain-burst",
                format!(
                    "{} accounts with addresses at {domain} today",
                    sign_up.domain_recent
                ),
            )
            .about("email")
            .category(AbuseCategory::Spam),
        );
    }
    findings.ruling()
}

fn judge_claim(settings: &Settings, now: u64, claim: &ZoneClaim) -> Ruling {
    let mut findings = Findings::default();
    let apex = name::absolute(&claim.apex);
    judge_kind_of_name(&settings.claims, claim, &apex, &mut findings);
    judge_claimant(&settings.claims, now, claim, &mut findings);
    judge_likeness(settings, claim, &apex, &mut findings);
    let label = chosen_labels(claim, &apex).pop().unwrap_or("");
    if names::looks_random(label) {
        let finding = Finding::new(
            "random-looking-name",
            format!("{label} looks as if a machine had made it up"),
        )
        .about(apex.clone())
        .category(AbuseCategory::Spam);
        // Many good zones look like that; a young account with one of them is what gets thrown away.
        if is_young(&settings.claims, now, claim) {
            findings.hold.push(finding);
        } else {
            findings.notes.push(finding);
        }
    }
    findings.ruling()
}

/// Names that nobody, or only we, can have.
fn judge_kind_of_name(settings: &Claims, claim: &ZoneClaim, apex: &str, findings: &mut Findings) {
    if !settings.special_use_allowed
        && let Some(reserved) = names::special_use(apex)
    {
        findings.refuse.push(
            Finding::new(
                "special-use-name",
                format!("{apex} is at or below {reserved}, which is reserved and never delegated"),
            )
            .about(apex),
        );
    } else if claim.registrable.is_none() {
        findings.refuse.push(
            Finding::new(
                "public-suffix",
                format!("{apex} is a public suffix: names below it belong to many people"),
            )
            .about(apex),
        );
    }
    let own = |own: &&String| {
        let own = name::absolute(own);
        name::is_at_or_below(apex, &own) || name::is_at_or_below(&own, apex)
    };
    if let Some(own) = settings.own_names.iter().find(own) {
        findings.refuse.push(
            Finding::new(
                "our-own-name",
                format!("{apex} would take in {own}, which is ours"),
            )
            .about(apex),
        );
    }
    if claim.rivals > 0 {
        findings.notes.push(
            Finding::new(
                "claimed-by-others",
                "another account claims this name too: the delegation decides who is served",
            )
            .about(apex)
            .with("abuse.rivals", claim.rivals),
        );
    }
}

/// What the account and its network have done before.
fn judge_claimant(settings: &Claims, now: u64, claim: &ZoneClaim, findings: &mut Findings) {
    let account = &claim.account;
    if !account.activated {
        findings.hold.push(Finding::new(
            "not-activated",
            "the account's e-mail address has not been proven yet",
        ));
    }
    if account.cases > 0 {
        let finding = Finding::new(
            "earlier-abuse",
            format!(
                "{} abuse cases were closed against this account",
                account.cases
            ),
        )
        .with("abuse.cases", account.cases);
        if account.cases >= settings.cases_max {
            findings.refuse.push(finding);
        } else {
            findings.hold.push(finding);
        }
    }
    if account.held >= settings.held_max {
        findings.refuse.push(
            Finding::new(
                "too-many-waiting",
                format!(
                    "{} matters of this account wait for a decision already",
                    account.held
                ),
            )
            .with("abuse.held", account.held),
        );
    }
    if is_young(settings, now, claim) && account.zones >= settings.young_zones_max {
        findings.hold.push(
            Finding::new(
                "many-zones-young-account",
                format!("{} zones in an account that is this young", account.zones),
            )
            .category(AbuseCategory::Spam),
        );
    }
    let network = claim.network.to_string();
    let claims = count_claim(&network, now);
    if claims > settings.network_per_hour {
        findings.hold.push(
            Finding::new(
                "claim-burst",
                format!("{claims} claims from {network} within an hour"),
            )
            .about("network")
            .category(AbuseCategory::Spam)
            .with("abuse.claims", claims),
        );
    }
}

fn judge_likeness(settings: &Settings, claim: &ZoneClaim, apex: &str, findings: &mut Findings) {
    let protected = Protected::of(&settings.brands);
    for label in chosen_labels(claim, apex) {
        let Some(found) = protected.likeness(label) else {
            continue;
        };
        if found.is_at_home(apex) {
            continue;
        }
        let finding = found.finding(label).about(apex);
        match found.likeness {
            Likeness::Inside => findings.notes.push(finding),
            _ => findings.hold.push(finding),
        }
    }
}

/// New names in an accepted zone: a login page in somebody's name, as a rule.
fn judge_change(settings: &Settings, change: &ZoneChange) -> Ruling {
    let mut findings = Findings::default();
    let protected = Protected::of(&settings.brands);
    for added in &change.difference.names_added {
        let Some(relative) = name::relative(added, &change.zone.apex) else {
            continue;
        };
        for label in relative.split('.') {
            let Some(found) = protected.likeness(label) else {
                continue;
            };
            if found.is_at_home(added) {
                continue;
            }
            let finding = found.finding(label).about(added.as_str());
            match found.likeness {
                // A CNAME to a provider is often called after it; only disguise and bait are held.
                Likeness::Disguised | Likeness::WithKeyword => findings.hold.push(finding),
                _ => findings.notes.push(finding),
            }
        }
    }
    findings.ruling()
}

fn is_young(settings: &Claims, now: u64, claim: &ZoneClaim) -> bool {
    now.saturating_sub(claim.account.created) < settings.young_account_ms
}

/// The labels that the claimant chose, that is, all but those of the public suffix.
fn chosen_labels<'a>(claim: &ZoneClaim, apex: &'a str) -> Vec<&'a str> {
    let registrable = claim.registrable.as_deref().unwrap_or(apex);
    let mut labels = name::labels(apex);
    let suffix = name::labels(registrable).len().saturating_sub(1);
    labels.truncate(labels.len().saturating_sub(suffix));
    labels
}

fn is_in(list: &[String], domain: &str) -> bool {
    list.iter().any(|one| one.eq_ignore_ascii_case(domain))
}

/// Claims of one network within an hour that begins with the first.
#[derive(Serialize, Deserialize)]
struct Claimed {
    since: u64,
    claims: u64,
}

fn count_claim(network: &str, now: u64) -> u64 {
    let key = format!("claims/{network}");
    let mut claimed = kv::read::<Claimed>(&key)
        .filter(|claimed| now.saturating_sub(claimed.since) < HOUR_MS)
        .unwrap_or(Claimed {
            since: now,
            claims: 0,
        });
    claimed.claims = claimed.claims.saturating_add(1);
    let left = HOUR_MS.saturating_sub(now.saturating_sub(claimed.since));
    if kv::write(&key, &claimed, left.max(1)).is_err() {
        log::count("claims-not-counted", 1);
    }
    claimed.claims
}

const HOUR_MS: u64 = 3_600_000;
