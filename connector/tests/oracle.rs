//! The stages, without Kafka, against the oracle: the same lines are events with the same ids, and the same lines are not.
//!
//! The oracle is `tests/oracle/report.py`, an implementation of its own; `oracle_verdicts.py` runs it line by line.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test file")]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use connector::line::Reached;
use connector::pipeline::{Fate, LineReader, LineSource};
use connector::stages::encode_event::EventEncoder;
use connector::{LogVersion, Wrapping};
use schema_registry::{Decoder, SchemaId, WriterSchema};
use schemas::avro_schemas::CONNECTION_EVENT;
use schemas::connection_event::ConnectionEvent;
use schemas::times::Moment;

fn tests_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests")
}

/// Runs a Python program with `input` on its standard input; its standard output.
fn python(program: &Path, arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let mut child = Command::new("python3")
        .arg(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3, which the oracle is written in");
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success(), "{} failed", program.display());
    output.stdout
}

/// What became of each line that has the prefix: an event, or the reason why not.
fn verdicts_of_the_oracle(log: &[u8], version: LogVersion) -> Vec<String> {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle_verdicts.py");
    let oracle = tests_folder().join("oracle");
    let output = python(&program, &[oracle.to_str().unwrap(), version.name()], log);
    String::from_utf8(output).unwrap().lines().map(str::to_owned).collect()
}

fn number(value: Option<u64>) -> String {
    value.map_or_else(|| "-".to_owned(), |number| number.to_string())
}

/// An event in the words of `oracle_verdicts.py`.
fn words_of(event: &ConnectionEvent) -> String {
    let hexadecimal = |text: &str| text.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
    let address = |address: Option<schemas::addresses::Address>| {
        address.map_or_else(|| "-".to_owned(), |address| address.to_ip().to_string())
    };
    let relays: Vec<String> = event
        .relays
        .iter()
        .map(|relay| format!("{}/{}/{}", hexadecimal(&relay.name), address(relay.ip), relay.port))
        .collect();
    let place = event.location.as_ref().and_then(|location| location.latitude.zip(location.longitude));
    let degrees = |degrees: f64| {
        let text = format!("{degrees:.6}");
        if text == "-0.000000" { "0.000000".to_owned() } else { text }
    };
    [
        "event".to_owned(),
        event.event_id.to_string(),
        event.start_time.as_micros().to_string(),
        event.end_time.as_micros().to_string(),
        event.event_type.log_name().to_owned(),
        event.protocol.name().to_owned(),
        hexadecimal(&event.connector_name),
        number(Some(event.connector_id.get())),
        hexadecimal(&event.remote_network_name),
        number(Some(event.remote_network_id.get())),
        hexadecimal(&event.resource_address),
        number(Some(event.resource_id.get())),
        hexadecimal(&event.applied_rule),
        address(event.resource_ip),
        event.resource_port.to_string(),
        address(event.client_ip),
        event.bytes_received.to_string(),
        event.bytes_transferred.to_string(),
        number(event.device_id.map(schemas::ids::DeviceId::get)),
        event.user.as_ref().map_or_else(|| "-".to_owned(), |user| format!("{}/{}", hexadecimal(&user.email), user.id)),
        event.service_account.as_ref().map_or_else(
            || "-".to_owned(),
            |account| {
                let key_id = number(account.key_id.map(schemas::ids::ServiceAccountKeyId::get));
                format!("{}/{}/{}/{key_id}", hexadecimal(&account.name), account.id, hexadecimal(&account.key))
            },
        ),
        format!("[{}]", relays.join(";")),
        hexadecimal(&event.error_message),
        place.map_or_else(|| "-".to_owned(), |(lat, lon)| format!("{}/{}", degrees(lat), degrees(lon))),
    ]
    .join(" ")
}

/// The same of our stages, and of what a reader makes of their events.
fn verdicts_of_the_stages(log: &[u8], version: LogVersion, wrapping: Wrapping) -> Vec<String> {
    let reader = LineReader::new("acme".parse().unwrap(), version);
    let mut source = LineSource::new(wrapping, Reached::default());
    let mut lines = Vec::new();
    for chunk in log.chunks(10_007) {
        source.feed(&bytes::Bytes::copy_from_slice(chunk), |line| lines.push(line));
    }
    source.finish(|line| lines.push(line));
    let schema = SchemaId::new(1);
    let mut encoder = EventEncoder::new(schema, "acme".parse().unwrap());
    let mut decoder = Decoder::<ConnectionEvent>::new(&CONNECTION_EVENT).unwrap();
    decoder.learn(schema, &WriterSchema(CONNECTION_EVENT.schema.to_owned())).unwrap();
    let verdict = |line: &connector::line::Line| match reader.fate_of(&line.content) {
        Fate::PassedOver => None,
        Fate::Unreadable(reason) => Some(format!("unreadable {reason}")),
        Fate::Event(fields) => {
            let mut value = Vec::new();
            encoder.encode(&fields, &mut value);
            let event = decoder.decode(&value).unwrap();
            assert_eq!(event.check(Moment::END), Ok(()), "ingest would refuse {event:?}");
            Some(words_of(&event))
        }
    };
    lines.iter().filter_map(verdict).collect()
}

/// Both say the same of every line; the words of a reason are the same too.
fn assert_same(log: &[u8], version: LogVersion, what: &str) {
    let (expected, found) =
        (verdicts_of_the_oracle(log, version), verdicts_of_the_stages(log, version, Wrapping::None));
    let lines: Vec<&[u8]> =
        log.split(|byte| *byte == b'\n').filter(|line| connector::line::find_prefix(line).is_some()).collect();
    let mut wrong = 0;
    for (number, (expected, found)) in expected.iter().zip(&found).enumerate() {
        if expected != found {
            wrong += 1;
            if wrong <= 12 {
                let line = String::from_utf8_lossy(lines[number]);
                let line: String = line.chars().take(3000).collect();
                println!("oracle: {expected}\nstages: {found}\nline:   {line}\n");
            }
        }
    }
    assert_eq!(wrong, 0, "{what}: {wrong} of {} lines differ", expected.len());
    assert_eq!(expected.len(), found.len(), "{what}");
}

fn traffic(seed: u32, connections: u32, version: LogVersion) -> Vec<u8> {
    let (seed, connections) = (seed.to_string(), connections.to_string());
    let arguments = ["--seed", &seed, "--connections", &connections, "--log-version", version.name()];
    python(&tests_folder().join("oracle/traffic.py"), &arguments, b"")
}

#[test]
fn samples_have_as_many_unreadable_lines_as_their_rejects() {
    for version in [LogVersion::V2, LogVersion::V3] {
        let sample = |ending| tests_folder().join(format!("samples/traffic-{}.{ending}", version.name()));
        let log = std::fs::read(sample("log")).unwrap();
        let rejects = std::fs::read(sample("rejects")).unwrap();
        let expected = rejects.split_inclusive(|byte| *byte == b'\n').count();
        let found = verdicts_of_the_stages(&log, version, Wrapping::None);
        assert_eq!(found.iter().filter(|verdict| verdict.starts_with("unreadable")).count(), expected);
        assert_same(&log, version, version.name());
    }
}

#[test]
fn generated_traffic_gives_the_events_of_the_oracle() {
    for seed in 1..=6 {
        for version in [LogVersion::V2, LogVersion::V3] {
            assert_same(&traffic(seed, 150, version), version, &format!("seed {seed}, {}", version.name()));
        }
    }
}

#[test]
fn lines_at_the_limit_are_judged_like_the_oracle_does() {
    let event = r#"ANALYTICS {"event_type":"denied_access","timestamp":5,"connection":{"id":"c","protocol":"tcp"},"connector":{"id":"1","name":""},"remote_network":{"id":"7","name":""},"resource":{"id":"3","address":""},"user":{"id":"4","email":""}}"#;
    let mut log = Vec::new();
    for (length, end) in [(524_288, "\r\r\n"), (524_289, "\n"), (524_289, "\r\n"), (524_287, " \n"), (524_288, " \n")] {
        log.extend_from_slice(event.as_bytes());
        log.resize(log.len() + length - event.len(), b' ');
        log.extend_from_slice(end.as_bytes());
    }
    log.extend_from_slice(&[b'x'; 600_000]);
    log.extend_from_slice(b"\n\xffANALYTICS {\xff}\n\xff ANALYTICS {}\r");
    assert_same(&log, LogVersion::V2, "limits");
}

#[test]
fn mutated_lines_are_judged_like_the_oracle_does() {
    let seed = std::env::var("FLOWLEDGER_TEST_SEED").unwrap_or_else(|_| "1".to_owned());
    let count = std::env::var("FLOWLEDGER_TEST_LINES").unwrap_or_else(|_| "6000".to_owned());
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mutated_lines.py");
    for version in [LogVersion::V2, LogVersion::V3] {
        let log = python(&program, &[&seed, &count], &traffic(7, 60, version));
        assert_same(&log, version, &format!("mutations, seed {seed}, {}", version.name()));
    }
}

/// A container's log of these lines, split into pieces of about `step` bytes, with other output between.
fn wrapped(log: &str, wrapping: Wrapping, step: usize) -> String {
    let mut text = String::new();
    for (number, line) in log.split_inclusive('\n').enumerate() {
        let (content, stream) = (line.trim_end_matches('\n'), if number % 7 == 3 { "stderr" } else { "stdout" });
        let mut cuts = vec![0];
        while let Some(cut) = (cuts[cuts.len() - 1] + step..content.len()).find(|at| content.is_char_boundary(*at)) {
            cuts.push(cut);
        }
        cuts.push(content.len());
        for (index, cut) in cuts.windows(2).enumerate() {
            let (piece, is_last) = (&content[cut[0]..cut[1]], index + 2 == cuts.len());
            match wrapping {
                Wrapping::Docker => {
                    let log = format!("{piece}{}", if is_last { "\n" } else { "" });
                    let line = serde_json::json!({"log": log, "stream": stream, "time": "2026-11-01T00:00:00Z"});
                    text.push_str(&format!("{line}\n"));
                }
                Wrapping::Cri | Wrapping::None => {
                    let tag = if is_last { "F" } else { "P" };
                    text.push_str(&format!("2026-11-01T00:00:00.1Z {stream} {tag} {piece}\n"));
                }
            }
        }
    }
    text
}

#[test]
fn containers_wrapping_changes_nothing() {
    let log = String::from_utf8(traffic(3, 100, LogVersion::V2)).unwrap();
    let expected = verdicts_of_the_stages(log.as_bytes(), LogVersion::V2, Wrapping::None);
    for wrapping in [Wrapping::Docker, Wrapping::Cri] {
        for step in [100, 16_384] {
            let found = verdicts_of_the_stages(wrapped(&log, wrapping, step).as_bytes(), LogVersion::V2, wrapping);
            assert_eq!(found, expected, "{wrapping:?}, pieces of {step}");
        }
    }
}
