//! A console to send requests to, and what it answers.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use audit_log::{AuditBook, Taken, hash_of};
use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Method, Request};
use axum::response::Response;
use bucket_syncs::SharedSyncs;
use report_life::SharedBook;
use report_schedules::SharedSchedules;
use report_store::{ReportStore, StoreConfig};
use schemas::audit_event::{AuditAction, AuditDoor, AuditEvent, AuditEventId, AuditHash, AuditOutcome, ChainId};
use schemas::ids::ReportId;
use schemas::report_event::{ReportEvent, ReportEventType};
use schemas::times::Moment;
use serde_json::{Value, json};
use service_kit::CancellationToken;
use service_kit::clock::{Clock, ManualClock};
use service_kit::context::ServiceContext;
use service_kit::metrics::Metrics;
use tower::ServiceExt;
use webhooks::{SharedWebhooks, WebhooksConfig};

use super::world::World;
use crate::app::App;
use crate::config::{Account, Config, Downloads};
use crate::links::Links;
use crate::networks::Networks;
use crate::routes::router;
use crate::session::hash_password;

pub(super) const PASSWORD: &str = "correct horse battery";
pub(super) const WRONG: &str = "wrong horse battery";

pub(super) struct Console {
    router: Router,
    pub(super) book: SharedBook,
    pub(super) schedules: SharedSchedules,
    pub(super) webhooks: SharedWebhooks,
    pub(super) syncs: SharedSyncs,
    audit: AuditBook,
    pub(super) world: Arc<World>,
    pub(super) store: ReportStore,
    pub(super) clock: Arc<ManualClock>,
    metrics: Metrics,
    _folder: tempfile::TempDir,
}

/// An answer that came whole.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Answer {
    pub(super) async fn of(response: Response) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Self { status, headers, body: to_bytes(response.into_body(), 1 << 20).await.unwrap() }
    }

    /// Empty where there is none.
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The code of the error that it tells; it has the form of every other.
    pub(super) fn code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap_or_else(|| panic!("{self:?}")).to_owned()
    }

    pub(super) fn message(&self) -> String {
        self.json()["error"]["message"].as_str().unwrap_or_else(|| panic!("{self:?}")).to_owned()
    }

    /// Name and value of the cookie that it sets.
    pub(super) fn cookie(&self) -> String {
        self.header("set-cookie").split(';').next().unwrap().to_owned()
    }
}

impl Console {
    /// Tenants `acme` and `globex`, with an account `admin` each.
    pub(super) fn new() -> Self {
        Self::at("http://console")
    }

    pub(super) fn at(public_url: &str) -> Self {
        Self::with(public_url, Networks::default())
    }

    /// One whose operator has not set up webhooks.
    pub(super) fn without_webhooks() -> Self {
        Self::of("http://console", Networks::default(), WebhooksConfig::default(), None)
    }

    /// One that gives links to files of an S3 store, which lie in the folder all the same.
    pub(super) fn with_links() -> Self {
        let store = StoreConfig {
            url: "s3://reports/some/folder".to_owned(),
            endpoint: Some("http://inside:9000".to_owned()),
            access_key: Some("id-of-the-key".to_owned()),
            secret_key: Some("not to be seen".to_owned().into()),
            ..StoreConfig::default()
        };
        let link_endpoint = Some("https://files.example".to_owned());
        let config = Config { downloads: Downloads::Linked, link_endpoint, ..Config::default() };
        let links = Links::open(&config, &store).unwrap();
        assert!(links.is_some());
        Self::of("http://console", Networks::default(), WebhooksConfig::default(), links)
    }

    pub(super) fn with(public_url: &str, networks: Networks) -> Self {
        let key = Some("the operator's key of the tests.".into());
        Self::of(public_url, networks, WebhooksConfig { key, ..WebhooksConfig::default() }, None)
    }

    fn of(public_url: &str, networks: Networks, webhooks: WebhooksConfig, links: Option<Links>) -> Self {
        // Hashing takes its time on purpose; one salt does for all tests.
        static HASH: OnceLock<String> = OnceLock::new();
        let hash = HASH.get_or_init(|| hash_password(PASSWORD).unwrap());
        let account = |tenant: &str| Account {
            tenant: tenant.parse().unwrap(),
            name: "admin".to_owned(),
            email: format!("admin@{tenant}.example"),
            language: None,
            zone: None,
            password_hash: hash.clone(),
        };
        let accounts = ["acme", "globex"].map(account).into();
        let destinations = [("lake".to_owned(), StoreConfig::default())].into();
        let syncs = bucket_syncs::Config { destinations, ..bucket_syncs::Config::default() };
        let public_url = public_url.to_owned();
        // Requests come from there, most of them for nobody else.
        let trusted_proxies = vec!["192.0.2.7".to_owned()];
        let config =
            Config { accounts, public_url, trusted_proxies, syncs, webhooks, keep_days: 30, ..Config::default() };
        let folder = tempfile::tempdir().unwrap();
        let url = format!("file://{}", folder.path().display());
        let store = ReportStore::open(&StoreConfig { url, ..StoreConfig::default() }).unwrap();
        let (world, book, schedules) = (Arc::<World>::default(), SharedBook::default(), SharedSchedules::default());
        let (syncs, webhooks) = (SharedSyncs::default(), SharedWebhooks::default());
        let audit = AuditBook::default();
        let clock = Arc::new(ManualClock::at(SystemTime::UNIX_EPOCH));
        let own_clock = Arc::clone(&clock) as Arc<dyn Clock>;
        let context = ServiceContext { clock: own_clock, ..ServiceContext::new(CancellationToken::new()) };
        let books = (book.clone(), schedules.clone(), syncs.clone(), webhooks.clone(), audit.clone());
        let app = App::new(config, Arc::new(Arc::clone(&world)), store.clone(), links, networks, books, &context);
        let metrics = context.metrics;
        Self {
            router: router(app),
            book,
            schedules,
            syncs,
            webhooks,
            audit,
            world,
            store,
            clock,
            metrics,
            _folder: folder,
        }
    }

    /// The answer as it comes, for streams. Fails when the description of the API does not know its status.
    pub(super) async fn answer(&self, mut request: Request<Body>) -> Response {
        request.extensions_mut().insert(ConnectInfo(SocketAddr::from(([192, 0, 2, 7], 4711))));
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        for (described, operations) in description()["paths"].as_object().unwrap() {
            let responses = &operations[method.as_str().to_lowercase()]["responses"];
            if is_at(described, &path) && responses.is_object() {
                assert!(responses.get(status.to_string()).is_some(), "{method} {described} answers {status}");
                break;
            }
        }
        response
    }

    pub(super) async fn send(&self, request: Request<Body>) -> Answer {
        Answer::of(self.answer(request).await).await
    }

    pub(super) async fn get(&self, path: &str, cookie: &str) -> Answer {
        self.send(request(Method::GET, path, cookie, Body::empty())).await
    }

    pub(super) async fn post(&self, path: &str, cookie: &str, body: &Value) -> Answer {
        self.send(request(Method::POST, path, cookie, Body::from(body.to_string()))).await
    }

    pub(super) async fn sign_in_as(&self, tenant: &str, account: &str, password: &str) -> Answer {
        let credentials = json!({ "tenant": tenant, "account": account, "password": password });
        self.post("/api/v1/session", "", &credentials).await
    }

    /// The cookie of a new session.
    pub(super) async fn sign_in(&self, tenant: &str) -> String {
        let answer = self.sign_in_as(tenant, "admin", PASSWORD).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.cookie()
    }

    #[expect(clippy::needless_pass_by_value, reason = "events are made where they are applied")]
    pub(super) fn apply(&self, event: ReportEvent) -> ReportId {
        self.book.apply(&event);
        event.report_id
    }

    /// A report that runs.
    pub(super) fn report_of(&self, tenant: &str) -> ReportId {
        let tenant = tenant.parse().unwrap();
        self.apply(ReportEvent::new(ReportId::generate(), tenant, ReportEventType::Started, Moment::FIRST))
    }

    /// A report whose file is `name` and holds `content`; without one there is none in the store.
    pub(super) async fn completed(&self, tenant: &str, name: &str, content: Option<&str>) -> ReportId {
        let key = format!("{tenant}/{name}");
        if let Some(content) = content {
            let mut upload = self.store.begin(&key).unwrap();
            upload.write(content.as_bytes()).await.unwrap();
            upload.finish().await.unwrap();
        }
        let at = Moment::FIRST;
        self.apply(ReportEvent {
            object_key: Some(key),
            file_name: Some(name.to_owned()),
            ..ReportEvent::new(ReportId::generate(), tenant.parse().unwrap(), ReportEventType::Completed, at)
        })
    }

    /// An event of `admin` that lies on the audit log.
    pub(super) fn audited(&self, tenant: &str, action: AuditAction, subject: &str) -> AuditEvent {
        let mut event = AuditEvent {
            event_id: AuditEventId::generate(),
            tenant: Some(tenant.parse().unwrap()),
            at: Moment::from_micros(1_793_500_000_123_456),
            account: Some("admin".to_owned()),
            address: Some("192.0.2.7".to_owned()),
            door: AuditDoor::Console,
            action,
            subject: Some(subject.to_owned()),
            outcome: AuditOutcome::Allowed,
            details: [("file".to_owned(), format!("{tenant}.csv"))].into(),
            heads: Vec::new(),
            chain: ChainId::generate(),
            sequence: 0,
            previous: None,
            hash: AuditHash::from_bytes([0; 32]),
        };
        event.hash = hash_of(&event);
        self.audit.take(Taken { offset: 0, key: None, event: Ok(event.clone()) });
        event
    }

    /// The value of a counter, by its name and labels as they stand in the text; 0 where it is not there.
    pub(super) fn count(&self, counter: &str) -> u64 {
        let text = self.metrics.render();
        let line = text.lines().find_map(|line| line.strip_prefix("flowledger_console_")?.strip_prefix(counter));
        line.map_or(0, |value| value.trim().parse().unwrap())
    }
}

/// As the pages send it.
pub(super) fn request(method: Method, path: &str, cookie: &str, body: Body) -> Request<Body> {
    let builder = Request::builder().method(method).uri(path).header("Cookie", cookie);
    builder.header("Content-Type", "application/json").header("X-Flowledger", "1").body(body).unwrap()
}

/// What the API says of itself.
pub(super) fn description() -> &'static Value {
    static DESCRIPTION: OnceLock<Value> = OnceLock::new();
    DESCRIPTION.get_or_init(|| serde_json::from_str(&crate::openapi_json()).unwrap())
}

/// Method and path of everything in the description.
pub(super) fn operations() -> Vec<(Method, String)> {
    let methods = |operations: &Value| operations.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let paths = description()["paths"].as_object().unwrap();
    let all = paths.iter().flat_map(|(path, operations)| methods(operations).into_iter().map(move |it| (it, path)));
    all.map(|(method, path)| (method.to_uppercase().parse().unwrap(), path.clone())).collect()
}

fn is_at(described: &str, path: &str) -> bool {
    let (described, path): (Vec<_>, Vec<_>) = (described.split('/').collect(), path.split('/').collect());
    let fits = |(pattern, part): (&&str, &&str)| pattern == part || pattern.starts_with('{');
    described.len() == path.len() && described.iter().zip(&path).all(fits)
}
