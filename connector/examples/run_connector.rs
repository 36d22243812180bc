//! A connector as a process of its own, for tests that kill it: `run_connector BROKERS REGISTRY INSTANCE STATE_DIR INPUT
//! TRANSACTION_MAX_SECONDS`.
//! Its last line on standard output is how it ended.

#![expect(clippy::print_stdout, reason = "a program that prints")]

use std::time::Duration;

use connector::{Config, ConnectorMetrics, DeliveryMode};
use kafka_io::KafkaConfig;
use schema_registry::RegistryConfig;
use service_kit::CancellationToken;
use service_kit::context::ServiceContext;

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [brokers, registry, instance, state_dir, input, transaction_max] = &arguments[..] else {
        println!("six arguments are needed");
        return;
    };
    let Ok(transaction_max) = transaction_max.parse() else {
        println!("{transaction_max} is no number of seconds");
        return;
    };
    let config = Config {
        tenant: "acme".parse().ok(),
        inputs: vec![input.clone()],
        state_dir: state_dir.into(),
        delivery: DeliveryMode::ExactlyOnce,
        instance: Some(instance.clone()),
        poll_interval: Duration::from_millis(20),
        rotated_wait: Duration::from_millis(500),
        transaction_max: Duration::from_secs(transaction_max),
        ..Config::default()
    };
    let kafka = KafkaConfig { bootstrap_servers: brokers.clone(), ..KafkaConfig::default() };
    let registry = RegistryConfig { url: registry.clone(), ..RegistryConfig::default() };
    let context = ServiceContext::new(CancellationToken::new());
    let metrics = ConnectorMetrics::new(&context.metrics);
    match connector::run(config, kafka, registry, metrics, context).await {
        Ok(summary) => println!("ended: {summary:?}"),
        Err(error) => println!("failed: {error}"),
    }
}
