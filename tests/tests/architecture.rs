//! The rules of ARCHITECTURE.md, read from `cargo metadata` and from the page itself.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};

const SERVICES: [&str; 5] = ["connector", "ingest", "aggregator", "exporter", "console"];
/// Crates that may name a service: the binary that wires, and the journeys.
const WIRING: [&str; 2] = ["flowledger", "tests"];
/// Each technology and the crates that may use it, beside tests.
const HOMES: [(&str, &[&str]); 15] = [
    // Beside its home only where an ordinary consumer is the peer of a measurement.
    ("rdkafka", &["kafka-io", "bench"]),
    ("rdkafka-sys", &["kafka-io"]),
    ("clickhouse", &["clickhouse-io"]),
    ("apache-avro", &["event-columns", "schema-registry", "bench"]),
    ("object_store", &["report-store"]),
    ("lettre", &["exporter"]),
    ("libdeflater", &["report-writer"]),
    ("parquet", &["report-writer"]),
    ("zstd", &["report-writer", "tests"]),
    ("libloading", &["embedded-clickhouse"]),
    ("maxminddb", &["address-lookup"]),
    ("ring", &["webhooks"]),
    ("hyper", &["console"]),
    ("hyper-util", &["console"]),
    ("axum", &["bench", "console", "embedded-clickhouse", "service-kit"]),
];

fn metadata() -> Metadata {
    MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .no_deps()
        .other_options(["--offline".to_owned()])
        .exec()
        .unwrap()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn members(metadata: &Metadata) -> BTreeMap<&str, &Package> {
    metadata.packages.iter().map(|package| (package.name.as_str(), package)).collect()
}

fn dependencies(package: &Package) -> BTreeSet<&str> {
    let is_normal = |kind: DependencyKind| kind == DependencyKind::Normal;
    package.dependencies.iter().filter(|it| is_normal(it.kind)).map(|it| it.name.as_str()).collect()
}

#[test]
fn no_service_depends_on_another() {
    let metadata = metadata();
    for (name, package) in members(&metadata) {
        let named: Vec<_> = SERVICES.into_iter().filter(|service| dependencies(package).contains(service)).collect();
        assert!(named.is_empty() || WIRING.contains(&name), "{name} depends on {named:?}");
    }
}

#[test]
fn libs_depend_on_schemas_and_libs_only() {
    let metadata = metadata();
    let members = members(&metadata);
    for (name, package) in &members {
        if !package.manifest_path.as_str().contains("/libs/") {
            continue;
        }
        for dependency in dependencies(package) {
            let own = members.get(dependency);
            let allowed =
                own.is_none_or(|own| dependency == "schemas" || own.manifest_path.as_str().contains("/libs/"));
            assert!(allowed, "{name} depends on {dependency}");
        }
    }
}

#[test]
fn contract_depends_on_no_other_crate_of_ours() {
    let metadata = metadata();
    let members = members(&metadata);
    let ours: Vec<_> = dependencies(members["schemas"]).into_iter().filter(|name| members.contains_key(name)).collect();
    assert!(ours.is_empty(), "schemas depends on {ours:?}");
}

#[test]
fn each_technology_lives_in_its_home() {
    let metadata = metadata();
    for (name, package) in members(&metadata) {
        for (technology, homes) in HOMES {
            let used = dependencies(package).contains(technology);
            assert!(!used || homes.contains(&name), "{name} uses {technology}, whose home is {homes:?}");
        }
    }
}

#[test]
fn unsafe_code_stands_in_its_home_only() {
    let metadata = metadata();
    for (name, package) in members(&metadata) {
        let source = package.manifest_path.parent().unwrap().join("src");
        for file in rust_files(source.as_std_path()) {
            let lifted = std::fs::read_to_string(&file).unwrap().contains(concat!("(unsafe", "_code"));
            let is_home = name == "embedded-clickhouse" || file.ends_with("kafka-io/src/batches/batch_queue.rs");
            assert!(!lifted || is_home, "{} lifts the ban on unsafe code", file.display());
        }
    }
}

fn rust_files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

/// Folders in the code map's table, in its order.
fn code_map() -> Vec<String> {
    let page = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let section = page.split("## Code map").nth(1).unwrap().split("\n## ").next().unwrap().to_owned();
    section.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next().map(str::to_owned)).collect()
}

#[test]
fn code_map_names_every_crate_and_no_other() {
    let metadata = metadata();
    let crates: BTreeSet<String> = metadata
        .packages
        .iter()
        .map(|package| {
            package.manifest_path.parent().unwrap().strip_prefix(&metadata.workspace_root).unwrap().to_string()
        })
        .collect();
    let mapped: BTreeSet<String> = code_map().into_iter().collect();
    let missing: Vec<_> = crates.difference(&mapped).collect();
    assert!(missing.is_empty(), "not in the code map: {missing:?}");
    let gone: Vec<_> = mapped.iter().filter(|folder| !root().join(folder).is_dir()).collect();
    assert!(gone.is_empty(), "in the code map, but not there: {gone:?}");
}

#[test]
fn files_that_the_architecture_names_are_there() {
    let page = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let named = page.split('`').skip(1).step_by(2).filter(|name| name.contains('/') && !name.contains([' ', '<', '*']));
    let gone: Vec<_> =
        named.filter(|name| !root().join(name.trim_end_matches('/')).exists() && !name.starts_with("stages")).collect();
    assert!(gone.is_empty(), "named, but not there: {gone:?}");
}

/// What stands behind these words at the beginning of lines.
fn behind<'a>(text: &'a str, words: &str) -> BTreeSet<&'a str> {
    text.lines().filter_map(|line| line.trim_start().strip_prefix(words)).map(str::trim).collect()
}

#[test]
fn every_alert_has_its_section_and_its_tests() {
    let read = |path: &str| std::fs::read_to_string(root().join(path)).unwrap();
    let (rules, tests, page) = (read("deploy/alerts.yml"), read("deploy/alerts.test.yml"), read("docs/operations.md"));
    let alerts = behind(&rules, "- alert: ");
    assert!(!alerts.is_empty());
    let sections: BTreeSet<&str> =
        behind(&page, "### ").into_iter().filter(|title| title.starts_with("Flowledger")).collect();
    assert_eq!(alerts, sections, "sections of docs/operations.md");
    let runbooks = alerts.iter().map(|alert| format!("docs/operations.md#{}", alert.to_lowercase())).collect();
    let named: BTreeSet<String> = behind(&rules, "runbook: ").into_iter().map(str::to_owned).collect();
    assert_eq!(named, runbooks, "runbooks that rules name");
    let fires = behind(&tests, "- alertname: ");
    assert_eq!(alerts, fires, "tests that an alert fires");
    let silent: BTreeSet<&str> =
        behind(&tests, "- { alertname: ").into_iter().filter_map(|it| it.split(',').next()).collect();
    assert_eq!(alerts, silent, "tests that an alert is silent");
}

/// Names of metrics are held against the program by tests of the services, each of its own: here it is seen that each has a service.
#[test]
fn every_metric_of_an_alert_is_one_of_a_service() {
    for path in ["deploy/alerts.yml", "deploy/alerts.test.yml"] {
        let text = std::fs::read_to_string(root().join(path)).unwrap();
        let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
        for rest in words.filter_map(|word| word.strip_prefix("flowledger_")) {
            assert!(rest.split_once('_').is_some_and(|(service, _)| SERVICES.contains(&service)), "{path}: {rest}");
        }
    }
}
