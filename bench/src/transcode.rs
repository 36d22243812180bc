//! What it costs to make blocks of events: Avro bodies in memory to sorted Native blocks, one thread, CPU time of it.

use std::time::Duration;

use event_columns::{BlockWriter, EventColumns, Program};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rustix::time::{ClockId, clock_gettime};
use schema_registry::{Decoder, Encoder, SchemaId, WriterSchema};
use schemas::avro_schemas::CONNECTION_EVENT;
use schemas::connection_event::ConnectionEvent;
use schemas::murmur2;
use schemas::times::Moment;

use crate::figure::{Figure, Measured};
use crate::traffic::Traffic;

/// The most that it may take in the running pipeline, nanoseconds an event.
const LIMIT_NS: f64 = 500.0;
const PARTITIONS: u32 = 16;
/// Records of one partition that come one after the other, as a fetch brings them.
const STRETCH: usize = 500;
/// Bytes in front of a body.
pub(crate) const WIRE_FORMAT: usize = 5;

/// The values of one partition, one after the other as in a fetch's answer.
#[derive(Default)]
pub(crate) struct Log {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Log {
    fn push(&mut self, value: &[u8]) {
        self.bytes.extend_from_slice(value);
        self.ends.push(self.bytes.len());
    }

    /// Values in wire format, by their offsets.
    pub(crate) fn values(&self, offsets: std::ops::Range<usize>) -> impl Iterator<Item = &[u8]> {
        offsets.map(|offset| {
            let begin = offset.checked_sub(1).map_or(0, |before| self.ends[before]);
            &self.bytes[begin..self.ends[offset]]
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }
}

/// CPU time of this thread.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// Runs it, and gives the CPU time that it took.
pub(crate) fn timed(run: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<Duration> {
    let begin = cpu_time();
    run()?;
    Ok(cpu_time().saturating_sub(begin))
}

/// CPU times of the stages.
#[derive(Clone, Copy)]
struct Stages {
    decode: Duration,
    sort: Duration,
    encode: Duration,
}

impl Stages {
    const MAX: Self = Self { decode: Duration::MAX, sort: Duration::MAX, encode: Duration::MAX };

    fn min(self, other: Self) -> Self {
        Self {
            decode: self.decode.min(other.decode),
            sort: self.sort.min(other.sort),
            encode: self.encode.min(other.encode),
        }
    }
}

pub(crate) fn measure(small: bool) -> anyhow::Result<Measured> {
    let (events, rounds) = if small { (160_000, 5) } else { (800_000, 9) };
    let logs = logs(events)?;
    let bytes: usize = logs.iter().map(|log| log.bytes.len()).sum();
    let ns = |time: Duration| time.as_secs_f64() * 1e9 / f64::from(events);

    let mut transcoder = Transcoder::new()?;
    let mut stages = Stages::MAX;
    for _ in 0..rounds {
        stages = stages.min(transcoder.round(&logs)?);
    }
    let (decode, sort, encode) = (ns(stages.decode), ns(stages.sort), ns(stages.encode));
    let apache = ns(decode_to_structs(&logs)?);
    let mut measured = Measured {
        figures: vec![
            Figure::new("transcode_ns_per_event", decode + sort + encode, "ns", "limit", LIMIT_NS),
            Figure::new("decode_ns_per_event", decode, "ns", "apache-avro", apache),
        ],
        notes: vec![
            format!("decode {decode:.0}, sort {sort:.0}, encode {encode:.0} ns an event, the least of {rounds} rounds"),
            format!(
                "{events} events in {PARTITIONS} partitions, {:.0} bytes of Avro and {:.0} of block each",
                bytes as f64 / f64::from(events),
                transcoder.block_bytes as f64 / f64::from(events),
            ),
        ],
    };
    crate::transcode_peers::add(&mut measured, &logs, decode)?;
    Ok(measured)
}

/// Realistic traffic, where Kafka's default partitioner puts it.
fn logs(events: u32) -> anyhow::Result<Vec<Log>> {
    let mut traffic = Traffic::new(StdRng::seed_from_u64(7), 200.0)?;
    let encoder = Encoder::<ConnectionEvent>::new(SchemaId::new(1), &CONNECTION_EVENT)?;
    let mut logs: Vec<Log> = (0..PARTITIONS).map(|_| Log::default()).collect();
    for _ in 0..events {
        let event = traffic.next_event()?;
        let partition = murmur2::partition(event.key().as_bytes(), PARTITIONS);
        logs[usize::try_from(partition)?].push(&encoder.encode(&event)?);
    }
    Ok(logs)
}

struct Transcoder {
    program: Program,
    columns: Vec<EventColumns>,
    writer: BlockWriter,
    block_bytes: usize,
}

impl Transcoder {
    fn new() -> anyhow::Result<Self> {
        Ok(Self {
            program: Program::new(CONNECTION_EVENT.schema)?,
            columns: (0..).take(PARTITIONS as usize).map(|partition| EventColumns::new("bench", partition)).collect(),
            writer: BlockWriter::default(),
            block_bytes: 0,
        })
    }

    /// Everything once: stretches of the partitions in turn, then each partition's range is closed.
    fn round(&mut self, logs: &[Log]) -> anyhow::Result<Stages> {
        let Self { program, columns, writer, block_bytes } = self;
        columns.iter_mut().for_each(EventColumns::clear);
        let decode = timed(|| {
            let longest = logs.iter().map(Log::len).max().unwrap_or(0);
            for begin in (0..longest).step_by(STRETCH) {
                for (log, columns) in logs.iter().zip(columns.iter_mut()) {
                    let stretch = begin.min(log.len())..(begin + STRETCH).min(log.len());
                    for (offset, value) in stretch.clone().zip(log.values(stretch)) {
                        let offset = i64::try_from(offset)?;
                        columns.append(program, &value[WIRE_FORMAT..], offset, Moment::END.as_micros())?;
                    }
                }
            }
            Ok(())
        })?;
        *block_bytes = 0;
        let (mut sort, mut encode) = (Duration::ZERO, Duration::ZERO);
        for columns in columns.iter_mut() {
            let begin = cpu_time();
            let sorted = columns.sorted(writer);
            let between = cpu_time();
            let blocks = sorted.blocks(None);
            encode += cpu_time().saturating_sub(between);
            sort += between.saturating_sub(begin);
            for block in blocks {
                *block_bytes += block.bytes.len();
                writer.give_back(block.bytes);
            }
        }
        Ok(Stages { decode, sort, encode })
    }
}

/// The same values, each to a struct.
fn decode_to_structs(logs: &[Log]) -> anyhow::Result<Duration> {
    let mut decoder = Decoder::<ConnectionEvent>::new(&CONNECTION_EVENT)?;
    decoder.learn(SchemaId::new(1), &WriterSchema(CONNECTION_EVENT.schema.to_owned()))?;
    timed(|| {
        for log in logs {
            for value in log.values(0..log.len()) {
                std::hint::black_box(decoder.decode(value)?);
            }
        }
        Ok(())
    })
}
