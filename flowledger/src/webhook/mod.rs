//! `flowledger webhook`: what the API does with webhooks, for an operator at a terminal. The configuration is what lets it in, so the tenant is
//! an option here.

mod options;
mod print;

use std::time::Duration;

use anyhow::{Context, ensure};
use kafka_io::Producer;
use schema_registry::Registry;
use schemas::audit_event::AuditAction;
use schemas::ids::DeliveryId;
use schemas::times::Moment;
use schemas::webhook::{Webhook, WebhookEvent};
use serde_json::Value;
use service_kit::CancellationToken;
use webhooks::{
    Guard, SecretKey, SharedWebhooks, Standing, Wanted, WebhookJournal, WebhookSecret, asked_again, changed, deleted,
    follow_deliveries, follow_webhooks, made, paused, resumed, rotated,
};

pub(crate) use self::options::WebhookCommand;
use self::options::{NewOptions, OneOptions};
use crate::audit;
use crate::cli::CommonOptions;
use crate::config::Config;
use crate::select::SelectOptions;

/// How long Kafka and the registry may take until all is read, or something is written.
const KAFKA_MAX: Duration = Duration::from_secs(60);

pub(crate) async fn run(command: WebhookCommand) -> anyhow::Result<()> {
    let now = Moment::now();
    match command {
        WebhookCommand::New { select, new } => {
            let desk = Desk::open(&select).await?;
            let (wanted, key) = (desk.checked(new)?, desk.key()?);
            let most = desk.config.webhooks.per_tenant_max;
            let count = desk.webhooks.list(&select.tenant).len();
            ensure!(count < most, "webhooks.per_tenant_max: there are {most} webhooks, and no more are allowed");
            let webhook = made(select.tenant.clone(), wanted, &select.actor(), now);
            desk.keep(&select, AuditAction::WebhookCreated, &webhook).await?;
            desk.show_with_secret(webhook, &key, select.json)
        }
        WebhookCommand::List { select } => {
            let desk = Desk::open(&select).await?;
            let webhooks = desk.webhooks.list(&select.tenant).into_iter().map(|it| desk.shown(it, None));
            let fields = ["id", "name", "state", "events", "url"];
            Ok(print::list(&webhooks.collect::<Vec<_>>(), &fields, select.json)?)
        }
        WebhookCommand::Show { one } => {
            let desk = Desk::open(&one.select).await?;
            let webhook = desk.found(&one)?;
            Ok(crate::output::fields(&desk.shown(webhook, None), one.select.json)?)
        }
        WebhookCommand::Change { one, new } => {
            let desk = Desk::open(&one.select).await?;
            let webhook = changed(desk.found(&one)?, desk.checked(new)?, &one.select.actor(), now);
            desk.keep(&one.select, AuditAction::WebhookChanged, &webhook).await
        }
        WebhookCommand::Pause { one } => {
            let desk = Desk::open(&one.select).await?;
            let webhook = paused(desk.found(&one)?, &one.select.actor(), now);
            desk.keep(&one.select, AuditAction::WebhookPaused, &webhook).await
        }
        WebhookCommand::Resume { one } => {
            let desk = Desk::open(&one.select).await?;
            let webhook = resumed(desk.found(&one)?, &one.select.actor(), now);
            desk.keep(&one.select, AuditAction::WebhookResumed, &webhook).await
        }
        WebhookCommand::Rotate { one } => {
            let desk = Desk::open(&one.select).await?;
            let (last, key) = (desk.found(&one)?, desk.key()?);
            let webhook = rotated(last, desk.config.webhooks.former_secret, &one.select.actor(), now);
            desk.keep(&one.select, AuditAction::WebhookSecretRotated, &webhook).await?;
            desk.show_with_secret(webhook, &key, one.select.json)
        }
        WebhookCommand::Delete { one } => {
            let desk = Desk::open(&one.select).await?;
            let webhook = deleted(desk.found(&one)?, &one.select.actor(), now);
            desk.keep(&one.select, AuditAction::WebhookDeleted, &webhook).await
        }
        WebhookCommand::Deliveries { one, before, limit } => {
            let desk = Desk::open(&one.select).await?;
            let webhook = desk.found(&one)?;
            let page = |told: &webhooks::Deliveries| console::deliveries_json(&webhook, told, before, limit);
            let shown = desk.webhooks.deliveries(webhook.webhook_id, page);
            let deliveries = shown["deliveries"].as_array().map(Vec::as_slice).unwrap_or_default();
            let fields = ["id", "event", "report_id", "state", "tries", "at", "problem"];
            Ok(print::list(deliveries, &fields, one.select.json)?)
        }
        WebhookCommand::Redeliver { one, delivery } => {
            let desk = Desk::open(&one.select).await?;
            desk.redeliver(&one, delivery, now).await
        }
    }
}

/// Where webhooks are kept.
struct Desk {
    config: Config,
    registry: Registry,
    webhooks: SharedWebhooks,
}

impl Desk {
    /// Returns when all webhooks and all deliveries are read.
    async fn open(select: &SelectOptions) -> anyhow::Result<Self> {
        let options = CommonOptions { config: select.config.clone(), ..CommonOptions::default() };
        let config = crate::services::loaded(&options, |_| Ok(()))?.context("no config")?;
        let (registry, webhooks) = (Registry::new(&config.registry)?, SharedWebhooks::default());
        let stop = CancellationToken::new();
        let of = || (config.kafka.clone(), registry.clone(), webhooks.clone(), stop.clone());
        let ((kafka, of_webhooks, book, until), (of_kafka, of_deliveries, of_book, of_stop)) = (of(), of());
        let following = async {
            tokio::try_join!(
                follow_webhooks(kafka, of_webhooks, book, until),
                follow_deliveries(of_kafka, of_deliveries, of_book, of_stop)
            )
        };
        tokio::select! {
            read = within(webhooks.caught_up()) => read?,
            ended = following => drop(ended?),
        }
        Ok(Self { config, registry, webhooks })
    }

    fn found(&self, one: &OneOptions) -> anyhow::Result<Webhook> {
        let (tenant, id) = (&one.select.tenant, one.webhook);
        self.webhooks.get(tenant, id).with_context(|| format!("{tenant} has no webhook {id}"))
    }

    fn checked(&self, new: NewOptions) -> anyhow::Result<Wanted> {
        let events = new.events.into_iter().map(WebhookEvent::from).collect::<Vec<_>>();
        let events = if events.is_empty() { WebhookEvent::ALL.to_vec() } else { events };
        let wanted = Wanted { name: new.name, url: new.url, events, contact: new.contact };
        let checked = wanted.checked(&Guard::new(&self.config.webhooks.allow));
        checked.map_err(|error| anyhow::anyhow!("--{} {}", error.field, error.reason))
    }

    fn key(&self) -> anyhow::Result<SecretKey> {
        let key = self.config.webhooks.key.as_ref().map(SecretKey::new);
        key.context("webhooks.key is not set: there are no webhooks without it")
    }

    async fn keep(&self, select: &SelectOptions, action: AuditAction, webhook: &Webhook) -> anyhow::Result<()> {
        let act = audit::act(&select.tenant, &select.actor(), action).to(&webhook.webhook_id);
        audit::note(&self.config, &self.registry, act.with("name", &webhook.name)).await?;
        Ok(within(self.journal().await?.keep(webhook)).await??)
    }

    async fn journal(&self) -> anyhow::Result<WebhookJournal> {
        let producer = Producer::new(&self.config.kafka, "flowledger-webhook")?;
        let opened = within(WebhookJournal::open(producer, &self.registry, &CancellationToken::new())).await?;
        Ok(opened.context("the registry does not answer")??)
    }

    async fn redeliver(&self, one: &OneOptions, delivery: DeliveryId, now: Moment) -> anyhow::Result<()> {
        let webhook = self.found(one)?;
        let look = |told: &webhooks::Deliveries| (told.get(delivery).cloned(), Standing::of(&webhook, told.told()));
        let (last, standing) = self.webhooks.deliveries(webhook.webhook_id, look);
        let last = last.with_context(|| format!("the webhook was not told {delivery}"))?;
        ensure!(standing.sends(), "the webhook is {}: resume it first", standing.name());
        let act = audit::act(&one.select.tenant, &one.select.actor(), AuditAction::WebhookRedelivered);
        let act = act.to(&webhook.webhook_id).with("delivery", &delivery.to_string());
        audit::note(&self.config, &self.registry, act).await?;
        let again = asked_again(&last, &one.select.actor(), now);
        Ok(within(self.journal().await?.append(&again)).await??)
    }

    fn shown(&self, webhook: Webhook, secret: Option<&WebhookSecret>) -> Value {
        self.webhooks.deliveries(webhook.webhook_id, |told| console::webhook_json(webhook, told, secret))
    }

    fn show_with_secret(&self, webhook: Webhook, key: &SecretKey, as_json: bool) -> anyhow::Result<()> {
        let secret = key.secret(webhook.webhook_id, webhook.generation);
        Ok(crate::output::fields(&self.shown(webhook, Some(&secret)), as_json)?)
    }
}

async fn within<T>(work: impl Future<Output = T>) -> anyhow::Result<T> {
    tokio::time::timeout(KAFKA_MAX, work).await.context("Kafka or the registry does not answer")
}
