//! Links of a real S3 server and of Azure's emulator: the bytes of that one file, to be read, until the link ends.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::time::Duration;

use local_parts::{Azure, S3, Silent, given};
use report_store::{ReportStore, SavedAs, StoreConfig};
use reqwest::header::{CONTENT_DISPOSITION, CONTENT_RANGE, CONTENT_TYPE, RANGE};
use reqwest::{Client, Method, Response};
use secrecy::ExposeSecret;

const KEY: &str = "reports/acme/1/1/events.csv.gz";
const OTHER: &str = "reports/globex/1/1/events.csv.gz";
const CONTENT: &[u8] = b"what is acme's and nobody else's";
const SAVED_AS: SavedAs<'_> = SavedAs { name: "events-2026.csv.gz", content_type: "application/gzip" };
const LIFETIME: Duration = Duration::from_secs(60);

async fn link(store: &ReportStore, lifetime: Duration) -> String {
    store.link(KEY, SAVED_AS, lifetime).await.unwrap().expose_secret().to_owned()
}

async fn asked(client: &Client, method: Method, url: &str) -> Response {
    client.request(method, url).send().await.unwrap()
}

async fn status(client: &Client, method: Method, url: &str) -> u16 {
    asked(client, method, url).await.status().as_u16()
}

/// Follows a link, changes it in each way of `changes`, and waits for its end. The whole answer to the link as it is.
async fn assert_link_gives_one_file_for_a_while(config: &StoreConfig, changes: &[(&str, &str)]) -> Response {
    let (store, client) = (ReportStore::open(config).unwrap(), Client::builder().no_proxy().build().unwrap());
    store.put(KEY, CONTENT.into()).await.unwrap();
    store.put(OTHER, b"what is globex'".as_slice().into()).await.unwrap();
    let url = link(&store, LIFETIME).await;
    let whole = asked(&client, Method::GET, &url).await;
    assert_eq!(whole.status(), 200);
    let part = client.get(&url).header(RANGE, "bytes=8-13").send().await.unwrap();
    assert_eq!((part.status().as_u16(), part.headers()[CONTENT_RANGE].to_str().unwrap()), (206, "bytes 8-13/32"));
    assert_eq!(part.bytes().await.unwrap(), &CONTENT[8..14]);

    // Who has it reads that file, and nothing else.
    let elsewhere = url.replacen(KEY, OTHER, 1);
    assert_ne!(elsewhere, url);
    assert_eq!(status(&client, Method::GET, &elsewhere).await, 403, "another tenant's");
    assert_eq!(status(&client, Method::DELETE, &url).await, 403);
    let overwriting = client.put(&url).header("x-ms-blob-type", "BlockBlob").body("forged").send().await.unwrap();
    assert_eq!(overwriting.status(), 403);
    for (from, to) in changes {
        let changed = url.replacen(from, to, 1);
        assert_ne!(changed, url, "{from}");
        assert_eq!(status(&client, Method::GET, &changed).await, 403, "{from} is {to}");
    }
    let plain = url.split('?').next().unwrap();
    assert!([401, 403, 404, 409].contains(&status(&client, Method::GET, plain).await), "without what is signed");
    assert_eq!(store.get(KEY).await.unwrap(), CONTENT, "it is as it was");

    let short = link(&store, Duration::from_secs(2)).await;
    assert_eq!(status(&client, Method::GET, &short).await, 200);
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(status(&client, Method::GET, &short).await, 403, "its time is over");
    assert_eq!(status(&client, Method::GET, &url).await, 200, "the other's is not");
    for key in [KEY, OTHER] {
        store.delete(key).await.unwrap();
    }
    whole
}

#[tokio::test]
async fn link_of_s3_gives_one_file_for_a_while() {
    let folder = tempfile::tempdir().unwrap();
    let (_server, endpoint, bucket, access_key, secret_key) = match given::s3() {
        Some(s3) => (None, s3.endpoint, s3.bucket, s3.access_key, s3.secret_key),
        None => {
            let s3 = S3::start(folder.path(), None, &Silent).await.unwrap();
            let (endpoint, bucket) = (s3.endpoint(), s3.bucket().to_owned());
            let (access_key, secret_key) = (s3.access_key().to_owned(), s3.secret_key().to_owned());
            (Some(s3), endpoint, bucket, access_key, secret_key)
        }
    };
    let inside = StoreConfig {
        url: format!("s3://{bucket}/links-{}", std::process::id()),
        endpoint: Some(endpoint.clone()),
        access_key: Some(access_key),
        secret_key: Some(secret_key.into()),
        allow_http: true,
        ..StoreConfig::default()
    };
    let changes = [
        ("X-Amz-Expires=60", "X-Amz-Expires=600"),
        ("events-2026.csv.gz", "other.html"),
        ("response-content-type=application%2Fgzip", "response-content-type=text%2Fhtml"),
    ];
    let whole = assert_link_gives_one_file_for_a_while(&inside, &changes).await;
    let header = |name| whole.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header(CONTENT_DISPOSITION), "attachment; filename=\"events-2026.csv.gz\"");
    assert_eq!(header(CONTENT_TYPE), "application/gzip");
    assert_eq!(whole.bytes().await.unwrap(), CONTENT);

    // By another name of the same server: the host is signed, so what is signed for one does not hold at the other.
    let public = endpoint.replacen("127.0.0.1", "localhost", 1);
    let store = ReportStore::open(&inside).unwrap();
    let linked = ReportStore::open(&inside.for_links(Some(&public)).unwrap()).unwrap();
    store.put(KEY, CONTENT.into()).await.unwrap();
    let (own, other) = (link(&store, LIFETIME).await, link(&linked, LIFETIME).await);
    assert!(other.starts_with(&public), "{public}");
    let client = Client::builder().no_proxy().build().unwrap();
    assert_eq!(asked(&client, Method::GET, &other).await.bytes().await.unwrap(), CONTENT);
    if public != endpoint {
        assert_eq!(status(&client, Method::GET, &own.replacen(&endpoint, &public, 1)).await, 403);
    }
    store.delete(KEY).await.unwrap();
}

#[tokio::test]
async fn link_of_azure_gives_one_file_for_a_while() {
    let folder = tempfile::tempdir().unwrap();
    let azure = Azure::start(folder.path(), None, &Silent).await.unwrap();
    let config = StoreConfig {
        url: format!("az://{}/links", azure.container()),
        endpoint: Some(azure.endpoint()),
        account: Some(azure.account().to_owned()),
        secret_key: Some(azure.key().to_owned().into()),
        allow_http: true,
        ..StoreConfig::default()
    };
    let whole = assert_link_gives_one_file_for_a_while(&config, &[("sp=r", "sp=rwd"), ("se=20", "se=21")]).await;
    // The name is the path's last, and a browser shows nothing of this type.
    assert!(whole.headers().get(CONTENT_DISPOSITION).is_none());
    assert_eq!(whole.headers()[CONTENT_TYPE], "application/octet-stream");
    assert_eq!(whole.bytes().await.unwrap(), CONTENT);
}
