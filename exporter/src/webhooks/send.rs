//! Sends one message: to an address that was looked at, and to no other.

use std::net::SocketAddr;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::CONTENT_TYPE;
use reqwest::{Certificate, Client, redirect};
use tokio::net::lookup_host;
use webhooks::{Guard, Message, Target, WebhooksConfig};

use crate::error::Error;

/// Most addresses of a name.
const ADDRESSES_MAX: usize = 32;

/// Why a receiver did not take it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SendError {
    /// Its URL, or an address behind it, may not be called.
    #[error("it may not be called: {0}")]
    Refused(&'static str),
    /// It answered, with this status.
    #[error("it answered {0}")]
    Status(u16),
    /// It did not in time.
    #[error("it did not answer within {} s", .0.as_secs())]
    Late(Duration),
    /// There was no answer.
    #[error("{0}")]
    Failed(String),
}

tokio::task_local! {
    /// Where the name leads that is called now: it was resolved once, and each address was looked at.
    static CHECKED: Checked;
}

/// A name, and its addresses.
struct Checked {
    name: String,
    addresses: Vec<SocketAddr>,
}

/// Cheap to share; holds no connection.
pub(crate) struct Sender {
    guard: Guard,
    answer_max: Duration,
    client: Client,
}

/// Gives the client the addresses that were looked at for what this very task sends, and no others. Outside of such a task, or for another name,
/// a name leads nowhere: were the client to connect elsewhere, it would fail, and not be led astray.
struct AsChecked;

impl Resolve for AsChecked {
    fn resolve(&self, name: Name) -> Resolving {
        let checked = CHECKED.try_with(|it| (it.name == name.as_str()).then(|| it.addresses.clone()));
        Box::pin(std::future::ready(match checked {
            Ok(Some(addresses)) => Ok(Box::new(addresses.into_iter()) as Addrs),
            Ok(None) | Err(_) => Err("names are resolved before".into()),
        }))
    }
}

impl Sender {
    pub(crate) fn new(config: &WebhooksConfig) -> Result<Self, Error> {
        service_kit::tls::install();
        let mut certificates = Vec::new();
        if let Some(file) = &config.ca_file {
            let wrong = |error: &dyn std::fmt::Display| Error::Webhooks(format!("ca_file {}: {error}", file.display()));
            let pem = std::fs::read(file).map_err(|error| wrong(&error))?;
            certificates = Certificate::from_pem_bundle(&pem).map_err(|error| wrong(&error))?;
        }
        let client = client(certificates).map_err(|error| Error::Webhooks(error.to_string()))?;
        Ok(Self { guard: Guard::new(&config.allow), answer_max: config.answer_max, client })
    }

    /// Returns when the head of the answer is there; the rest of it is nobody's business. Gives its status, which is one of success.
    pub(crate) async fn send(&self, url: &str, message: &Message) -> Result<u16, SendError> {
        let sending = tokio::time::timeout(self.answer_max, self.send_unhurried(url, message));
        sending.await.unwrap_or(Err(SendError::Late(self.answer_max)))
    }

    async fn send_unhurried(&self, url: &str, message: &Message) -> Result<u16, SendError> {
        let target = self.guard.read(url).map_err(|_| SendError::Refused("its URL is not among those that may be"))?;
        let addresses = self.addresses(&target).await?;
        self.send_to(&target, addresses, message).await
    }

    async fn send_to(&self, target: &Target, addresses: Vec<SocketAddr>, message: &Message) -> Result<u16, SendError> {
        let checked = Checked { name: target.name().unwrap_or_default().to_owned(), addresses };
        let request = self.client.post(target.url().clone()).header(CONTENT_TYPE, "application/json");
        let signed = request
            .header("webhook-id", &message.id)
            .header("webhook-timestamp", &message.timestamp)
            .header("webhook-signature", &message.signature);
        let sending = CHECKED.scope(checked, signed.body(message.body.clone()).send());
        let answer = sending.await.map_err(|error| failed(&error.without_url()))?;
        let status = answer.status();
        if status.is_success() { Ok(status.as_u16()) } else { Err(SendError::Status(status.as_u16())) }
    }

    /// Where the target is: every address of its name, each of which may be called.
    async fn addresses(&self, target: &Target) -> Result<Vec<SocketAddr>, SendError> {
        let addresses: Vec<_> = match target.name() {
            Err(address) => vec![SocketAddr::from((address, target.port()))],
            Ok(name) => {
                let found = lookup_host((name, target.port())).await;
                found
                    .map_err(|_| SendError::Failed("its name does not resolve".to_owned()))?
                    .take(ADDRESSES_MAX)
                    .collect()
            }
        };
        // One that may not be is enough: who sets such a name would have it tried until the others do not answer.
        if let Some(address) = addresses.iter().find(|it| !self.guard.permits(target, it.ip())) {
            tracing::warn!(%address, name = target.url().host_str(), "a webhook leads to an address that may not be called");
            return Err(SendError::Refused("its name leads to an address that is not public"));
        }
        Ok(addresses)
    }
}

/// One for all: it resolves only as was checked, follows nothing, knows no proxy, tries nothing again and keeps no connection, so that none is used for
/// what was not checked. What it keeps is what costs: the certificates that it trusts.
fn client(certificates: Vec<Certificate>) -> reqwest::Result<Client> {
    Client::builder()
        .no_proxy()
        .redirect(redirect::Policy::none())
        .retry(reqwest::retry::never())
        .http1_only()
        .pool_max_idle_per_host(0)
        .user_agent(concat!("Flowledger/", env!("CARGO_PKG_VERSION")))
        .tls_certs_merge(certificates)
        .dns_resolver(AsChecked)
        .build()
}

/// The innermost cause: what a system or TLS says, without the URL.
fn failed(error: &reqwest::Error) -> SendError {
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    SendError::Failed(format!("it cannot be reached: {cause}"))
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use webhooks::AllowedConfig;

    use super::*;

    fn message() -> Message {
        let text = |text: &str| text.to_owned();
        Message { id: text("id"), timestamp: text("7"), signature: text("v1,x"), body: text("{}") }
    }

    /// A receiver that gives this answer to each request, and what was said to it; its port.
    async fn receiver(answer: &'static str) -> (u16, tokio::sync::mpsc::UnboundedReceiver<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (heard, hears) = tokio::sync::mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = vec![0; 4096];
                let size = stream.read(&mut request).await.unwrap();
                _ = heard.send(String::from_utf8_lossy(&request[..size]).into_owned());
                _ = stream.write_all(answer.as_bytes()).await;
                if answer.is_empty() {
                    std::future::pending::<()>().await;
                }
            }
        });
        (port, hears)
    }

    fn sender(port: u16) -> Sender {
        let on = |addresses: &str| AllowedConfig { addresses: addresses.to_owned(), port, http: true };
        let allow = vec![on("127.0.0.1"), on("::1")];
        Sender::new(&WebhooksConfig { allow, answer_max: Duration::from_secs(1), ..WebhooksConfig::default() }).unwrap()
    }

    #[tokio::test]
    async fn message_is_sent_with_its_headers_and_success_is_any_of_its_statuses() {
        let (port, mut hears) = receiver("HTTP/1.1 204 No Content\r\n\r\n").await;
        let sent = sender(port).send(&format!("http://127.0.0.1:{port}/hook?token=1"), &message()).await;
        assert_eq!(sent, Ok(204));
        let heard = hears.recv().await.unwrap();
        for wanted in [
            "POST /hook?token=1 HTTP/1.1\r\n",
            "content-type: application/json\r\n",
            "webhook-id: id\r\n",
            "webhook-timestamp: 7\r\n",
            "webhook-signature: v1,x\r\n",
            "user-agent: Flowledger/",
        ] {
            assert!(heard.contains(wanted), "{wanted}: {heard}");
        }
        let by_name = sender(port).send(&format!("http://localhost:{port}/"), &message()).await;
        assert_eq!(by_name, Ok(204));
    }

    #[tokio::test]
    async fn other_answers_fail_and_redirects_are_not_followed() {
        let (elsewhere, mut hears) = receiver("HTTP/1.1 204 No Content\r\n\r\n").await;
        let redirect: &str = format!("HTTP/1.1 307 Moved\r\nLocation: http://127.0.0.1:{elsewhere}/\r\n\r\n").leak();
        for (answer, status) in
            [(redirect, 307), ("HTTP/1.1 500 No\r\n\r\nbody", 500), ("HTTP/1.1 410 Gone\r\n\r\n", 410)]
        {
            let (port, _heard) = receiver(answer).await;
            let sent = sender(port).send(&format!("http://127.0.0.1:{port}/"), &message()).await;
            assert_eq!(sent, Err(SendError::Status(status)));
        }
        assert!(hears.try_recv().is_err());
    }

    #[tokio::test]
    async fn receiver_that_says_nothing_is_left() {
        let (port, _heard) = receiver("").await;
        let sent = sender(port).send(&format!("http://127.0.0.1:{port}/"), &message()).await;
        assert_eq!(sent.unwrap_err().to_string(), "it did not answer within 1 s");
        let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
        let sent = sender(nobody).send(&format!("http://127.0.0.1:{nobody}/?token=secret"), &message()).await;
        let said = sent.unwrap_err().to_string();
        assert!(said.starts_with("it cannot be reached: ") && !said.contains("secret"), "{said}");
    }

    #[tokio::test]
    async fn name_that_leads_to_an_address_of_this_machine_is_refused_before_anything_is_sent() {
        let (port, mut hears) = receiver("HTTP/1.1 204 No Content\r\n\r\n").await;
        let config = |addresses: &str| {
            let allow = vec![AllowedConfig { addresses: addresses.to_owned(), port, http: true }];
            Sender::new(&WebhooksConfig { allow, ..WebhooksConfig::default() }).unwrap()
        };
        // Another range is allowed, so scheme and port are not what it fails by.
        let sent = config("10.0.0.0/8").send(&format!("http://localhost:{port}/"), &message()).await;
        assert_eq!(sent, Err(SendError::Refused("its name leads to an address that is not public")));
        let sent = config("10.0.0.0/8").send(&format!("http://127.0.0.1:{port}/"), &message()).await;
        assert_eq!(sent, Err(SendError::Refused("its URL is not among those that may be")));
        assert!(hears.try_recv().is_err());
    }

    #[tokio::test]
    async fn client_goes_where_it_was_checked_and_a_name_that_was_not_leads_nowhere() {
        let (port, mut hears) = receiver("HTTP/1.1 204 No Content\r\n\r\n").await;
        let (sender, url) = (sender(port), format!("http://hooks.invalid:{port}/"));
        let target = sender.guard.read(&url).unwrap();
        let own = vec![SocketAddr::from(([127, 0, 0, 1], port))];
        assert_eq!(sender.send_to(&target, own.clone(), &message()).await, Ok(204));
        assert!(hears.recv().await.unwrap().contains(&format!("host: hooks.invalid:{port}")));
        // The next try finds other addresses, and no connection of the one before.
        let nobody = vec![SocketAddr::from(([127, 0, 0, 2], port))];
        assert!(sender.send_to(&target, nobody, &message()).await.is_err());
        // Nobody has looked at these.
        let astray = sender.client.post(&url).send();
        assert!(astray.await.is_err());
        let checked = Checked { name: "other.invalid".to_owned(), addresses: own };
        assert!(CHECKED.scope(checked, sender.client.post(&url).send()).await.is_err());
        assert!(hears.try_recv().is_err());
    }
}
