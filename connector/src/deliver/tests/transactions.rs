//! Events and positions in one transaction.

use super::*;

#[tokio::test]
async fn events_and_positions_are_committed_together_and_count_from_then_on() {
    let carried = Carried::default();
    let mut bench = transactional(&carried);
    bench.take(opened(1)).await;
    bench.take(read(1, 0, &["noise", GOOD, BAD])).await;
    assert_eq!(bench.kafka.noted(), ["begin"], "one for both records");
    for _ in 0..2 {
        bench.kafka.take().unwrap().answer.send(Ok(())).unwrap();
    }
    bench.settle().await;
    let text = bench.registry.render();
    assert!(text.contains("flowledger_connector_published_events_total{tenant=\"acme\"} 0"), "{text}");
    assert_eq!(carried.committed(), Summary::default());
    let kafka = bench.kafka.clone();
    let (saved, ()) = tokio::join!(bench.delivery.save(), async { kafka.answer_commit(Ok(())) });
    saved.unwrap();
    assert_eq!(kafka.noted(), ["c/1-1 at Some(30)", "commit"]);
    let text = bench.registry.render();
    assert!(text.contains("flowledger_connector_published_events_total{tenant=\"acme\"} 1"), "{text}");
    assert!(text.contains("flowledger_connector_unreadable_lines_total{tenant=\"acme\"} 1"), "{text}");
    assert_eq!((carried.committed().read, carried.committed().published), (3, 1));
    assert_eq!(carried.positions(), Some(bench.delivery.positions()), "what a stop leaves in the folder");
    bench.delivery.save().await.unwrap();
    assert_eq!(kafka.noted(), Vec::<String>::new(), "nothing has moved");
}

#[tokio::test]
async fn where_files_were_opened_is_committed_before_a_line_is_taken() {
    let carried = Carried::default();
    let ledger = Ledger::new("c", BTreeMap::new());
    let mut bench = bench_with(|_| {}, carried.clone(), |_| Keeper::Transaction(ledger));
    bench.delivery.knows_positions = false;
    bench.take(opened(1)).await;
    assert!(
        tokio::time::timeout(Duration::from_millis(20), bench.delivery.take(FromSource::LookedAround)).await.is_err()
    );
    assert_eq!(bench.kafka.noted(), ["begin", "c/1-1 at Some(0)", "c/begun at Some(0)", "commit"]);
    // Should this transaction fail, too: the next run in this process begins there.
    assert_eq!(carried.opened().map(|files| files.len()), Some(1));
    bench.kafka.answer_commit(Ok(()));
    bench.delivery.save().await.unwrap();
    bench.take(FromSource::Closed { source: SourceId(1) }).await;
    let kafka = bench.kafka.clone();
    let (saved, ()) = tokio::join!(bench.delivery.save(), async { kafka.answer_commit(Ok(())) });
    saved.unwrap();
    assert_eq!(kafka.noted(), ["begin", "c/1-1 at None", "commit"], "that it has begun stays");
}

#[tokio::test]
async fn commit_that_was_dropped_is_finished_before_anything_else() {
    let mut bench = transactional(&Carried::default());
    bench.take(opened(1)).await;
    bench.take(read(1, 0, &[GOOD])).await;
    bench.kafka.take().unwrap().answer.send(Ok(())).unwrap();
    assert!(tokio::time::timeout(Duration::from_millis(20), bench.delivery.save()).await.is_err());
    assert_eq!(bench.kafka.noted(), ["begin", "c/1-1 at Some(10)", "commit"]);
    bench.kafka.answer_commit(Ok(()));
    bench.delivery.save().await.unwrap();
    assert_eq!(bench.kafka.noted(), Vec::<String>::new(), "there is no second one");
    bench.take(FromSource::Closed { source: SourceId(1) }).await;
    let kafka = bench.kafka.clone();
    let (saved, ()) = tokio::join!(bench.delivery.save(), async { kafka.answer_commit(Ok(())) });
    saved.unwrap();
    assert_eq!(kafka.noted(), ["begin", "c/1-1 at None", "commit"]);
}

#[tokio::test]
async fn transaction_that_fails_counts_for_nothing() {
    let carried = Carried::default();
    let mut bench = transactional(&carried);
    bench.take(opened(1)).await;
    bench.take(read(1, 0, &[GOOD])).await;
    bench.kafka.take().unwrap().answer.send(Ok(())).unwrap();
    let kafka = bench.kafka.clone();
    let failure = Err(WriteError::DoAgain("a broker went away".to_owned()));
    let (saved, ()) = tokio::join!(bench.delivery.save(), async { kafka.answer_commit(failure) });
    assert!(matches!(saved, Err(Error::Kafka(WriteError::DoAgain(_)))), "{saved:?}");
    assert_eq!((carried.committed(), carried.positions()), (Summary::default(), None));
    let text = bench.registry.render();
    assert!(text.contains("flowledger_connector_published_events_total{tenant=\"acme\"} 0"), "{text}");
}

#[tokio::test]
async fn record_that_is_refused_undoes_its_transaction_once_and_is_a_dead_letter_in_the_next() {
    let carried = Carried::default();
    let mut refusals = Vec::new();
    // First the event is refused, then the dead letter with all of the line, then nothing.
    for _ in 0..3 {
        let mut bench = transactional(&carried);
        bench.take(opened(1)).await;
        let long = format!("{} {}", "x".repeat(100_000), GOOD);
        bench.take(read(1, 0, &[GOOD, &long])).await;
        bench.kafka.take().unwrap().answer.send(Ok(())).unwrap();
        let second = bench.kafka.take().unwrap();
        refusals.push((second.topic.clone(), second.payload.len()));
        let refuses = refusals.len() < 3;
        let answer = if refuses { Err(WriteError::Refused("too large".to_owned())) } else { Ok(()) };
        second.answer.send(answer).unwrap();
        let settled = bench.delivery.settle_all().await;
        assert_eq!(matches!(settled, Err(Error::Kafka(WriteError::DoAgain(_)))), refuses, "{settled:?}");
    }
    let letters = "connection-lines-dead-letter".to_owned();
    let long = "x".repeat(100_001).len() + GOOD.len();
    assert_eq!(refusals, [("connection-events".to_owned(), 1), (letters.clone(), long), (letters, 65_536)]);
}
