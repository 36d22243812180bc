//! What a line costs from file to Kafka, in CPU of the connector: `lines_per_cpu_second [LINES]`. Starts Kafka and a registry, writes a log,
//! and reads it once in each mode of delivery. Prints one line a mode.

#![expect(clippy::print_stdout, reason = "a program that prints")]

use std::error::Error;
use std::io::Write;
use std::time::{Duration, Instant};

use connector::{Config, ConnectorMetrics, DeliveryMode};
use kafka_io::{KafkaConfig, admin};
use local_parts::{Kafka, SchemaRegistry, Silent};
use schema_registry::RegistryConfig;
use schemas::topics;
use service_kit::CancellationToken;
use service_kit::context::ServiceContext;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// A line of the size and shape that Connectors print.
fn line(number: usize) -> String {
    let (network, user, millis) = (number % 200, number % 3_000, 1_753_467_561_236 + number);
    format!(
        r#"2025-07-25T18:19:41Z INFO ANALYTICS {{"event_type":"closed_connection","timestamp":{millis},"connection":{{"id":"{number:016x}","protocol":"tcp","duration":{duration},"client_ip":"192.0.2.{octet}","resource_ip":"10.11.12.{octet}","resource_port":443,"rx":{rx},"tx":404,"tunnel_path":"relay","tunnel_proto":"quic/udp"}},"connector":{{"id":"123456","name":"quiet-heron"}},"remote_network":{{"id":"{network}","name":"aws-us-east-1"}},"resource":{{"id":"{resource}","address":"git{octet}.corp.example","applied_rule":"*.corp.example"}},"user":{{"id":"{user}","email":"user{user}@corp.example"}},"device":{{"id":"{device}"}},"relays":[{{"ip":"198.51.100.7","name":"relay-ams","port":30501}}],"location":"{{\"geoip\":{{\"city\":\"Lyon\",\"country\":\"FR\",\"region\":\"ARA\",\"lat\":45.75,\"lon\":4.85}}}}"}}"#,
        duration = number % 60_000,
        octet = number % 250,
        rx = number * 37 % 1_000_000,
        resource = 1_000 + number % 500,
        device = 9_000 + user,
    ) + "\n"
}

/// CPU time of this process so far, in all threads.
fn cpu() -> Outcome<Duration> {
    let text = std::fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> = text.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    Ok(Duration::from_millis((fields[11].parse::<u64>()? + fields[12].parse::<u64>()?) * 10))
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let count: usize = std::env::args().nth(1).map_or(Ok(1_000_000), |count| count.parse())?;
    let dir = tempfile::tempdir()?;
    let log = dir.path().join("a.log");
    let mut file = std::io::BufWriter::new(std::fs::File::create(&log)?);
    for number in 0..count {
        file.write_all(line(number).as_bytes())?;
    }
    file.flush()?;
    let broker = Kafka::start(&dir.path().join("kafka"), None, &Silent).await?;
    let registry = SchemaRegistry::start(&dir.path().join("registry"), None, &Silent).await?;
    let kafka = KafkaConfig { bootstrap_servers: broker.bootstrap_servers(), ..KafkaConfig::default() };
    let registry = RegistryConfig { url: registry.url(), ..RegistryConfig::default() };
    admin::ensure_topics(&kafka, topics::ALL, 1).await?;
    for (delivery, name) in [
        (DeliveryMode::AtLeastOnce, "at_least_once"),
        (DeliveryMode::ExactlyOnce, "exactly_once"),
        (DeliveryMode::AtLeastOnce, "at_least_once again"),
        (DeliveryMode::ExactlyOnce, "exactly_once again"),
    ] {
        let context = ServiceContext::new(CancellationToken::new());
        let metrics = ConnectorMetrics::new(&context.metrics);
        let config = Config {
            tenant: "acme".parse().ok(),
            inputs: vec![log.to_string_lossy().into_owned()],
            state_dir: dir.path().join(name),
            delivery,
            instance: Some(name.replace(' ', "-")),
            once: true,
            ..Config::default()
        };
        let (cpu_begin, begin) = (cpu()?, Instant::now());
        let summary = connector::run(config, kafka.clone(), registry.clone(), metrics, context).await?;
        let (cpu, wall) = ((cpu()? - cpu_begin).as_secs_f64(), begin.elapsed().as_secs_f64());
        #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
        let (rate, wall_rate) = (summary.published as f64 / cpu, summary.published as f64 / wall);
        println!("{name}: {rate:.0} lines per CPU second, {wall_rate:.0} per second, {} published", summary.published);
    }
    Ok(())
}
