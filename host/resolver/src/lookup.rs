//! One question and what its answer comes to.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Instant;

use bailiwick_zone::Name;
use hickory_resolver::net::NetError;
use hickory_resolver::proto::op::{Message, Query, ResponseCode};
use hickory_resolver::proto::rr::{Name as WireName, RData, RecordType};
use hickory_resolver::proto::serialize::binary::BinDecodable;
use hickory_resolver::recursor::{AuthorityData, Recursor, RecursorError};

use crate::dial::Dial;
use crate::guard::Guard;
use crate::{Found, LookupError, ResolverOptions};

/// The A records of a name.
pub(crate) async fn v4(
    recursor: &Recursor<Dial>,
    guard: &Guard,
    options: &ResolverOptions,
    name: &Name,
) -> Result<Found<Ipv4Addr>, LookupError> {
    let address = |data: &RData| match data {
        RData::A(a) => Some(a.0),
        _ => None,
    };
    let (answer, name) = ask(recursor, name, RecordType::A).await?;
    read(answer, &name, guard, options, address)
}

/// The AAAA records of a name.
pub(crate) async fn v6(
    recursor: &Recursor<Dial>,
    guard: &Guard,
    options: &ResolverOptions,
    name: &Name,
) -> Result<Found<Ipv6Addr>, LookupError> {
    let address = |data: &RData| match data {
        RData::AAAA(aaaa) => Some(aaaa.0),
        _ => None,
    };
    let (answer, name) = ask(recursor, name, RecordType::AAAA).await?;
    read(answer, &name, guard, options, address)
}

/// What came back.
enum Answer {
    /// Records, the chain among them.
    Records(Message),
    /// The name or the type does not exist, for so many seconds.
    Nothing(u32),
}

async fn ask(
    recursor: &Recursor<Dial>,
    name: &Name,
    rtype: RecordType,
) -> Result<(Answer, WireName), LookupError> {
    let name = WireName::from_bytes(name.as_wire())
        .map_err(|error| LookupError::Failed(error.to_string()))?;
    let query = Query::query(name.clone(), rtype);
    let answer = match recursor.resolve(query, Instant::now(), false).await {
        Ok(message) => match message.response_code {
            ResponseCode::NoError => Answer::Records(message),
            ResponseCode::NXDomain => Answer::Nothing(NEGATIVE_TTL),
            code => return Err(LookupError::Failed(code.to_string())),
        },
        // A "no" that hickory concludes from records it had to throw away is none.
        Err(RecursorError::Negative(authority)) if !authority.is_no_records_found() => {
            let words = "an answer about names that the server does not have".to_owned();
            return Err(LookupError::Failed(words));
        }
        Err(RecursorError::Negative(authority)) => Answer::Nothing(negative_ttl(&authority)),
        Err(error) if error.is_nx_domain() || error.is_no_records_found() => {
            Answer::Nothing(NEGATIVE_TTL)
        }
        Err(RecursorError::Timeout | RecursorError::Net(NetError::Timeout)) => {
            return Err(LookupError::Timeout);
        }
        Err(error) => return Err(in_words(&error)),
    };
    Ok((answer, name))
}

/// The library has folded what happened on the way into text.
fn in_words(error: &RecursorError) -> LookupError {
    let words = error.to_string();
    if words.contains("timed out") {
        return LookupError::Timeout;
    }
    LookupError::Failed(words)
}

/// RFC 2308 5: the lesser of the SOA's TTL and its MINIMUM.
fn negative_ttl(authority: &AuthorityData) -> u32 {
    let soa = authority.soa.as_ref();
    soa.map_or(NEGATIVE_TTL, |soa| soa.ttl.min(soa.data.minimum))
}

/// Follows the chain through the records, from `name` to its addresses.
fn read<T: Copy + Ord + Into<std::net::IpAddr>>(
    answer: Answer,
    name: &WireName,
    guard: &Guard,
    options: &ResolverOptions,
    address: impl Fn(&RData) -> Option<T>,
) -> Result<Found<T>, LookupError> {
    let message = match answer {
        Answer::Nothing(ttl) => {
            let addresses = Vec::new();
            return Ok(Found { addresses, ttl });
        }
        Answer::Records(message) => message,
    };
    let (mut at, mut ttl) = (name.clone(), u32::MAX);
    let mut passed = vec![name.clone()];
    loop {
        let here = || message.answers.iter().filter(|record| record.name == at);
        let mut addresses = Vec::new();
        for record in here() {
            if let Some(address) = address(&record.data) {
                ttl = ttl.min(record.ttl);
                addresses.push(address);
            }
        }
        if let Some(bad) = addresses.iter().find(|ip| !guard.may_take((**ip).into())) {
            return Err(LookupError::NotPublic((*bad).into()));
        }
        if !addresses.is_empty() {
            addresses.sort_unstable();
            addresses.dedup();
            addresses.truncate(options.addresses_max);
            return Ok(Found { addresses, ttl });
        }
        let next = here().find_map(|record| match &record.data {
            RData::CNAME(target) => Some((target.0.clone(), record.ttl)),
            _ => None,
        });
        let Some((target, link_ttl)) = next else {
            // The chain ends at a name without addresses.
            let ttl = ttl.min(NEGATIVE_TTL);
            return Ok(Found { addresses, ttl });
        };
        ttl = ttl.min(link_ttl);
        if passed.contains(&target) {
            return Err(LookupError::Loop);
        }
        if passed.len() > options.chain_max {
            return Err(LookupError::TooLong(options.chain_max));
        }
        passed.push(target.clone());
        at = target;
    }
}

/// For a "no" that came without an SOA.
const NEGATIVE_TTL: u32 = 60;
