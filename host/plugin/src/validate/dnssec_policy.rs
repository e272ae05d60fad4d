//! Signing policies and key moves.

use std::collections::BTreeSet;

use super::{Checked, at_most, ensure, extra, findings, text, ttl};
use crate::types::dnssec_policy::{KeySpec, Policy, Role, Step, Steps};

/// Algorithms that may sign: RFC 9905 ends SHA-1, the rest never was for zones.
const ALGORITHMS: [u8; 6] = [8, 10, 13, 14, 15, 16];
/// RFC 4034 3.1.5: expiration is compared in serial arithmetic, so half of 2^32 is the end of it.
const VALIDITY_MAX: u32 = i32::MAX as u32;

pub(super) fn policy(policy: &mut Policy) -> Checked {
    at_most("keys", policy.keys.len(), 8)?;
    ensure(!policy.sign || !policy.keys.is_empty(), || {
        "signing without a key".into()
    })?;
    for key in &policy.keys {
        key_spec(key)?;
    }
    let validity = policy.validity_s;
    ensure(
        !policy.sign || (1..=VALIDITY_MAX).contains(&validity),
        || format!("signatures of {validity} s"),
    )?;
    // A signature that is renewed later than it ends would leave a gap.
    ensure(
        !policy.sign || policy.refresh_s.saturating_add(policy.jitter_s) < validity,
        || {
            format!(
                "signatures of {validity} s, renewed {} s before their end",
                policy.refresh_s
            )
        },
    )?;
    ttl("dnskey-ttl", policy.dnskey_ttl)?;
    ttl("ttl-max", policy.ttl_max)?;
    at_most("digest types", policy.cds_digests.len(), 4)?;
    findings(&mut policy.notes, 0)?;
    text(&mut policy.reason);
    extra(&policy.extra)
}

pub(super) fn steps(steps: &mut Steps, keys: &BTreeSet<u64>) -> Checked {
    at_most("steps", steps.steps.len(), 32)?;
    for step in &steps.steps {
        match step {
            Step::Generate(spec) => key_spec(spec)?,
            Step::Publish(id)
            | Step::Unpublish(id)
            | Step::Activate(id)
            | Step::Retire(id)
            | Step::Remove(id)
            | Step::SubmitDs(id)
            | Step::WithdrawDs(id) => {
                ensure(keys.contains(id), || format!("key {id} is not the zone's"))?;
            }
        }
    }
    text(&mut steps.reason);
    Ok(())
}

fn key_spec(key: &KeySpec) -> Checked {
    ensure(ALGORITHMS.contains(&key.algorithm), || {
        format!("algorithm {} may not sign", key.algorithm)
    })?;
    ensure(key.role != Role::Other, || "a key without a role".into())?;
    // RFC 5702 2: RSA keys have 512 to 4096 bits; below 2048 nobody should sign today.
    let rsa = matches!(key.algorithm, 8 | 10);
    let fits = key.bits == 0 || (rsa && (2048..=4096).contains(&key.bits));
    ensure(fits, || {
        format!("{} bits for algorithm {}", key.bits, key.algorithm)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::dnssec_policy::DenialKind;

    fn example() -> Policy {
        Policy {
            sign: true,
            keys: vec![KeySpec {
                role: Role::Csk,
                algorithm: 13,
                bits: 0,
                lifetime_s: 0,
            }],
            denial: DenialKind::Nsec,
            validity_s: 1_209_600,
            refresh_s: 604_800,
            jitter_s: 43_200,
            inception_offset_s: 3600,
            dnskey_ttl: 3600,
            ttl_max: 86_400,
            publish_cds: true,
            cds_digests: vec![2],
            parent_propagation_s: 3600,
            zone_propagation_s: 300,
            notes: vec![],
            reason: String::new(),
            extra: vec![],
        }
    }

    fn check(change: impl Fn(&mut Policy)) -> Checked {
        let mut one = example();
        change(&mut one);
        policy(&mut one)
    }

    /// W8: a policy that would leave a gap or sign with what must not sign.
    #[test]
    fn policies_can_be_kept() {
        assert_eq!(check(|_| ()), Ok(()));
        assert!(check(|p| p.keys.clear()).is_err());
        assert!(
            check(|p| {
                p.sign = false;
                p.keys.clear()
            })
            .is_ok()
        );
        assert!(check(|p| p.keys[0].algorithm = 5).is_err());
        assert!(check(|p| p.keys[0].role = Role::Other).is_err());
        assert!(check(|p| p.keys[0].bits = 256).is_err());
        assert!(check(|p| p.refresh_s = p.validity_s).is_err());
        assert!(check(|p| p.validity_s = 0).is_err());
        assert!(check(|p| p.ttl_max = 1 << 31).is_err());
    }

    /// W8: a step names a key that the zone has.
    #[test]
    fn steps_are_about_the_zones_keys() {
        let mut one = Steps {
            steps: vec![Step::Retire(3)],
            next: None,
            reason: String::new(),
        };
        assert!(steps(&mut one, &BTreeSet::from([3])).is_ok());
        assert!(steps(&mut one, &BTreeSet::from([4])).is_err());
    }
}
