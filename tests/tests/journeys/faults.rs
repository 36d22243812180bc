//! Seeds against the oracle; kills of each service and outages of each part in mid-run: the report is the same.

use std::time::Duration;

use crate::oracle::{assert_same, connections_of, reject_count, report, traffic};
use crate::stack::{Stack, everything, tenant};

/// Cut into pieces at line ends.
fn pieces(lines: &[u8], count: usize) -> Vec<&[u8]> {
    let mut pieces = Vec::new();
    let mut rest = lines;
    for left in (1..=count).rev() {
        let aim = rest.len() / left;
        let end = rest[aim..].iter().position(|byte| *byte == b'\n').map_or(rest.len(), |at| aim + at + 1);
        let (piece, after) = rest.split_at(if left == 1 { rest.len() } else { end });
        pieces.push(piece);
        rest = after;
    }
    pieces
}

/// Twenty seeds, both versions, in one stack: each seed is a range of time of its own tenant's log.
#[tokio::test]
async fn twenty_seeds_of_both_versions_give_the_oracles_reports() {
    let (acme, globex) = (tenant("acme"), tenant("globex"));
    let mut stack = Stack::start(&[(&acme, Some("v2")), (&globex, Some("v3"))]).await;
    let lines_ends = stack.dead_letters().await;
    let logs = [(acme.as_str(), "v2"), (globex.as_str(), "v3")].map(|(tenant, version)| {
        // Names of files differ, so each seed is a file; all of a tenant's are one report, and ranges cut it.
        let lines: Vec<u8> = (100..120).flat_map(|seed| traffic(seed, 60, version)).collect();
        (tenant, version, lines)
    });
    for (tenant, _, lines) in &logs {
        stack.append(tenant, lines);
    }
    for (tenant, version, lines) in &logs {
        let expected = connections_of(tenant, version, lines);
        stack.wait_stored(tenant, expected).await;
        let session = stack.sign_in(tenant).await;
        let range = ["--from", "2026-10-31T23:20:00Z", "--to", "2026-11-01T00:10:00Z"];
        let networks = ["--network", "64894", "--network", "70019", "--denied"];
        let cut = serde_json::json!({ "from": "2026-11-01T00:20", "to": "2026-11-01T01:10", "zone": "Europe/Berlin",
            "remote_networks": ["64894", "70019"], "denied": true });
        let packed = |compression: &str| {
            let mut asked = everything();
            asked["compression"] = compression.into();
            (asked, vec![])
        };
        let cut = (cut, range.into_iter().chain(networks).collect());
        for (asked, arguments) in [packed("none"), packed("gzip"), packed("zstd"), cut] {
            let id = session.ask(&asked).await;
            session.wait_completed(&id).await;
            let ours = session.download(&id).await;
            assert!(ours.lines().count() > 10);
            assert_same(&ours, &report(tenant, version, &arguments, lines), tenant);
        }
    }
    let dead: usize = logs.iter().map(|(tenant, version, lines)| reject_count(tenant, version, lines)).sum();
    assert_eq!(stack.dead_letters().await - lines_ends, i64::try_from(dead).unwrap());
    stack.aggregator.assert_running();
    assert_rollup_equals_raw_rows(&stack).await;
    stack.end().await;
}

async fn assert_rollup_equals_raw_rows(stack: &Stack) {
    let rollup = "SELECT tenant, hour, sum(succeeded), sum(failed_dns + failed_other), sum(denied), sum(bytes_received)
        FROM connections_by_hour FINAL GROUP BY ALL ORDER BY ALL";
    let raw = "SELECT tenant, toStartOfHour(end_time) AS hour, countIf(event_type = 'closed_connection'),
        countIf(event_type = 'failed_to_connect'), countIf(event_type = 'denied_access'),
        sumIf(toUInt128(bytes_received), event_type = 'closed_connection')
        FROM (SELECT * FROM connections LIMIT 1 BY tenant, event_id) GROUP BY ALL ORDER BY ALL";
    let raw = stack.sql(raw).await.unwrap();
    assert!(raw.lines().count() > 4, "{raw}");
    let begin = std::time::Instant::now();
    while stack.sql(rollup).await.unwrap() != raw {
        assert!(begin.elapsed() < Duration::from_secs(60), "{}\n--\n{raw}", stack.sql(rollup).await.unwrap());
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// Each service is killed once while lines come in, and the exporter again while a report is asked for.
#[tokio::test]
async fn report_is_the_same_though_every_service_was_killed_in_mid_run() {
    let acme = &tenant("acme");
    let mut stack = Stack::start(&[(acme, Some("v2"))]).await;
    let lines = traffic(7, 900, "v2");
    let total = connections_of(acme, "v2", &lines);
    for (step, piece) in pieces(&lines, 6).into_iter().enumerate() {
        stack.append(acme, piece);
        if step == 0 {
            stack.wait_stored(acme, 20).await;
        } else {
            tokio::time::sleep(Duration::from_millis(150)).await;
        }
        let before = stack.stored(acme).await;
        match step {
            1 => stack.connectors[0].kill_and_restart(),
            2 => stack.ingest.kill_and_restart(),
            3 => stack.aggregator.kill_and_restart(),
            4 => stack.exporter.kill_and_restart(),
            5 => {
                stack.console.kill_and_restart();
                stack.wait_for_console().await;
            }
            _ => continue,
        }
        // In mid-flight: there were rows before, and there are more to come.
        assert!(before > 0 && before < total, "{before} of {total}");
    }
    stack.wait_stored(acme, total).await;
    let id = stack.sign_in(acme).await.ask(&everything()).await;
    stack.exporter.kill_and_restart();
    let session = stack.sign_in(acme).await;
    session.wait_completed(&id).await;
    assert_same(&session.download(&id).await, &report(acme, "v2", &[], &lines), "after kills");
    if let Some(mails) = stack.parts.mails() {
        let receivers = [format!("admin@{acme}.example")];
        assert!(mails.iter().any(|mail| mail.text.contains(&id) && mail.receivers == receivers), "{mails:?}");
    }
    assert_eq!(stack.exporter.starts, 3);
    assert_rollup_equals_raw_rows(&stack).await;
    stack.end().await;
}

/// Each part is away for 20 s in mid-run; nobody helps.
#[tokio::test]
async fn report_is_the_same_though_every_part_was_away_for_twenty_seconds() {
    const AWAY: Duration = Duration::from_secs(20);
    let acme = &tenant("acme");
    let mut stack = Stack::start_with_own_parts(&[(acme, Some("v2"))]).await;
    let lines = traffic(8, 900, "v2");
    let total = connections_of(acme, "v2", &lines);
    let pieces = pieces(&lines, 4);
    stack.append(acme, pieces[0]);
    stack.wait_stored(acme, 20).await;

    // Who has met a schema does not ask for it again.
    stack.parts.registry().kill();
    stack.parts.clickhouse().kill();
    stack.append(acme, pieces[1]);
    tokio::time::sleep(AWAY).await;
    stack.parts.clickhouse().restart().await.unwrap();
    let before = stack.wait_stored(acme, 30).await;
    assert!(before < total, "{before} of {total}");
    stack.parts.registry().restart().await.unwrap();

    stack.parts.kafka().kill();
    stack.append(acme, pieces[2]);
    tokio::time::sleep(AWAY).await;
    stack.parts.kafka().restart().await.unwrap();
    stack.append(acme, pieces[3]);
    // A report holds what is on Kafka when it is asked for: all of it, now.
    stack.wait_stored(acme, total).await;

    // The store and the mail server go away before the report is asked for, and come back one after the other.
    stack.parts.s3().kill();
    stack.parts.mail().kill();
    let id = stack.sign_in(acme).await.ask(&everything()).await;
    tokio::time::sleep(AWAY).await;
    let early = stack.sign_in(acme).await.get(&format!("/reports/{id}")).await;
    assert_ne!(early["state"], "completed", "the store was away: {early}");
    stack.parts.s3().restart().await.unwrap();
    let begin = std::time::Instant::now();
    while stack.sign_in(acme).await.get(&format!("/reports/{id}")).await["state"] != "completed" {
        assert!(begin.elapsed() < crate::stack::WAIT_MAX);
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let report_before_mail = stack.sign_in(acme).await.get(&format!("/reports/{id}")).await;
    assert_eq!(report_before_mail["notified"], 0, "the mail server was away: {report_before_mail}");
    stack.parts.mail().restart().await.unwrap();

    let session = stack.sign_in(acme).await;
    session.wait_completed(&id).await;
    assert_same(&session.download(&id).await, &report(acme, "v2", &[], &lines), "after outages");
    assert!(stack.parts.mails().unwrap().iter().any(|mail| mail.text.contains(&id)));
    for service in [&mut stack.ingest, &mut stack.aggregator, &mut stack.exporter, &mut stack.console] {
        service.assert_running();
        assert_eq!(service.starts, 1);
    }
}
