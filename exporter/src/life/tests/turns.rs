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
            fake.life().live(&ReportRequest { report_id: first, ..request() }, a_record()).await.unwrap();
            let open = "0193a0a0-0000-7000-8000-000000000000".parse().unwrap();
            fake.append(&Journal::requested(&ReportRequest { report_id: open, ..request() })).await.unwrap();
            // Another tenant's count nowhere.
            let (report_id, tenant) =
                ("0193a090-0000-7000-8000-000000000000".parse().unwrap(), "globex".parse().unwrap());
            fake.append(&Journal::requested(&ReportRequest { report_id, tenant, ..request() })).await.unwrap();
        }
        let reads = fake.0.calls("read");
        let life = fake.life_with(with(limits));
        life.live(&request(), a_record()).await.unwrap();
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
    let failing = async {
        tokio::join!(
            life.live(&asked[0], a_record()),
            life.live(&asked[1], a_record()),
            life.live(&asked[2], a_record()),
            life.live(&asked[3], a_record())
        )
    };
    let planned = async {
        tokio::time::sleep(Duration::from_millis(1)).await;
        life.live(&asked[4], a_record()).await.unwrap()
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
    let (first, second) = tokio::join!(life.live(&asked[0], a_record()), life.live(&asked[1], a_record()));
    assert_eq!((first.unwrap(), second.unwrap(), ends(&life.metrics)), (Lived::Done, Lived::Done, (1, 1)));
    let reasons: Vec<_> = asked.iter().filter_map(|it| fake.known(it.report_id).unwrap().reason).collect();
    assert!(reasons[0].contains("it has 6 rows, and reports of today have 6 of 11 a day"), "{reasons:?}");
}

/// The most reports that ran at once, by the events of all, until `lived` has ended.
async fn most_that_run(fake: &Fake, lived: impl Future<Output = ()>) -> usize {
    let mut most = 0;
    let mut lived = std::pin::pin!(lived);
    loop {
        tokio::select! {
            () = &mut lived => return most,
            () = tokio::time::sleep(Duration::from_millis(10)) => {
                let book = fake.0.book.lock().unwrap();
                most = most.max(book.values().filter(|state| state.phase == Phase::Running).count());
            }
        }
    }
}

fn one_at_once() -> Config {
    Config { limits: Limits { running: 1, ..Limits::default() }, ..Config::default() }
}

#[tokio::test(start_paused = true)]
async fn tenants_reports_are_as_many_as_may_run_on_all_exporters_together() {
    for running in [1, 2] {
        let fake = Fake::default();
        *fake.0.read_takes.lock().unwrap() = Duration::from_secs(20);
        *fake.0.book_is_behind.lock().unwrap() = Duration::from_millis(50);
        let config = Config { limits: Limits { running, ..Limits::default() }, ..Config::default() };
        let (one, other) = (fake.life_with(config.clone()), fake.life_with(config));
        let asked = requests(&["acme"; 4]);
        for request in &asked {
            fake.append(&Journal::requested(request)).await.unwrap();
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        let lived = async {
            let (first, second, third, fourth) = tokio::join!(
                one.live(&asked[0], a_record()),
                other.live(&asked[1], a_record()),
                other.live(&asked[2], a_record()),
                one.live(&asked[3], a_record())
            );
            assert_eq!([first, second, third, fourth].map(Result::unwrap), [(); 4].map(|()| Lived::Done));
        };
        assert_eq!(most_that_run(&fake, lived).await, running);
        let ended = |request: &ReportRequest| fake.known(request.report_id).unwrap().ended_at.unwrap();
        assert!(asked.iter().all(|it| fake.known(it.report_id).unwrap().phase == Phase::Completed));
        if running == 1 {
            assert!(asked.windows(2).all(|two| ended(&two[0]) < ended(&two[1])), "older ones go first");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn place_of_an_exporter_that_died_goes_on_with_whoever_has_the_request_next() {
    let fake = Fake::default();
    *fake.0.read_takes.lock().unwrap() = Duration::from_secs(20);
    let (dying, next, other) = (fake.life(), fake.life_with(one_at_once()), fake.life_with(one_at_once()));
    // The older one waits, and so does one with the exporter that takes over.
    let asked = requests(&["acme"; 3]);
    let died = tokio::time::timeout(Duration::from_secs(5), dying.live(&asked[1], a_record())).await;
    assert!(died.is_err());
    let waiting = async { tokio::join!(other.live(&asked[0], a_record()), next.live(&asked[2], a_record())) };
    let mut waiting = std::pin::pin!(waiting);
    assert!(tokio::time::timeout(Duration::from_secs(300), &mut waiting).await.is_err(), "it has the only place");
    assert_eq!(fake.known(asked[1].report_id).unwrap().attempt, 1);
    let lived = async {
        let ((first, third), second) = tokio::join!(waiting, next.live(&asked[1], a_record()));
        assert_eq!([first, second, third].map(Result::unwrap), [(); 3].map(|()| Lived::Done));
    };
    assert_eq!(most_that_run(&fake, lived).await, 1);
    let found: Vec<_> =
        asked.iter().map(|it| fake.known(it.report_id).unwrap()).map(|it| (it.phase, it.attempt)).collect();
    assert_eq!(found, [(Phase::Completed, 1), (Phase::Completed, 2), (Phase::Completed, 1)]);
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_place_holds_up_no_other_tenant() {
    let fake = Fake::default();
    *fake.0.read_takes.lock().unwrap() = Duration::from_secs(1);
    let life = fake.life_with(Config { concurrency: 1, ..one_at_once() });
    let asked = requests(&["acme", "acme", "globex"]);
    // Runs elsewhere.
    let started = ReportEventType::Started;
    let running = ReportEvent::new(asked[0].report_id, asked[0].tenant.clone(), started, Moment::now());
    fake.append(&running).await.unwrap();
    let lived = async {
        tokio::select! {
            _ = life.live(&asked[1], a_record()) => panic!("there is no place for it"),
            lived = life.live(&asked[2], a_record()) => lived,
        }
    };
    let lived = tokio::time::timeout(Duration::from_secs(30), lived).await;
    assert_eq!(lived.unwrap().unwrap(), Lived::Done);
}
