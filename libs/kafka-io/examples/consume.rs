//! What consuming and committing cost, in CPU of the client. Prints one line a variant; the figures of `docs/performance.md`.
//!
//! `consume produce SERVERS TOPIC RECORDS BYTES`, then `consume read SERVERS TOPIC RECORDS VARIANT...` with variants
//! `group`, `batch` or `batch,KEY=VALUE,...` (`max` is the batch's size, other keys are librdkafka's), and `consume commit SERVERS TOPIC ROUNDS`.

#![expect(clippy::print_stdout, reason = "a program that prints")]

use std::error::Error;
use std::time::{Duration, Instant};

use kafka_io::batches::{Arrived, BatchConsumer, BatchOptions, Item};
use kafka_io::{Arrival, GroupConsumer, GroupOptions, KafkaConfig, OutRecord, Producer};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::producer::{FutureProducer, Producer as _};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use schemas::topics::Topic;

type Outcome<T> = Result<T, Box<dyn Error>>;

const USAGE: &str =
    "produce SERVERS TOPIC RECORDS BYTES | read SERVERS TOPIC RECORDS VARIANT... | commit SERVERS TOPIC ROUNDS";

#[tokio::main]
async fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [verb, servers, topic, count, rest @ ..] = &arguments[..] else { return Err(USAGE.into()) };
    let config = KafkaConfig { bootstrap_servers: servers.clone(), ..KafkaConfig::default() };
    let count: u64 = count.parse()?;
    match verb.as_str() {
        "produce" => produce(&config, topic, count, rest.first().ok_or(USAGE)?.parse()?).await,
        "read" => {
            for variant in rest {
                read(&config, topic, count, variant).await?;
            }
            Ok(())
        }
        "commit" => commit(&config, topic, count),
        _ => Err(USAGE.into()),
    }
}

/// Records as like events as their size and their lz4 ratio: half of each is the same in all, half is not.
async fn produce(config: &KafkaConfig, topic: &str, count: u64, bytes: usize) -> Outcome<()> {
    let topic_of_16 = Topic { name: topic.to_owned().leak(), partitions: 16, settings: &[] };
    kafka_io::admin::ensure_topics(config, &[topic_of_16], 1).await?;
    let producer = Producer::new(config, "consume-example")?;
    let mut payload: Vec<u8> = (0..bytes).map(|at| b"connection event of a Remote Network "[at % 37]).collect();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for number in 0..count {
        for chunk in payload[..bytes / 2].chunks_mut(8) {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let (random, length) = ((state >> 8).to_le_bytes(), chunk.len());
            chunk.copy_from_slice(&random[..length]);
        }
        let key = (number % 500).to_string();
        drop(producer.enqueue(OutRecord { topic, key: key.as_bytes(), payload: &payload, headers: &[] }).await?);
    }
    producer.flush(Duration::from_secs(120)).await?;
    Ok(())
}

/// CPU time of this process so far, in all threads.
fn cpu() -> Outcome<Duration> {
    let text = std::fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> = text.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>()? + fields[12].parse::<u64>()?;
    Ok(Duration::from_millis(ticks * 10))
}

fn resident_mb() -> Outcome<u64> {
    let text = std::fs::read_to_string("/proc/self/status")?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? / 1024)
}

async fn read(config: &KafkaConfig, topic: &str, count: u64, variant: &str) -> Outcome<()> {
    let group = format!("consume-{}-{}", std::process::id(), variant.replace(['=', ',', '.'], "-"));
    let mut parts = variant.split(',');
    let kind = parts.next().unwrap_or_default();
    let settings: Vec<(&str, &str)> = parts.filter_map(|part| part.split_once('=')).collect();
    let (cpu_begin, begin, mut seen, mut bytes) = (cpu()?, Instant::now(), 0_u64, 0_usize);
    if kind == "group" {
        let mut consumer = GroupConsumer::new(config, &GroupOptions::new(&group, topic))?;
        while seen < count {
            if let Arrival::Record(record) = consumer.next().await? {
                seen += 1;
                bytes += record.payload.map_or(0, |value| value.len());
            }
        }
        consumer.close().await;
    } else {
        let mut options = BatchOptions::new(&group, topic);
        let mut max = 4096;
        for (key, value) in settings {
            match key {
                "max" => max = value.parse()?,
                "prefetch" => options.prefetch_bytes_max = value.parse()?,
                "answer" => options.answer_bytes_max = value.parse()?,
                "partition" => options.partition_bytes_max = value.parse()?,
                _ => drop(options.properties.insert(key.to_owned(), value.to_owned())),
            }
        }
        let mut consumer = BatchConsumer::new(config, &options)?;
        while seen < count {
            if let Some(Arrived::Fetched(fetched)) = consumer.next(max, Duration::from_millis(50))? {
                for item in fetched.items() {
                    if let Item::Record(record) = item {
                        seen += 1;
                        bytes += record.payload.map_or(0, <[u8]>::len);
                    }
                }
            }
        }
        consumer.close();
    }
    let (cpu, wall) = ((cpu()? - cpu_begin).as_secs_f64(), begin.elapsed().as_secs_f64());
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    let (each, rate, megabytes) = (cpu * 1e9 / count as f64, count as f64 / wall / 1e6, bytes as f64 / 1e6);
    println!(
        "{variant}: {each:.0} ns CPU a record, {rate:.2} M/s, {megabytes:.0} MB of values, peak {} MB",
        resident_mb()?
    );
    Ok(())
}

/// A plain commit against offsets sent in a transaction with the group's metadata.
fn commit(config: &KafkaConfig, topic: &str, rounds: u64) -> Outcome<()> {
    let client = |more: &[(&str, &str)]| {
        let mut client = ClientConfig::new();
        client.set("bootstrap.servers", &config.bootstrap_servers);
        for (key, value) in more {
            client.set(*key, *value);
        }
        client
    };
    let consumer: BaseConsumer = client(&[("group.id", "consume-commit"), ("enable.auto.commit", "false")]).create()?;
    consumer.subscribe(&[topic])?;
    while consumer.assignment()?.count() == 0 {
        consumer.poll(Duration::from_millis(100));
    }
    let list = |offset: u64| {
        let mut list = TopicPartitionList::new();
        let mut element = list.add_partition(topic, 0);
        element.set_metadata("x".repeat(300));
        element.set_offset(Offset::Offset(offset.cast_signed()))?;
        Ok::<_, rdkafka::error::KafkaError>(list)
    };
    let timed = |name: &str, step: &mut dyn FnMut(u64) -> Outcome<()>| -> Outcome<()> {
        let (cpu_begin, begin) = (cpu()?, Instant::now());
        let mut waits = Vec::new();
        for round in 0..rounds {
            let begin = Instant::now();
            step(round)?;
            waits.push(begin.elapsed().as_secs_f64() * 1e3);
        }
        waits.sort_by(f64::total_cmp);
        let (cpu, wall) = ((cpu()? - cpu_begin).as_secs_f64(), begin.elapsed().as_secs_f64());
        #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
        let (each, cpu_each) = (wall * 1e3 / rounds as f64, cpu * 1e3 / rounds as f64);
        let middle = waits[waits.len() / 2];
        println!("{name}: {each:.2} ms (median {middle:.2}), {cpu_each:.2} ms CPU of the client, {rounds} rounds");
        Ok(())
    };
    timed("plain commit", &mut |round| Ok(consumer.commit(&list(round)?, CommitMode::Sync)?))?;
    let producer: FutureProducer = client(&[("transactional.id", "consume-commit")]).create()?;
    let wait = Duration::from_secs(30);
    producer.init_transactions(wait)?;
    timed("in a transaction", &mut |round| {
        producer.begin_transaction()?;
        let metadata = consumer.group_metadata().ok_or("no group")?;
        producer.send_offsets_to_transaction(&list(round)?, &metadata, wait)?;
        Ok(producer.commit_transaction(wait)?)
    })
}
