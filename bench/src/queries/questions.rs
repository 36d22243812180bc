//! What admins ask, each as the console asks it: how much was found.

use clickhouse_io::traffic::Searched;
use clickhouse_io::{ClickHouse, QueryError, traffic};
use rand::SeedableRng;
use rand::rngs::StdRng;
use schemas::event_id::EventId;
use schemas::ids::Tenant;
use traffic_query::{
    Bucket, Dimension, FilterError, Insight, InsightQuery, Measure, SeriesQuery, TopQuery, TrafficFilter,
};

use super::filters::{of_all, of_connector, of_network, of_year};
use super::{END, LARGE};

/// Connections of a page.
const PAGE: u32 = 50;
/// Groups, names or findings of an answer.
const SHOWN: u32 = 20;
/// First pages that second ones are asked behind.
const FIRST_PAGES: usize = 20;
/// What the values of a filter are chosen from: two of its own fields, and two of others.
const FACETS: [Dimension; 4] = [Dimension::User, Dimension::Resource, Dimension::Status, Dimension::Country];

/// A page, and where it begins; the first where nothing says so.
pub(super) type Place = (TrafficFilter, Option<EventId>);

/// What is asked, of which store.
pub(super) struct Questions<'a> {
    store: &'a ClickHouse,
    tenant: Tenant,
    by_day: SeriesQuery,
    /// Some events.
    pub(super) ids: Vec<EventId>,
    /// Second pages of Connectors, of Remote Networks and of everything.
    pub(super) next_of_connector: Vec<Place>,
    pub(super) next_of_network: Vec<Place>,
    pub(super) next_of_all: Vec<Place>,
}

impl<'a> Questions<'a> {
    pub(super) async fn new(store: &'a ClickHouse) -> anyhow::Result<Self> {
        let by_day = SeriesQuery::new(
            of_year(&TrafficFilter::default()),
            Some(Bucket::Day),
            &[Dimension::Resource],
            &[Measure::Bytes],
            10,
        )?;
        let sql = format!(
            "SELECT event_id FROM connections WHERE tenant = '{LARGE}' ORDER BY cityHash64(event_id_tail) LIMIT 1000"
        );
        let ids = store.text(&sql).await?.lines().map(str::parse).collect::<Result<_, _>>()?;
        let tenant: Tenant = LARGE.parse()?;
        let next_of_connector = next_pages(store, &tenant, of_connector).await?;
        let next_of_network = next_pages(store, &tenant, of_network).await?;
        let next_of_all = next_pages(store, &tenant, of_all).await?;
        Ok(Self { store, tenant, by_day, ids, next_of_connector, next_of_network, next_of_all })
    }

    pub(super) async fn page(&self, (filter, before): Place) -> Result<usize, QueryError> {
        let page = traffic::recent(self.store, &self.tenant, &filter, before, PAGE).await?;
        Ok(page.connections.len())
    }

    pub(super) async fn by_day(&self) -> Result<usize, QueryError> {
        traffic::series(self.store, &self.tenant, &self.by_day, *END).await.map(|series| series.lines.len())
    }

    /// How much there was, by hour.
    pub(super) async fn by_hour(&self, filter: TrafficFilter) -> Result<usize, QueryError> {
        self.points(filter, Bucket::Hour, &[Measure::Connections, Measure::Bytes]).await
    }

    /// How long connections in a Remote Network took, by day of the year.
    pub(super) async fn durations(&self, filter: TrafficFilter) -> Result<usize, QueryError> {
        let filter = of_year(&filter);
        self.points(filter, Bucket::Day, &[Measure::DurationP50, Measure::DurationP95]).await
    }

    /// Points of one series at which there was something.
    async fn points(&self, filter: TrafficFilter, bucket: Bucket, measures: &[Measure]) -> Result<usize, QueryError> {
        let query = SeriesQuery::new(filter, Some(bucket), &[], measures, 10).map_err(|error| refused(&error))?;
        let series = traffic::series(self.store, &self.tenant, &query, *END).await?;
        Ok(series.lines.iter().flat_map(|line| &line.values).filter(|values| values[0] > 0).count())
    }

    /// Resources with most.
    pub(super) async fn top(&self, filter: TrafficFilter, measures: &[Measure]) -> Result<usize, QueryError> {
        self.groups(&TopQuery::new(filter, &[Dimension::Resource], measures, 10).map_err(|error| refused(&error))?)
            .await
    }

    /// The addresses of a Remote Network that were asked for most in the year.
    pub(super) async fn addresses(&self, filter: TrafficFilter) -> Result<usize, QueryError> {
        let filter = of_year(&filter);
        self.groups(
            &TopQuery::new(filter, &[Dimension::Address], &[Measure::Connections], 10)
                .map_err(|error| refused(&error))?,
        )
        .await
    }

    /// What the fields of a filter are chosen from, one after the other.
    pub(super) async fn facets(&self, filter: TrafficFilter) -> Result<usize, QueryError> {
        let mut found = 0;
        for dimension in FACETS {
            found += self.groups(&TopQuery::facet(&filter, dimension, SHOWN).map_err(|error| refused(&error))?).await?;
        }
        Ok(found)
    }

    async fn groups(&self, query: &TopQuery) -> Result<usize, QueryError> {
        traffic::top(self.store, &self.tenant, query, *END).await.map(|top| top.groups.len())
    }

    /// Names, as somebody types.
    pub(super) async fn names(&self, searched: Searched, text: String) -> Result<usize, QueryError> {
        let found = traffic::search(self.store, &self.tenant, searched, &text, SHOWN, *END).await?;
        Ok(found.names.len())
    }

    pub(super) async fn connection(&self, id: EventId) -> Result<usize, QueryError> {
        traffic::connection(self.store, &self.tenant, id).await.map(|events| events.len())
    }

    /// Those that were opened last of all that are open.
    pub(super) async fn open(&self) -> Result<usize, QueryError> {
        let open = traffic::open(self.store, &self.tenant, &TrafficFilter::default(), PAGE).await?;
        Ok(open.connections.len())
    }

    /// What stands out in the insight's own range, which ends now.
    pub(super) async fn insight(&self, insight: Insight) -> Result<usize, QueryError> {
        let query =
            InsightQuery::new(insight, &TrafficFilter::default(), *END, SHOWN).map_err(|error| refused(&error))?;
        traffic::insight(self.store, &self.tenant, &query, *END).await.map(|found| found.findings.len())
    }
}

fn refused(error: &FilterError) -> QueryError {
    QueryError::Mismatch(error.to_string())
}

/// Second pages of filters: where the first ones end, which is asked before.
async fn next_pages(
    store: &ClickHouse,
    tenant: &Tenant,
    filter: fn(&mut StdRng) -> TrafficFilter,
) -> anyhow::Result<Vec<Place>> {
    let mut random = StdRng::seed_from_u64(17);
    let mut places = Vec::new();
    for _ in 0..FIRST_PAGES {
        let filter = filter(&mut random);
        let page = traffic::recent(store, tenant, &filter, None, PAGE).await?;
        places.extend(page.next.map(|next| (filter, Some(next))));
    }
    anyhow::ensure!(!places.is_empty(), "no first page has a second one behind it");
    Ok(places)
}
