//! All proxies of a server.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::address::ListenAddress;
use super::answer::ApiError;
use super::body::{self, Fields};
use super::log::Log;
use super::proxy::{Common, Proxy, Wanted};

const OWNER: &str = "toxiproxy.Proxy";

/// All proxies by name.
#[derive(Debug)]
pub(super) struct Collection {
    proxies: BTreeMap<String, Proxy>,
    common: Common,
    log: Log,
}

/// A proxy that a body describes in full.
#[derive(Debug)]
pub(super) struct NewProxy {
    name: String,
    listen: ListenAddress,
    upstream: String,
    enabled: bool,
}

/// What `/populate` came to.
#[derive(Debug, Serialize)]
pub(super) struct Populated<'collection> {
    #[serde(flatten)]
    pub(super) error: Option<ApiError>,
    /// `null` where nothing was done, as in the original.
    pub(super) proxies: Option<Vec<&'collection Proxy>>,
}

impl NewProxy {
    /// Reads the body of `POST /proxies`. Host names are looked up, so this may take a while.
    pub(super) fn read(body: &[u8]) -> Result<Self, ApiError> {
        Self::of(&body::parse(body)?, "")
    }

    /// Reads the body of `POST /populate`, all of it before anything is done.
    pub(super) fn read_all(body: &[u8]) -> Result<Vec<Self>, ApiError> {
        let value = body::parse(body)?;
        let elements = body::elements(&value)?.iter().zip(1..);
        elements.map(|(element, nth)| Self::of(element, &format!(" at proxy {nth}"))).collect()
    }

    fn of(value: &Value, place: &str) -> Result<Self, ApiError> {
        let fields = Fields::of_body(value, OWNER)?;
        let text = |name| fields.text(name).map(Option::unwrap_or_default);
        let (name, listen, upstream) = (text("name")?, text("listen")?, text("upstream")?);
        let enabled = fields.boolean("enabled")?.unwrap_or(true);
        for (field, value) in [("name", &name), ("upstream", &upstream)] {
            if value.is_empty() {
                return Err(ApiError::missing(&format!("{field}{place}")));
            }
        }
        Ok(Self { name, listen: ListenAddress::resolve(&listen), upstream, enabled })
    }
}

impl Wanted {
    /// Reads the body of an update. Host names are looked up, so this may take a while.
    pub(super) fn read(body: &[u8]) -> Result<Self, ApiError> {
        let value = body::parse(body)?;
        let fields = Fields::of_body(&value, OWNER)?;
        let (listen, upstream) = (fields.text("listen")?, fields.text("upstream")?);
        let enabled = fields.boolean("enabled")?;
        let listen = listen.map(|listen| ListenAddress::resolve(&listen));
        Ok(Self { listen, upstream, enabled })
    }
}

impl Collection {
    pub(super) fn new(common: Common, log: Log) -> Self {
        Self { proxies: BTreeMap::new(), common, log }
    }

    pub(super) fn all(&self) -> &BTreeMap<String, Proxy> {
        &self.proxies
    }

    pub(super) fn get(&self, name: &str) -> Result<&Proxy, ApiError> {
        self.proxies.get(name).ok_or_else(ApiError::proxy_not_found)
    }

    /// A proxy whose toxics are to be changed.
    pub(super) fn get_mut(&mut self, name: &str) -> Result<&mut Proxy, ApiError> {
        self.proxies.get_mut(name).ok_or_else(ApiError::proxy_not_found)
    }

    pub(super) fn add(&mut self, new: &NewProxy) -> Result<&Proxy, ApiError> {
        if self.proxies.contains_key(&new.name) {
            return Err(ApiError::proxy_exists());
        }
        self.replace(new)
    }

    /// Adds the proxy, in place of one of the same name.
    fn replace(&mut self, new: &NewProxy) -> Result<&Proxy, ApiError> {
        let NewProxy { name, listen, upstream, enabled } = new;
        if let Some(known) = self.proxies.get_mut(name) {
            known.stop();
            self.log.proxy("Terminated proxy", known);
        }
        let mut proxy = Proxy::new(name, listen.given(), upstream, &self.common);
        if *enabled {
            proxy.start(listen)?;
            self.log.proxy("Started proxy", &proxy);
        }
        self.proxies.insert(name.clone(), proxy);
        self.get(name)
    }

    pub(super) fn update(&mut self, name: &str, wanted: Wanted) -> Result<&Proxy, ApiError> {
        let log = self.log.clone();
        let proxy = self.get_mut(name)?;
        let was_enabled = proxy.is_enabled();
        let updated = proxy.update(wanted);
        match (was_enabled, proxy.is_enabled()) {
            (_, true) => log.proxy("Started proxy", proxy),
            (true, false) => log.proxy("Terminated proxy", proxy),
            (false, false) => {}
        }
        updated?;
        Ok(proxy)
    }

    pub(super) fn remove(&mut self, name: &str) -> Result<(), ApiError> {
        let proxy = self.proxies.remove(name).ok_or_else(ApiError::proxy_not_found)?;
        self.log.proxy("Terminated proxy", &proxy);
        Ok(())
    }

    /// Creates all proxies that are not there with these addresses yet. An error ends it, and leaves
    /// what was done before.
    pub(super) fn populate(&mut self, new: &[NewProxy]) -> Populated<'_> {
        let mut error = None;
        let mut done = Vec::new();
        for new in new {
            let known = self.proxies.get(&new.name);
            let differs = known.map_or(Ok(true), |it| it.differs(&new.listen, &new.upstream));
            let added = differs
                .and_then(|differs| if differs { self.replace(new).map(|_| ()) } else { Ok(()) });
            if let Err(failed) = added {
                error = Some(failed);
                break;
            }
            done.push(&*new.name);
        }
        let proxies: Vec<_> = done.iter().filter_map(|name| self.proxies.get(*name)).collect();
        Populated { error, proxies: (!proxies.is_empty()).then_some(proxies) }
    }

    /// Enables all proxies and removes all toxics.
    pub(super) fn reset(&mut self) -> Result<(), ApiError> {
        for proxy in self.proxies.values_mut() {
            if !proxy.is_enabled() {
                proxy.start(&ListenAddress::resolve(proxy.listen()))?;
                self.log.proxy("Started proxy", proxy);
            }
            proxy.remove_toxics();
        }
        Ok(())
    }

    /// Closes all proxies.
    pub(super) fn clear(&mut self) {
        self.proxies.clear();
    }
}
