//! Asks a child over HTTP whether it is ready.

use std::time::Duration;

use reqwest::StatusCode;

/// What `url` answers; `None` where nobody answers.
pub(crate) async fn status(url: &str) -> Option<StatusCode> {
    service_kit::tls::install();
    let client = reqwest::Client::builder().timeout(Duration::from_secs(2)).no_proxy().build().ok()?;
    client.get(url).send().await.ok().map(|response| response.status())
}

/// True where `url` answers 2xx.
pub(crate) async fn answers(url: &str) -> bool {
    status(url).await.is_some_and(|status| status.is_success())
}
