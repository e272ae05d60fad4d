//! What records point to: the hosts of NS, MX and SRV, and whether they can be found.

use super::rules::{Rule, dname_above};
use super::{Index, Review, Row, Tops, host, show};
use crate::name::is_at_or_below_wire;
use crate::rtype::RecordType;

/// Looks at the host a record points to.
pub(super) fn host_of(index: &Index<'_>, row: &Row, tops: &Tops, review: &mut Review) {
    if !matches!(row.rtype, RecordType::NS | RecordType::MX | RecordType::SRV) {
        return;
    }
    let record = index.record(row);
    let Some(target) = host(record.rtype, record.rdata).filter(|target| index.is_inside(target))
    else {
        return;
    };
    if row.rtype == RecordType::NS
        && index.is_apex(record.owner)
        && let Some(dname) = dname_above(index, target, tops)
    {
        review.add(Some(row.index as usize), Rule::ServerBelowDname, || {
            format!(
                "the name server {} is below the DNAME at {}, so its address is never answered",
                show(target),
                show(dname)
            )
        });
        return;
    }
    let has = |rtype: RecordType| index.has(target, Some(rtype));
    if has(RecordType::CNAME) {
        review.add(Some(row.index as usize), Rule::TargetIsAlias, || {
            format!(
                "{} points to {}, which is an alias",
                row.rtype,
                show(target)
            )
        });
        return;
    }
    let has_address = [RecordType::A, RecordType::AAAA, RecordType::ALIAS];
    if row.rtype != RecordType::NS || has_address.into_iter().any(has) {
        return;
    }
    if !index.is_apex(record.owner) && is_at_or_below_wire(target, record.owner) {
        review.add(Some(row.index as usize), Rule::NoGlue, || {
            format!(
                "{} is delegated to {}, which nobody can find without an address here",
                show(record.owner),
                show(target)
            )
        });
    } else if index.is_apex(record.owner) && lacks_address(index, target) {
        review.add(Some(row.index as usize), Rule::NoServerAddress, || {
            format!(
                "the name server {} has no address in this zone",
                show(target)
            )
        });
    }
}

/// Looks at the name servers of the apex together: BIND and Knot refuse a zone that nobody can find.
pub(super) fn servers(index: &Index<'_>, review: &mut Review) {
    let servers = || index.rows_of(index.apex.as_wire(), RecordType::NS);
    let is_lost = |row: &Row| {
        let record = index.record(row);
        host(record.rtype, record.rdata)
            .is_some_and(|target| index.is_inside(target) && lacks_address(index, target))
    };
    if let [first, ..] = servers()
        && servers().iter().all(is_lost)
    {
        review.add(Some(first.index as usize), Rule::NoServerFindable, || {
            "no name server of the zone has an address in it, so nobody can find them".to_owned()
        });
    }
}

/// Whether a name of the zone has no address, and nothing that may give it one.
fn lacks_address(index: &Index<'_>, name: &[u8]) -> bool {
    let has = |rtype: RecordType| index.has(name, Some(rtype));
    !has(RecordType::A)
        && !has(RecordType::AAAA)
        && !has(RecordType::CNAME)
        && !has(RecordType::ALIAS)
        && !has_wildcard(index, name)
}

/// Whether a wildcard or a delegation may give the name its address.
fn has_wildcard(index: &Index<'_>, name: &[u8]) -> bool {
    let apex = std::iter::once(index.apex.as_wire());
    index.ancestors(name).chain(apex).any(|ancestor| {
        let wildcard = [b"\x01*", ancestor].concat();
        let is_cut = !index.is_apex(ancestor) && index.has(ancestor, Some(RecordType::NS));
        is_cut || index.has(&wildcard, None)
    })
}
