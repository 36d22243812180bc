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

#[test]
fn every_endpoint_stands_on_the_page_of_the_api() {
    let page = include_str!("../../../docs/api.md");
    let described: serde_json::Value = serde_json::from_str(&crate::openapi_json()).unwrap();
    let mut endpoints = 0;
    for (path, methods) in described["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            let told = format!("`{} {}`", method.to_uppercase(), path.strip_prefix("/api/v1").unwrap());
            assert!(page.contains(&told), "docs/api.md does not have {told}");
            endpoints += 1;
        }
    }
    let section = page.split("## What there is").nth(1).unwrap().split("\n## ").next().unwrap();
    // What is said of them below the table names some again.
    let table = section.lines().filter(|line| line.starts_with('|')).flat_map(|line| line.split('`'));
    let told = table.filter(|it| it.contains(" /")).count();
    assert_eq!(told, endpoints, "docs/api.md has endpoints that are not there");
}
