//! What is sent: ids and links that need a sign-in, no data.

use schemas::times::Moment;
use schemas::webhook::Webhook;
use schemas::webhook_delivery::WebhookDelivery;
use serde::Serialize;
use traffic_query::time_range::rfc3339;

use crate::secret::SecretKey;

/// One request, as Standard Webhooks has it. Its body is a function of the delivery, its signature also of the time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Header `webhook-id`.
    pub id: String,
    /// Header `webhook-timestamp`: seconds since 1970.
    pub timestamp: String,
    /// Header `webhook-signature`.
    pub signature: String,
    /// JSON.
    pub body: String,
}

#[derive(Serialize)]
struct Body<'a> {
    r#type: &'static str,
    timestamp: String,
    data: Data<'a>,
}

#[derive(Serialize)]
struct Data<'a> {
    tenant: &'a str,
    report_id: String,
    attempt: i32,
    report_url: String,
    page_url: String,
}

impl Message {
    /// What tells a webhook of something now.
    #[must_use]
    pub fn new(delivery: &WebhookDelivery, webhook: &Webhook, key: &SecretKey, console_url: &str, now: Moment) -> Self {
        let (console_url, id) = (console_url.trim_end_matches('/'), delivery.delivery_id.to_string());
        let data = Data {
            tenant: delivery.tenant.as_str(),
            report_id: delivery.report_id.to_string(),
            attempt: delivery.report_attempt,
            report_url: format!("{console_url}/api/v1/reports/{}", delivery.report_id),
            page_url: format!("{console_url}/settings/analytics"),
        };
        let body = Body { r#type: delivery.event.name(), timestamp: rfc3339(delivery.happened_at), data };
        // Texts and a number: it is JSON.
        let body = serde_json::to_string(&body).unwrap_or_default();
        let signature = key.signatures(webhook, &id, now, &body);
        Self { id, timestamp: now.as_millis().div_euclid(1_000).to_string(), signature, body }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::tests::{at, made_now};
    use crate::deliveries::tests::{completed, first_of};

    #[test]
    fn body_names_the_report_and_where_to_look_and_nothing_more() {
        let (webhook, key) = (made_now(), SecretKey::new(&"k".repeat(32).into()));
        let delivery = first_of(&webhook, &completed(at(1_793_534_400)));
        let message = |now| Message::new(&delivery, &webhook, &key, "https://flow.example/", at(now));
        let (first, later) = (message(1_793_534_407), message(1_793_534_507));
        let report = delivery.report_id;
        let expected = format!(
            r#"{{"type":"report.completed","timestamp":"2026-11-01T12:00:00Z","data":{{"tenant":"acme","report_id":"{report}","attempt":1,"report_url":"https://flow.example/api/v1/reports/{report}","page_url":"https://flow.example/settings/analytics"}}}}"#
        );
        assert_eq!(first.body, expected);
        assert_eq!((&first.id, first.timestamp.as_str()), (&delivery.delivery_id.to_string(), "1793534407"));
        assert_eq!((&first.id, &first.body), (&later.id, &later.body), "a receiver knows it again");
        assert_ne!(first.signature, later.signature);
    }
}
