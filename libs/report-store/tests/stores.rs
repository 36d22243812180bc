//! A folder and a real S3 server: a file is visible only when it is whole, ranges, wrong keys, and a server that is killed.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::time::Duration;

use futures_util::TryStreamExt;
use local_parts::{S3, Silent, given};
use report_store::{ReportStore, StoreConfig, StoreError};

/// Larger than one part, and no multiple of it.
const SIZE: usize = (17 << 20) + 3;

fn bytes(from: usize, to: usize) -> Vec<u8> {
    (from..to).map(|number| u8::try_from(number % 251).unwrap()).collect()
}

async fn read(store: &ReportStore, key: &str, range: Option<std::ops::Range<u64>>) -> Vec<u8> {
    let pieces: Vec<_> = store.read(key, range).await.unwrap().try_collect().await.unwrap();
    pieces.concat()
}

async fn assert_whole_or_not_there(store: &ReportStore) {
    let key = "reports/acme/1/file.csv";
    let mut upload = store.begin(key).await.unwrap();
    for at in (0..SIZE).step_by(1 << 20) {
        upload.write(&bytes(at, (at + (1 << 20)).min(SIZE))).await.unwrap();
    }
    assert!(matches!(store.size(key).await, Err(StoreError::NotFound(_))));
    assert_eq!(upload.finish().await.unwrap(), SIZE as u64);
    assert_eq!(store.size(key).await.unwrap(), SIZE as u64);
    assert_eq!(read(store, key, None).await, bytes(0, SIZE));
    assert_eq!(read(store, key, Some(9_000_000..9_000_007)).await, bytes(9_000_000, 9_000_007));

    let mut aborted = store.begin("reports/acme/2/file.csv").await.unwrap();
    aborted.write(&bytes(0, 9 << 20)).await.unwrap();
    aborted.abort().await.unwrap();
    assert!(matches!(store.size("reports/acme/2/file.csv").await, Err(StoreError::NotFound(_))));

    let empty = store.begin("reports/acme/3/file.csv").await.unwrap();
    assert_eq!(empty.finish().await.unwrap(), 0);
    assert_eq!(read(store, "reports/acme/3/file.csv", None).await, b"");
    let listed = |prefix: &'static str| async move {
        let mut keys = store.list(prefix).await.unwrap();
        keys.sort();
        keys
    };
    assert_eq!(listed("reports/acme").await, [key, "reports/acme/3/file.csv"]);
    assert_eq!(listed("reports/acme/1").await, [key]);
    for _ in 0..2 {
        store.delete(key).await.unwrap();
        assert!(matches!(store.size(key).await, Err(StoreError::NotFound(_))));
        assert!(listed("reports/acme/1").await.is_empty());
    }
    for key in ["", "../secret", "a/../../b"] {
        assert!(store.delete(key).await.is_err(), "{key}");
        assert!(store.size(key).await.is_err(), "{key}");
    }
}

#[tokio::test]
async fn folder_shows_whole_files_only() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("file://{}", folder.path().display());
    assert_whole_or_not_there(&ReportStore::open(&StoreConfig { url, ..StoreConfig::default() }).unwrap()).await;
}

fn config(endpoint: String, bucket: &str, key: &str, secret: &str) -> StoreConfig {
    StoreConfig {
        url: format!("s3://{bucket}/test-{}", std::process::id()),
        endpoint: Some(endpoint),
        access_key: Some(key.to_owned()),
        secret_key: Some(secret.to_owned().into()),
        allow_http: true,
        ..StoreConfig::default()
    }
}

#[tokio::test]
async fn s3_shows_whole_files_only_and_refuses_a_wrong_key() {
    let folder = tempfile::tempdir().unwrap();
    let (_server, right) = match given::s3() {
        Some(s3) => (None, config(s3.endpoint, &s3.bucket, &s3.access_key, &s3.secret_key)),
        None => {
            let s3 = S3::start(folder.path(), None, &Silent).await.unwrap();
            let config = config(s3.endpoint(), s3.bucket(), s3.access_key(), s3.secret_key());
            (Some(s3), config)
        }
    };
    assert_whole_or_not_there(&ReportStore::open(&right).unwrap()).await;
    let wrong = StoreConfig { secret_key: Some("not the secret".to_owned().into()), ..right };
    let Err(error) = ReportStore::open(&wrong).unwrap().begin("reports/x").await else { panic!("let in") };
    assert!(!error.to_string().contains("not the secret"), "{error}");
}

#[tokio::test]
async fn upload_rides_over_a_server_that_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let mut s3 = S3::start(folder.path(), None, &Silent).await.unwrap();
    let store = ReportStore::open(&config(s3.endpoint(), s3.bucket(), s3.access_key(), s3.secret_key())).unwrap();
    let key = "reports/acme/1/file.csv";
    let mut upload = store.begin(key).await.unwrap();
    upload.write(&bytes(0, 9 << 20)).await.unwrap();
    s3.kill();
    let rest = tokio::spawn(async move {
        upload.write(&bytes(9 << 20, SIZE)).await.unwrap();
        upload.finish().await
    });
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(!rest.is_finished(), "the server is gone");
    s3.restart().await.unwrap();
    assert_eq!(rest.await.unwrap().unwrap(), SIZE as u64);
    assert_eq!(read(&store, key, None).await, bytes(0, SIZE));
}
