//! Secrets and signatures, as Standard Webhooks has them.
//!
//! A secret is HMAC-SHA256 of webhook and generation under the operator's key: it is made when it is needed, and kept nowhere.

use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ring::hmac::{HMAC_SHA256, Key, sign};
use schemas::ids::WebhookId;
use schemas::times::Moment;
use schemas::webhook::Webhook;
use secrecy::{ExposeSecret, SecretString};

/// What secrets of this kind are made of beside the key: nothing else may be made of it by accident.
const PURPOSE: &str = "flowledger webhook secret";

/// The operator's key. Cheap to clone; says nothing of itself.
#[derive(Clone)]
pub struct SecretKey(Key);

impl fmt::Debug for SecretKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SecretKey(***)")
    }
}

impl SecretKey {
    /// From the configuration.
    #[must_use]
    pub fn new(key: &SecretString) -> Self {
        Self(Key::new(HMAC_SHA256, key.expose_secret().as_bytes()))
    }

    /// That of a webhook in one of its generations.
    #[must_use]
    pub fn secret(&self, webhook: WebhookId, generation: i32) -> WebhookSecret {
        let tag = sign(&self.0, format!("{PURPOSE}\n{webhook}\n{generation}").as_bytes());
        WebhookSecret(tag.as_ref().to_vec())
    }

    /// Header `webhook-signature`: by today's secret, and by the one before as long as that signs too.
    #[must_use]
    pub fn signatures(&self, webhook: &Webhook, id: &str, now: Moment, body: &str) -> String {
        let former = webhook.former_until.filter(|until| now < *until).map(|_| webhook.generation - 1);
        let generations = [Some(webhook.generation), former].into_iter().flatten();
        let seconds = now.as_millis().div_euclid(1_000);
        let signed = generations.map(|it| self.secret(webhook.webhook_id, it).signature(id, seconds, body));
        signed.collect::<Vec<_>>().join(" ")
    }
}

/// What a tenant and its receiver share. Says nothing of itself but by [`WebhookSecret::to_text`].
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookSecret(Vec<u8>);

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("WebhookSecret(***)")
    }
}

impl WebhookSecret {
    /// As it is handed to the tenant, once.
    #[must_use]
    pub fn to_text(&self) -> String {
        format!("whsec_{}", BASE64_STANDARD.encode(&self.0))
    }

    /// Of a body that is sent under this id at this second since 1970.
    fn signature(&self, id: &str, seconds: i64, body: &str) -> String {
        let tag = sign(&Key::new(HMAC_SHA256, &self.0), format!("{id}.{seconds}.{body}").as_bytes());
        format!("v1,{}", BASE64_STANDARD.encode(tag))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::tests::{at, made_now};

    /// The vector that Standard Webhooks' own libraries are tested with.
    #[test]
    fn signature_is_that_of_standard_webhooks() {
        let secret = WebhookSecret(BASE64_STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap());
        assert_eq!(secret.to_text(), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let signature = secret.signature("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn each_webhook_and_generation_has_a_secret_of_its_own() {
        let key = SecretKey::new(&"k".repeat(32).into());
        let webhook: WebhookId = "0193a0b0-0000-7000-8000-000000000001".parse().unwrap();
        let first = key.secret(webhook, 1);
        // Fixed for good: receivers hold it.
        assert_eq!(first.to_text(), "whsec_lzN02YhmtpnexiyYawBstKZV0qHVzOTGf2MQ4OVijRA=");
        let another = SecretKey::new(&"l".repeat(32).into());
        for other in [key.secret(webhook, 2), key.secret(WebhookId::generate(), 1), another.secret(webhook, 1)] {
            assert_ne!(first, other);
        }
        assert_eq!(format!("{key:?} {first:?}"), "SecretKey(***) WebhookSecret(***)");
    }

    #[test]
    fn secret_before_signs_beside_todays_for_a_time() {
        let key = SecretKey::new(&"k".repeat(32).into());
        let webhook = Webhook { generation: 2, former_until: Some(at(100)), ..made_now() };
        let of = |generation, now| key.secret(webhook.webhook_id, generation).signature("id", now, "{}");
        assert_eq!(key.signatures(&webhook, "id", at(99), "{}"), format!("{} {}", of(2, 99), of(1, 99)));
        assert_eq!(key.signatures(&webhook, "id", at(100), "{}"), of(2, 100));
    }
}
