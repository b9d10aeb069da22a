//! The connection to the API server.

use std::path::Path;
use std::time::Duration;

use http::header::{HeaderValue, USER_AGENT};
use kube::Client;
use kube::config::{Config, KubeConfigOptions, Kubeconfig};

use super::ClusterError;

/// Longer than the server lets a watch stay silent on purpose; a connection that is silent for longer is dead. kube has no default.
pub const READ_SECONDS_MAX: u64 = 330;
/// How long connecting may take.
pub const CONNECT_SECONDS_MAX: u64 = 10;
/// How long sending a request may take.
pub const WRITE_SECONDS_MAX: u64 = 10;

/// What the environment says of the cluster.
pub struct Connection {
    /// The client: no retries of its own, `tidegate/VERSION` as its name.
    pub client: Client,
    /// The namespace of the pod, or of the kubeconfig's context.
    pub namespace: String,
    /// The server's address.
    pub url: String,
}

/// Connects by a kubeconfig file, else by `KUBECONFIG`, `~/.kube/config` or the pod's service account, in this order. Nothing is
/// sent yet.
///
/// # Errors
/// When no configuration is found, or it cannot be used.
pub async fn connect(kubeconfig: Option<&Path>) -> Result<Connection, ClusterError> {
    let config = match kubeconfig {
        Some(path) => {
            let parsed = Kubeconfig::read_from(path).map_err(|error| ClusterError::Config(error.to_string()))?;
            Config::from_custom_kubeconfig(parsed, &KubeConfigOptions::default())
                .await
                .map_err(|error| ClusterError::Config(error.to_string()))?
        }
        None => Config::infer().await.map_err(|error| ClusterError::Config(error.to_string()))?,
    };
    let (namespace, url) = (config.default_namespace.clone(), config.cluster_url.to_string());
    let client = Client::try_from(tuned(config)).map_err(|error| ClusterError::Config(error.to_string()))?;
    Ok(Connection { client, namespace, url })
}

/// kube retries writes up to 15 times over minutes by default, though a 504 can mean that the write was applied; and it never gives
/// up on a connection that has gone silent.
fn tuned(mut config: Config) -> Config {
    config.default_retry = false;
    config.connect_timeout = Some(Duration::from_secs(CONNECT_SECONDS_MAX));
    config.read_timeout = Some(Duration::from_secs(READ_SECONDS_MAX));
    config.write_timeout = Some(Duration::from_secs(WRITE_SECONDS_MAX));
    // Else the time that a pooled connection was idle counts against the next answer.
    config.reset_reader_on_write = true;
    let name = HeaderValue::from_static(concat!("tidegate/", env!("CARGO_PKG_VERSION")));
    config.headers.push((USER_AGENT, name));
    config
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_does_not_retry_writes() {
        let config = tuned(Config::new(http::Uri::from_static("https://127.0.0.1:1")));
        assert!(!config.default_retry);
        assert!(config.read_timeout.is_some() && config.reset_reader_on_write);
        assert!(config.headers.iter().any(|(name, value)| name == USER_AGENT && value == "tidegate/0.1.0"));
    }
}
