//! A folder and a real S3 server: a file is visible only when it is whole, ranges, wrong keys, and a server that is killed.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::time::Duration;

use futures_util::TryStreamExt;
use local_parts::{S3, Silent, given};
use report_store::{PartNumbers, ReportStore, StoreConfig, StoreError};
use schemas::report_slice::StoredSlice;

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
    store.put(key, b"abc".to_vec().into()).await.unwrap();
    let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(store.digest(key).await.unwrap(), (3, abc.to_owned()));
    store.delete(key).await.unwrap();
    assert!(matches!(store.digest(key).await, Err(StoreError::NotFound(_))));
    for key in ["", "../secret", "a/../../b"] {
        assert!(store.delete(key).await.is_err(), "{key}");
        assert!(store.size(key).await.is_err(), "{key}");
    }
}

async fn slice(store: &ReportStore, key: &str, id: &str, place: (usize, usize), bytes: &[u8]) -> StoredSlice {
    let (number, numbers) = (i32::try_from(place.0).unwrap(), PartNumbers::of(place.0, place.1));
    let mut slice = store.begin_slice(key, id, number, numbers).await.unwrap();
    for piece in bytes.chunks(700_000) {
        slice.write(piece).await.unwrap();
    }
    assert_eq!(slice.size_bytes(), bytes.len() as u64);
    slice.finish().await.unwrap()
}

/// Slices of all sizes, made in any order, are one file.
async fn assert_slices_are_joined(store: &ReportStore, knows_numbers: bool) {
    const MIB: usize = 1 << 20;
    let key = "reports/acme/4/1/file.csv";
    for (round, sizes) in [
        &[1_000, 3 * MIB, 4 * MIB, 12 * MIB, 45 * MIB, 6 * MIB, 2 * MIB, 10 * MIB, 100][..],
        &[10 * MIB - 1, 13 * MIB + 5],
        &[7, 8, 9],
        &[5 * MIB, 0, 5 * MIB],
    ]
    .into_iter()
    .enumerate()
    {
        let ends: Vec<usize> = sizes
            .iter()
            .scan(0, |end, size| {
                *end += size;
                Some(*end)
            })
            .collect();
        let total = *ends.last().unwrap();
        let id = store.begin_slices(key).await.unwrap();
        let mut slices = vec![StoredSlice::default(); sizes.len()];
        for place in (0..sizes.len()).rev() {
            let content = bytes(ends[place] - sizes[place], ends[place]);
            slices[place] = slice(store, key, &id, (place, sizes.len()), &content).await;
        }
        // One more that nobody names, as of a process that was killed.
        slice(store, key, &id, (0, sizes.len()), &bytes(0, sizes[0])).await;
        assert!(matches!(store.size(key).await, Err(StoreError::NotFound(_))));
        assert_eq!(store.open_uploads(key).await.unwrap(), usize::from(knows_numbers));
        // The second one, whose answer was lost, finds it there.
        for _ in 0..2 {
            assert_eq!(store.join(key, &id, &slices).await.unwrap(), total as u64, "round {round}");
        }
        assert!(read(store, key, None).await == bytes(0, total), "round {round}");
        assert_eq!(store.open_uploads(key).await.unwrap(), 0);
        for left in store.list("reports/acme/4").await.unwrap() {
            store.delete(&left).await.unwrap();
        }
    }
    let id = store.begin_slices(key).await.unwrap();
    let mut slices = vec![slice(store, key, &id, (0, 2), &bytes(0, 20 * MIB)).await];
    slices.push(slice(store, key, &id, (1, 2), &bytes(0, 9)).await);
    if knows_numbers {
        // A late writer with other content: what was told of is gone, and the file will not be made of both.
        slice(store, key, &id, (0, 2), &bytes(1, 20 * MIB)).await;
    } else {
        store.delete(slices[0].staged_key.as_ref().unwrap()).await.unwrap();
    }
    let joined = store.join(key, &id, &slices).await;
    assert!(matches!(joined, Err(StoreError::Broken(_))), "{joined:?}");
    store.abort_uploads(key).await.unwrap();
    assert_eq!(store.open_uploads(key).await.unwrap(), 0);
    assert!(matches!(store.size(key).await, Err(StoreError::NotFound(_))));
    if knows_numbers {
        let (id, other) = (store.begin_slices(key).await.unwrap(), store.begin_slices("reports/acme/5/file.csv").await);
        slice(store, key, &id, (0, 2), &bytes(0, 20 * MIB)).await;
        store.abort_uploads(key).await.unwrap();
        let joined = store.join(key, &id, &slices).await;
        assert!(matches!(joined, Err(StoreError::Broken(_))), "{joined:?}");
        assert_eq!(store.open_uploads("reports/acme/5/file.csv").await.unwrap(), 1, "{other:?} is another file's");
        store.abort_uploads("reports/acme/5/file.csv").await.unwrap();
    }
    for left in store.list("reports/acme/4").await.unwrap() {
        store.delete(&left).await.unwrap();
    }
}

/// A slice that is a file of its own becomes the file when it is joined, and nothing of another writer's is in it.
async fn assert_file_slices_are_files(store: &ReportStore, knows_numbers: bool) {
    const MIB: usize = 1 << 20;
    let key = "reports/acme/6/1/file/part-00003.parquet";
    for size in [9, 6 * MIB, 30 * MIB + 1] {
        let made = async |from: usize| {
            let mut slice = store.begin_file_slice(key, 3).await.unwrap();
            for piece in bytes(from, from + size).chunks(700_000) {
                slice.write(piece).await.unwrap();
            }
            slice
        };
        let (mine, others, aborted) = (made(0).await, made(1).await, made(2).await);
        let (mine, others) = (mine.finish().await.unwrap(), others.finish().await.unwrap());
        aborted.abort().await.unwrap();
        assert!(matches!(store.size(key).await, Err(StoreError::NotFound(_))));
        assert_eq!(store.open_uploads(key).await.unwrap(), if knows_numbers { 2 } else { 0 });
        assert_eq!((mine.size_bytes(), mine.staged_key.is_none()), (i64::try_from(size).unwrap(), knows_numbers));
        let own = |slice: &StoredSlice| slice.file_upload_id.clone().unwrap_or_default();
        // The second one, whose answer was lost, finds it there.
        for _ in 0..2 {
            let joined = store.join(key, &own(&mine), std::slice::from_ref(&mine)).await;
            assert_eq!(joined.unwrap(), size as u64);
        }
        store.abort_uploads(key).await.unwrap();
        assert_eq!(store.open_uploads(key).await.unwrap(), 0);
        assert!(read(store, key, None).await == bytes(0, size), "{size}");
        for left in store.list("reports/acme/6").await.unwrap() {
            store.delete(&left).await.unwrap();
        }
        // What was aborted is not there to be joined.
        let joined = store.join(key, &own(&others), std::slice::from_ref(&others)).await;
        assert!(matches!(joined, Err(StoreError::Broken(_))), "{joined:?}");
    }
}

#[tokio::test]
async fn folder_shows_whole_files_only() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("file://{}", folder.path().display());
    let store = ReportStore::open(&StoreConfig { url, ..StoreConfig::default() }).unwrap();
    assert_whole_or_not_there(&store).await;
    assert_slices_are_joined(&store, false).await;
    assert_file_slices_are_files(&store, false).await;
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
    let store = ReportStore::open(&right).unwrap();
    assert_whole_or_not_there(&store).await;
    assert_slices_are_joined(&store, true).await;
    assert_file_slices_are_files(&store, true).await;
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
