//! The schedule with a clock of the test's own.

use super::*;
use crate::testing::name;

fn timers() -> Timers {
    Timers::from_soa(3600, 600, 604_800)
}

fn address(last: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, last], 53))
}

fn with_zones(count: u32, primary: u8, schedule: &mut Schedule) {
    for i in 0..count {
        let apex = name(&format!("z{i}.p{primary}."));
        schedule.add(
            Secondary::new(apex, vec![address(primary)], Refresh::new(Moment(0))),
            Moment(0),
        );
    }
}

fn failed() -> Outcome {
    Outcome::Failed(Failure::Unreachable, "no".to_owned())
}

/// SERVICE S6: a new zone is looked at at once.
#[test]
fn new_zone_is_started() {
    let mut schedule = Schedule::new(2, 64);
    with_zones(1, 1, &mut schedule);
    let jobs = schedule.due(Moment(0)).jobs;
    assert_eq!(
        (jobs.len(), jobs[0].primary, jobs[0].have),
        (1, address(1), None)
    );
    assert!(schedule.due(Moment(0)).jobs.is_empty());
}

/// RELIABILITY X2, X15: a primary with thousands of zones gets its share and no more; another is
/// served at once.
#[test]
fn one_primary_cannot_hold_up_another() {
    let mut schedule = Schedule::new(2, 64);
    with_zones(5000, 1, &mut schedule);
    with_zones(1, 2, &mut schedule);
    let jobs = schedule.due(Moment(0)).jobs;
    let of = |last| {
        jobs.iter()
            .filter(|job| job.primary == address(last))
            .count()
    };
    assert_eq!((of(1), of(2)), (2, 1));
}

/// Zones that hang, or were never had, do not hold up one of the same primary that is well.
#[test]
fn a_sound_zone_does_not_wait_behind_those_that_hang() {
    let mut schedule = Schedule::new(2, 64);
    with_zones(1, 1, &mut schedule);
    let sound = schedule.due(Moment(0)).jobs.remove(0);
    let transferred = Outcome::Transferred(timers(), Serial(1));
    schedule.done(sound.id, &transferred, Moment(1), 0, 0.5);
    for i in 0..50 {
        let apex = name(&format!("hangs{i}."));
        let zone = Secondary::new(apex, vec![address(1)], Refresh::new(Moment(2)));
        schedule.add(zone, Moment(2));
    }
    assert_eq!(schedule.due(Moment(2)).jobs.len(), 2);
    let later = Moment(10_000_000_000);
    schedule.look_now(&sound.apex, Some(address(1).ip()), false, later);
    let jobs = schedule.due(later).jobs;
    assert_eq!((jobs.len(), &jobs[0].apex), (1, &sound.apex));
}

/// Places freed go to the next in line.
#[test]
fn freed_place_goes_to_the_next_in_line() {
    let mut schedule = Schedule::new(2, 64);
    with_zones(3, 1, &mut schedule);
    let jobs = schedule.due(Moment(0)).jobs;
    assert_eq!(jobs.len(), 2);
    schedule.done(
        jobs[0].id,
        &Outcome::Transferred(timers(), Serial(1)),
        Moment(5),
        0,
        0.5,
    );
    let next = schedule.due(Moment(5)).jobs;
    assert_eq!(next.len(), 1);
    assert!(next[0].id != jobs[0].id && next[0].id != jobs[1].id);
}

/// The bound over all primaries holds.
#[test]
fn attempts_at_once_are_bounded() {
    let mut schedule = Schedule::new(2, 10);
    for primary in 0..50 {
        with_zones(2, primary, &mut schedule);
    }
    assert_eq!(schedule.due(Moment(0)).jobs.len(), 10);
}

/// All primaries of a zone are asked before the attempt counts as failed.
#[test]
fn every_primary_is_asked_before_a_pause() {
    let mut schedule = Schedule::new(2, 64);
    let zone = Secondary::new(
        name("z."),
        vec![address(1), address(2)],
        Refresh::new(Moment(0)),
    );
    schedule.add(zone, Moment(0));
    let first = schedule.due(Moment(0)).jobs.remove(0);
    assert!(!schedule.done(first.id, &failed(), Moment(1), 0, 0.5));
    let second = schedule.due(Moment(1)).jobs.remove(0);
    assert_eq!((first.primary, second.primary), (address(1), address(2)));
    assert!(schedule.done(second.id, &failed(), Moment(2), 0, 0.5));
    let due = schedule.due(Moment(2));
    assert!(due.jobs.is_empty());
    assert_eq!(due.wake, Some(Moment(5002)));
}

/// RELIABILITY X8: NOTIFYs without end are one attempt, plus one after it.
#[test]
fn notify_flood_is_two_attempts() {
    let mut schedule = Schedule::new(2, 64);
    with_zones(1, 1, &mut schedule);
    let apex = name("z0.p1.");
    let mut attempts = 0;
    for millisecond in 0..1000 {
        let now = Moment(millisecond);
        assert!(schedule.look_now(&apex, None, false, now));
        let jobs = schedule.due(now).jobs;
        attempts += jobs.len();
        if millisecond == 500 {
            schedule.done(0, &Outcome::Confirmed(timers()), now, 0, 0.5);
        }
    }
    assert_eq!(attempts, 2);
}

/// The primary that sent the NOTIFY is asked first: it has the new version.
#[test]
fn sender_of_the_notify_is_asked_first() {
    let mut schedule = Schedule::new(2, 64);
    let zone = Secondary::new(
        name("z."),
        vec![address(1), address(2)],
        Refresh::new(Moment(0)),
    );
    schedule.add(zone, Moment(0));
    schedule.look_now(&name("z."), Some(address(2).ip()), false, Moment(0));
    assert_eq!(schedule.due(Moment(0)).jobs[0].primary, address(2));
}

/// RELIABILITY X17: the result of a removed zone finds nobody, and its place is free again.
#[test]
fn removed_zone_frees_its_place() {
    let mut schedule = Schedule::new(1, 64);
    with_zones(2, 1, &mut schedule);
    let job = schedule.due(Moment(0)).jobs.remove(0);
    schedule.remove(&job.apex);
    assert!(!schedule.done(job.id, &failed(), Moment(0), 0, 0.5));
    assert_eq!(schedule.due(Moment(0)).jobs.len(), 1);
}

/// RELIABILITY D9: expiry is noticed even while an attempt hangs.
#[test]
fn zone_expires_while_an_attempt_hangs() {
    let mut schedule = Schedule::new(2, 64);
    with_zones(1, 1, &mut schedule);
    let id = schedule.due(Moment(0)).jobs[0].id;
    schedule.done(
        id,
        &Outcome::Transferred(timers(), Serial(1)),
        Moment(0),
        0,
        0.5,
    );
    let refresh = schedule.due(Moment(0)).wake.unwrap();
    assert_eq!(schedule.due(refresh).jobs.len(), 1);
    let wake = schedule.due(refresh).wake.unwrap();
    assert_eq!(schedule.due(wake).expired, [name("z0.p1.")]);
}
