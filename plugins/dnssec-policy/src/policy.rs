//! With what and how a zone is signed.

use bailiwick_plugin_sdk::dnssec_policy::{DenialKind, KeySpec, Nsec3, Policy, Role};
use bailiwick_plugin_sdk::{Finding, ZoneFacts, ZoneKind};

use crate::settings::{Preset, Settings};

pub(crate) fn policy_for(settings: &Settings, zone: &ZoneFacts) -> Policy {
    if let Some(finding) = unsigned(settings, zone) {
        return Policy {
            reason: finding.code.clone(),
            notes: vec![finding],
            // A zone that was signed is timed by these on its way back.
            ..timing(settings, &Terms::of(settings.preset))
        };
    }
    let terms = Terms::of(settings.preset);
    Policy {
        sign: true,
        keys: keys(settings, &terms),
        denial: terms.denial,
        notes: notice(settings, zone).into_iter().collect(),
        reason: terms.name.into(),
        ..timing(settings, &terms)
    }
}

/// What a preset fixes.
struct Terms {
    name: &'static str,
    algorithm: u8,
    bits: u16,
    ksk_days: u64,
    zsk_days: u64,
    denial: DenialKind,
    validity_days: u32,
    refresh_days: u32,
    jitter_hours: u32,
}

impl Terms {
    fn of(preset: Preset) -> Self {
        match preset {
            // Small signatures that every validator knows (RFC 8624 3.1), and zones that anybody may
            // read to the end: NSEC is cheaper to answer and to validate than hashing.
            Preset::Standard => Self {
                name: "standard",
                algorithm: ECDSAP256SHA256,
                bits: 0,
                ksk_days: 0,
                zsk_days: 90,
                denial: DenialKind::Nsec,
                validity_days: 14,
                refresh_days: 7,
                jitter_hours: 12,
            },
            // For those whose parent or auditors ask for RSA, and zones that shall not be walked.
            Preset::Conservative => Self {
                name: "conservative",
                algorithm: RSASHA256,
                bits: 2048,
                ksk_days: 730,
                zsk_days: 90,
                denial: DenialKind::Nsec3(Nsec3 { opt_out: false }),
                validity_days: 30,
                refresh_days: 10,
                jitter_hours: 24,
            },
            // Registries: mostly insecure delegations, which opt-out leaves out of the chain
            // (RFC 5155 6), and very many signatures, which Ed25519 makes fastest.
            Preset::LargeDelegation => Self {
                name: "large-delegation",
                algorithm: ED25519,
                bits: 0,
                ksk_days: 730,
                zsk_days: 180,
                denial: DenialKind::Nsec3(Nsec3 { opt_out: true }),
                validity_days: 21,
                refresh_days: 9,
                jitter_hours: 72,
            },
        }
    }
}

fn keys(settings: &Settings, terms: &Terms) -> Vec<KeySpec> {
    let key = |role, days: u64| KeySpec {
        role,
        algorithm: terms.algorithm,
        bits: terms.bits,
        lifetime_s: days.saturating_mul(DAY_S.into()),
    };
    let ksk_days = settings.ksk_lifetime_days.unwrap_or(terms.ksk_days);
    if settings.single_key {
        return vec![key(Role::Csk, ksk_days)];
    }
    let zsk_days = settings.zsk_lifetime_days.unwrap_or(terms.zsk_days);
    vec![key(Role::Ksk, ksk_days), key(Role::Zsk, zsk_days)]
}

/// Everything but what is signed with; `sign` is false.
fn timing(settings: &Settings, terms: &Terms) -> Policy {
    Policy {
        validity_s: terms.validity_days * DAY_S,
        refresh_s: terms.refresh_days * DAY_S,
        jitter_s: terms.jitter_hours * HOUR_S,
        // Validators' clocks are off by an hour more often than one thinks.
        inception_offset_s: HOUR_S,
        dnskey_ttl: settings.dnskey_ttl,
        ttl_max: settings.ttl_max,
        publish_cds: settings.publish_cds,
        // RFC 8624 3.3: SHA-256, and nothing else is needed.
        cds_digests: vec![SHA256],
        parent_propagation_s: settings.parent_propagation_s,
        zone_propagation_s: settings.zone_propagation_s,
        ..Policy::unsigned("")
    }
}

/// Why this zone is not signed here, if it is not.
fn unsigned(settings: &Settings, zone: &ZoneFacts) -> Option<Finding> {
    let apex = &zone.apex;
    if matches!(zone.kind, ZoneKind::Secondary) {
        let message = if zone.signed {
            format!("{apex} brings its own signatures and is served with them, unchanged")
        } else {
            format!("{apex} is served as it is transferred; choose signing here to have it signed")
        };
        return Some(Finding::new("served-as-transferred", message));
    }
    if !settings.plans.is_empty() && !settings.plans.contains(&zone.plan) {
        let plans = settings.plans.join(", ");
        let message = format!("the plan {} has no signing; these have: {plans}", zone.plan);
        return Some(
            Finding::new("plan-without-signing", message).with("dnssec-policy.plans", plans),
        );
    }
    if !settings.sign {
        let message = if zone.signed {
            format!("signing of {apex} is being ended: its DS goes first, the signatures last")
        } else {
            format!("signing of {apex} is turned off")
        };
        return Some(Finding::new("turned-off", message));
    }
    None
}

/// P3.3: more than 100 records, and the customer is told before anything is signed.
fn notice(settings: &Settings, zone: &ZoneFacts) -> Option<Finding> {
    if zone.records <= settings.notice_records {
        return None;
    }
    let message = format!(
        "{} has {} records: signing makes its changes take longer to be everywhere; how long is measured and shown",
        zone.apex, zone.records
    );
    Some(Finding::new("slower-changes", message).with("dnssec-policy.records", zone.records))
}

const RSASHA256: u8 = 8;
const ECDSAP256SHA256: u8 = 13;
const ED25519: u8 = 15;
const SHA256: u8 = 2;
const HOUR_S: u32 = 3600;
const DAY_S: u32 = 86_400;

#[cfg(test)]
mod tests {
    use super::*;
    use bailiwick_plugin_sdk::dnssec_policy::DnssecPolicy as _;
    use bailiwick_plugin_sdk::{Call, testing};

    fn zone(kind: ZoneKind, records: u64) -> ZoneFacts {
        ZoneFacts {
            zone: 1,
            apex: "example.com.".into(),
            kind,
            account: 1,
            plan: "basic".into(),
            serial: 1,
            records,
            signed: false,
            created: 0,
            tags: vec![],
            extra: vec![],
        }
    }

    fn preset(preset: Preset) -> Policy {
        let settings = Settings {
            preset,
            ..Settings::default()
        };
        policy_for(&settings, &zone(ZoneKind::Hosted, 10))
    }

    /// Each preset with its algorithm, roles and denial.
    #[test]
    fn presets_are_what_they_say() {
        let shape = |policy: Policy| {
            let keys: Vec<_> = policy
                .keys
                .iter()
                .map(|key| (key.role, key.algorithm, key.bits))
                .collect();
            (keys, policy.denial)
        };
        let pair =
            |algorithm, bits| vec![(Role::Ksk, algorithm, bits), (Role::Zsk, algorithm, bits)];
        assert_eq!(
            shape(preset(Preset::Standard)),
            (pair(13, 0), DenialKind::Nsec)
        );
        let closed = DenialKind::Nsec3(Nsec3 { opt_out: false });
        assert_eq!(shape(preset(Preset::Conservative)), (pair(8, 2048), closed));
        let open = DenialKind::Nsec3(Nsec3 { opt_out: true });
        assert_eq!(shape(preset(Preset::LargeDelegation)), (pair(15, 0), open));
    }

    /// A signature is renewed long before its end, even with all of its jitter, and outlives the
    /// longest TTL by then: no cache holds one that has ended.
    #[test]
    fn signatures_are_renewed_in_time() {
        for policy in [
            Preset::Standard,
            Preset::Conservative,
            Preset::LargeDelegation,
        ]
        .map(preset)
        {
            assert!(policy.sign);
            assert!(policy.refresh_s + policy.jitter_s < policy.validity_s);
            assert!(policy.refresh_s > policy.ttl_max + policy.zone_propagation_s);
        }
    }

    /// One key for everything where the zone wants it so.
    #[test]
    fn single_key_is_a_choice() {
        let settings = Settings {
            single_key: true,
            ksk_lifetime_days: Some(365),
            ..Settings::default()
        };
        let policy = policy_for(&settings, &zone(ZoneKind::Hosted, 10));
        let [key] = policy.keys[..] else { panic!() };
        assert_eq!((key.role, key.lifetime_s), (Role::Csk, 365 * 86_400));
    }

    /// What is transferred in to be served as it is keeps its own signatures.
    #[test]
    fn presigned_zones_pass_untouched() {
        let mut zone = zone(ZoneKind::Secondary, 10);
        zone.signed = true;
        let policy = policy_for(&Settings::default(), &zone);
        assert!(!policy.sign && policy.keys.is_empty());
        assert_eq!(policy.notes[0].code, "served-as-transferred");
        zone.kind = ZoneKind::SignedSecondary;
        assert!(policy_for(&Settings::default(), &zone).sign);
    }

    /// P3.1: signing is part of some plans.
    #[test]
    fn plans_without_signing_are_told_which_have_it() {
        let settings = Settings {
            plans: vec!["premium".into()],
            ..Settings::default()
        };
        let policy = policy_for(&settings, &zone(ZoneKind::Hosted, 10));
        assert!(!policy.sign);
        assert!(policy.notes[0].message.contains("premium"));
    }

    /// P3.3: the notice comes at 101 records, not at 100.
    #[test]
    fn notice_comes_above_one_hundred_records() {
        let notes =
            |records| policy_for(&Settings::default(), &zone(ZoneKind::Hosted, records)).notes;
        assert_eq!(notes(100), []);
        assert_eq!(notes(101)[0].code, "slower-changes");
    }

    /// A zone's own choice is merged over the operator's settings.
    #[test]
    fn zones_choose_their_preset() {
        testing::host(|host| {
            host.settings = r#"{"dnskey_ttl": 600}"#.into();
            let choice = r#"{"preset": "conservative"}"#;
            host.zone_settings
                .insert(1, serde_json::from_str(choice).unwrap());
        });
        let call = Call::new(0, Settings::default());
        let policy = crate::Policy
            .policy_for(&call, &zone(ZoneKind::Hosted, 1))
            .unwrap();
        assert_eq!((policy.keys[0].algorithm, policy.dnskey_ttl), (8, 600));
    }
}
