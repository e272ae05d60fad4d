//! Stand-in for `names` until the text side lands: on a conflict take the other rdata.rs.
use crate::rtype::RecordType;
pub struct RdataName {
    pub offset: usize,
    pub len: usize,
    pub compress: bool,
}
pub fn names(rtype: RecordType, rdata: &[u8]) -> impl Iterator<Item = RdataName> + use<> {
    let mut v = vec![];
    let at = match rtype {
        RecordType::NS | RecordType::CNAME | RecordType::PTR | RecordType::DNAME => Some(0),
        RecordType::MX => Some(2),
        RecordType::SOA => Some(0),
        RecordType::SRV => Some(6),
        _ => None,
    };
    if let Some(at) = at {
        let len = crate::name::wire_len(&rdata[at..]).unwrap();
        v.push(RdataName {
            offset: at,
            len,
            compress: !matches!(rtype, RecordType::SRV | RecordType::DNAME),
        });
        if rtype == RecordType::SOA {
            let l2 = crate::name::wire_len(&rdata[len..]).unwrap();
            v.push(RdataName {
                offset: len,
                len: l2,
                compress: true,
            })
        }
    }
    v.into_iter()
}
