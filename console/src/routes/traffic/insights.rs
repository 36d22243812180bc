//! What stands out in a tenant's traffic.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use clickhouse_io::traffic::{self, Finding};
use schemas::times::Moment;
use serde::Serialize;
use traffic_query::time_range::rfc3339;
use traffic_query::{Insight, InsightQuery};
use utoipa::ToSchema;

use crate::app::App;
use crate::error::{ErrorBody, Refusal};
use crate::networks::{Network, NetworkEdition, Networks};
use crate::routes::extract::UrlId;
use crate::routes::traffic::url::TrafficUrl;
use crate::session::SignedIn;

/// Findings of an answer, where nothing else is said.
const FINDINGS: u32 = 50;

/// Findings of one kind.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Findings {
    insight: &'static str,
    /// The range that was looked at.
    from: String,
    to: String,
    /// What stands out most first.
    findings: Vec<OneFinding>,
    /// `raw` or `rollup`.
    source: &'static str,
    /// Where networks of clients come from.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_networks: Option<NetworkEdition>,
}

/// One of them.
#[derive(Debug, Serialize, ToSchema)]
struct OneFinding {
    /// Of what: keys by dimension.
    subject: BTreeMap<&'static str, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_network: Option<Network>,
    #[schema(value_type = BTreeMap<String, u64>)]
    values: BTreeMap<&'static str, u128>,
    /// When it was seen first, or last.
    #[serde(skip_serializing_if = "Option::is_none")]
    seen_at: Option<String>,
    /// A few of what it is about.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    examples: Vec<String>,
}

/// Findings as the API gives them.
#[must_use]
pub fn findings_json(query: &InsightQuery, found: traffic::Findings, networks: &Networks) -> serde_json::Value {
    // Made of texts and numbers.
    serde_json::to_value(Findings::new(query, found, networks)).unwrap_or_default()
}

impl Findings {
    fn new(query: &InsightQuery, found: traffic::Findings, networks: &Networks) -> Self {
        let insight = query.insight();
        let finding = |it: Finding| OneFinding {
            client_network: networks.of_keys(insight.subject(), &it.subject),
            subject: insight.subject().iter().map(|it| it.name()).zip(it.subject).collect(),
            values: insight.values().iter().copied().zip(it.values).collect(),
            seen_at: it.seen_at.map(rfc3339),
            examples: it.examples,
        };
        Self {
            insight: insight.name(),
            from: rfc3339(query.filter().from),
            to: rfc3339(query.filter().to),
            findings: found.findings.into_iter().map(finding).collect(),
            source: found.source.name(),
            client_networks: networks.source_for(insight.subject()),
        }
    }
}

/// What stands out, of one kind: `new_countries`, `new_client_addresses`, `unused_resources`, `inactive_users`, `broad_rules`,
/// `relay_share`, `error_rate`, `unresolved_names`, `uneven_connectors`. Takes every field of the filter but `statuses`.
#[utoipa::path(get, path = "/api/v1/traffic/insights/{insight}",
    params(("insight" = String, Path), ("limit" = Option<u32>, Query, description = "At most so many, 1 to 1000")),
    responses((status = 200, body = Findings), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
              (status = 404, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub(crate) async fn insight(
    State(app): State<App>,
    signed_in: SignedIn,
    UrlId(insight): UrlId,
    url: TrafficUrl,
) -> Result<Json<Findings>, Refusal> {
    let insight: Insight = insight.parse().map_err(|_| Refusal::NotFound)?;
    let query = InsightQuery::new(insight, &url.filter(&["limit"])?, Moment::now(), url.number("limit", FINDINGS)?)?;
    let found = app.outside.insight(&signed_in.tenant, &query).await?;
    Ok(Json(Findings::new(&query, found, &app.networks)))
}
