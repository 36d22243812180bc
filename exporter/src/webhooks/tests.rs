//! Webhooks in a group of one, with a clock that is set by hand and receivers that fail or hang when they are told to.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::SystemTime;

use ::webhooks::{Wanted, asked_again, made, paused, resumed};
use kafka_io::{Partition, ProduceError};
use report_life::{End, Language, Phase, Receiver};
use schema_registry::{Encoder, RegistryConfig, SchemaId, WriterSchema};
use schemas::avro_schemas::WEBHOOK;
use schemas::ids::ReportId;
use schemas::webhook::WebhookEvent;
use service_kit::clock::ManualClock;
use service_kit::metrics::Metrics;

use super::*;
use crate::metrics::{FateLabel, StandingLabel};

/// 2026-11-01, Sunday, noon UTC.
const NOON: i64 = 1_793_534_400;

#[derive(Default)]
struct World {
    ends: Mutex<Vec<ReportEnd>>,
    /// How many of them were read at each look.
    read: Mutex<Vec<usize>>,
    /// What a receiver answers, by its URL; without one it takes everything.
    answers: Mutex<BTreeMap<String, Result<u16, SendError>>>,
    /// Receivers that say nothing.
    hanging: Mutex<BTreeSet<String>>,
    /// URL and message, as they were sent.
    sent: Mutex<Vec<(String, Message)>>,
    noted: Mutex<Vec<WebhookDelivery>>,
    mails: Mutex<Vec<(String, MailText)>>,
    /// Kafka takes no notes.
    is_away: Mutex<bool>,
    refuses: Mutex<bool>,
}

impl Post for Arc<World> {
    fn ends_from(&self, place: u64) -> (Vec<ReportEnd>, u64) {
        let ends = self.ends.lock().unwrap();
        let new = ends[usize::try_from(place).unwrap()..].to_vec();
        self.read.lock().unwrap().push(new.len());
        (new, ends.len() as u64)
    }

    async fn send(&self, url: &str, message: &Message) -> Result<u16, SendError> {
        self.sent.lock().unwrap().push((url.to_owned(), message.clone()));
        if self.hanging.lock().unwrap().contains(url) {
            std::future::pending::<()>().await;
        }
        self.answers.lock().unwrap().get(url).cloned().unwrap_or(Ok(204))
    }

    async fn note(&self, delivery: &WebhookDelivery) -> Result<(), JournalError> {
        if *self.refuses.lock().unwrap() {
            return Err(ProduceError::Fatal("fenced".to_owned()).into());
        }
        if *self.is_away.lock().unwrap() {
            std::future::pending::<()>().await;
        }
        self.noted.lock().unwrap().push(delivery.clone());
        Ok(())
    }

    async fn mail(&self, receiver: &str, mail: &MailText) -> Result<(), MailError> {
        self.mails.lock().unwrap().push((receiver.to_owned(), mail.clone()));
        Ok(())
    }
}

impl World {
    fn completed(&self, seconds: i64) -> ReportId {
        let (report, end) = (ReportId::generate(), End { phase: Phase::Completed, attempt: 1, at: at(seconds) });
        self.ends.lock().unwrap().push(ReportEnd { report, tenant: "acme".parse().unwrap(), end });
        report
    }

    fn answers(&self, webhook: &Webhook, answer: Result<u16, SendError>) {
        self.answers.lock().unwrap().insert(webhook.url.clone(), answer);
    }

    /// How often something was sent to it.
    fn sent_to(&self, webhook: &Webhook) -> usize {
        self.sent.lock().unwrap().iter().filter(|(url, _)| *url == webhook.url).count()
    }

    fn steps(&self) -> Vec<(DeliveryStep, i32)> {
        self.noted.lock().unwrap().iter().map(|it| (it.step, it.tries)).collect()
    }
}

/// Seconds after noon.
fn at(seconds: i64) -> Moment {
    Moment::from_millis((NOON + seconds) * 1_000)
}

/// Made at noon.
fn webhook(name: &str) -> Webhook {
    let wanted = Wanted {
        name: name.to_owned(),
        url: format!("https://{name}.acme.example/"),
        events: WebhookEvent::ALL.to_vec(),
        contact: "admin@acme.example".to_owned(),
    };
    made("acme".parse().unwrap(), wanted, "admin", at(0))
}

fn partition(number: i32) -> Partition {
    Partition { topic: "webhooks".into(), number }
}

type Own = (Webhooks<Arc<World>>, Arc<ManualClock>);

/// An exporter that has partition 0, with nothing read of it yet; of the log of deliveries it knows what is noted.
async fn exporter(world: &Arc<World>) -> Own {
    let mut decoder = Decoder::new(&WEBHOOK).unwrap();
    decoder.learn(SchemaId::new(7), &WriterSchema(WEBHOOK.schema.to_owned())).unwrap();
    let registry = Registry::new(&RegistryConfig::default()).unwrap();
    let noon = Duration::from_secs(NOON.unsigned_abs());
    let clock = Arc::new(ManualClock::at(SystemTime::UNIX_EPOCH + noon));
    let own_clock = Arc::clone(&clock) as Arc<dyn Clock>;
    let told = SharedWebhooks::default();
    world.noted.lock().unwrap().iter().for_each(|it| told.apply_delivery(it.clone()));
    let known = (told, SecretKey::new(&"k".repeat(32).into()));
    let receiver = Receiver { language: Some(Language::Es), zone: None };
    let receivers = [("acme".parse().unwrap(), "admin@acme.example".to_owned(), receiver)].into_iter().collect();
    let telling = ("https://flow.example".to_owned(), Readers { receivers, ..Readers::default() });
    let metrics = WebhookMetrics::new(&Metrics::default());
    let stop = CancellationToken::new();
    let mut own = Webhooks::new(Arc::clone(world), (decoder, registry), known, telling, own_clock, metrics, stop);
    own.arrived(Arrival::Assigned { epoch: 1, partitions: vec![partition(0)] }).await.unwrap();
    (own, clock)
}

/// One that has read what lies there.
async fn exporter_with(world: &Arc<World>, webhooks: &[Webhook]) -> Own {
    let (mut own, clock) = exporter(world).await;
    for webhook in webhooks {
        own.arrived(record(webhook)).await.unwrap();
    }
    own.arrived(end()).await.unwrap();
    (own, clock)
}

fn end() -> Arrival {
    Arrival::End { partition: partition(0), epoch: 1, position: 9 }
}

fn record(webhook: &Webhook) -> Arrival {
    unreadable(Encoder::new(SchemaId::new(7), &WEBHOOK).unwrap().encode(webhook).unwrap())
}

fn unreadable(payload: Vec<u8>) -> Arrival {
    let (partition, timestamp, headers) = (partition(0), Moment::FIRST, Vec::new());
    let payload = Some(payload.into());
    Arrival::Record(Record { partition, epoch: 1, offset: 4, timestamp, key: None, payload, headers })
}

/// Looks at this second, and sees what is begun to its end where it has one.
async fn look_at((own, clock): &mut Own, seconds: i64) {
    let passed = at(seconds).as_micros() - own.teller.now().as_micros();
    clock.advance(Duration::from_micros(u64::try_from(passed).unwrap()));
    own.look();
    while let Ok(Some(tried)) = tokio::time::timeout(Duration::from_millis(1), own.tries.join_next()).await {
        own.tried(tried).unwrap();
    }
    own.look();
}

fn tries((own, _): &Own, fate: &'static str) -> u64 {
    own.teller.metrics.tries.get_or_create(&FateLabel { fate }).get()
}

fn standing((own, _): &Own, standing: &'static str) -> i64 {
    own.teller.metrics.webhooks.get_or_create(&StandingLabel { standing }).get()
}

#[tokio::test(start_paused = true)]
async fn end_of_a_report_is_told_once_and_signed() {
    let (world, webhook) = (Arc::<World>::default(), webhook("build"));
    let mut own = exporter_with(&world, std::slice::from_ref(&webhook)).await;
    let report = world.completed(10);
    for seconds in [10, 11, 3_000] {
        look_at(&mut own, seconds).await;
        assert_eq!(world.sent_to(&webhook), 1);
    }
    let (url, message) = world.sent.lock().unwrap()[0].clone();
    assert_eq!(url, "https://build.acme.example/");
    assert!(message.body.contains(&report.to_string()) && message.signature.starts_with("v1,"), "{message:?}");
    let noted = world.noted.lock().unwrap()[0].clone();
    assert_eq!(
        (noted.step, noted.status, noted.delivery_id.to_string()),
        (DeliveryStep::Delivered, Some(204), message.id)
    );
    assert_eq!((tries(&own, "delivered"), standing(&own, "active"), own.0.teller.metrics.lag_seconds.get()), (1, 1, 0));
    // The next exporter knows it.
    let mut next = exporter_with(&world, std::slice::from_ref(&webhook)).await;
    look_at(&mut next, 3_001).await;
    assert_eq!(world.sent_to(&webhook), 1);
}

#[tokio::test(start_paused = true)]
async fn each_end_is_read_once_and_forgotten_when_it_is_old() {
    let (world, webhook) = (Arc::<World>::default(), webhook("build"));
    let mut own = exporter_with(&world, std::slice::from_ref(&webhook)).await;
    world.completed(10);
    world.completed(-4 * 86_400);
    look_at(&mut own, 10).await;
    world.completed(20);
    look_at(&mut own, 20).await;
    look_at(&mut own, 21).await;
    assert_eq!(*world.read.lock().unwrap(), [2, 0, 1, 0, 0, 0]);
    assert_eq!((world.sent_to(&webhook), own.0.recent.of(&webhook.tenant).len()), (2, 2));
    look_at(&mut own, 4 * 86_400).await;
    assert_eq!((world.sent_to(&webhook), own.0.recent.of(&webhook.tenant).len()), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_before_all_is_read_nor_after_the_partition_went() {
    let (world, webhook) = (Arc::<World>::default(), webhook("build"));
    let mut own = exporter(&world).await;
    world.completed(10);
    own.0.arrived(record(&webhook)).await.unwrap();
    own.0.arrived(unreadable(vec![0, 0, 0, 0, 7, 1])).await.unwrap();
    look_at(&mut own, 20).await;
    // The next record says that it was paused.
    own.0.arrived(record(&paused(webhook.clone(), "admin", at(16)))).await.unwrap();
    own.0.arrived(end()).await.unwrap();
    look_at(&mut own, 21).await;
    assert_eq!((world.sent_to(&webhook), standing(&own, "paused"), own.0.teller.metrics.unreadable.get()), (0, 1, 1));
    own.0.arrived(record(&webhook)).await.unwrap();
    own.0.arrived(Arrival::Lost { partitions: vec![partition(0)] }).await.unwrap();
    look_at(&mut own, 40).await;
    assert_eq!((world.sent_to(&webhook), standing(&own, "active")), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn what_failed_is_tried_again_with_growing_waits_and_the_same_id() {
    let (world, webhook) = (Arc::<World>::default(), webhook("build"));
    let mut own = exporter_with(&world, std::slice::from_ref(&webhook)).await;
    world.completed(10);
    world.answers(&webhook, Err(SendError::Status(500)));
    for (seconds, sent) in [(10, 1), (14, 1), (16, 2), (45, 2), (50, 3)] {
        look_at(&mut own, seconds).await;
        assert_eq!(world.sent_to(&webhook), sent, "{seconds}");
    }
    assert_eq!(standing(&own, "failing"), 1);
    world.answers(&webhook, Err(SendError::Refused("no")));
    look_at(&mut own, 200).await;
    world.answers(&webhook, Ok(200));
    look_at(&mut own, 900).await;
    look_at(&mut own, 90_000).await;
    let failed = |tries| (DeliveryStep::Failed, tries);
    assert_eq!(world.steps(), [failed(1), failed(2), failed(3), failed(4), (DeliveryStep::Delivered, 5)]);
    let sent = world.sent.lock().unwrap().clone();
    assert!(sent.iter().all(|(_, it)| (&it.id, &it.body) == (&sent[0].1.id, &sent[0].1.body)), "{sent:?}");
    let problem = world.noted.lock().unwrap()[0].problem.clone();
    assert_eq!(problem.as_deref(), Some("it answered 500"));
    assert_eq!(["failed", "refused", "delivered"].map(|fate| tries(&own, fate)), [3, 1, 1]);
    assert_eq!(standing(&own, "active"), 1);
}

#[tokio::test(start_paused = true)]
async fn exporter_that_takes_over_sends_what_was_not_noted_under_the_same_id() {
    let (world, webhook) = (Arc::<World>::default(), webhook("build"));
    let mut first = exporter_with(&world, std::slice::from_ref(&webhook)).await;
    world.completed(10);
    *world.is_away.lock().unwrap() = true;
    look_at(&mut first, 10).await;
    assert_eq!((world.sent_to(&webhook), world.steps().len()), (1, 0), "sent, and dead before it is noted");
    drop(first);
    *world.is_away.lock().unwrap() = false;
    let mut next = exporter_with(&world, std::slice::from_ref(&webhook)).await;
    look_at(&mut next, 12).await;
    look_at(&mut next, 60).await;
    let sent = world.sent.lock().unwrap().clone();
    assert_eq!((sent.len(), world.steps()), (2, vec![(DeliveryStep::Delivered, 1)]));
    assert_eq!((&sent[0].1.id, &sent[0].1.body), (&sent[1].1.id, &sent[1].1.body));
}

#[tokio::test(start_paused = true)]
async fn receiver_that_hangs_holds_back_no_other_and_has_few_tries_at_once() {
    let (world, slow, quick) = (Arc::<World>::default(), webhook("slow"), webhook("quick"));
    let mut own = exporter_with(&world, &[slow.clone(), quick.clone()]).await;
    world.hanging.lock().unwrap().insert(slow.url.clone());
    for _ in 0..10 {
        world.completed(10);
    }
    for seconds in 10..14 {
        look_at(&mut own, seconds).await;
    }
    assert_eq!((world.sent_to(&slow), world.sent_to(&quick)), (TRIES_OF_ONE, 10));
    assert_eq!(own.0.teller.metrics.lag_seconds.get(), 3, "what waits for a slow receiver waits");
}

#[tokio::test(start_paused = true)]
async fn receivers_that_fail_have_one_try_each_and_half_of_all() {
    let world = Arc::<World>::default();
    let failing: Vec<_> = (0..40).map(|number| webhook(&format!("failing-{number}"))).collect();
    let mut own = exporter_with(&world, &failing).await;
    failing.iter().for_each(|it| world.answers(it, Err(SendError::Late(Duration::from_secs(15)))));
    world.completed(10);
    look_at(&mut own, 10).await;
    assert_eq!(standing(&own, "failing"), 40);
    world.completed(11);
    world.completed(11);
    failing.iter().for_each(|it| _ = world.hanging.lock().unwrap().insert(it.url.clone()));
    look_at(&mut own, 12).await;
    assert_eq!(own.0.tries.len(), TRIES_OF_FAILING);
    assert!(own.0.in_hand.values().all(|it| it.len() == 1));
    let well = webhook("well");
    own.0.arrived(record(&well)).await.unwrap();
    look_at(&mut own, 13).await;
    assert_eq!(world.sent_to(&well), 3, "there is room for others");
}

#[tokio::test(start_paused = true)]
async fn webhook_that_is_away_for_days_is_told_nothing_more_and_its_contact_has_a_mail() {
    let (world, webhook) = (Arc::<World>::default(), webhook("build"));
    let mut own = exporter_with(&world, std::slice::from_ref(&webhook)).await;
    world.answers(&webhook, Err(SendError::Status(503)));
    world.completed(10);
    let day = 86_400;
    for seconds in (10..4 * day).step_by(600) {
        if seconds % 36_000 == 10 {
            world.completed(seconds);
        }
        look_at(&mut own, seconds).await;
    }
    let noted = world.noted.lock().unwrap().last().unwrap().clone();
    let since_first = (noted.at.as_micros() - at(10).as_micros()) / 1_000_000;
    assert!((3 * day..3 * day + 36_000).contains(&since_first), "{since_first}");
    assert_eq!(standing(&own, "away"), 1);
    let mails = world.mails.lock().unwrap().clone();
    let [(receiver, mail)] = mails.as_slice() else { panic!("{mails:?}") };
    assert_eq!((receiver.as_str(), mail.language), ("admin@acme.example", "es"));
    assert!(mail.text.contains("La respuesta fue 503."), "{}", mail.text);
    // Somebody resumes it: what happens from then on is told.
    let sent = world.sent_to(&webhook);
    world.answers(&webhook, Ok(200));
    let resumed = resumed(webhook.clone(), "admin", at(4 * day));
    own.0.arrived(record(&resumed)).await.unwrap();
    world.completed(4 * day + 1);
    look_at(&mut own, 4 * day + 2).await;
    assert_eq!((world.sent_to(&webhook), standing(&own, "active")), (sent + 1, 1));
    // And what somebody wants again.
    let again = asked_again(&noted, "jo", at(4 * day + 3));
    own.0.teller.told.apply_delivery(again);
    look_at(&mut own, 4 * day + 4).await;
    let last = world.noted.lock().unwrap().last().unwrap().clone();
    assert_eq!((last.delivery_id, last.round, last.step), (noted.delivery_id, 1, DeliveryStep::Delivered));
}

#[tokio::test(start_paused = true)]
async fn note_that_is_refused_ends_the_service() {
    let (world, webhook) = (Arc::<World>::default(), webhook("build"));
    let (mut own, _) = exporter_with(&world, &[webhook]).await;
    *world.refuses.lock().unwrap() = true;
    world.completed(0);
    own.look();
    let tried = own.tries.join_next().await.unwrap();
    assert!(own.tried(tried).is_err());
}
