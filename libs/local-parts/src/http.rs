//! Asks a child over HTTP whether it is ready.

use std::time::Duration;

/// True where `url` answers 2xx.
pub(crate) async fn answers(url: &str) -> bool {
    service_kit::tls::install();
    let Ok(client) = reqwest::Client::builder().timeout(Duration::from_secs(2)).no_proxy().build() else {
        return false;
    };
    client.get(url).send().await.is_ok_and(|response| response.status().is_success())
}
