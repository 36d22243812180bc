//! The whole router, with Kafka and ClickHouse in memory, and reports in a folder.

mod asked;
mod audit;
mod changes;
mod downloads;
mod estimate;
mod fixture;
mod links;
mod networks;
mod pages;
mod parts_away;
mod refusals;
mod schedules;
mod sessions;
mod syncs;
mod tenants;
mod webhooks;
mod wishes;
mod world;

#[test]
fn description_of_the_api() {
    insta::assert_snapshot!("openapi", crate::openapi_json());
}
