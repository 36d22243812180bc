//! Nobody sees anything without a session, and nobody anything but their tenant's.

use axum::body::Body;
use axum::http::Method;
use schemas::audit_event::AuditAction;
use schemas::ids::ReportId;
use schemas::report_request::{BarrierOffset, Compression, ReportFormat, ReportKind};
use serde_json::json;
use traffic_query::time_range::rfc3339;

use super::fixture::{Console, description, operations, request};

#[tokio::test]
async fn nothing_but_the_description_is_shown_to_who_is_not_signed_in() {
    let console = Console::new();
    let shown = console.get("/api/v1/openapi.json", "").await;
    assert_eq!((shown.header("content-type"), &shown.json()), ("application/json", description()));
    let mut checked = 0;
    for (method, path) in operations() {
        if (method.as_str(), path.as_str()) == ("POST", "/api/v1/session") {
            continue;
        }
        let path = path.replace("{id}", "1").replace("{delivery}", "1");
        for cookie in ["", "flowledger_session=", "flowledger_session=guess", "other=1"] {
            let answer = console.send(request(method.clone(), &path, cookie, Body::from("{}"))).await;
            assert_eq!((answer.status, answer.code().as_str()), (401, "not_signed_in"), "{method} {path}");
        }
        checked += 1;
    }
    assert!(checked >= 12, "{checked}");
    assert!(!console.world.was_touched(), "nothing is asked for before it is known who asks");
}

#[tokio::test]
async fn tenant_of_a_query_is_the_sessions_whatever_the_request_says() {
    let console = Console::new();
    let (report, others) = (console.report_of("acme"), console.report_of("globex"));
    for (tenant, report) in [("acme", report), ("globex", others)] {
        console.audited(tenant, AuditAction::ReportDownloaded, &report.to_string());
    }
    let (foreign, own) = (keep_schedule(&console, "globex").await, keep_schedule(&console, "acme").await);
    let (foreign_hook, own_hook) = (make_webhook(&console, "globex").await, make_webhook(&console, "acme").await);
    let (foreign_sync, own_sync) = (make_sync(&console, "globex").await, make_sync(&console, "acme").await);
    let cookie = console.sign_in("acme").await;
    let mut checked = 0;
    for (method, path) in operations() {
        let is_of_file = path.ends_with("/download") || path.ends_with("/manifest");
        if method != Method::GET || path == "/api/v1/reports/changes" || is_of_file {
            continue;
        }
        let (path, options) = asked(&path, &report.to_string(), &own, &own_hook, &own_sync);
        if options.is_some() {
            let answer = console.get(&format!("{path}?tenant=globex"), &cookie).await;
            assert_eq!((answer.status, &answer.json()["error"]["field"]), (400, &json!("tenant")), "{path}");
        }
        let options = options.unwrap_or("tenant=globex&limit=3");
        let mut forged = request(Method::GET, &format!("{path}?{options}"), &cookie, Body::empty());
        for header in ["X-Tenant", "Tenant", "X-Flowledger-Tenant"] {
            forged.headers_mut().insert(header, "globex".parse().unwrap());
        }
        let answer = console.send(forged).await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        let others = ["globex", &others.to_string(), &foreign, &foreign_hook, &foreign_sync];
        assert!(!others.iter().any(|it| answer.text().contains(it)), "{path}");
        // What it was told: nothing yet.
        let shown = path.ends_with("/deliveries")
            || [&report.to_string(), "acme", &own, &own_sync].iter().any(|own| answer.text().contains(*own));
        assert!(shown, "{path}: {}", answer.text());
        checked += 1;
    }
    assert!(checked >= 15, "{checked}");
    let queries = console.world.queries.lock().unwrap().clone();
    assert_eq!(queries.len(), 13, "{queries:?}");
    assert!(queries.iter().all(|(tenant, _)| tenant == "acme"), "{queries:?}");
}

/// A schedule of the tenant; gives its id.
async fn keep_schedule(console: &Console, tenant: &str) -> String {
    let cookie = console.sign_in(tenant).await;
    let new = json!({ "name": format!("All of {tenant}"), "range": "last week", "zone": "UTC" });
    assert_eq!(console.post("/api/v1/report-schedules", &cookie, &new).await.status, 201);
    let schedule = console.world.schedules.lock().unwrap().pop().unwrap();
    let id = schedule.schedule_id.to_string();
    console.schedules.apply(schedule);
    id
}

/// A webhook of the tenant; gives its id.
async fn make_webhook(console: &Console, tenant: &str) -> String {
    let cookie = console.sign_in(tenant).await;
    let new = json!({ "name": "All", "url": format!("https://{tenant}.example/hook") });
    assert_eq!(console.post("/api/v1/webhooks", &cookie, &new).await.status, 201);
    let webhook = console.world.webhooks.lock().unwrap().pop().unwrap();
    let id = webhook.webhook_id.to_string();
    console.webhooks.apply(webhook);
    id
}

/// A bucket sync of the tenant; gives its id.
async fn make_sync(console: &Console, tenant: &str) -> String {
    let cookie = console.sign_in(tenant).await;
    let new = json!({ "name": format!("Lake of {tenant}"), "destination": "lake" });
    assert_eq!(console.post("/api/v1/syncs", &cookie, &new).await.status, 201);
    let event = console.world.syncs.lock().unwrap().pop().unwrap();
    console.syncs.apply(&event);
    event.sync_id.to_string()
}

/// A path of the description with ids in it, and the options that it takes; `None` where it does not look at others.
fn asked(path: &str, report: &str, schedule: &str, webhook: &str, sync: &str) -> (String, Option<&'static str>) {
    let id = match path {
        _ if path.contains("/reports/") => report,
        _ if path.contains("/report-schedules/") => schedule,
        _ if path.contains("/webhooks/") => webhook,
        _ if path.contains("/syncs/") => sync,
        _ if path.contains("/traffic/") => "019f2f5d-72c8-8123-8000-0123456789ab",
        _ => "7",
    };
    let options = match path.rsplit('/').next().unwrap() {
        "connections" | "open" | "audit" | "{insight}" => Some("limit=3"),
        "top" => Some("by=remote_network&limit=3"),
        "facets" => Some("of=remote_network"),
        "series" => Some("from=2026-11-01T00:00&to=2026-11-02T00:00&split=remote_network"),
        _ => None,
    };
    (path.replace("{id}", id).replace("{insight}", "error_rate"), options)
}

#[tokio::test]
async fn what_is_looked_for_is_handed_on() {
    let console = Console::new();
    let cookie = console.sign_in("acme").await;
    for path in [
        "/users?search=J%C3%BCrgen%20%27%3B&limit=5",
        "/users",
        "/resources?search=wiki",
        "/addresses?search=wiki&limit=7",
        "/users/9223372036854775807/connections?limit=2",
        "/resources/7/connections?protocols=udp&protocols=tcp&users=9",
        "/traffic/connections?before=019f2f5d-72c8-8123-8000-0123456789ab&client_addresses=10.1.2.3/8&domain=wiki",
        "/traffic/connections/019f2f5d-72c8-8123-8000-0123456789ab",
        "/traffic/open?users=7&protocols=tcp&limit=100",
        "/traffic/series?from=2026-03-28T00:00&to=2026-03-30T00:00&zone=Europe/Berlin&bucket=day&split=user&measures=bytes",
        "/traffic/top?by=resource&by=status&measures=bytes&measures=users&limit=3&ports=443",
        "/traffic/facets?of=protocol&of=port&protocols=tcp&ports=443",
        "/traffic/insights/new_countries?from=2026-11-01T00:00&to=2026-11-02T00:00&users=7&limit=4",
    ] {
        assert_eq!(console.get(&format!("/api/v1{path}"), &cookie).await.status, 200, "{path}");
    }
    let queries = console.world.queries.lock().unwrap().clone();
    let questions: Vec<_> = queries.into_iter().map(|(_, question)| question).collect();
    insta::assert_json_snapshot!("questions", questions);
}

#[tokio::test]
async fn whatever_is_counted_says_from_what() {
    let console = Console::new();
    let cookie = console.sign_in("acme").await;
    for (path, place, source) in [
        ("/traffic/series?from=2026-11-01T00:00&to=2026-11-02T00:00", "/source", "raw"),
        ("/traffic/top?by=user", "/source", "rollup"),
        ("/traffic/facets?of=user&of=port", "/facets/1/source", "rollup"),
        ("/traffic/insights/error_rate", "/source", "rollup"),
        ("/addresses", "/source", "rollup"),
    ] {
        let answer = console.get(&format!("/api/v1{path}"), &cookie).await.json();
        assert_eq!(answer.pointer(place), Some(&json!(source)), "{path}: {answer}");
    }
}

#[tokio::test]
async fn connection_as_it_is_shown() {
    let console = Console::new();
    let cookie = console.sign_in("acme").await;
    let page = console.get("/api/v1/users/9/connections", &cookie).await.json();
    assert_eq!(page["connections"][0]["location"]["city"], "Berlin");
    assert_eq!(page["connections"][0]["location"]["region"], json!(null), "not known, and said");
    insta::assert_json_snapshot!("connections", page);
    let names = console.get("/api/v1/users", &cookie).await.json();
    // Text: a browser's numbers do not hold it.
    let users = json!([{ "id": "9223372036854775807", "name": "Jane of acme" }]);
    assert_eq!(names, json!({ "source": "rollup", "users": users }));
}

#[tokio::test]
async fn report_is_asked_for_in_the_name_of_the_session() {
    let console = Console::new();
    let cookie = console.sign_in("globex").await;
    let new = json!({
        "from": "2026-11-01T00:00", "to": "2026-11-02T00:00", "zone": "Europe/Berlin",
        "remote_networks": ["64894"], "denied": true, "compression": "gzip",
    });
    let answer = console.post("/api/v1/reports", &cookie, &new).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let requests = console.world.requests.lock().unwrap().clone();
    let [asked] = requests.as_slice() else { panic!("{requests:?}") };
    assert_eq!((asked.tenant.as_str(), asked.requested_by.as_str()), ("globex", "admin"));
    assert_eq!(asked.receivers, ["admin@globex.example"]);
    assert_eq!(asked.barrier, [(0, 7), (1, 9)].map(|(partition, offset)| BarrierOffset { partition, offset }));
    assert_eq!(
        (asked.kind, asked.format, asked.compression),
        (ReportKind::Events, ReportFormat::Csv, Compression::Gzip)
    );
    assert_eq!(rfc3339(asked.range_from), "2026-10-31T23:00:00Z");
    assert_eq!((asked.filter.remote_networks.as_slice(), asked.filter.denied), ([64894].as_slice(), true));

    let mut of_users = new.clone();
    (of_users["kind"], of_users["users"], of_users["addresses"]) =
        (json!("users"), json!(["7"]), json!(["10.0.0.0/8"]));
    assert_eq!(console.post("/api/v1/reports", &cookie, &of_users).await.status, 201);
    let asked_last = console.world.requests.lock().unwrap().last().unwrap().clone();
    assert_eq!((asked_last.kind, asked_last.filter.users.as_slice()), (ReportKind::UserActivity, [7].as_slice()));
    assert_eq!(asked_last.filter.address_ranges, ["10.0.0.0/8"]);

    let mut shown = answer.json();
    assert_eq!(shown["id"], json!(asked.report_id.to_string()));
    assert_eq!(shown["requested_at"], json!(rfc3339(asked.requested_at)));
    for changing in ["id", "requested_at"] {
        shown.as_object_mut().unwrap().remove(changing);
    }
    insta::assert_json_snapshot!("report", shown);
}

#[tokio::test]
async fn tenant_in_a_body_is_refused_by_name() {
    let console = Console::new();
    let cookie = console.sign_in("acme").await;
    for field in ["tenant", "requested_by", "report_id", "barrier"] {
        let mut new = json!({ "from": "2026-11-01T00:00", "to": "2026-11-02T00:00", "zone": "UTC" });
        new[field] = json!("globex");
        let answer = console.post("/api/v1/reports", &cookie, &new).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "unreadable"), "{field}");
        assert!(answer.message().contains(field), "{}", answer.message());
    }
    assert!(!console.world.was_touched());
}

#[tokio::test]
async fn another_tenants_report_is_as_if_it_were_not_there() {
    let console = Console::new();
    let own = console.report_of("acme");
    let others = console.completed("globex", "globex.csv", Some("secret")).await;
    let cookie = console.sign_in("acme").await;
    let list = console.get("/api/v1/reports", &cookie).await.json();
    let ids: Vec<&str> = list["reports"].as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap()).collect();
    assert_eq!(ids, [own.to_string()]);
    let found = console.get(&format!("/api/v1/reports/{own}"), &cookie).await.json();
    assert_eq!((&found["id"], &found["state"]), (&json!(own.to_string()), &json!("running")));
    let nobodys = ReportId::generate();
    for ending in ["", "/download", "/manifest"] {
        let missing = console.get(&format!("/api/v1/reports/{nobodys}{ending}"), &cookie).await;
        let hidden = console.get(&format!("/api/v1/reports/{others}{ending}"), &cookie).await;
        assert_eq!((missing.status, missing.code().as_str()), (404, "not_found"));
        assert_eq!((hidden.status, &hidden.body), (404, &missing.body));
        let names =
            |answer: &super::fixture::Answer| answer.headers.keys().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(names(&hidden), names(&missing));
    }
    for ending in ["/cancel", "/retry"] {
        let missing = console.post(&format!("/api/v1/reports/{nobodys}{ending}"), &cookie, &json!({})).await;
        let hidden = console.post(&format!("/api/v1/reports/{others}{ending}"), &cookie, &json!({})).await;
        assert_eq!((hidden.status, hidden.code().as_str(), &hidden.body), (404, "not_found", &missing.body));
    }
    assert!(!console.world.was_touched(), "no download is noted, and no wish");
    let globex = console.sign_in("globex").await;
    let answer = console.get(&format!("/api/v1/reports/{others}/download"), &globex).await;
    assert_eq!((answer.status, answer.text()), (200, "secret"), "it is there for its own");
}
