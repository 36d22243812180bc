//! Reports that wait for others: limits of their tenants, and turns.

use super::*;

#[tokio::test(start_paused = true)]
async fn report_beyond_its_tenants_limits_fails_in_words_before_anything_is_read() {
    let with = |limits| Config { limits, ..Config::default() };
    let none = Limits::default();
    for (limits, said, code) in [
        (Limits { rows_a_day: 5, ..none }, "it has 6 rows, and reports may have 5 a day", "limit_rows_of_one"),
        (
            Limits { rows_a_day: 11, ..none },
            "it has 6 rows, and reports of today have 6 of 11 a day",
            "limit_rows_of_next",
        ),
        (Limits { bytes_a_day: 1, ..none }, "of 1 bytes a day", "limit_bytes"),
        (Limits { open: 1, ..none }, "1 reports wait or are made", "limit_open"),
    ] {
        let fake = Fake::default();
        if limits.rows_a_day != 5 {
            let first = "0193a0b0-0000-7000-8000-000000000000".parse().unwrap();
            fake.life().live(&ReportRequest { report_id: first, ..request() }).await.unwrap();
            let open = "0193a0a0-0000-7000-8000-000000000000".parse().unwrap();
            fake.append(&Journal::requested(&ReportRequest { report_id: open, ..request() })).await.unwrap();
            // Another tenant's count nowhere.
            let (report_id, tenant) =
                ("0193a090-0000-7000-8000-000000000000".parse().unwrap(), "globex".parse().unwrap());
            fake.append(&Journal::requested(&ReportRequest { report_id, tenant, ..request() })).await.unwrap();
        }
        let reads = fake.0.calls("read");
        let life = fake.life_with(with(limits));
        life.live(&request()).await.unwrap();
        assert!(reason(&fake).contains(said), "{}", reason(&fake));
        assert_eq!(fake.known(request().report_id).unwrap().known_reason.unwrap().code, code);
        assert_eq!((ends(&life.metrics), fake.0.calls("read")), ((0, 1), reads));
    }
}

/// Requests of these tenants, one each, numbered by their place.
fn requests(tenants: &[&str]) -> Vec<ReportRequest> {
    let request = |(number, tenant): (usize, &&str)| ReportRequest {
        report_id: format!("0193a0b0-0000-7000-8000-0000000001{number:02}").parse().unwrap(),
        tenant: tenant.parse().unwrap(),
        receivers: Vec::new(),
        ..request()
    };
    tenants.iter().enumerate().map(request).collect()
}

#[tokio::test(start_paused = true)]
async fn plans_that_cannot_be_made_hold_up_nobody_elses() {
    let fake = Fake::default();
    *fake.0.plan_takes.lock().unwrap() = Duration::from_secs(1);
    // All but the fifth one.
    let fails = |call| (call, QueryError::NoAnswer("timeout".to_owned()));
    fake.0.plan_faults.lock().unwrap().extend((0..10_000).filter(|call| *call != 4).map(fails));
    let (life, asked) = (fake.life(), requests(&["acme", "acme", "globex", "globex", "initech"]));
    let failing =
        async { tokio::join!(life.live(&asked[0]), life.live(&asked[1]), life.live(&asked[2]), life.live(&asked[3])) };
    let planned = async {
        tokio::time::sleep(Duration::from_millis(1)).await;
        life.live(&asked[4]).await.unwrap()
    };
    let lived = async {
        tokio::select! {
            _ = failing => panic!("they have failed"),
            lived = planned => lived,
        }
    };
    assert_eq!(tokio::time::timeout(Duration::from_secs(5), lived).await, Ok(Lived::Done));
    assert_eq!(fake.known(asked[4].report_id).unwrap().phase, Phase::Completed);
}

#[tokio::test(start_paused = true)]
async fn two_that_begin_at_once_do_not_pass_a_limit_together() {
    let fake = Fake::default();
    *fake.0.book_is_behind.lock().unwrap() = Duration::from_secs(1);
    let limits = Limits { rows_a_day: 11, ..Limits::default() };
    let (life, asked) = (fake.life_with(Config { limits, ..Config::default() }), requests(&["acme", "acme"]));
    for request in &asked {
        fake.append(&Journal::requested(request)).await.unwrap();
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    let (first, second) = tokio::join!(life.live(&asked[0]), life.live(&asked[1]));
    assert_eq!((first.unwrap(), second.unwrap(), ends(&life.metrics)), (Lived::Done, Lived::Done, (1, 1)));
    let reasons: Vec<_> = asked.iter().filter_map(|it| fake.known(it.report_id).unwrap().reason).collect();
    assert!(reasons[0].contains("it has 6 rows, and reports of today have 6 of 11 a day"), "{reasons:?}");
}
