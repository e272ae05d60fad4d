//! Rollovers in a modelled world: at each tick every mixture of cached DS, DNSKEY and signatures must
//! validate.

use super::model::World;
use super::*;
use crate::policy::policy_for;
use crate::settings::{Preset, Settings};
use bailiwick_plugin_sdk::dnssec_policy::Policy;
use bailiwick_plugin_sdk::{ZoneFacts, ZoneKind};

fn policy(settings: &Settings) -> Policy {
    let zone = ZoneFacts {
        zone: 1,
        apex: "example.com.".into(),
        kind: ZoneKind::Hosted,
        account: 1,
        plan: "basic".into(),
        serial: 1,
        records: 10,
        signed: false,
        created: 0,
        tags: vec![],
        extra: vec![],
    };
    policy_for(settings, &zone)
}

fn settings(preset: Preset) -> Settings {
    Settings {
        preset,
        ..Settings::default()
    }
}

/// A zone that has been signed for a while.
fn settled(settings: &Settings) -> World {
    let mut world = World::new(policy(settings));
    world.live(10);
    assert!(world.is_secure());
    world
}

/// The parent hears of a zone only when every cache has its keys and signatures.
#[test]
fn first_signing_waits_for_the_caches() {
    let world = settled(&settings(Preset::Standard));
    let at =
        |is_such: fn(&Step) -> bool| world.log.iter().find(|(_, step)| is_such(step)).unwrap().0;
    let signed = at(|step| matches!(step, Step::Activate(_)));
    let named = at(|step| matches!(step, Step::SubmitDs(_)));
    assert!(named - signed >= 86_400_000 + 300_000);
    assert_eq!(world.keys(), [(Role::Ksk, 13), (Role::Zsk, 13)]);
}

/// RFC 7583 3.2.1: a year of zone signing keys, each after ninety days, and never two for long.
#[test]
fn zone_signing_keys_roll_by_pre_publication() {
    let mut world = settled(&settings(Preset::Standard));
    world.live(380);
    let rolled = world.count(|step| matches!(step, Step::Remove(_)));
    assert_eq!(rolled, 4, "{:?}", world.log);
    assert_eq!(world.count(|step| matches!(step, Step::SubmitDs(_))), 1);
}

/// RFC 7583 3.3.1: the key that the parent knows, by double signature.
#[test]
fn key_signing_keys_roll_by_double_signature() {
    let mut settings = settings(Preset::Conservative);
    settings.ksk_lifetime_days = Some(60);
    let mut world = settled(&settings);
    world.live(140);
    assert!(world.count(|step| matches!(step, Step::WithdrawDs(_))) >= 2);
    assert!(world.is_secure());
    assert!(world.keys().len() <= 4);
}

/// One key for both: its signatures have to be gone before it goes.
#[test]
fn combined_keys_roll() {
    let settings = Settings {
        single_key: true,
        ksk_lifetime_days: Some(60),
        ..Settings::default()
    };
    let mut world = settled(&settings);
    world.live(200);
    assert!(world.count(|step| matches!(step, Step::Remove(_))) >= 2);
    assert!(world.is_secure());
}

/// RFC 6781 4.1.4: from any preset to any other.
#[test]
fn algorithms_roll_the_long_way_round() {
    let presets = [
        Preset::Standard,
        Preset::Conservative,
        Preset::LargeDelegation,
    ];
    for from in presets {
        for to in presets.into_iter().filter(|to| *to != from) {
            let mut world = settled(&settings(from));
            world.chain.policy = policy(&settings(to));
            world.live(40);
            let algorithm = world.chain.policy.keys[0].algorithm;
            assert_eq!(
                world.keys(),
                [(Role::Ksk, algorithm), (Role::Zsk, algorithm)]
            );
            assert!(world.is_secure());
        }
    }
}

/// From a pair of keys to a single one, and back.
#[test]
fn roles_change_within_an_algorithm() {
    let pair = Settings::default();
    let single = Settings {
        single_key: true,
        ..Settings::default()
    };
    let mut world = settled(&pair);
    world.chain.policy = policy(&single);
    world.live(30);
    assert_eq!(world.keys(), [(Role::Csk, 13)]);
    world.chain.policy = policy(&pair);
    world.live(30);
    assert_eq!(world.keys(), [(Role::Ksk, 13), (Role::Zsk, 13)]);
    assert!(world.is_secure());
}

/// The operator changes his mind in the middle, at every stage of it.
#[test]
fn algorithm_rollovers_can_be_turned_back() {
    for days in 0..12 {
        let mut world = settled(&settings(Preset::Standard));
        world.chain.policy = policy(&settings(Preset::LargeDelegation));
        world.live(days);
        world.chain.policy = policy(&settings(Preset::Standard));
        world.live(40);
        assert!(
            world.keys().iter().all(|(_, algorithm)| *algorithm == 13),
            "{days}"
        );
        assert!(world.is_secure());
    }
}

/// A key that somebody else may have is replaced at once, whichever it is.
#[test]
fn compromised_keys_are_replaced_at_once() {
    for index in 0..2 {
        let mut world = settled(&settings(Preset::Standard));
        let id = world.chain.keys[index].id;
        world.chain.keys[index].compromised = true;
        world.live(20);
        assert!(
            world.chain.keys.iter().all(|key| key.id != id),
            "{:?}",
            world.log
        );
        assert!(world.is_secure());
    }
}

/// The DS goes first and signatures last.
#[test]
fn signing_ends_without_a_gap() {
    let mut world = settled(&settings(Preset::Standard));
    world.chain.policy = policy(&Settings {
        sign: false,
        ..Settings::default()
    });
    world.live(5);
    assert!(!world.is_secure());
    assert_eq!(world.keys(), []);
}

/// Between moves nothing is proposed, and the time to ask again is in the future.
#[test]
fn quiet_zones_are_left_alone() {
    let world = settled(&settings(Preset::Standard));
    let steps = next(world.now, &world.chain);
    assert_eq!(steps.steps, []);
    assert!(steps.next.unwrap() > world.now);
    let Some(again) = steps.next else { panic!() };
    assert!(
        next(again - 1, &world.chain).steps.is_empty(),
        "asked too late"
    );
    assert!(
        !next(again, &world.chain).steps.is_empty(),
        "asked for nothing"
    );
}

/// Steps that were not done come again, and the same facts give the same steps.
#[test]
fn steps_follow_from_the_facts() {
    let world = World::new(policy(&settings(Preset::Standard)));
    assert_eq!(next(7, &world.chain), next(7, &world.chain));
}
