//! Redis: caches, sessions, rate limits and event streams.

use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig, MultiplexedConnection, PubSub};
use redis::{AsyncConnectionConfig, Client, RedisResult};
use secrecy::ExposeSecret;

use crate::config;

/// The shared Redis server. Cheap to clone. A service starts without it and reconnects by itself;
/// commands fail within [`Redis::TIMEOUT`] while it is away.
#[derive(Clone)]
pub struct Redis {
    client: Client,
    manager: ConnectionManager,
}

impl std::fmt::Debug for Redis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Redis")
            .field("address", &self.client.get_connection_info().addr())
            .finish_non_exhaustive()
    }
}

impl Redis {
    /// How long a command or a connection attempt may take.
    pub const TIMEOUT: Duration = Duration::from_secs(2);

    /// Prepares connections; none is opened before the first command.
    ///
    /// # Errors
    /// When the URL cannot be used.
    pub fn new(config: &config::Redis) -> RedisResult<Self> {
        crate::service::install_crypto_provider();
        let client = Client::open(config.url.expose_secret())?;
        let manager = ConnectionManager::new_lazy_with_config(
            client.clone(),
            ConnectionManagerConfig::new()
                .set_connection_timeout(Some(Self::TIMEOUT))
                .set_response_timeout(Some(Self::TIMEOUT))
                .set_number_of_retries(1),
        )?;
        Ok(Self { client, manager })
    }

    /// A connection for ordinary commands; all users share it.
    #[must_use]
    pub fn connection(&self) -> ConnectionManager {
        self.manager.clone()
    }

    /// A connection of one's own, for commands that block: its answers may take `patience`.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn dedicated(&self, patience: Duration) -> RedisResult<MultiplexedConnection> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(Self::TIMEOUT))
            .set_response_timeout(Some(patience));
        self.client
            .get_multiplexed_async_connection_with_config(&config)
            .await
    }

    /// A subscription to one channel.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn subscribe(&self, channel: &str) -> RedisResult<PubSub> {
        let mut subscription = self.client.get_async_pubsub().await?;
        subscription.subscribe(channel).await?;
        Ok(subscription)
    }

    /// True when Redis answers.
    pub async fn is_up(&self) -> bool {
        let mut connection = self.connection();
        redis::cmd("PING")
            .query_async::<()>(&mut connection)
            .await
            .is_ok()
    }
}
