//! `flowledger traffic`: the questions that pages ask, for people at a terminal. What they mean stands in `traffic-query`, how they
//! are answered in `clickhouse-io`; here they are asked and printed.

mod options;
mod print;

use anyhow::{Context, ensure};
use clickhouse_io::ClickHouse;
use clickhouse_io::traffic::{self, Searched};
use schemas::ids::Tenant;
use schemas::times::Moment;
use traffic_query::time_range::rfc3339;
use traffic_query::{InsightQuery, SeriesQuery, TopQuery};

pub(crate) use self::options::TrafficCommand;
use self::options::{SearchedOption, SelectOptions};
use crate::cli::CommonOptions;

pub(crate) async fn run(command: TrafficCommand) -> anyhow::Result<()> {
    match command {
        TrafficCommand::Recent { select, filter, before, limit } => {
            let (clickhouse, tenant) = asked(&select)?;
            let page = traffic::recent(&clickhouse, tenant, &filter.0, before, limit).await?;
            print::connections(page.connections, select.json)?;
            if let Some(next) = page.next {
                said(&format!("there are more: --before {next}"));
            }
        }
        TrafficCommand::Connection { select, event } => {
            let (clickhouse, tenant) = asked(&select)?;
            let events = traffic::connection(&clickhouse, tenant, event).await?;
            ensure!(!events.is_empty(), "{tenant} has no such event");
            print::connections(events, select.json)?;
        }
        TrafficCommand::Open { select, filter, limit } => {
            traffic::check_open(&filter.0)?;
            let (clickhouse, tenant) = asked(&select)?;
            let open = traffic::open(&clickhouse, tenant, &filter.0, limit).await?;
            let (shown, total) = (open.connections.len(), open.total);
            print::open(open, select.json)?;
            said(&format!("{shown} of {total} open connections"));
        }
        TrafficCommand::Series { select, filter, bucket, split, groups } => {
            let query = SeriesQuery::new(filter.0, bucket, &split, groups.measures(), groups.limit)?;
            let (clickhouse, tenant) = asked(&select)?;
            let series = traffic::series(&clickhouse, tenant, &query, Moment::now()).await?;
            print::series(&query, &series, select.json)?;
            said(&from(series.source));
        }
        TrafficCommand::Top { select, filter, by, groups } => {
            let query = TopQuery::new(filter.0, &by, groups.measures(), groups.limit)?;
            let (clickhouse, tenant) = asked(&select)?;
            let top = traffic::top(&clickhouse, tenant, &query, Moment::now()).await?;
            print::top(&query, &top, select.json)?;
            said(&from(top.source));
        }
        TrafficCommand::Facets { select, filter, of, limit } => {
            let (clickhouse, tenant) = asked(&select)?;
            for dimension in of {
                let query = TopQuery::facet(&filter.0, dimension, limit)?;
                print::top(&query, &traffic::top(&clickhouse, tenant, &query, Moment::now()).await?, select.json)?;
            }
        }
        TrafficCommand::Insight { select, filter, insight, limit } => {
            let now = Moment::now();
            let query = InsightQuery::new(insight, &filter.0, now, limit)?;
            let (clickhouse, tenant) = asked(&select)?;
            print::findings(&query, traffic::insight(&clickhouse, tenant, &query, now).await?, select.json)?;
            said(&format!("from {} to {}", rfc3339(query.filter().from), rfc3339(query.filter().to)));
        }
        TrafficCommand::Search { select, what, text, limit } => {
            let (clickhouse, tenant) = asked(&select)?;
            let searched = match what {
                SearchedOption::RemoteNetworks => Searched::RemoteNetworks,
                SearchedOption::Users => Searched::Users,
                SearchedOption::Resources => Searched::Resources,
                SearchedOption::Addresses => Searched::Addresses,
            };
            print::names(&traffic::search(&clickhouse, tenant, searched, &text, limit).await?, select.json)?;
        }
    }
    Ok(())
}

/// Where it is asked, and whose traffic is meant.
fn asked(select: &SelectOptions) -> anyhow::Result<(ClickHouse, &Tenant)> {
    let options = CommonOptions { config: select.config.clone(), ..CommonOptions::default() };
    let config = crate::services::loaded(&options, |_| Ok(()))?.context("no config")?;
    Ok((ClickHouse::new(&config.clickhouse), &select.tenant))
}

/// Where an answer comes from, and how exact it is.
fn from(source: traffic::Source) -> String {
    match source.duration_error_percent() {
        None => format!("from {}", source.name()),
        Some(error) => format!("from {}, durations within {error} %", source.name()),
    }
}

#[expect(clippy::print_stderr, reason = "what is no answer goes beside it")]
fn said(text: &str) {
    eprintln!("flowledger: {text}");
}
