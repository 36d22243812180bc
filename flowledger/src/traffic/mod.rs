//! `flowledger traffic`: the questions that pages ask, for people at a terminal. What they mean stands in `traffic-query`, how they
//! are answered in `clickhouse-io`; here they are asked and printed.

mod options;
mod print;

use std::path::PathBuf;

use anyhow::{Context, ensure};
use clickhouse_io::traffic::{self, Searched};
use clickhouse_io::{ClickHouse, QueryError};
use console::Networks;
use schemas::ids::Tenant;
use schemas::times::Moment;
use traffic_query::time_range::rfc3339;
use traffic_query::{Dimension, InsightQuery, SeriesQuery, TopQuery, check_limit};

pub(crate) use self::options::{FilterOptions, TrafficCommand};
use self::options::{SearchedOption, SelectOptions};
use crate::cli::CommonOptions;
use crate::output::{noted, said};

pub(crate) async fn run(command: TrafficCommand) -> anyhow::Result<()> {
    answer(command).await.map_err(|error| {
        let is_too_much = error.downcast_ref::<QueryError>().is_some_and(QueryError::is_too_much);
        if is_too_much { error.context(TOO_MUCH) } else { error }
    })
}

/// What to do, before what the server said.
const TOO_MUCH: &str = "this takes more time (clickhouse.timeout) or memory (clickhouse.question_memory_max) than one question may; \
    take a shorter range, filter by more, or split by less";

async fn answer(command: TrafficCommand) -> anyhow::Result<()> {
    if let Some(filter) = command.filter() {
        noted(&filter.1);
    }
    match command {
        TrafficCommand::Recent { select, filter, before, limit } => {
            check_limit(limit, traffic::PAGE_MAX)?;
            let asked @ Asked { clickhouse, tenant, .. } = &Asked::of(&select)?;
            let page = traffic::recent(clickhouse, tenant, &filter.0, before, limit).await?;
            print::connections(page.connections, &asked.networks(select.json)?, select.json)?;
            if let Some(next) = page.next {
                said(&format!("there are more: --before {next}"));
            }
        }
        TrafficCommand::Connection { select, event } => {
            let asked @ Asked { clickhouse, tenant, .. } = &Asked::of(&select)?;
            let events = traffic::connection(clickhouse, tenant, event).await?;
            ensure!(!events.is_empty(), "{tenant} has no such event");
            print::connection(events, &asked.networks(select.json)?, select.json)?;
        }
        TrafficCommand::Open { select, filter, limit } => {
            traffic::check_open(&filter.0)?;
            check_limit(limit, traffic::OPEN_MAX)?;
            let asked @ Asked { clickhouse, tenant, .. } = &Asked::of(&select)?;
            let open = traffic::open(clickhouse, tenant, &filter.0, limit).await?;
            let (shown, total) = (open.connections.len(), open.total);
            print::open(open, &asked.networks(true)?, select.json)?;
            said(&format!("{shown} of {total} open connections"));
        }
        TrafficCommand::Series { select, filter, bucket, split, groups } => {
            let query = SeriesQuery::new(filter.0, bucket, &split, groups.measures(), groups.limit)?;
            let asked @ Asked { clickhouse, tenant, .. } = &Asked::of(&select)?;
            let series = traffic::series(clickhouse, tenant, &query, Moment::now()).await?;
            print::series(&query, &series, &asked.networks(shows(query.groups().by()))?, select.json)?;
            said(&from(series.source, series.missing_max));
        }
        TrafficCommand::Top { select, filter, by, groups } => {
            let query = TopQuery::new(filter.0, &by, groups.measures(), groups.limit)?;
            let asked @ Asked { clickhouse, tenant, .. } = &Asked::of(&select)?;
            let top = traffic::top(clickhouse, tenant, &query, Moment::now()).await?;
            print::top(&query, &top, &asked.networks(shows(query.by()))?, select.json)?;
            said(&from(top.source, top.missing_max));
        }
        TrafficCommand::Facets { select, filter, of, limit } => {
            let asked @ Asked { clickhouse, tenant, .. } = &Asked::of(&select)?;
            let networks = asked.networks(shows(&of))?;
            for dimension in of {
                let query = TopQuery::facet(&filter.0, dimension, limit)?;
                let top = traffic::top(clickhouse, tenant, &query, Moment::now()).await?;
                print::top(&query, &top, &networks, select.json)?;
                said(&format!("{}: {}", dimension.name(), from(top.source, top.missing_max)));
            }
        }
        TrafficCommand::Insight { select, filter, insight, limit } => {
            let now = Moment::now();
            let query = InsightQuery::new(insight, &filter.0, now, limit)?;
            let asked @ Asked { clickhouse, tenant, .. } = &Asked::of(&select)?;
            let found = traffic::insight(clickhouse, tenant, &query, now).await?;
            let source = found.source;
            print::findings(&query, found, &asked.networks(shows(insight.subject()))?, select.json)?;
            said(&format!("from {} to {}", rfc3339(query.filter().from), rfc3339(query.filter().to)));
            said(&from(source, None));
        }
        TrafficCommand::Search { select, what, text, limit } => {
            check_limit(limit, traffic::NAMES_MAX)?;
            let Asked { clickhouse, tenant, .. } = &Asked::of(&select)?;
            let searched = match what {
                SearchedOption::RemoteNetworks => Searched::RemoteNetworks,
                SearchedOption::Users => Searched::Users,
                SearchedOption::Resources => Searched::Resources,
                SearchedOption::Addresses => Searched::Addresses,
            };
            let found = traffic::search(clickhouse, tenant, searched, &text, limit, Moment::now()).await?;
            print::names(&found.names, select.json)?;
            said(&from(found.source, None));
        }
    }
    Ok(())
}

/// Where it is asked, and whose traffic is meant.
struct Asked<'a> {
    clickhouse: ClickHouse,
    tenant: &'a Tenant,
    asn_database: Option<PathBuf>,
}

impl<'a> Asked<'a> {
    fn of(select: &'a SelectOptions) -> anyhow::Result<Self> {
        let options = CommonOptions { config: select.config.clone(), ..CommonOptions::default() };
        let config = crate::services::loaded(&options, |_| Ok(()))?.context("no config")?;
        let clickhouse = ClickHouse::new(&config.clickhouse);
        Ok(Self { clickhouse, tenant: &select.tenant, asn_database: config.console.asn_database })
    }

    /// What tells the networks of addresses, where the answer shows any.
    fn networks(&self, shows_addresses: bool) -> anyhow::Result<Networks> {
        let path = self.asn_database.as_deref().filter(|_| shows_addresses);
        let networks = Networks::open(path).context("console.asn_database")?;
        if let Some(edition) = networks.edition() {
            said(&format!("networks of addresses are those of {edition}"));
        }
        Ok(networks)
    }
}

/// True where groups by these dimensions show addresses of clients.
fn shows(dimensions: &[Dimension]) -> bool {
    dimensions.contains(&Dimension::ClientAddress)
}

/// Where an answer comes from, and how exact it is.
fn from(source: traffic::Source, missing_max: Option<u64>) -> String {
    match (source.duration_error_percent(), missing_max) {
        (_, Some(missing)) => format!("from {}, {missing} connections may be missing of an address", source.name()),
        (Some(error), None) => format!("from {}, durations within {error} %", source.name()),
        (None, None) => format!("from {}", source.name()),
    }
}
