//! The registry's REST API, as far as it is needed.

use std::ops::RangeInclusive;
use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder, StatusCode};
use schemas::avro_schemas::{COMPATIBILITY, Subject};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;
use service_kit::CancellationToken;
use service_kit::retry::{Attempt, Backoff, until_stopped};

use crate::config::RegistryConfig;
use crate::wire::SchemaId;

/// Type of the API's bodies.
const CONTENT_TYPE: &str = "application/vnd.schemaregistry.v1+json";
/// The longest answer that is read, bytes.
const ANSWER_MAX: usize = 4 << 20;

/// A schema as the registry gave it, not parsed yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriterSchema(pub String);

/// Why the registry did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// No answer, or one that says to come back later. Trying again may help.
    #[error("schema registry is away: {0}")]
    Away(String),
    /// The registry has no schema of this id.
    #[error("schema registry knows no schema {0}")]
    NoSuchSchema(SchemaId),
    /// The registry has no such schema under this subject, and registering is switched off.
    #[error("schema registry has not today's schema of subject {0}, and `registry.register` is false")]
    NotRegistered(&'static str),
    /// The registry holds another schema that this one is not compatible with.
    #[error("schema registry refuses the schema of subject {subject} as not compatible: {reason}")]
    NotCompatible {
        /// The subject.
        subject: &'static str,
        /// What the registry said.
        reason: String,
    },
    /// Refused for any other reason: sign-in, rights, a path that is not the Confluent API.
    #[error("schema registry refuses {action} with status {status}: {reason}")]
    Refused {
        /// What was asked.
        action: &'static str,
        /// HTTP status.
        status: u16,
        /// The answer is the registry's own word that there is no such thing, and not that of something between it and us.
        is_definite_no: bool,
        /// The beginning of what the registry said.
        reason: String,
    },
    /// An answer that is not the Confluent API's.
    #[error("schema registry's answer to {action} cannot be read")]
    NotUnderstood {
        /// What was asked.
        action: &'static str,
    },
}

impl RegistryError {
    /// True where trying again may help.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Away(_) => true,
            Self::NoSuchSchema(_)
            | Self::NotRegistered(_)
            | Self::NotCompatible { .. }
            | Self::Refused { .. }
            | Self::NotUnderstood { .. } => false,
        }
    }
}

/// A client of the registry; cheap to clone.
#[derive(Clone, Debug)]
pub struct Registry {
    client: Client,
    url: String,
    register: bool,
    sign_in: Option<(String, Option<SecretString>)>,
}

#[derive(Deserialize)]
struct IdAnswer {
    id: u32,
}

#[derive(Deserialize)]
struct SchemaAnswer {
    schema: String,
    #[serde(default, rename = "schemaType")]
    schema_type: Option<String>,
}

/// A refusal, as registries write it.
#[derive(Default, Deserialize)]
#[serde(default)]
struct ErrorAnswer {
    error_code: i64,
    name: String,
}

impl ErrorAnswer {
    /// Codes of the Confluent API for subjects, versions and schemas that are not there.
    const NOT_FOUND: RangeInclusive<i64> = 40_401..=40_499;
    /// What Apicurio says in their place where it does not translate.
    const NOT_FOUND_NAMES: [&str; 2] = ["ArtifactNotFoundException", "ContentNotFoundException"];

    /// True where the body says that there is no such thing. A path that is not there has the status alone as its code, or no such body.
    fn is_definite_no(body: &[u8]) -> bool {
        let said: Self = serde_json::from_slice(body).unwrap_or_default();
        Self::NOT_FOUND.contains(&said.error_code) || Self::NOT_FOUND_NAMES.contains(&said.name.as_str())
    }
}

impl Registry {
    /// A client; connects when it is first used.
    ///
    /// # Errors
    /// When the HTTP client cannot be made.
    pub fn new(config: &RegistryConfig) -> Result<Self, RegistryError> {
        service_kit::tls::install();
        let client =
            Client::builder().timeout(config.timeout).build().map_err(|error| RegistryError::Away(chain(&error)))?;
        Ok(Self {
            client,
            url: config.url.trim_end_matches('/').to_owned(),
            register: config.register,
            sign_in: config.user.clone().map(|user| (user, config.password.clone())),
        })
    }

    /// Waits until the registry answers. `None`: told to stop first.
    pub async fn wait_ready(&self, stop: &CancellationToken) -> Option<Result<(), RegistryError>> {
        let backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(2));
        until_stopped(stop, backoff, async || match self.ask("list of subjects", Method::GET, "subjects", None).await {
            Ok(_) => Attempt::Done(()),
            Err(error) if error.is_passing() => {
                tracing::warn!(%error, "waiting for the schema registry");
                Attempt::Again(error)
            }
            Err(error) => Attempt::Fail(error),
        })
        .await
    }

    /// The id of today's schema of a subject: registered, with the contract's compatibility set, or only looked up.
    ///
    /// # Errors
    /// Where the registry is away, refuses, or lacks the schema while registering is switched off.
    pub async fn ensure(&self, subject: &Subject) -> Result<SchemaId, RegistryError> {
        let body = json!({ "schema": subject.schema, "schemaType": "AVRO" });
        if !self.register {
            let path = format!("subjects/{}", subject.name);
            return match self.ask("look-up of a schema", Method::POST, &path, Some(body)).await {
                Ok(answer) => id_of(&answer, "look-up of a schema"),
                Err(RegistryError::Refused { status: 404, .. }) => Err(RegistryError::NotRegistered(subject.name)),
                Err(error) => Err(error),
            };
        }
        let path = format!("subjects/{}/versions", subject.name);
        let answer = match self.ask("registering a schema", Method::POST, &path, Some(body)).await {
            Err(RegistryError::Refused { status: 409, reason, .. }) => {
                return Err(RegistryError::NotCompatible { subject: subject.name, reason });
            }
            answer => answer?,
        };
        // After the schema: a subject that does not exist yet has no settings in some registries.
        let compatibility = json!({ "compatibility": COMPATIBILITY });
        let path = format!("config/{}", subject.name);
        self.ask("setting the compatibility", Method::PUT, &path, Some(compatibility)).await?;
        id_of(&answer, "registering a schema")
    }

    /// [`Self::ensure`], again and again while the registry is away. `None`: told to stop first.
    pub async fn ensure_patiently(
        &self,
        subject: &Subject,
        stop: &CancellationToken,
    ) -> Option<Result<SchemaId, RegistryError>> {
        until_stopped(stop, Backoff::default(), async || match self.ensure(subject).await {
            Ok(id) => Attempt::Done(id),
            Err(error) if error.is_passing() => {
                tracing::warn!(%error, subject = subject.name, "waiting for the schema registry");
                Attempt::Again(error)
            }
            Err(error) => Attempt::Fail(error),
        })
        .await
    }

    /// The schema of an id, as a writer registered it. A 404 of a proxy, or of a server whose paths are not up yet, says nothing about ids: the
    /// registry is away then.
    ///
    /// # Errors
    /// Where the registry is away, refuses, or knows no such Avro schema.
    pub async fn fetch(&self, id: SchemaId) -> Result<WriterSchema, RegistryError> {
        // To registries an id is a positive 32-bit integer of Java: they take what is beyond for no id at all, and say so as if the path were not there.
        if i32::try_from(id.get()).is_err() {
            return Err(RegistryError::NoSuchSchema(id));
        }
        let action = "fetching a schema";
        let answer = match self.ask(action, Method::GET, &format!("schemas/ids/{id}"), None).await {
            Err(RegistryError::Refused { status: 404, is_definite_no, reason, .. }) => {
                return Err(if is_definite_no {
                    RegistryError::NoSuchSchema(id)
                } else {
                    RegistryError::Away(format!("status 404, and not in a registry's words: {reason}"))
                });
            }
            answer => answer?,
        };
        let answer: SchemaAnswer =
            serde_json::from_slice(&answer).map_err(|_| RegistryError::NotUnderstood { action })?;
        match answer.schema_type.as_deref() {
            None | Some("AVRO") => Ok(WriterSchema(answer.schema)),
            Some(_) => Err(RegistryError::NoSuchSchema(id)),
        }
    }

    async fn ask(
        &self,
        action: &'static str,
        method: Method,
        path: &str,
        body: Option<serde_json::Value>,
    ) -> Result<Vec<u8>, RegistryError> {
        let mut request = self.client.request(method, format!("{}/{path}", self.url));
        if let Some(body) = body {
            request = request.header("Content-Type", CONTENT_TYPE).body(body.to_string());
        }
        let mut response = self
            .signed_in(request)
            .header("Accept", format!("{CONTENT_TYPE}, application/json"))
            .send()
            .await
            .map_err(|error| RegistryError::Away(chain(&error.without_url())))?;
        let status = response.status();
        let mut answer = Vec::new();
        loop {
            match response.chunk().await {
                Ok(None) => break,
                Ok(Some(chunk)) if answer.len() + chunk.len() <= ANSWER_MAX => answer.extend_from_slice(&chunk),
                Ok(Some(_)) => return Err(RegistryError::NotUnderstood { action }),
                Err(error) => return Err(RegistryError::Away(chain(&error.without_url()))),
            }
        }
        if status.is_success() {
            return Ok(answer);
        }
        let passing = status.is_server_error()
            || status == StatusCode::TOO_MANY_REQUESTS
            || status == StatusCode::REQUEST_TIMEOUT;
        if passing {
            return Err(RegistryError::Away(format!("status {status}")));
        }
        let reason = String::from_utf8_lossy(&answer).chars().filter(|char| !char.is_control()).take(300).collect();
        let is_definite_no = status == StatusCode::NOT_FOUND && ErrorAnswer::is_definite_no(&answer);
        Err(RegistryError::Refused { action, status: status.as_u16(), is_definite_no, reason })
    }

    fn signed_in(&self, request: RequestBuilder) -> RequestBuilder {
        match &self.sign_in {
            None => request,
            Some((user, password)) => {
                request.basic_auth(user, password.as_ref().map(|password| password.expose_secret().to_owned()))
            }
        }
    }
}

fn id_of(answer: &[u8], action: &'static str) -> Result<SchemaId, RegistryError> {
    serde_json::from_slice::<IdAnswer>(answer)
        .map(|answer| SchemaId::new(answer.id))
        .map_err(|_| RegistryError::NotUnderstood { action })
}

/// An error with its causes: reqwest's own text leaves them out.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    #[test]
    fn only_a_registrys_own_words_are_a_definite_no() {
        for body in [
            // Confluent, Karapace and Redpanda; Apicurio's Confluent API; Apicurio's own.
            r#"{"error_code":40403,"message":"Schema 7 not found"}"#,
            r#"{"message":"No content with id/hash 'contentId-7' was found.","error_code":40403}"#,
            r#"{"message":"x","error_code":404,"detail":"x","name":"ContentNotFoundException"}"#,
        ] {
            assert!(ErrorAnswer::is_definite_no(body.as_bytes()), "{body}");
        }
        for body in [
            "",
            "default backend - 404",
            "<html><body>Not Found</body></html>",
            r#"{"error_code":404,"message":"HTTP 404 Not Found"}"#,
            r#"{"message":"Could not find target resource","error_code":0}"#,
            r#"{"error_code":"40403"}"#,
            "40403",
        ] {
            assert!(!ErrorAnswer::is_definite_no(body.as_bytes()), "{body}");
        }
    }

    /// Answers one request after the other, each on its own connection.
    async fn answering(answers: Vec<(u16, &'static str)>) -> Registry {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            for (status, body) in answers {
                let (mut connection, _) = listener.accept().await.unwrap();
                let mut asked = vec![0; 4096];
                assert!(connection.read(&mut asked).await.unwrap() > 0);
                let length = body.len();
                let answer =
                    format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
                connection.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        Registry::new(&RegistryConfig { url, ..RegistryConfig::default() }).unwrap()
    }

    #[tokio::test]
    async fn not_found_of_something_before_the_registry_is_waited_out() {
        let no = r#"{"error_code":40403,"message":"Schema 7 not found"}"#;
        let answers = vec![(404, "<html>404</html>"), (404, ""), (404, no), (200, r#"{"schema":"\"long\""}"#)];
        let registry = answering(answers).await;
        let id = SchemaId::new(7);
        for _ in 0..2 {
            let error = registry.fetch(id).await.unwrap_err();
            assert!(error.is_passing(), "{error}");
        }
        assert!(matches!(registry.fetch(id).await, Err(RegistryError::NoSuchSchema(it)) if it == id));
        assert_eq!(registry.fetch(id).await.unwrap(), WriterSchema("\"long\"".to_owned()));
    }
    #[tokio::test]
    async fn id_that_no_registry_can_give_is_none_without_being_asked_for() {
        let registry = answering(vec![(200, r#"{"schema":"\"long\""}"#)]).await;
        for number in [1 << 31, u32::MAX] {
            let id = SchemaId::new(number);
            assert!(matches!(registry.fetch(id).await, Err(RegistryError::NoSuchSchema(it)) if it == id));
        }
        assert!(registry.fetch(SchemaId::new((1 << 31) - 1)).await.is_ok());
    }
}
