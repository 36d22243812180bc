//! The admins' pages, and the headers that protect them.

use axum::body::Body;
use axum::http::Method;

use super::fixture::{Console, request};
use crate::routes::web::Pages;

#[tokio::test]
async fn every_answer_carries_the_headers_that_protect_the_pages() {
    let console = Console::new();
    let cookie = console.sign_in("acme").await;
    for (method, path) in [
        (Method::GET, "/"),
        (Method::GET, "/settings/analytics"),
        (Method::GET, "/assets/none.js"),
        (Method::GET, "/api/v1/session"),
        (Method::GET, "/api/v1/reports/changes"),
        (Method::GET, "/api/v1/users?limit=many"),
        (Method::GET, "/api/v1/nothing"),
        (Method::POST, "/api/v1/reports"),
        (Method::PUT, "/api/v1/reports"),
    ] {
        for cookie in ["", &cookie] {
            let response = console.answer(request(method.clone(), path, cookie, Body::empty())).await;
            let header = |name: &str| response.headers()[name].to_str().unwrap();
            let policy = header("content-security-policy");
            for part in ["default-src 'none'", "script-src 'self'", "base-uri 'none'", "frame-ancestors 'none'"] {
                assert!(policy.split("; ").any(|it| it == part), "{method} {path}: {part}");
            }
            assert_eq!(header("x-content-type-options"), "nosniff", "{method} {path}");
            assert_eq!(header("x-frame-options"), "DENY", "{method} {path}");
            assert_eq!(header("referrer-policy"), "no-referrer", "{method} {path}");
            assert!(!response.headers().contains_key("access-control-allow-origin"), "{method} {path}");
            if path.starts_with("/api/") && path != "/api/v1/reports/changes" {
                assert_eq!(header("cache-control"), "no-store", "{method} {path}");
            }
        }
    }
}

#[tokio::test]
async fn every_file_of_the_pages_has_its_type() {
    let console = Console::new();
    let mut seen = Vec::new();
    for file in Pages::iter() {
        let answer = console.get(&format!("/{file}"), "").await;
        assert_eq!(answer.status, 200, "{file}");
        let ending = file.rsplit('.').next().unwrap();
        let expected = match ending {
            "html" => "text/html; charset=utf-8",
            "js" => "text/javascript",
            "css" => "text/css",
            "svg" => "image/svg+xml",
            "woff2" => "font/woff2",
            _ => panic!("{file} is of a kind that this test does not know"),
        };
        assert_eq!(answer.header("content-type"), expected, "{file}");
        let caching = if file.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
        assert_eq!(answer.header("cache-control"), caching, "{file}");
        assert_eq!(*answer.body, *Pages::get(&file).unwrap().data, "{file}");
        seen.push(ending.to_owned());
    }
    for ending in ["html", "js", "css"] {
        assert!(seen.iter().any(|it| it == ending), "no .{ending} in {seen:?}: run `make web` first");
    }
}

#[tokio::test]
async fn path_that_is_no_file_is_the_application() {
    let console = Console::new();
    let index = console.get("/", "").await;
    assert_eq!((index.status, index.header("cache-control")), (200, "no-cache"), "run `make web` first");
    assert!(index.text().contains("<div id=\"root\">"), "{}", index.text());
    for path in ["/settings/analytics", "/users/7", "/index.html", "/..%2fCargo.toml", "/../Cargo.toml", "//etc/passwd"]
    {
        let answer = console.get(path, "").await;
        assert_eq!((answer.status, &answer.body), (200, &index.body), "{path}");
        assert_eq!(answer.header("content-type"), "text/html; charset=utf-8", "{path}");
    }
}

#[tokio::test]
async fn asset_that_is_not_there_is_not_the_application() {
    let console = Console::new();
    for path in ["/assets/none.js", "/assets/", "/assets/../../package.json"] {
        let answer = console.get(path, "").await;
        assert_eq!((answer.status, answer.code().as_str()), (404, "not_found"), "{path}");
    }
}
