//! Filters of questions, each time with other values; those of Users and Resources are of who is there all year.

use rand::Rng;
use rand::rngs::StdRng;
use schemas::times::Moment;
use traffic_query::TrafficFilter;

use super::rows::who_is_there;
use super::{DAY_MICROS, END, NETWORKS, RESOURCES, USERS, year};

/// Everything.
pub(super) fn of_all(_: &mut StdRng) -> TrafficFilter {
    TrafficFilter::default()
}

/// Some User of the tenant.
pub(super) fn of_user(random: &mut StdRng) -> TrafficFilter {
    let user = who_is_there(random.random_range(1..=USERS)).to_string().parse();
    TrafficFilter { users: user.into_iter().collect(), ..TrafficFilter::default() }
}

/// Some Resource of the tenant.
pub(super) fn of_resource(random: &mut StdRng) -> TrafficFilter {
    let resource = who_is_there(random.random_range(1..=RESOURCES)).to_string().parse();
    TrafficFilter { resources: resource.into_iter().collect(), ..TrafficFilter::default() }
}

/// Some Remote Network of the tenant, whose number is 0.
pub(super) fn of_network(random: &mut StdRng) -> TrafficFilter {
    let network = random.random_range(1..NETWORKS).to_string().parse();
    TrafficFilter { remote_networks: network.into_iter().collect(), ..TrafficFilter::default() }
}

/// Some Connector of the tenant, one of three of its Remote Network.
pub(super) fn of_connector(random: &mut StdRng) -> TrafficFilter {
    let connector = (random.random_range(1..NETWORKS) * 10 + random.random_range(0..3)).to_string().parse();
    TrafficFilter { connectors: connector.into_iter().collect(), ..TrafficFilter::default() }
}

/// Thirty days of a User with half of the Resources.
pub(super) fn of_month(random: &mut StdRng) -> TrafficFilter {
    let (from, to) = days_of_the_year(random, 30);
    let filter = of_user(random).within(from, to);
    TrafficFilter { resources: (1..=RESOURCES / 2).filter_map(|it| it.to_string().parse().ok()).collect(), ..filter }
}

/// Two weeks of everything.
pub(super) fn of_fortnight(random: &mut StdRng) -> TrafficFilter {
    let (from, to) = days_of_the_year(random, 14);
    TrafficFilter::default().within(from, to)
}

/// The whole year of what a filter lets through.
pub(super) fn of_year(filter: &TrafficFilter) -> TrafficFilter {
    let (from, to) = year();
    filter.within(from, to)
}

/// So many whole days one after the other.
fn days_of_the_year(random: &mut StdRng, days: i64) -> (Moment, Moment) {
    let from = END.as_micros() - random.random_range(days..365) * DAY_MICROS;
    (Moment::from_micros(from), Moment::from_micros(from + days * DAY_MICROS))
}
