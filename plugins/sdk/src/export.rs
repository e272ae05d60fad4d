//! From a [`Plugin`] to the exports of a component: the instance slot, the settings cache, and the
//! adapter that the generated bindings call.

use std::marker::PhantomData;
use std::rc::Rc;

use serde::de::DeserializeOwned;

use crate::plugin::{Call, Plugin, StartReason};
use crate::wit::base::exports::bailiwick::policy::lifecycle;
use crate::{Error, UnixMs, ZoneId};

/// Makes a component of a plugin: `export!(MyPolicy: quota, abuse);`. The names after the colon are
/// the kinds it decides (`quota`, `abuse`, `brand_ns`, `dnssec_policy`, `zone_accept`, `answer`), and
/// `timer` if it has work of its own.
#[macro_export]
macro_rules! export {
    ($plugin:ident : $($kind:ident),+ $(,)?) => {
        #[doc(hidden)]
        const _: () = {
            thread_local! {
                static SLOT: ::std::cell::RefCell<$crate::Slot<$plugin>> =
                    const { ::std::cell::RefCell::new($crate::Slot::empty()) };
            }
            impl $crate::Exported for $plugin {
                const KINDS: &'static [&'static str] = &[$($crate::export!(@name $kind)),+];
                fn with_slot<R>(use_it: impl FnOnce(&mut $crate::Slot<Self>) -> R) -> R {
                    SLOT.with_borrow_mut(use_it)
                }
            }
            #[cfg(target_arch = "wasm32")]
            type Component = $crate::Adapter<$plugin>;
            #[cfg(target_arch = "wasm32")]
            $crate::wit::base::export!(Component with_types_in $crate::wit::base);
            $(
                #[cfg(target_arch = "wasm32")]
                $crate::wit::$kind::export!(Component with_types_in $crate::wit::$kind);
            )+
            // Off WebAssembly nothing is exported; that the traits are there is checked all the same.
            $(const _: fn() = $crate::$kind::exported::<$plugin>;)+
        };
    };
    (@name quota) => { "quota" };
    (@name abuse) => { "abuse" };
    (@name brand_ns) => { "brand-ns" };
    (@name dnssec_policy) => { "dnssec-policy" };
    (@name zone_accept) => { "zone-accept" };
    (@name answer) => { "answer" };
    (@name timer) => { "" };
}

/// A plugin that [`crate::export!`] has given a home. Not to be implemented by hand.
pub trait Exported: Plugin {
    /// As the manifest has them.
    const KINDS: &'static [&'static str];
    /// Lends the only instance. Calls never overlap, so it is never lent twice.
    fn with_slot<R>(use_it: impl FnOnce(&mut Slot<Self>) -> R) -> R;
}

/// The instance between calls, and the settings it last saw.
#[derive(Debug)]
pub struct Slot<P: Plugin> {
    plugin: Option<P>,
    settings: Option<(u64, Rc<P::Settings>)>,
}

impl<P: Plugin> Slot<P> {
    /// Before `init`.
    pub const fn empty() -> Self {
        Self {
            plugin: None,
            settings: None,
        }
    }

    /// Parses settings once per generation of them, not once per call.
    fn call(&mut self, now: UnixMs, start: StartReason) -> Result<Call<P::Settings>, Error> {
        let generation = settings_generation::<P>();
        let settings = match &self.settings {
            Some((known, settings)) if *known == generation => Rc::clone(settings),
            _ => {
                let settings = Rc::new(read_settings::<P>()?);
                self.settings = Some((generation, Rc::clone(&settings)));
                settings
            }
        };
        Ok(Call::shared(now, start, settings))
    }
}

/// What the generated bindings call; forwards to the instance.
#[derive(Debug)]
pub struct Adapter<P>(PhantomData<P>);

impl<P: Exported> Adapter<P> {
    /// Runs one decision on the instance, making it first if the host skipped `init`.
    pub(crate) fn decide<R>(
        now: UnixMs,
        decide: impl FnOnce(&mut P, &Call<P::Settings>) -> Result<R, Error>,
    ) -> Result<R, Error> {
        P::with_slot(|slot| {
            let call = slot.call(now, StartReason::Other)?;
            if slot.plugin.is_none() {
                slot.plugin = Some(P::start(&call)?);
            }
            let plugin = slot.plugin.as_mut().expect("made just above");
            decide(plugin, &call)
        })
    }
}

impl<P: Exported> lifecycle::Guest for Adapter<P> {
    fn describe() -> lifecycle::Manifest {
        let manifest = P::MANIFEST;
        lifecycle::Manifest {
            name: manifest.name.into(),
            version: manifest.version.into(),
            kinds: P::KINDS
                .iter()
                .filter(|kind| !kind.is_empty())
                .map(|&kind| kind.into())
                .collect(),
            state_version: manifest.state_version,
            capabilities: manifest
                .capabilities
                .iter()
                .map(|&(name, reason)| lifecycle::Capability {
                    name: name.into(),
                    reason: reason.into(),
                })
                .collect(),
            settings_schema: manifest.settings_schema.into(),
            class: manifest.class.into(),
            extra: vec![("summary".into(), manifest.summary.into())],
        }
    }

    fn init(reason: StartReason, now: UnixMs) -> Result<(), Error> {
        P::with_slot(|slot| {
            let call = slot.call(now, reason)?;
            slot.plugin = Some(P::start(&call)?);
            Ok(())
        })
    }

    fn migrate(stored_version: u32, now: UnixMs) -> Result<(), Error> {
        P::migrate(stored_version, now)
    }

    fn check(_: UnixMs) -> Result<(), Error> {
        P::check(&read_settings::<P>()?).map_err(Error::Config)
    }
}

/// A plugin without a schema takes no settings and does not import them.
fn read_settings<P: Plugin>() -> Result<P::Settings, Error> {
    if P::MANIFEST.settings_schema.is_empty() {
        return parse_settings("{}");
    }
    parse_settings(&imports::json())
}

fn settings_generation<P: Plugin>() -> u64 {
    if P::MANIFEST.settings_schema.is_empty() {
        return 0;
    }
    imports::generation()
}

pub(crate) fn settings_json_for(zone: ZoneId) -> String {
    imports::json_for(zone)
}

/// No settings at all are the defaults.
pub(crate) fn parse_settings<S: DeserializeOwned>(json: &str) -> Result<S, Error> {
    let json = if json.trim().is_empty() { "{}" } else { json };
    serde_json::from_str(json).map_err(|error| Error::Config(error.to_string()))
}

#[cfg(target_arch = "wasm32")]
use crate::wit::base::bailiwick::policy::config as imports;

#[cfg(not(target_arch = "wasm32"))]
use crate::testing::config as imports;
