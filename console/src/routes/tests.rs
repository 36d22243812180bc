//! The whole router over HTTP, with a book in memory and everything else away.

use std::net::SocketAddr;

use kafka_io::{KafkaConfig, Producer};
use report_life::{Journal, SharedBook};
use report_store::{ReportStore, StoreConfig};
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use schema_registry::SchemaId;
use schemas::ids::ReportId;
use schemas::report_event::{ReportEvent, ReportEventType};
use schemas::times::Moment;
use serde_json::{Value, json};
use service_kit::CancellationToken;
use service_kit::context::ServiceContext;

use super::*;
use crate::config::{Account, Config};
use crate::session::hash_password;

const PASSWORD: &str = "correct horse battery";

/// A console that listens.
struct Console {
    url: String,
    book: SharedBook,
    client: Client,
    _folder: tempfile::TempDir,
}

impl Console {
    async fn start(public_url: &str) -> Self {
        service_kit::tls::install();
        let folder = tempfile::tempdir().unwrap();
        let account = |tenant: &str| Account {
            tenant: tenant.parse().unwrap(),
            name: "admin".to_owned(),
            email: format!("admin@{tenant}.example"),
            password_hash: hash_password(PASSWORD).unwrap(),
        };
        let accounts = ["acme", "globex"].map(account).into();
        let config = Config { accounts, public_url: public_url.to_owned(), ..Config::default() };
        // Nobody listens on port 9.
        let kafka = KafkaConfig { bootstrap_servers: "127.0.0.1:9".to_owned(), ..KafkaConfig::default() };
        let clickhouse = clickhouse_io::ClickHouseConfig { url: "http://127.0.0.1:9".to_owned(), ..Default::default() };
        let store = StoreConfig { url: format!("file://{}", folder.path().display()), ..StoreConfig::default() };
        let (producer, book) = (Producer::new(&kafka, "test").unwrap(), SharedBook::default());
        let app = App::new(
            config,
            kafka,
            clickhouse_io::ClickHouse::new(&clickhouse),
            ReportStore::open(&store).unwrap(),
            Journal::with_ids(producer, SchemaId::new(1), SchemaId::new(2)).unwrap(),
            book.clone(),
            &ServiceContext::new(CancellationToken::new()),
        );
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let service = router(app).into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, service).await });
        Self { url, book, client: Client::builder().no_proxy().build().unwrap(), _folder: folder }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url)).header("X-Flowledger", "1")
    }

    async fn sign_in_as(&self, tenant: &str, account: &str, password: &str) -> reqwest::Response {
        let credentials = json!({ "tenant": tenant, "account": account, "password": password });
        self.request(Method::POST, "/api/v1/session").json(&credentials).send().await.unwrap()
    }

    /// The cookie of a new session.
    async fn sign_in(&self, tenant: &str) -> String {
        let answer = self.sign_in_as(tenant, "admin", PASSWORD).await;
        assert_eq!(answer.status(), StatusCode::OK);
        answer.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned()
    }

    fn report_of(&self, tenant: &str) -> ReportId {
        let id = ReportId::generate();
        let at = Moment::now();
        self.book.apply(&ReportEvent::new(id, tenant.parse().unwrap(), ReportEventType::Started, at));
        id
    }
}

async fn status_and_error(request: RequestBuilder) -> (u16, Value) {
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    (status, answer.json::<Value>().await.unwrap()["error"].clone())
}

#[test]
fn description_of_the_api() {
    insta::assert_snapshot!("openapi", crate::openapi_json());
}

#[tokio::test]
async fn nothing_but_the_description_is_shown_to_who_is_not_signed_in() {
    let console = Console::start("http://console").await;
    let description = console.request(Method::GET, "/api/v1/openapi.json").send().await.unwrap();
    let description: Value = description.json().await.unwrap();
    let mut checked = 0;
    for (path, operations) in description["paths"].as_object().unwrap() {
        for method in operations.as_object().unwrap().keys() {
            if (method.as_str(), path.as_str()) == ("post", "/api/v1/session") {
                continue;
            }
            let method: Method = method.to_uppercase().parse().unwrap();
            let path = path.replace("{id}", "1");
            for cookie in ["", "flowledger_session=guess", "other=1"] {
                let request = console.request(method.clone(), &path).header("Cookie", cookie).json(&json!({}));
                let (status, error) = status_and_error(request).await;
                assert_eq!((status, &error["code"]), (401, &json!("not_signed_in")), "{method} {path}");
            }
            checked += 1;
        }
    }
    assert!(checked >= 12, "{checked}");
}

#[tokio::test]
async fn session_is_a_cookie_that_scripts_and_other_sites_do_not_get() {
    let console = Console::start("https://console").await;
    let answer = console.sign_in_as("acme", "admin", PASSWORD).await;
    let cookie = answer.headers()["set-cookie"].to_str().unwrap().to_owned();
    for part in ["HttpOnly", "SameSite=Strict", "Secure", "Path=/", "Max-Age=43200"] {
        assert!(cookie.split("; ").any(|it| it == part), "{part}: {cookie}");
    }
    assert_eq!(answer.json::<Value>().await.unwrap(), json!({ "tenant": "acme", "account": "admin" }));
    let plain = Console::start("http://console").await.sign_in_as("acme", "admin", PASSWORD).await;
    assert!(!plain.headers()["set-cookie"].to_str().unwrap().contains("Secure"));

    let cookie = cookie.split(';').next().unwrap();
    let session = |method| console.request(method, "/api/v1/session").header("Cookie", cookie);
    assert_eq!(session(Method::GET).send().await.unwrap().status(), 200);
    // Without the header it may come from a page of another site.
    let forged = console.client.delete(format!("{}/api/v1/session", console.url)).header("Cookie", cookie);
    assert_eq!(status_and_error(forged).await.0, 403);
    let signed_out = session(Method::DELETE).send().await.unwrap();
    assert_eq!(signed_out.status(), 204);
    assert!(signed_out.headers()["set-cookie"].to_str().unwrap().contains("Max-Age=0"));
    assert_eq!(session(Method::GET).send().await.unwrap().status(), 401);
}

#[tokio::test]
async fn wrong_sign_ins_look_alike_and_are_slowed_down() {
    let console = Console::start("http://console").await;
    let mut said = Vec::new();
    for (tenant, account) in [("acme", "admin"), ("acme", "root"), ("nobody", "admin"), ("globex\nadmin", "")] {
        let answer = console.sign_in_as(tenant, account, "wrong horse battery").await;
        assert!(answer.headers().get("set-cookie").is_none());
        said.push((answer.status(), answer.text().await.unwrap()));
    }
    assert_eq!(said[0].0, 401);
    assert!(said.iter().all(|it| *it == said[0]), "{said:?}");
    for _ in 0..4 {
        console.sign_in_as("acme", "admin", "wrong horse battery").await;
    }
    let closed = console.sign_in_as("acme", "admin", PASSWORD).await;
    assert_eq!(closed.status(), 429);
    assert_eq!(console.sign_in_as("globex", "admin", PASSWORD).await.status(), 200, "another account is open");
}

#[tokio::test]
async fn what_cannot_be_taken_is_refused_by_name_in_one_form() {
    let console = Console::start("http://console").await;
    let cookie = console.sign_in("acme").await;
    let ask = |body: String| {
        let request = console.request(Method::POST, "/api/v1/reports").header("Cookie", &cookie);
        request.header("Content-Type", "application/json").body(body)
    };
    let right = json!({ "from": "2026-11-01T00:00", "to": "2026-11-02T00:00", "zone": "Europe/Berlin" });
    for (field, value) in [
        ("from", json!("yesterday")),
        ("to", json!("2026-10-01T00:00")),
        ("to", json!("2300-01-01T00:00")),
        ("zone", json!("Mars/Base")),
        ("remote_networks", json!(["1 OR 1=1"])),
        ("remote_networks", json!(vec!["1"; 1001])),
        ("remote_networks", json!("1")),
        ("compression", json!("rar")),
        // The tenant is the session's.
        ("tenant", json!("globex")),
    ] {
        let mut wrong = right.clone();
        wrong[field] = value;
        let (status, error) = status_and_error(ask(wrong.to_string())).await;
        assert_eq!(status, 400, "{field}: {error}");
        assert!(error["message"].as_str().unwrap().contains(field), "{field}: {error}");
    }
    for body in ["", "{", "[]", "null"] {
        let (status, error) = status_and_error(ask(body.to_owned())).await;
        assert_eq!((status, &error["code"]), (400, &json!("unreadable")), "{body}");
    }
    let (status, error) = status_and_error(ask("x".repeat(BODY_MAX + 1))).await;
    assert_eq!((status, &error["code"]), (413, &json!("too_large")));
    let get = |path: &str| console.request(Method::GET, path).header("Cookie", &cookie);
    assert_eq!(status_and_error(get("/api/v1/reports?limit=many")).await.0, 400);
    assert_eq!(status_and_error(get("/api/v1/users?limit=-1")).await.0, 400);
    assert_eq!(status_and_error(get("/api/v1/users/none/connections")).await.0, 400);
    assert_eq!(status_and_error(get("/api/v1/nothing")).await.0, 404);
}

#[tokio::test]
async fn another_tenants_report_is_as_if_it_were_not_there() {
    let console = Console::start("http://console").await;
    let (own, others) = (console.report_of("acme"), console.report_of("globex"));
    let cookie = console.sign_in("acme").await;
    let get = |path: String| console.request(Method::GET, &path).header("Cookie", &cookie);
    let list: Value = get("/api/v1/reports".to_owned()).send().await.unwrap().json().await.unwrap();
    let ids: Vec<&str> = list["reports"].as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap()).collect();
    assert_eq!(ids, [own.to_string()]);
    let found: Value = get(format!("/api/v1/reports/{own}")).send().await.unwrap().json().await.unwrap();
    assert_eq!((&found["id"], &found["state"]), (&json!(own.to_string()), &json!("running")));
    let nobodys = ReportId::generate();
    for ending in ["", "/download"] {
        let missing = status_and_error(get(format!("/api/v1/reports/{nobodys}{ending}"))).await;
        assert_eq!(missing.0, 404);
        assert_eq!(status_and_error(get(format!("/api/v1/reports/{others}{ending}"))).await, missing);
    }
    let (status, error) = status_and_error(get(format!("/api/v1/reports/{own}/download"))).await;
    assert_eq!((status, &error["code"]), (409, &json!("not_completed")));
}

#[tokio::test]
async fn changes_are_streamed_to_their_own_tenant_only() {
    let console = Console::start("http://console").await;
    let cookie = console.sign_in("acme").await;
    let request = console.request(Method::GET, "/api/v1/reports/changes").header("Cookie", &cookie);
    let mut stream = request.send().await.unwrap();
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    let (others, own) = (console.report_of("globex"), console.report_of("acme"));
    let mut said = String::new();
    while !said.contains("\n\n") {
        said.push_str(std::str::from_utf8(&stream.chunk().await.unwrap().unwrap()).unwrap());
    }
    assert!(said.starts_with("event: changed\n") && said.contains(&own.to_string()), "{said}");
    assert!(!said.contains(&others.to_string()), "{said}");
}

#[tokio::test]
async fn part_that_is_away_is_named_and_nothing_else_of_it() {
    let console = Console::start("http://console").await;
    let cookie = console.sign_in("acme").await;
    let request = console.request(Method::GET, "/api/v1/remote-networks").header("Cookie", &cookie);
    let (status, error) = status_and_error(request).await;
    assert_eq!(status, 503);
    assert_eq!(error["message"], "the database does not answer; try again in a moment");
}

#[tokio::test]
async fn every_answer_carries_the_headers_that_protect_the_pages() {
    let console = Console::start("http://console").await;
    for path in ["/", "/settings/analytics", "/api/v1/session", "/assets/none.js"] {
        let answer = console.request(Method::GET, path).send().await.unwrap();
        let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
        assert!(header("content-security-policy").starts_with("default-src 'none'"), "{path}");
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert_eq!(header("x-frame-options"), "DENY");
        assert_eq!(header("referrer-policy"), "no-referrer");
    }
    let api = console.request(Method::GET, "/api/v1/session").send().await.unwrap();
    assert_eq!(api.headers()["cache-control"], "no-store");
    // The application knows its own routes; a file that is not there is not the application.
    let page = console.request(Method::GET, "/users/7").send().await.unwrap();
    assert!(page.headers()["content-type"].to_str().unwrap().starts_with("text/html"));
    assert_eq!(console.request(Method::GET, "/assets/none.js").send().await.unwrap().status(), 404);
}
