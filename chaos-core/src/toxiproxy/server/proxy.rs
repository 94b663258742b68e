//! One proxy: its addresses, its toxics, and the link that it is while it is enabled.

use std::sync::Arc;

use serde::{Serialize, Serializer};

use super::address::ListenAddress;
use super::answer::ApiError;
use super::metrics::Ledger;
use super::toxic::NamedToxic;
use crate::direction::Direction;
use crate::journal::Journal;
use crate::link::{LinkError, ManagedLink, Upstream};
use crate::scope::Scope;
use crate::seed::Seed;

/// What all proxies of a server have in common.
#[derive(Debug, Clone)]
pub(super) struct Common {
    pub(super) seed: Seed,
    pub(super) ledger: Arc<Ledger>,
}

/// What a client asks of a proxy; what it left out is missing.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) listen: Option<ListenAddress>,
    pub(super) upstream: Option<String>,
    pub(super) enabled: Option<bool>,
}

/// A proxy.
#[derive(Debug)]
pub(super) struct Proxy {
    name: String,
    /// Where it listens; as the client wrote it until it first did.
    listen: String,
    upstream: String,
    /// Those of the upstream first, as the original lists them.
    toxics: Vec<NamedToxic>,
    /// There while the proxy is enabled.
    link: Option<ManagedLink>,
    /// How many connections there were while it was enabled before.
    connections: u64,
    common: Common,
}

impl Proxy {
    /// A proxy that is not enabled yet.
    pub(super) fn new(name: &str, listen: &str, upstream: &str, common: &Common) -> Self {
        Self {
            name: name.to_owned(),
            listen: listen.to_owned(),
            upstream: upstream.to_owned(),
            toxics: Vec::new(),
            link: None,
            connections: 0,
            common: common.clone(),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn listen(&self) -> &str {
        &self.listen
    }

    pub(super) fn upstream(&self) -> &str {
        &self.upstream
    }

    pub(super) fn is_enabled(&self) -> bool {
        self.link.is_some()
    }

    /// Listens, unless it does, with all toxics in place before the first connection.
    pub(super) fn start(&mut self, listen: &ListenAddress) -> Result<(), ApiError> {
        if self.link.is_some() {
            return Ok(());
        }
        let socket =
            listen.socket().map_err(|why| ApiError::internal(format!("listen tcp: {why}")))?;
        let upstream = match self.upstream.parse() {
            Ok(address) => Upstream::Tcp(address),
            Err(_) => Upstream::Host(self.upstream.clone()),
        };
        let scope = Scope::new(self.common.seed, Journal::nowhere());
        // Nobody has to count bytes under a port that is not known yet.
        let traffic = Arc::default();
        let faults = self.toxics.iter().map(NamedToxic::fault);
        let opened = ManagedLink::open(
            &scope,
            &self.name,
            socket,
            upstream,
            self.connections,
            &traffic,
            faults,
        );
        let (link, records) = opened.map_err(|error| match error {
            LinkError::Listen { source, .. } => ApiError::internal(listen.bind_error(&source)),
            LinkError::Start { source } => ApiError::internal(source.to_string()),
        })?;
        self.listen = link.address().to_string();
        self.common.ledger.add(&self.name, &self.listen, &self.upstream, traffic);
        for (toxic, record) in self.toxics.iter_mut().zip(records) {
            toxic.record = Some(record);
        }
        self.link = Some(link);
        Ok(())
    }

    /// Closes the listener and all connections.
    pub(super) fn stop(&mut self) {
        if let Some(link) = self.link.take() {
            self.connections = link.total();
            for toxic in &mut self.toxics {
                toxic.record = None;
            }
        }
    }

    /// Follows what a client wants. What it left out stays as it is.
    pub(super) fn update(&mut self, wanted: Wanted) -> Result<(), ApiError> {
        let enabled = wanted.enabled.unwrap_or(self.is_enabled());
        let listen = wanted.listen.unwrap_or_else(|| ListenAddress::resolve(&self.listen));
        let upstream = wanted.upstream.unwrap_or_else(|| self.upstream.clone());
        if self.differs(&listen, &upstream)? {
            self.stop();
            listen.given().clone_into(&mut self.listen);
            self.upstream = upstream;
        }
        if enabled {
            return self.start(&listen);
        }
        self.stop();
        Ok(())
    }

    /// Whether these are other addresses than it has.
    pub(super) fn differs(&self, listen: &ListenAddress, upstream: &str) -> Result<bool, ApiError> {
        let listen = listen.differs_from(&self.listen).map_err(ApiError::internal)?;
        Ok(listen || upstream != self.upstream)
    }

    pub(super) fn toxics(&self) -> &[NamedToxic] {
        &self.toxics
    }

    pub(super) fn toxic(&self, name: &str) -> Result<&NamedToxic, ApiError> {
        self.toxics.iter().find(|it| it.name == name).ok_or_else(ApiError::toxic_not_found)
    }

    /// Adds the toxic that a body asks for.
    pub(super) fn add_toxic(&mut self, body: &[u8]) -> Result<&NamedToxic, ApiError> {
        let mut toxic = NamedToxic::read(body, |name| self.toxic(name).is_ok())?;
        toxic.record = self.link.as_ref().map(|link| link.begin(toxic.fault()));
        let place = match toxic.direction {
            Direction::Upstream => {
                self.toxics.partition_point(|it| it.direction == Direction::Upstream)
            }
            Direction::Downstream => self.toxics.len(),
        };
        self.toxics.insert(place, toxic);
        Ok(&self.toxics[place])
    }

    /// Gives a toxic the numbers that a body names.
    pub(super) fn update_toxic(
        &mut self,
        name: &str,
        body: &[u8],
    ) -> Result<&NamedToxic, ApiError> {
        let place = self.place(name)?;
        let mut updated = self.toxics[place].updated(body)?;
        if let (Some(link), Some(record)) = (&self.link, &updated.record) {
            updated.record = Some(link.change(record, updated.fault()));
        }
        self.toxics[place] = updated;
        Ok(&self.toxics[place])
    }

    pub(super) fn remove_toxic(&mut self, name: &str) -> Result<(), ApiError> {
        let toxic = self.toxics.remove(self.place(name)?);
        self.end(&toxic);
        Ok(())
    }

    /// Removes all toxics.
    pub(super) fn remove_toxics(&mut self) {
        for toxic in std::mem::take(&mut self.toxics) {
            self.end(&toxic);
        }
    }

    fn place(&self, name: &str) -> Result<usize, ApiError> {
        let place = self.toxics.iter().position(|it| it.name == name);
        place.ok_or_else(ApiError::toxic_not_found)
    }

    fn end(&self, toxic: &NamedToxic) {
        if let (Some(link), Some(record)) = (&self.link, &toxic.record) {
            link.end(record);
        }
    }
}

impl Serialize for Proxy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        /// The original lets this slip out, so some client may read it.
        #[derive(Serialize)]
        struct Logger {}
        /// In the order of the original.
        #[derive(Serialize)]
        struct Written<'proxy> {
            name: &'proxy str,
            listen: &'proxy str,
            upstream: &'proxy str,
            enabled: bool,
            #[serde(rename = "Logger")]
            logger: Logger,
            toxics: &'proxy [NamedToxic],
        }
        Written {
            name: &self.name,
            listen: &self.listen,
            upstream: &self.upstream,
            enabled: self.is_enabled(),
            logger: Logger {},
            toxics: &self.toxics,
        }
        .serialize(serializer)
    }
}
