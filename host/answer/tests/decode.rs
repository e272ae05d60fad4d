//! What the encoder writes is read by somebody else's decoder, for random zones and questions: it
//! parses, keeps its limit, and says only what the zone says (RELIABILITY P1, P2).

mod common;

use bailiwick_answer::{Transport, text};
use common::{exchange, query, random};
use hickory_proto::op::Message;
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    #[test]
    fn an_answer_says_what_the_zone_says(
        rows in prop::collection::vec(random::row(), 0..40),
        qname in random::name(),
        qtype in random::qtype(),
        edns in prop::option::of((0..2000u16, any::<bool>())),
        stream in any::<bool>(),
    ) {
        let zones = random::only(random::zone(&rows));
        let transport = if stream { Transport::Stream } else { Transport::Udp };
        let (outcome, response) = exchange(&zones, &query(&format!("{qname} {qtype}"), edns), transport);
        let limit = match (stream, edns) {
            (true, _) => 65_535,
            (false, None) => 512,
            (false, Some((size, _))) => usize::from(size.clamp(512, 1232)),
        };
        prop_assert!(response.len() <= limit);

        let message = Message::from_vec(&response).expect("an independent decoder reads it");
        prop_assert_eq!(message.metadata.truncation, outcome.truncated);
        prop_assert_eq!(message.edns.is_some(), edns.is_some());
        prop_assert_eq!(message.queries.len(), 1);
        prop_assert_eq!(message.queries[0].name().to_string().to_lowercase(), qname.to_lowercase());

        // Our own decoder reads the same number of records.
        let own = text::decode(&response).unwrap();
        prop_assert_eq!(own.answer.len(), message.answers.len());
        prop_assert_eq!(own.authority.len(), message.authorities.len());
        prop_assert_eq!(own.additional.len(), message.additionals.len());

        let has_dname = rows.iter().any(|(_, rtype, _)| *rtype == "DNAME");
        for record in message.all_sections() {
            let rtype = record.record_type().to_string();
            // A decoder that does not know DNAME shows octets; a CNAME may stem from one.
            if rtype == "SOA" || rtype == "DNAME" || (rtype == "CNAME" && has_dname) {
                continue;
            }
            let data = record.data.to_string().to_lowercase();
            let known = rows.iter().any(|(owner, own, own_data)| {
                let owner = owner.to_lowercase();
                let name = record.name.to_string().to_lowercase();
                let same_owner = owner == name || owner.strip_prefix('*').is_some_and(|rest| name.ends_with(rest));
                *own == rtype && same_owner && own_data.to_lowercase() == data
            });
            prop_assert!(known, "{} {} {}", record.name, rtype, data);
        }
    }

    /// RELIABILITY P1, P3: whatever comes, it is silence or a message that decodes.
    #[test]
    fn any_octets_get_silence_or_a_message(
        mut octets in prop::collection::vec(any::<u8>(), 0..80),
        well_formed in any::<bool>(),
    ) {
        if well_formed && octets.len() > 12 {
            // Plausible counts take the reader further.
            octets[2] &= 0x79;
            octets[4..12].copy_from_slice(&[0, 1, 0, 0, 0, 0, 0, 1]);
        }
        let zones = random::only(random::zone(&[]));
        let mut name = bailiwick_zone::LookupName::new();
        if let Some(job) = bailiwick_answer::Job::prepare(&zones, &octets, Transport::Udp, &mut name) {
            let mut out = [0; 512];
            let outcome = job.answer(&octets, &name, &mut Default::default(), &Default::default(), &mut out);
            prop_assert!(outcome.len >= 12);
            prop_assert!(text::decode(&out[..outcome.len]).is_ok());
            prop_assert_eq!(&out[..2], &octets[..2]);
            prop_assert!(out[2] & 0x80 != 0);
        } else {
            prop_assert!(octets.len() < 12 || octets[2] & 0x80 != 0);
        }
    }
}
