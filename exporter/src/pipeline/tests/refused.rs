//! Requests that are refused: what is left of each, once, and that nobody else waits for it.

use clickhouse_io::QueryError;
use report_life::Limits;

use super::*;
use crate::config::Config;

/// A request that no exporter can make.
fn wrong() -> ReportRequest {
    ReportRequest { columns: vec!["nonsense".to_owned()], receivers: Vec::new(), ..request() }
}

#[tokio::test(start_paused = true)]
async fn request_that_is_not_allowed_is_a_letter_and_then_failed_and_neither_again() {
    let fake = Fake::default();
    let mut pipeline = pipeline(&fake);
    pipeline.arrived(encoded(4, &wrong()));
    end_of_one(&mut pipeline).await;
    let letter = "refused 4: columns has one that there is not: nonsense";
    assert_eq!(fake.0.done(), ["Requested", letter, "Failed", "commit 5"]);
    // A copy of it, and the same where the offset did not reach Kafka.
    for offset in [5, 4] {
        pipeline.arrived(encoded(offset, &wrong()));
        end_of_one(&mut pipeline).await;
    }
    assert_eq!(fake.0.done().iter().filter(|it| !it.starts_with("commit")).count(), 3, "{:?}", fake.0.done());
    assert_eq!((dead_letters(&pipeline), fates(&pipeline, "failed")), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn request_beyond_its_tenants_limits_is_a_letter_that_names_the_limit() {
    let fake = Fake::default();
    let limits = Limits { rows_a_day: 5, ..Limits::default() };
    let mut pipeline = pipeline_of(fake.life_with(Config { limits, ..Config::default() }));
    pipeline.arrived(asked(4, 1, 0));
    end_of_one(&mut pipeline).await;
    let letter = "refused 4: limits.rows_a_day: it has 6 rows, and reports may have 5 a day; choose a shorter range";
    assert_eq!(fake.0.done(), ["Requested", letter, "Failed", "commit 5"]);
}

#[tokio::test(start_paused = true)]
async fn report_that_fails_by_no_fault_of_its_request_is_no_letter() {
    let fake = Fake::default();
    fake.0.plan_faults.lock().unwrap().insert(0, QueryError::Refused { code: 60, reason: "no table".to_owned() });
    let mut pipeline = pipeline(&fake);
    pipeline.arrived(asked(4, 1, 0));
    end_of_one(&mut pipeline).await;
    assert_eq!(fake.0.done(), ["Requested", "Failed", "commit 5"]);
    assert_eq!((dead_letters(&pipeline), fates(&pipeline, "failed")), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn who_dies_before_the_letter_or_the_end_is_there_leaves_both_to_the_next_one() {
    let letter = "refused 4: columns has one that there is not: nonsense";
    let fake = Fake::default();
    fake.0.refuse_faults.lock().unwrap().insert(0, ProduceError::Fatal("fenced".to_owned()));
    // Requested; then the letter is there.
    fake.0.append_faults.lock().unwrap().insert(1, ProduceError::Fatal("fenced".to_owned()));
    let died = async || {
        let mut dying = pipeline(&fake);
        dying.arrived(encoded(4, &wrong()));
        let ended = dying.running.join_next().await.unwrap();
        dying.ended(ended).await.unwrap_err()
    };
    assert!(matches!(died().await, Error::DeadLetters(_)));
    assert_eq!(fake.0.done(), ["Requested"]);
    assert!(matches!(died().await, Error::Journal(_)));
    assert_eq!(fake.0.done(), ["Requested", letter]);
    assert!(!has_committed(&fake));
    let mut next = pipeline(&fake);
    next.arrived(encoded(4, &wrong()));
    end_of_one(&mut next).await;
    assert_eq!(fake.0.done(), ["Requested", letter, letter, "Failed", "commit 5"]);
}

#[tokio::test(start_paused = true)]
async fn request_whose_schema_nobody_knows_yet_waits_alone() {
    let fake = Fake::default();
    let mut pipeline = pipeline(&fake);
    pipeline.arrived(record(4, SchemaId::new(8).prefix().to_vec()));
    pipeline.arrived(asked(5, 1, 0));
    end_of_one(&mut pipeline).await;
    assert_eq!(fake.0.done().last().unwrap(), "Completed");
    assert_eq!((dead_letters(&pipeline), has_committed(&fake), pipeline.running.len()), (0, false, 1));
    // Another exporter waits then, and this one no more.
    pipeline.lost(&[partition()]);
    end_of_one(&mut pipeline).await;
    assert!(!has_committed(&fake));
}

#[test]
fn of_a_record_that_is_too_large_the_letter_has_the_beginning() {
    let of = |key: usize, value: usize| {
        let Arrival::Record(record) = record(4, vec![7; value]) else { panic!("it is one") };
        too_large(&Record { key: Some(vec![8; key].into()), ..record })
    };
    assert_eq!(of(36, BYTES_MAX - 36), None);
    for (key, value, kept) in
        [(36, BYTES_MAX - 35, (36, BYTES_KEPT)), (BYTES_MAX, 100, (KEY_KEPT, 100)), (BYTES_MAX + 1, 0, (KEY_KEPT, 0))]
    {
        let (beginning, reason) = of(key, value).unwrap();
        assert_eq!((beginning.key.unwrap().len(), beginning.payload.unwrap().len()), kept);
        assert!(reason.starts_with(&format!("it has {} bytes", key + value)), "{reason}");
    }
}

#[tokio::test(start_paused = true)]
async fn request_of_half_a_million_empty_texts_leaves_nothing_but_its_letter() {
    let fake = Fake::default();
    let mut pipeline = pipeline(&fake);
    pipeline.arrived(encoded(4, &ReportRequest { columns: vec![String::new(); 500_000], ..request() }));
    end_of_one(&mut pipeline).await;
    assert_eq!(fake.0.done(), ["refused 4: it has 500001 values in its lists, more than 30000", "commit 5"]);
}
