//! Any question of the query layer as a table: the values of the page's own answers, of a plain count over the oracle's rows, and of the
//! same report as Parquet; by API, at a terminal, and by a schedule.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::time::{Duration, Instant};

use local_parts::{Part, Silent};
use reqwest::Method;
use serde_json::{Value, json};

use crate::oracle::{assert_same, connections_of, report, tests_folder, traffic};
use crate::report_life::flowledger;
use crate::stack::{Session, Stack, WAIT_MAX, tenant};

/// Holds all of the traffic, and the night before Berlin's clocks went back.
const RANGE: [&str; 2] = ["2026-10-24T12:00", "2026-11-03T18:30"];
const ZONE: &str = "Europe/Berlin";

/// Bucket, dimensions, measures; of columns the places of the keys, behind that of the bucket where there is one.
type Question = (Option<&'static str>, &'static [&'static str], &'static [&'static str], &'static [usize]);

const QUESTIONS: [Question; 6] = [
    (Some("hour"), &["remote_network", "protocol"], &["connections", "bytes", "failed_dns", "failed_other"], &[2, 3]),
    (Some("day"), &["country"], &["events", "denied", "users"], &[1]),
    (Some("minute"), &["tunnel_path"], &["bytes_received", "devices", "duration_p50_us", "duration_p95_us"], &[1]),
    (
        Some("week"),
        &[],
        &["connections", "users", "devices", "client_addresses", "addresses", "bytes_transferred"],
        &[],
    ),
    (Some("month"), &["status", "applied_rule"], &["events", "duration_p95_us"], &[1, 2]),
    (None, &["resource", "tunnel_path"], &["bytes", "succeeded", "addresses"], &[1, 2]),
];

fn asked((bucket, by, measures, _): Question, more: &Value) -> Value {
    let mut asked = json!({
        "from": RANGE[0], "to": RANGE[1], "zone": ZONE, "kind": "traffic",
        "table": { "bucket": bucket, "by": by, "measures": measures },
    });
    asked.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    asked
}

/// Lines of cells.
pub(crate) fn cells(csv: &str) -> Vec<Vec<String>> {
    let (mut lines, mut line, mut cell, mut is_quoted) = (Vec::new(), Vec::new(), String::new(), false);
    let mut chars = csv.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '"' if is_quoted && chars.peek() == Some(&'"') => cell.extend(chars.next()),
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => line.push(std::mem::take(&mut cell)),
            '\n' if !is_quoted => {
                line.push(std::mem::take(&mut cell));
                lines.push(std::mem::take(&mut line));
            }
            char => cell.push(char),
        }
    }
    lines
}

/// Measures of a group: the beginning of its bucket and its keys, in front of their values. What is all zeros is left out.
type Values = BTreeMap<(String, Vec<String>), Vec<String>>;

fn keep(values: &mut Values, group: (String, Vec<String>), of_group: Vec<String>) {
    if of_group.iter().any(|value| value != "0") {
        let before = values.insert(group, of_group);
        assert!(before.is_none(), "a group is there twice, once with {before:?}");
    }
}

fn of_table(csv: &str, (bucket, _, measures, keys): Question) -> Values {
    let mut values = Values::new();
    for line in &cells(csv)[1..] {
        let start = if bucket.is_some() { line[0].clone() } else { String::new() };
        let keys = keys.iter().map(|place| line[*place].clone()).collect();
        let of_group = &line[line.len() - measures.len()..];
        // A number has no way to say that there is none.
        let of_group = of_group.iter().map(|value| if value.is_empty() { "0".to_owned() } else { value.clone() });
        keep(&mut values, (start, keys), of_group.collect());
    }
    values
}

/// The range, or pieces of it in which a series by minute has no more points than it may have.
fn pieces(bucket: Option<&str>) -> Vec<[String; 2]> {
    let october = (24..=31).map(|day| format!("2026-10-{day}T12:00"));
    let noons = october.chain((1..=3).map(|day| format!("2026-11-0{day}T12:00")));
    let mut times = if bucket == Some("minute") { noons.collect() } else { vec![RANGE[0].to_owned()] };
    times.push(RANGE[1].to_owned());
    times.windows(2).map(|two| [two[0].clone(), two[1].clone()]).collect()
}

/// The same as the page asks for it, and where its answer comes from.
async fn of_page(session: &Session<'_>, question: Question) -> (Values, String) {
    let (mut values, mut source) = (Values::new(), String::new());
    for range in pieces(question.0) {
        source = of_piece(session, question, &range, &mut values).await;
    }
    (values, source)
}

async fn of_piece(
    session: &Session<'_>,
    (bucket, by, measures, _): Question,
    [from, to]: &[String; 2],
    values: &mut Values,
) -> String {
    let (path, name) = if bucket.is_some() { ("series", "split") } else { ("top", "by") };
    let mut query = vec![("from", from.as_str()), ("to", to), ("zone", ZONE), ("limit", "100")];
    query.extend(bucket.map(|bucket| ("bucket", bucket)));
    query.extend(by.iter().map(|by| (name, *by)).chain(measures.iter().map(|measure| ("measures", *measure))));
    let query: Vec<String> = query.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    let found = session.get(&format!("/traffic/{path}?{}", query.join("&"))).await;
    let texts = |value: &Value| value.as_array().unwrap().iter().map(Value::to_string).collect::<Vec<_>>();
    let keys = |group: &Value| -> Vec<String> {
        let keys = group["keys"].as_array().unwrap_or_else(|| panic!("there are groups beside these: {found}"));
        keys.iter().map(|key| key.as_str().unwrap().to_owned()).collect()
    };
    for group in found["groups"].as_array().into_iter().flatten() {
        keep(values, (String::new(), keys(group)), texts(&group["values"]));
    }
    for line in found["series"].as_array().into_iter().flatten() {
        for (start, of_group) in found["starts"].as_array().unwrap().iter().zip(line["values"].as_array().unwrap()) {
            let start = start.as_str().unwrap().replace('T', " ").replace('Z', ".00 UTC");
            keep(values, (start, keys(line)), texts(of_group));
        }
    }
    found["source"].as_str().unwrap().to_owned()
}

/// Network and protocol by hour, counted over the oracle's rows.
fn of_rows(events: &str) -> String {
    let rows = cells(events);
    let place = |name: &str| rows[0].iter().position(|it| it == name).unwrap();
    let [start, end, network, id, protocol, status] =
        ["start_time", "end_time", "remote_network", "remote_network_id", "protocol", "status"].map(place);
    let bytes = [place("bytes_transferred"), place("bytes_received")];
    let (mut names, mut groups) = (BTreeMap::new(), BTreeMap::<_, [u128; 4]>::new());
    for row in &rows[1..] {
        // A failure ends when it begins.
        let time = if row[end].is_empty() { &row[start] } else { &row[end] };
        let network_id: u64 = row[id].parse().unwrap();
        // Rows are in order of time: the last one is the newest.
        names.insert(network_id, row[network].clone());
        let counts =
            groups.entry((format!("{}:00:00.00 UTC", &time[..13]), network_id, row[protocol].clone())).or_default();
        counts[0] += 1;
        counts[1] += bytes.iter().map(|it| row[*it].parse().unwrap_or(0)).sum::<u128>();
        counts[2] += u128::from(row[status] == "DNS_ERROR");
        counts[3] += u128::from(row[status] == "CONNECTION_FAILED");
    }
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by(|((one, ..), left), ((other, ..), right)| one.cmp(other).then(right[0].cmp(&left[0])));
    let quoted = |name: &str| {
        let needs_quotes = name.contains([',', '"', '\r', '\n']);
        if needs_quotes { format!("\"{}\"", name.replace('"', "\"\"")) } else { name.to_owned() }
    };
    let line = |((hour, id, protocol), [count, bytes, dns, other]): ((String, u64, String), [u128; 4])| {
        format!("{hour},{},{id},{protocol},{count},{bytes},{dns},{other}\n", quoted(&names[&id]))
    };
    let header = "hour,remote_network,remote_network_id,protocol,connections,bytes,failed_dns,failed_other\n";
    groups.into_iter().map(line).fold(header.to_owned(), |text, line| text + &line)
}

#[tokio::test]
async fn question_as_a_table_has_the_values_of_the_page_of_the_rows_and_of_parquet() {
    let packages = local_parts::ensure(Part::DataTools, &Silent).await.unwrap();
    let acme = &tenant("tables");
    let mut stack = Stack::start(&[(acme, Some("v2"))]).await;
    let lines = traffic(48, 4_000, "v2");
    stack.append(acme, &lines);
    stack.wait_stored(acme, connections_of(acme, "v2", &lines)).await;
    let session = stack.sign_in(acme).await;

    let mut texts = Vec::new();
    let mut sources = BTreeSet::new();
    for question in QUESTIONS {
        let (csv, parquet) = (json!({ "compression": "gzip" }), json!({ "format": "parquet" }));
        let (csv, parquet) = (session.ask(&asked(question, &csv)).await, session.ask(&asked(question, &parquet)).await);
        let told = session.wait_completed(&csv).await;
        let name = format!("flowledger-{acme}-traffic-20261024T100000Z-20261103T173000Z.csv.gz");
        assert_eq!((&told["kind"], &told["file_name"]), (&json!("traffic"), &json!(name)));
        let text = session.download(&csv).await;
        let table = of_table(&text, question);
        assert_eq!(told["rows"], cells(&text).len() - 1);
        assert!(table.len() > 1 || question.1.is_empty(), "{text}");
        // What the page is told comes from roll-ups, where it can, once they are counted.
        let begin = Instant::now();
        loop {
            let (page, source) = of_page(&session, question).await;
            if page == table {
                sources.insert(source);
                break;
            }
            assert!(begin.elapsed() < WAIT_MAX, "{question:?}: {table:?} and on the page, of {source}, {page:?}");
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        session.wait_completed(&parquet).await;
        let folder = tempfile::tempdir().unwrap();
        let files = ["table.csv", "table.parquet"].map(|name| folder.path().join(name));
        std::fs::write(&files[0], &text).unwrap();
        std::fs::write(&files[1], session.download_file(&parquet).await.1).unwrap();
        let read = Command::new("python3")
            .arg("-B")
            .arg(tests_folder().join("readers/same_values.py"))
            .args(&files)
            .env("PYTHONPATH", &packages)
            .output()
            .unwrap();
        assert!(read.status.success(), "{question:?}: {}", String::from_utf8_lossy(&read.stderr));
        println!("{question:?}: {} rows", told["rows"]);
        texts.push((csv, text));
    }
    assert!(sources.contains("rollup") && sources.contains("raw"), "{sources:?}");
    let of_oracle = of_rows(&report(acme, "v2", &[], &lines));
    assert_same(&texts[0].1, &of_oracle, "networks and protocols by hour");

    assert_at_a_terminal(&stack, acme, &texts[0]);
    assert_in_files_and_by_a_schedule(&session, &texts[0].1).await;
    stack.end().await;
}

/// The same bytes, a manifest that says which table it is, and a refusal that names the option.
fn assert_at_a_terminal(stack: &Stack, acme: &str, (id, text): &(String, String)) {
    let of_tenant = ["--tenant", acme];
    let new = |more: &[&str]| {
        let range = ["report", "new", "--from", RANGE[0], "--to", RANGE[1], "--zone", ZONE, "--kind", "traffic"];
        flowledger(stack, &[&range[..], &of_tenant, more].concat())
    };
    let (bucket, by, measures, _) = QUESTIONS[0];
    let mut options = vec!["--bucket", bucket.unwrap(), "--follow"];
    options.extend(by.iter().flat_map(|by| ["--group-by", *by]));
    options.extend(measures.iter().flat_map(|measure| ["--measure", *measure]));
    let (report, beside, went_well) = new(&options);
    assert!(went_well, "{beside}");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("table.csv");
    let path = file.to_str().unwrap();
    let download = ["report", "download", report.trim(), "--output", path];
    assert!(flowledger(stack, &[&download[..], &of_tenant].concat()).2);
    assert_same(&std::fs::read_to_string(&file).unwrap(), text, "asked for at a terminal");
    for id in [report.trim(), id] {
        let (manifest, beside, went_well) = flowledger(stack, &[&["report", "manifest", id][..], &of_tenant].concat());
        assert!(went_well, "{beside}");
        let said: Value = serde_json::from_str(&manifest).unwrap();
        assert_eq!(said["kind"], "TRAFFIC");
        assert_eq!(said["table"], json!({ "bucket": bucket, "by": by, "measures": measures }));
    }
    let (manifest, ..) = flowledger(stack, &[&["report", "manifest", report.trim()][..], &of_tenant].concat());
    let beside = folder.path().join("table.manifest.json");
    std::fs::write(&beside, manifest).unwrap();
    let verified = Command::new(local_parts::flowledger_binary().unwrap())
        .args(["report", "verify", path, beside.to_str().unwrap()])
        .output()
        .unwrap();
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
    let (_, said, went_well) = new(&[]);
    assert!(!went_well && said.contains("--group-by names nothing to tell connections apart by"), "{said}");
}

async fn assert_in_files_and_by_a_schedule(session: &Session<'_>, text: &str) {
    const BY_ALL: Question = (Some("minute"), &["user", "resource", "port", "client_address"], &["connections"], &[]);
    let whole = session.ask(&asked(BY_ALL, &json!({}))).await;
    let split = session.ask(&asked(BY_ALL, &json!({ "split": { "rows": 1_000 } }))).await;
    let (told, whole) = (session.wait_completed(&whole).await, session.download(&whole).await);
    session.wait_completed(&split).await;
    let files = session.files(&split).await;
    let header = whole.split_inclusive('\n').next().unwrap();
    let rows = files.iter().map(|file| std::str::from_utf8(file).unwrap().strip_prefix(header).unwrap());
    assert_same(&rows.collect::<String>(), whole.strip_prefix(header).unwrap(), "in files");
    assert_eq!(files.len() as u64, told["rows"].as_u64().unwrap().div_ceil(1_000));
    assert!(files.len() > 1, "{told}");

    let mut kept = asked(QUESTIONS[0], &json!({ "name": "Networks by hour", "range": "last 24 hours" }));
    kept.as_object_mut().unwrap().retain(|name, _| name != "from" && name != "to");
    let answer = session.request(Method::POST, "/report-schedules").json(&kept).send().await.unwrap();
    assert_eq!(answer.status(), 201);
    let shown: Value = answer.json().await.unwrap();
    assert_eq!((&shown["kind"], &shown["table"]), (&json!("traffic"), &kept["table"]));
    let begin = Instant::now();
    while session.get("/report-schedules").await["schedules"].as_array().unwrap().is_empty() {
        assert!(begin.elapsed() < WAIT_MAX);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let run = format!("/report-schedules/{}/run", shown["id"].as_str().unwrap());
    let made: Value = session.request(Method::POST, &run).json(&json!({})).send().await.unwrap().json().await.unwrap();
    assert_eq!(made["table"], kept["table"], "{made}");
    let id = made["id"].as_str().unwrap();
    session.wait_completed(id).await;
    assert_eq!(session.download(id).await, text.split_inclusive('\n').next().unwrap(), "nothing was yesterday");

    for (table, field) in [
        (json!({}), "table.by"),
        (json!({ "bucket": "year" }), "table.bucket"),
        (json!({ "by": ["user", "user"] }), "table.by"),
        (json!({ "by": ["user"], "measures": ["speed"] }), "table.measures"),
    ] {
        let mut wrong = asked(QUESTIONS[0], &json!({}));
        wrong["table"] = table;
        let answer = session.request(Method::POST, "/reports").json(&wrong).send().await.unwrap();
        assert_eq!(answer.status(), 400);
        assert_eq!(answer.json::<Value>().await.unwrap()["error"]["field"], field);
    }
}
