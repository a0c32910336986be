//! Where calls are kept: in this engine's own store, or in the one that several engines share.

use std::sync::Arc;

use futures_util::FutureExt;
use switchhook_actors::{
    call_session::{CallSession, orders},
    directory::Directory,
    domain::ids::InstanceId,
};

use super::StartError;
use crate::{
    clock,
    config::Config,
    stores::{
        Store,
        embedded::Embedded,
        redis::{self, Calls, Hands, Redis},
        sealed::Vault,
        sheltered::Sheltered,
    },
};

/// The store that the configuration names.
pub(super) fn open(config: &Config, engine: redis::Engine) -> Result<Store, StartError> {
    let now = clock::now();
    let vault = Vault::new(&config.store.transcript_keys);
    let own = Embedded::open(&config.store.data_dir, vault.clone(), now)?;
    let Some(address) = config.store.redis.clone() else { return Ok(Store::Own(Arc::new(own))) };
    let shared = Redis::start(address, vault, engine, now).map_err(StartError::Thread)?;
    Ok(Store::Shared(Arc::new(Sheltered::new(shared, own))))
}

/// Connects to the registry that the engines share, if there is one.
///
/// # Errors
/// When it will never do.
pub async fn try_redis(config: &Config) -> Result<(), StartError> {
    let Some(address) = config.store.redis.clone() else { return Ok(()) };
    let (calls, hands) = (Calls(Arc::new(|| 0)), Hands::idle());
    let engine = redis::Engine { instance: InstanceId("check".to_owned()), calls, hands };
    let vault = Vault::new(&config.store.transcript_keys);
    let shared = Redis::start(address, vault, engine, clock::now()).map_err(StartError::Thread)?;
    shared.ready().await.map_err(StartError::Redis)
}

/// Opens the store as [`super::start`] would, and closes it again.
///
/// # Errors
/// When it cannot be opened, or a running engine has it.
pub async fn try_store(config: &Config) -> Result<(), StartError> {
    let vault = Vault::new(&config.store.transcript_keys);
    Embedded::open(&config.store.data_dir, vault, clock::now())?.close().await;
    Ok(())
}

/// Calls `ready` as soon as the store can be reached for the first time; resolves only when it
/// never will.
pub async fn open_doors(store: Store, ready: impl FnOnce()) -> StartError {
    match store.ready().await {
        Ok(()) => ready(),
        Err(error) => return StartError::Redis(error),
    }
    if let Store::Shared(shared) = &store
        && let Some(missing) = shared.redis().replicas().and_then(missing)
    {
        tracing::warn!("{missing}: see deploy/README.md, what is lost, and when");
    }
    std::future::pending().await
}

/// What does not hold of the loss statement with so many replicas: two are what it is made for.
fn missing(replicas: u64) -> Option<&'static str> {
    match replicas {
        0 => Some(
            "Redis has no replica: the first line of the loss statement does not hold, what was \
             acknowledged last goes with its machine",
        ),
        1 => Some(
            "Redis has one replica: with it away Redis takes no write and calls are kept in the \
             journals, and a promotion has one candidate only",
        ),
        _ => None,
    }
}

/// What other engines order is done by the sessions here.
pub(super) fn hands(directory: &Arc<Directory<CallSession>>) -> Hands {
    let directory = Arc::clone(directory);
    Hands(Arc::new(move |sid, order, by| {
        let directory = Arc::clone(&directory);
        async move { orders::hand_on(&directory, sid, order, by).await }.boxed()
    }))
}

/// Asks the store again and again.
pub(super) fn asks(
    store: &Store,
    what: fn(&Store) -> bool,
) -> impl Fn() -> bool + Send + Sync + use<> {
    let store = store.clone();
    move || what(&store)
}
