//! The imports of version 0.1, answered from a [`State`].
//!
//! Each pays from the call's budget first. What the guest did wrong in a way its interface has words
//! for is told to it; everything else traps.

use wasmtime::Result;
use wasmtime::component::{HasSelf, Linker};

use super::bindings::bailiwick::policy::{config, dns_facts, kv, kv_read, log, types};
use super::convert::To;
use crate::facts::Version;
use crate::kv::overlay::WriteError;
use crate::lines::Level;
use crate::settings::Settings;
use crate::state::{Overspent, State, host_fault};
use crate::types::ZoneId;

/// Entries of one `scan` page, keys of one `get-many`.
const PAGE_MAX: usize = 256;
/// Bytes of one `scan` page.
const PAGE_BYTES_MAX: usize = 256 << 10;

/// Adds every import of the package.
pub(crate) fn link(linker: &mut Linker<State>) -> Result<()> {
    log::add_to_linker::<_, HasSelf<State>>(linker, |state| state)?;
    config::add_to_linker::<_, HasSelf<State>>(linker, |state| state)?;
    kv_read::add_to_linker::<_, HasSelf<State>>(linker, |state| state)?;
    kv::add_to_linker::<_, HasSelf<State>>(linker, |state| state)?;
    dns_facts::add_to_linker::<_, HasSelf<State>>(linker, |state| state)?;
    types::add_to_linker::<_, HasSelf<State>>(linker, |state| state)
}

impl types::Host for State {}

impl log::Host for State {
    fn write(&mut self, level: log::Level, text: String) -> Result<()> {
        self.spend("log.write")?;
        let level = match level {
            log::Level::Trace => Level::Trace,
            log::Level::Debug => Level::Debug,
            log::Level::Info => Level::Info,
            log::Level::Warn => Level::Warn,
            log::Level::Error => Level::Error,
        };
        self.lines().write(level, text);
        Ok(())
    }

    fn count(&mut self, counter: String, delta: u64) -> Result<()> {
        self.spend("log.count")?;
        let environment = &self.environment;
        environment
            .metrics
            .count(&counter, delta, environment.limits.counters);
        Ok(())
    }
}

impl kv_read::Host for State {
    fn get(&mut self, key: String) -> Result<Option<Vec<u8>>> {
        let value = self.kv("kv-read.get")?.get(&key).map_err(host_fault)?;
        self.spend_read(value.as_ref().map_or(0, Vec::len))?;
        Ok(value)
    }

    fn get_many(&mut self, keys: Vec<String>) -> Result<Vec<Option<Vec<u8>>>> {
        let overlay = self.kv("kv-read.get-many")?;
        if keys.len() > PAGE_MAX {
            return Err(wasmtime::Error::new(Overspent("keys in `get-many`")));
        }
        let mut values = Vec::with_capacity(keys.len());
        for key in &keys {
            values.push(overlay.get(key).map_err(host_fault)?);
        }
        self.spend_read(values.iter().flatten().map(Vec::len).sum())?;
        Ok(values)
    }

    fn scan(
        &mut self,
        prefix: String,
        after: Option<String>,
        limit: u32,
    ) -> Result<Vec<kv_read::Entry>> {
        let overlay = self.kv("kv-read.scan")?;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX).min(PAGE_MAX);
        let page = overlay
            .scan(&prefix, after.as_deref(), limit, PAGE_BYTES_MAX)
            .map_err(host_fault)?;
        self.spend_read(
            page.iter()
                .map(|(key, value)| key.len() + value.len())
                .sum(),
        )?;
        Ok(page
            .into_iter()
            .map(|(key, value)| kv_read::Entry { key, value })
            .collect())
    }
}

impl kv::Host for State {
    fn set(
        &mut self,
        key: String,
        value: Vec<u8>,
        ttl_ms: u64,
    ) -> Result<std::result::Result<(), kv::KvError>> {
        let written = self
            .kv("kv.set")?
            .set(key, value, ttl_ms)
            .map_err(host_fault)?;
        Ok(written.map_err(kv_error))
    }

    fn remove(&mut self, key: String) -> Result<()> {
        self.kv("kv.remove")?.remove(key).map_err(host_fault)
    }

    fn add(&mut self, key: String, delta: i64) -> Result<std::result::Result<i64, kv::KvError>> {
        let added = self.kv("kv.add")?.add(key, delta).map_err(host_fault)?;
        Ok(added.map_err(kv_error))
    }
}

fn kv_error(error: WriteError) -> kv::KvError {
    match error {
        WriteError::TooLarge => kv::KvError::TooLarge,
        WriteError::Full => kv::KvError::Full,
        WriteError::BadKey => kv::KvError::BadKey,
        WriteError::NotACounter => kv::KvError::NotACounter,
    }
}

impl State {
    fn hand_over(&mut self, text: String) -> Result<String> {
        self.spend_read(text.len())?;
        Ok(text)
    }

    fn at(&mut self, settings: &serde_json::Value, pointer: &str) -> Result<Option<String>> {
        Settings::at(settings, pointer)
            .map(|text| self.hand_over(text))
            .transpose()
    }
}

impl config::Host for State {
    fn json(&mut self) -> Result<String> {
        self.spend("config.json")?;
        let text = self.environment.settings.base.to_string();
        self.hand_over(text)
    }

    fn json_for(&mut self, zone: ZoneId) -> Result<String> {
        self.spend("config.json-for")?;
        let text = self.environment.settings.merged(zone).to_string();
        self.hand_over(text)
    }

    fn get(&mut self, pointer: String) -> Result<Option<String>> {
        self.spend("config.get")?;
        let settings = self.environment.settings.clone();
        self.at(&settings.base, &pointer)
    }

    fn get_for(&mut self, zone: ZoneId, pointer: String) -> Result<Option<String>> {
        self.spend("config.get-for")?;
        let merged = self.environment.settings.merged(zone);
        self.at(&merged, &pointer)
    }

    fn generation(&mut self) -> Result<u64> {
        self.spend("config.generation")?;
        Ok(self.environment.settings.generation)
    }
}

impl dns_facts::Host for State {
    fn zone(&mut self, zone: ZoneId) -> Result<Option<types::ZoneFacts>> {
        self.spend("dns-facts.zone")?;
        Ok(self.environment.facts.zone(zone).to())
    }

    fn account(&mut self, account: u64) -> Result<Option<types::AccountFacts>> {
        self.spend("dns-facts.account")?;
        Ok(self.environment.facts.account(account).to())
    }

    fn find_zone(&mut self, name: String) -> Result<Option<ZoneId>> {
        self.spend("dns-facts.find-zone")?;
        Ok(self.environment.facts.find_zone(&name))
    }

    fn lookup(
        &mut self,
        zone: ZoneId,
        version: dns_facts::Version,
        name: String,
        rr_type: u16,
    ) -> Result<Option<dns_facts::Rrset>> {
        self.spend("dns-facts.lookup")?;
        let version = match version {
            dns_facts::Version::Served => Version::Served,
            dns_facts::Version::Proposed => Version::Proposed,
        };
        let Some(rrset) = self.environment.facts.lookup(zone, version, &name, rr_type) else {
            return Ok(None);
        };
        self.spend_read(rrset.rdata.iter().map(Vec::len).sum())?;
        Ok(Some(dns_facts::Rrset {
            name: rrset.name,
            rr_type: rrset.rr_type,
            ttl: rrset.ttl,
            rdata: rrset.rdata,
        }))
    }
}
