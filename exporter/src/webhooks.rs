//! Tells webhooks what became of reports.
//!
//! Members of a group share the partitions of the webhooks' topic, and each reads its own from the beginning. What is to be told follows from
//! the ends of reports and the log of deliveries: an end that the log does not know is sent, what failed is sent again when its time has come,
//! and what became of it is noted there. An exporter that dies between sending and noting, or two that both believe that a partition is theirs,
//! send the same once more, under the same id.
//!
//! Receivers do not wait for each other: each has a few tries under way, one that fails a single one, and those that fail never more than half of all.

mod held;
mod recent_ends;
mod send;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use ::webhooks::{Deliveries, Due, Message, Outcome, SecretKey, SharedWebhooks, Standing, Told, WebhookJournal};
use kafka_io::{Arrival, GroupConsumer, Record};
use report_life::{JournalError, ReportEnd, SharedBook};
use schema_registry::{Decoder, Registry};
use schemas::ids::{DeliveryId, WebhookId};
use schemas::times::Moment;
use schemas::webhook::Webhook;
use schemas::webhook_delivery::{DeliveryStep, WebhookDelivery};
use service_kit::CancellationToken;
use service_kit::clock::Clock;
use service_kit::retry::Backoff;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use self::held::Held;
use self::recent_ends::RecentEnds;
pub(crate) use self::send::{SendError, Sender};
use crate::error::Error;
use crate::mail::{MailError, Mailer};
use crate::metrics::WebhookMetrics;
use crate::stages::choose_words::Readers;
use crate::stages::lay_out_mail::MailText;
use crate::stages::write_webhook_mail::write_webhook_mail;

/// The group whose members share the webhooks.
pub(crate) const GROUP: &str = "exporter-webhooks";
/// How often it is looked for what is due.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Tries that are under way: of one webhook, of all that fail, and of all.
const TRIES_OF_ONE: usize = 4;
const TRIES_OF_FAILING: usize = 32;
const TRIES: usize = 64;
/// Tries of the mail that says that a webhook is away.
const MAIL_TRIES: u32 = 3;

/// The world outside.
pub(crate) trait Post: Send + Sync + 'static {
    /// What reports of all tenants were seen to come to from a place on, and the place from which to go on.
    fn ends_from(&self, place: u64) -> (Vec<ReportEnd>, u64);
    fn send(&self, url: &str, message: &Message) -> impl Future<Output = Result<u16, SendError>> + Send;
    fn note(&self, delivery: &WebhookDelivery) -> impl Future<Output = Result<(), JournalError>> + Send;
    fn mail(&self, receiver: &str, mail: &MailText) -> impl Future<Output = Result<(), MailError>> + Send;
}

/// Receivers, Kafka and the mail server.
pub(crate) struct Outgoing {
    pub(crate) reports: SharedBook,
    pub(crate) sender: Sender,
    pub(crate) journal: WebhookJournal,
    pub(crate) mailer: Mailer,
}

impl Post for Outgoing {
    fn ends_from(&self, place: u64) -> (Vec<ReportEnd>, u64) {
        self.reports.ends_from(place)
    }

    async fn send(&self, url: &str, message: &Message) -> Result<u16, SendError> {
        self.sender.send(url, message).await
    }

    async fn note(&self, delivery: &WebhookDelivery) -> Result<(), JournalError> {
        self.journal.append(delivery).await
    }

    async fn mail(&self, receiver: &str, mail: &MailText) -> Result<(), MailError> {
        self.mailer.send(receiver, mail).await
    }
}

/// What a try needs; cheap to clone.
struct Teller<P> {
    post: Arc<P>,
    told: SharedWebhooks,
    key: SecretKey,
    console_url: Arc<str>,
    readers: Arc<Readers>,
    clock: Arc<dyn Clock>,
    metrics: WebhookMetrics,
}

impl<P> Clone for Teller<P> {
    fn clone(&self) -> Self {
        Self {
            post: Arc::clone(&self.post),
            told: self.told.clone(),
            key: self.key.clone(),
            console_url: Arc::clone(&self.console_url),
            readers: Arc::clone(&self.readers),
            clock: Arc::clone(&self.clock),
            metrics: self.metrics.clone(),
        }
    }
}

pub(crate) struct Webhooks<P> {
    teller: Teller<P>,
    decoder: Decoder<Webhook>,
    registry: Registry,
    held: Held,
    recent: RecentEnds,
    tries: JoinSet<Result<(WebhookId, DeliveryId), JournalError>>,
    /// What is being tried.
    in_hand: BTreeMap<WebhookId, BTreeSet<DeliveryId>>,
    stop: CancellationToken,
}

impl<P: Post> Webhooks<P> {
    pub(crate) fn new(
        post: P,
        (decoder, registry): (Decoder<Webhook>, Registry),
        (told, key): (SharedWebhooks, SecretKey),
        (console_url, readers): (String, Readers),
        clock: Arc<dyn Clock>,
        metrics: WebhookMetrics,
        stop: CancellationToken,
    ) -> Self {
        let (post, console_url, readers) = (Arc::new(post), console_url.into(), Arc::new(readers));
        let teller = Teller { post, told, key, console_url, readers, clock, metrics };
        let (held, tries, in_hand) = (Held::default(), JoinSet::new(), BTreeMap::new());
        Self { teller, decoder, registry, held, recent: RecentEnds::default(), tries, in_hand, stop }
    }

    pub(crate) async fn run(mut self, mut consumer: GroupConsumer) -> Result<(), Error> {
        let ended = self.consume(&mut consumer).await;
        consumer.close().await;
        // What is under way is noted, so that nobody has to send it again.
        while let Some(tried) = self.tries.join_next().await {
            self.tried(tried)?;
        }
        ended
    }

    async fn consume(&mut self, consumer: &mut GroupConsumer) -> Result<(), Error> {
        let stop = self.stop.clone();
        let mut looks = tokio::time::interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                arrival = consumer.next() => self.arrived(arrival?).await?,
                Some(tried) = self.tries.join_next() => self.tried(tried)?,
                _ = looks.tick() => self.look(),
            }
        }
    }

    async fn arrived(&mut self, arrival: Arrival) -> Result<(), Error> {
        match arrival {
            Arrival::Assigned { partitions, .. } => self.held.begin(&partitions),
            Arrival::Revoked { partitions, .. } | Arrival::Lost { partitions } => self.held.give_up(&partitions),
            Arrival::Record(record) => self.take(record).await?,
            Arrival::End { partition, .. } => self.held.is_read(partition.number),
        }
        Ok(())
    }

    async fn take(&mut self, record: Record) -> Result<(), Error> {
        let value = record.payload.unwrap_or_default();
        match self.decoder.decode_with(&self.registry, &value, &self.stop).await {
            None => {}
            Some(decoded) => match decoded? {
                Ok(webhook) => self.held.take(record.partition.number, webhook),
                Err(error) => {
                    // It stays on the topic, as it is; nothing is sent to it.
                    self.teller.metrics.unreadable.inc();
                    tracing::warn!(%error, partition = %record.partition, offset = record.offset, "a webhook is skipped");
                }
            },
        }
        Ok(())
    }

    fn tried(
        &mut self,
        tried: Result<Result<(WebhookId, DeliveryId), JournalError>, tokio::task::JoinError>,
    ) -> Result<(), Error> {
        let (webhook, delivery) = tried.map_err(|error| Error::Lost(format!("a webhook: {error}")))??;
        if let Some(in_hand) = self.in_hand.get_mut(&webhook) {
            in_hand.remove(&delivery);
            if in_hand.is_empty() {
                self.in_hand.remove(&webhook);
            }
        }
        Ok(())
    }

    /// Begins what is due.
    fn look(&mut self) {
        let now = self.teller.now();
        self.recent.read(self.teller.post.as_ref(), now);
        let mut held: Vec<_> = self.held.webhooks().map(|webhook| self.standing(webhook, now)).collect();
        // Those that answer first, and among them those that have least.
        held.sort_by_key(|it| (it.standing == Standing::Failing, self.under_way(it.webhook)));
        let failing = held.iter().filter(|it| it.standing == Standing::Failing);
        let mut failing: usize = failing.map(|it| self.under_way(it.webhook)).sum();
        let mut oldest_waiting = now;
        let standings: Vec<_> = held.iter().map(|it| it.standing).collect();
        for Looked { webhook, standing, due } in held {
            let (of_one, is_failing) = if standing == Standing::Failing { (1, true) } else { (TRIES_OF_ONE, false) };
            let in_hand = self.in_hand.entry(webhook.webhook_id).or_default();
            for due in due {
                if in_hand.contains(&due.delivery.delivery_id) {
                    continue;
                }
                let is_full = self.tries.len() >= TRIES || (is_failing && failing >= TRIES_OF_FAILING);
                if in_hand.len() >= of_one || is_full {
                    if !is_failing {
                        oldest_waiting = oldest_waiting.min(due.at);
                    }
                    break;
                }
                failing += usize::from(is_failing);
                in_hand.insert(due.delivery.delivery_id);
                self.tries.spawn(self.teller.clone().tell(webhook.clone(), due.delivery));
            }
        }
        self.in_hand.retain(|_, it| !it.is_empty());
        self.teller.metrics.held(&standings);
        self.teller.metrics.lag_seconds.set((now.as_micros() - oldest_waiting.as_micros()) / 1_000_000);
    }

    fn under_way(&self, webhook: &Webhook) -> usize {
        self.in_hand.get(&webhook.webhook_id).map_or(0, BTreeSet::len)
    }

    fn standing<'a>(&self, webhook: &'a Webhook, now: Moment) -> Looked<'a> {
        let ends = self.recent.of(&webhook.tenant);
        let looked = |told: &Deliveries| (Standing::of(webhook, told.told()), told.due(webhook, ends, now));
        let (standing, due) = self.teller.told.deliveries(webhook.webhook_id, looked);
        Looked { webhook, standing, due }
    }
}

/// A webhook, how it stands, and what it is to be told.
struct Looked<'a> {
    webhook: &'a Webhook,
    standing: Standing,
    due: Vec<Due>,
}

impl<P: Post> Teller<P> {
    /// One try; returns when it is noted.
    async fn tell(self, webhook: Webhook, tried: WebhookDelivery) -> Result<(WebhookId, DeliveryId), JournalError> {
        let (begun, id) = (self.clock.monotonic(), webhook.webhook_id);
        let message = Message::new(&tried, &webhook, &self.key, &self.console_url, self.now());
        let sent = self.post.send(&webhook.url, &message).await;
        let status = match &sent {
            Ok(status) | Err(SendError::Status(status)) => Some(*status),
            Err(SendError::Refused(_) | SendError::Late(_) | SendError::Failed(_)) => None,
        };
        let problem = sent.as_ref().err().map(ToString::to_string);
        let outcome = Outcome { status, problem, took: self.clock.monotonic().duration_since(begun) };
        let after = |told: &Deliveries| (told.told(), told.after(&webhook, &tried, outcome, self.now()));
        let (before, noted) = self.told.deliveries(id, after);
        self.count(&noted, matches!(sent, Err(SendError::Refused(_))));
        if let Err(error) = &sent {
            self.say_that_it_is_away(&webhook, before, &noted, error).await;
        }
        self.post.note(&noted).await?;
        let delivery = noted.delivery_id;
        // It comes round by the topic too; until then it must not look as if it were due.
        self.told.apply_delivery(noted);
        Ok((id, delivery))
    }

    fn count(&self, noted: &WebhookDelivery, is_refused: bool) {
        let fate = match noted.step {
            DeliveryStep::Delivered => "delivered",
            DeliveryStep::GivenUp => "given_up",
            DeliveryStep::Failed if is_refused => "refused",
            DeliveryStep::Failed | DeliveryStep::Requested | DeliveryStep::Unknown => "failed",
        };
        self.metrics.tried(fate);
        let (webhook, delivery, tries, problem) = (noted.webhook_id, noted.delivery_id, noted.tries, &noted.problem);
        tracing::info!(%webhook, %delivery, tries, fate, problem, "a webhook was told");
    }

    /// Writes to its contact when this try is the one by which it is away: before it is noted, so that a crash repeats it.
    async fn say_that_it_is_away(
        &self,
        webhook: &Webhook,
        before: Option<Told>,
        noted: &WebhookDelivery,
        last_try: &SendError,
    ) {
        let Some(since) = noted.failing_since else { return };
        let after = Standing::of(webhook, Some(Told { at: noted.at, failing_since: Some(since) }));
        if after != Standing::Away || Standing::of(webhook, before) == Standing::Away {
            return;
        }
        let reader = self.readers.reader(&webhook.tenant, &webhook.contact, "UTC");
        let mail = write_webhook_mail(webhook, since, last_try, &reader, self.console_url.trim_end_matches('/'));
        let mut backoff = Backoff::default();
        for tries in 1..=MAIL_TRIES {
            match self.post.mail(&webhook.contact, &mail).await {
                Ok(()) => return,
                Err(MailError::Away(_)) if tries < MAIL_TRIES => tokio::time::sleep(backoff.next_wait()).await,
                Err(error) => {
                    tracing::error!(%error, webhook = %webhook.webhook_id, "a mail was given up");
                    return;
                }
            }
        }
    }

    fn now(&self) -> Moment {
        self.clock.now().into()
    }
}
