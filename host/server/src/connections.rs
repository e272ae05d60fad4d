//! Who is connected, and who has to go when there is no room (RELIABILITY P17).
//!
//! Connections are counted in all and by client: an IPv4 address, or a /64 of IPv6. At a limit a
//! newcomer takes the place of whoever has been silent longest (under that client's own limit: of its
//! own), so that connections held open for nothing never keep anybody out. When more than four fifths
//! of the places are taken, silence is short: a newcomer then ends every connection that has been
//! silent for a fifth of a second. A connection that is being sent a zone is not silent.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bailiwick_meter::Tick;
use tokio::sync::Notify;

/// All connections of a server.
pub(crate) struct Connections {
    max: usize,
    per_client_max: usize,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    next_id: u64,
    guests: HashMap<u64, (IpAddr, Arc<Activity>)>,
    by_client: HashMap<IpAddr, Vec<u64>>,
    /// When the silent were last sent away.
    swept: Tick,
}

/// What a connection tells of itself.
#[derive(Default)]
pub(crate) struct Activity {
    /// When its last whole query came.
    last: AtomicU64,
    /// Transfers that it is in the middle of.
    busy: AtomicU32,
    /// Its place was given away.
    pub(crate) displaced: Notify,
}

/// A place among the connections, given back when dropped.
pub(crate) struct Place {
    id: u64,
    pub(crate) activity: Arc<Activity>,
    connections: Arc<Connections>,
}

impl Connections {
    pub(crate) fn new(max: usize, per_client_max: usize) -> Self {
        Self {
            max: max.max(1),
            per_client_max: per_client_max.max(1),
            open: Mutex::default(),
        }
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.lock().guests.len()
    }

    /// Little room is left: whoever has nothing to say should go soon.
    fn is_crowded(&self, count: usize) -> bool {
        count.saturating_mul(5) > self.max.saturating_mul(4)
    }

    /// A place for `address`; none when everybody is busy.
    pub(crate) fn admit(self: &Arc<Self>, address: IpAddr, now: Tick) -> Option<Place> {
        let client = client_of(address);
        let mut open = self.lock();
        if open
            .by_client
            .get(&client)
            .is_some_and(|own| own.len() >= self.per_client_max)
        {
            let own = open.by_client.get(&client).into_iter().flatten().copied();
            let longest = open.silent_longest(own)?;
            open.displace(longest);
        }
        if self.is_crowded(open.guests.len()) && now >= open.swept.after_millis(SWEEP_MS) {
            open.swept = now;
            open.displace_silent(now);
        }
        if open.guests.len() >= self.max {
            let longest = open.silent_longest(open.guests.keys().copied())?;
            open.displace(longest);
        }
        let id = open.next_id;
        open.next_id = id.wrapping_add(1);
        let activity = Arc::new(Activity::default());
        activity.heard(now);
        open.guests.insert(id, (client, Arc::clone(&activity)));
        open.by_client.entry(client).or_default().push(id);
        Some(Place {
            id,
            activity,
            connections: Arc::clone(self),
        })
    }

    /// The lists are whole between any two statements that could panic.
    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    fn silent_longest(&self, of: impl Iterator<Item = u64>) -> Option<u64> {
        let guests = of.filter_map(|id| Some((id, &self.guests.get(&id)?.1)));
        let idle = guests.filter(|(_, activity)| !activity.is_busy());
        idle.min_by_key(|(id, activity)| (activity.last.load(Relaxed), *id))
            .map(|(id, _)| id)
    }

    /// Everybody who has been silent for [`SILENCE_MS`] and is not being sent a zone.
    fn displace_silent(&mut self, now: Tick) {
        let is_silent = |activity: &Activity| {
            let last = Tick(activity.last.load(Relaxed));
            !activity.is_busy() && now >= last.after_millis(SILENCE_MS)
        };
        let guests = self.guests.iter();
        let silent: Vec<u64> = guests
            .filter(|(_, (_, activity))| is_silent(activity))
            .map(|(id, _)| *id)
            .collect();
        for id in silent {
            self.displace(id);
        }
    }

    fn displace(&mut self, id: u64) {
        if let Some(activity) = self.remove(id) {
            activity.displaced.notify_one();
        }
    }

    fn remove(&mut self, id: u64) -> Option<Arc<Activity>> {
        let (client, activity) = self.guests.remove(&id)?;
        if let Some(own) = self.by_client.get_mut(&client) {
            own.retain(|other| *other != id);
            if own.is_empty() {
                self.by_client.remove(&client);
            }
        }
        Some(activity)
    }
}

impl Activity {
    /// A whole query came.
    pub(crate) fn heard(&self, now: Tick) {
        self.last.store(now.0, Relaxed);
    }

    /// A transfer begins or ends.
    pub(crate) fn set_busy(&self, busy: bool) {
        let by = if busy { 1 } else { u32::MAX };
        self.busy.fetch_add(by, Relaxed);
    }

    /// It is in the middle of a transfer.
    pub(crate) fn is_busy(&self) -> bool {
        self.busy.load(Relaxed) > 0
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // Gone already if it was displaced.
        self.connections.lock().remove(self.id);
    }
}

/// RELIABILITY P17: how long a connection may be silent when four fifths of the places are taken.
const SILENCE_MS: u64 = 200;
/// The silent are looked for so often at most.
const SWEEP_MS: u64 = 50;

/// One subscriber commonly has a /64 of IPv6.
pub(crate) fn client_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn displaced(place: &Place) -> bool {
        !place.connections.lock().guests.contains_key(&place.id)
    }

    #[test]
    fn a_client_at_its_limit_displaces_its_own_most_silent_connection() {
        let connections = Arc::new(Connections::new(100, 3));
        let other = connections.admit(address("192.0.2.9"), Tick(0)).unwrap();
        let mine: Vec<_> = (1..=3)
            .map(|n| connections.admit(address("192.0.2.1"), Tick(n)).unwrap())
            .collect();
        mine[0].activity.heard(Tick(10));
        let newest = connections.admit(address("192.0.2.1"), Tick(11)).unwrap();
        assert!(displaced(&mine[1]), "the one that was silent longest");
        assert!(
            !displaced(&mine[0])
                && !displaced(&mine[2])
                && !displaced(&newest)
                && !displaced(&other)
        );
        assert_eq!(connections.count(), 4);
    }

    #[test]
    fn a_full_house_makes_room_but_interrupts_no_transfer() {
        let connections = Arc::new(Connections::new(2, 10));
        let places: Vec<_> = (0..2)
            .map(|n| {
                connections
                    .admit(address(&format!("192.0.2.{n}")), Tick(n))
                    .unwrap()
            })
            .collect();
        places[0].activity.set_busy(true);
        let third = connections.admit(address("192.0.2.7"), Tick(5)).unwrap();
        assert!(!displaced(&places[0]) && displaced(&places[1]));
        third.activity.set_busy(true);
        assert!(connections.admit(address("192.0.2.8"), Tick(6)).is_none());
        drop(third);
        assert!(connections.admit(address("192.0.2.8"), Tick(7)).is_some());
    }

    /// RELIABILITY P17: idle 10 s becomes 200 ms when more than 80 % of the places are taken.
    #[test]
    fn p17_a_crowd_sends_the_silent_away_and_nobody_else() {
        let connections = Arc::new(Connections::new(10, 10));
        let admit = |n: u32, ms| {
            let address = address(&format!("192.0.2.{n}"));
            connections.admit(address, Tick::from_millis(ms)).unwrap()
        };
        let places: Vec<_> = (0..8).map(|n| admit(n, 0)).collect();
        places[1].activity.heard(Tick::from_millis(900));
        places[2].activity.set_busy(true);
        let ninth = admit(8, 1000);
        assert!(!displaced(&places[0]), "eight of ten are no crowd");
        let tenth = admit(9, 1000);
        let gone: Vec<usize> = (0..8).filter(|n| displaced(&places[*n])).collect();
        assert_eq!(gone, [0, 3, 4, 5, 6, 7]);
        assert!(!displaced(&ninth) && !displaced(&tenth));
    }

    #[test]
    fn a_64_of_ipv6_is_one_client_and_places_come_back() {
        let connections = Arc::new(Connections::new(100, 1));
        let first = connections.admit(address("2001:db8::1"), Tick(0)).unwrap();
        let second = connections.admit(address("2001:db8::2"), Tick(1)).unwrap();
        let third = connections
            .admit(address("2001:db8:0:1::1"), Tick(1))
            .unwrap();
        assert!(displaced(&first) && !displaced(&second) && !displaced(&third));
        drop((first, second, third));
        assert_eq!(connections.count(), 0);
        assert!(connections.lock().by_client.is_empty());
    }
}
