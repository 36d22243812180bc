//! A folder, a real S3 server, Azure's emulator and the nearest there is to Google's: a file is visible only when it is whole and overwrites
//! none, ranges, wrong keys, answers that are lost, and a server that is killed.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::TryStreamExt;
use local_parts::{Azure, Fault, FaultProxy, GoogleStorage, S3, Silent, given};
use report_store::{Encryption, PartNumbers, ReportStore, StoreConfig, StoreError};
use schemas::report_slice::StoredSlice;
use service_kit::CancellationToken;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// Larger than one part, and no multiple of it.
const SIZE: usize = (17 << 20) + 3;
/// The least that is more than one part.
const TWO_PARTS: usize = (8 << 20) + 3;

fn bytes(from: usize, to: usize) -> Vec<u8> {
    (from..to).map(|number| u8::try_from(number % 251).unwrap()).collect()
}

async fn read(store: &ReportStore, key: &str, range: Option<std::ops::Range<u64>>) -> Vec<u8> {
    let pieces: Vec<_> = store.read(key, range).await.unwrap().try_collect().await.unwrap();
    pieces.concat()
}

async fn assert_whole_or_not_there(store: &ReportStore) {
    let key = "reports/acme/1/file.csv";
    let mut upload = store.begin(key).unwrap();
    for at in (0..SIZE).step_by(1 << 20) {
        upload.write(&bytes(at, (at + (1 << 20)).min(SIZE))).await.unwrap();
    }
    assert!(matches!(store.size(key).await, Err(StoreError::NotFound(_))));
    let sha256 = upload.sha256();
    assert_eq!(upload.finish().await.unwrap(), SIZE as u64);
    assert_eq!(store.digest(key).await.unwrap(), (SIZE as u64, sha256));
    assert_eq!(store.size(key).await.unwrap(), SIZE as u64);
    let stat = store.stat(key).await.unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    // Stores may round, and their clocks are others; nobody's is a day off.
    assert!(
        stat.size_bytes == SIZE as u64 && stat.written_at_seconds.unsigned_abs().abs_diff(now) < 86_400,
        "{stat:?}"
    );
    assert_eq!(store.stat(key).await.unwrap(), stat, "it is known again");
    assert_eq!(read(store, key, None).await, bytes(0, SIZE));
    assert_eq!(read(store, key, Some(9_000_000..9_000_007)).await, bytes(9_000_000, 9_000_007));

    let mut aborted = store.begin("reports/acme/2/file.csv").unwrap();
    aborted.write(&bytes(0, 9 << 20)).await.unwrap();
    aborted.abort().await.unwrap();
    assert!(matches!(store.size("reports/acme/2/file.csv").await, Err(StoreError::NotFound(_))));

    let empty = store.begin("reports/acme/3/file.csv").unwrap();
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

async fn made(store: &ReportStore, key: &str, bytes: &[u8]) -> Result<u64, StoreError> {
    let mut upload = store.begin(key).unwrap();
    for piece in bytes.chunks(1 << 20) {
        upload.write(piece).await?;
    }
    upload.finish().await
}

/// What is there stays; the same bytes again are no error.
async fn assert_nothing_is_overwritten(store: &ReportStore) {
    let key = "reports/acme/7/file.csv";
    for size in [5, 0, TWO_PARTS] {
        let (first, other) = (bytes(0, size), bytes(1, size + 1));
        for _ in 0..2 {
            assert_eq!(made(store, key, &first).await, Ok(size as u64));
        }
        let mut refused = vec![bytes(0, size + 1)];
        refused.extend((size > 0).then_some(other));
        for bytes in refused {
            let occupied = made(store, key, &bytes).await;
            assert!(matches!(&occupied, Err(StoreError::Occupied(path)) if path.ends_with(key)), "{occupied:?}");
        }
        assert!(read(store, key, None).await == first, "{size}");
        assert_eq!(store.open_uploads(key).await.unwrap(), 0, "{size}");
        store.delete(key).await.unwrap();
    }
    // Of two at once with different bytes one is there, whole.
    let writing = [0, 1].map(|from| (from, bytes(from, from + TWO_PARTS)));
    let (one, two) = tokio::join!(made(store, key, &writing[0].1), made(store, key, &writing[1].1));
    let there = read(store, key, None).await;
    assert!(one.is_ok() != two.is_ok(), "{one:?} {two:?}");
    assert!(there == writing[usize::from(two.is_ok())].1);
    store.abort_uploads(key).await.unwrap();
    store.delete(key).await.unwrap();
    // Slices too: another file in their place is left there.
    let id = store.begin_slices(key).await.unwrap();
    let slices = [slice(store, key, &id, (0, 1), &bytes(0, 100)).await];
    store.put(key, bytes(0, 7).into()).await.unwrap();
    let joined = join(store, key, &id, &slices).await;
    assert!(matches!(joined, Err(StoreError::Occupied(_))), "{joined:?}");
    assert_eq!(read(store, key, None).await, bytes(0, 7));
    store.abort_uploads(key).await.unwrap();
    for left in store.list("reports/acme/7").await.unwrap() {
        store.delete(&left).await.unwrap();
    }
    assert!(store.list("_staged").await.unwrap().is_empty());
}

/// The store has done it, and its answer does not come: for a file of one request, and for what finishes one of several.
async fn assert_lost_answers_are_found(config: StoreConfig, proxy: &FaultProxy, finishes: fn(&str, &str) -> bool) {
    let store = ReportStore::open(&config).unwrap();
    for (size, is_it) in [
        (5, (|method, target| method == "PUT" && !target.contains('?')) as fn(&str, &str) -> bool),
        (TWO_PARTS, finishes),
    ] {
        let key = format!("reports/acme/8/{size}.csv");
        let (lost, before) = (AtomicBool::new(false), proxy.counts().of("swallow_answer"));
        proxy.plan(move |seen| {
            let is_first = is_it(&seen.method, &seen.target) && !lost.swap(true, Ordering::Relaxed);
            is_first.then_some(Fault::SwallowAnswer)
        });
        assert_eq!(made(&store, &key, &bytes(0, size)).await, Ok(size as u64));
        assert_eq!(proxy.counts().of("swallow_answer"), before + 1, "{size}");
        proxy.heal();
        assert!(read(&store, &key, None).await == bytes(0, size));
        assert_eq!(store.open_uploads(&key).await.unwrap(), 0);
    }
}

async fn slice(store: &ReportStore, key: &str, id: &str, place: (usize, usize), bytes: &[u8]) -> StoredSlice {
    let (number, numbers) = (i32::try_from(place.0).unwrap(), PartNumbers::of(place.0, place.1));
    let mut slice = store.begin_slice(key, id, number, numbers, bytes.len() as u64).unwrap();
    for piece in bytes.chunks(700_000) {
        slice.write(piece).await.unwrap();
    }
    assert_eq!(slice.size_bytes(), bytes.len() as u64);
    slice.finish().await.unwrap()
}

async fn join(store: &ReportStore, key: &str, id: &str, slices: &[StoredSlice]) -> Result<u64, StoreError> {
    let wanted = CancellationToken::new();
    store.join(key, id, slices, &wanted).await.map(|size_bytes| size_bytes.unwrap())
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
        // One more that nobody names, as of a process that was killed: it is cut at the same places, so its parts are the same.
        let place = sizes.iter().enumerate().max_by_key(|(_, size)| **size).unwrap().0;
        let content = bytes(ends[place] - sizes[place], ends[place]);
        let again = slice(store, key, &id, (place, sizes.len()), &content).await;
        assert_eq!(again.parts, slices[place].parts, "round {round}");
        assert!(matches!(store.size(key).await, Err(StoreError::NotFound(_))));
        assert_eq!(store.open_uploads(key).await.unwrap(), usize::from(knows_numbers));
        // Unwanted there is none, and it can be joined all the same: its upload is still there.
        let unwanted = CancellationToken::new();
        unwanted.cancel();
        assert_eq!(store.join(key, &id, &slices, &unwanted).await, Ok(None), "round {round}");
        assert!(matches!(store.size(key).await, Err(StoreError::NotFound(_))));
        assert_eq!(store.open_uploads(key).await.unwrap(), usize::from(knows_numbers));
        // The second one, whose answer was lost, finds it there.
        for _ in 0..2 {
            assert_eq!(join(store, key, &id, &slices).await, Ok(total as u64), "round {round}");
        }
        assert!(read(store, key, None).await == bytes(0, total), "round {round}");
        let sizes: Vec<_> = sizes.iter().map(|size| *size as u64).collect();
        let told: Option<Vec<_>> = slices.iter().map(|slice| slice.sha256.clone()).collect();
        let back = store.read_back(key, &sizes).await.unwrap();
        assert_eq!(Some(back.pieces), told, "round {round}");
        assert_eq!((back.size_bytes, back.sha256), store.digest(key).await.unwrap());
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
    let joined = join(store, key, &id, &slices).await;
    assert!(matches!(joined, Err(StoreError::Broken(_))), "{joined:?}");
    store.abort_uploads(key).await.unwrap();
    assert_eq!(store.open_uploads(key).await.unwrap(), 0);
    assert!(matches!(store.size(key).await, Err(StoreError::NotFound(_))));
    if knows_numbers {
        let (id, other) = (store.begin_slices(key).await.unwrap(), store.begin_slices("reports/acme/5/file.csv").await);
        slice(store, key, &id, (0, 2), &bytes(0, 20 * MIB)).await;
        store.abort_uploads(key).await.unwrap();
        let joined = join(store, key, &id, &slices).await;
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
    for size in [9, 6 * MIB, 16 * MIB, 30 * MIB + 1] {
        let made = async |from: usize| {
            let mut slice = store.begin_file_slice(key, 3, size as u64).await.unwrap();
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
        // Whole parts and the rest: nothing is held that a part could be, and none is empty.
        let mut parts: Vec<_> = mine.parts.iter().map(|part| part.size_bytes).collect();
        let last = parts.pop().unwrap_or(1);
        let whole = i64::try_from(8 * MIB).unwrap();
        assert!(parts.iter().all(|part| *part == whole) && (1..=whole).contains(&last), "{parts:?} {last}");
        let own = |slice: &StoredSlice| slice.file_upload_id.clone().unwrap_or_default();
        // The second one, whose answer was lost, finds it there.
        for _ in 0..2 {
            let joined = join(store, key, &own(&mine), std::slice::from_ref(&mine)).await;
            assert_eq!(joined.unwrap(), size as u64);
        }
        store.abort_uploads(key).await.unwrap();
        assert_eq!(store.open_uploads(key).await.unwrap(), 0);
        assert!(read(store, key, None).await == bytes(0, size), "{size}");
        assert_eq!(mine.sha256, Some(store.digest(key).await.unwrap().1));
        for left in store.list("reports/acme/6").await.unwrap() {
            store.delete(&left).await.unwrap();
        }
        // What was aborted is not there to be joined.
        let joined = join(store, key, &own(&others), std::slice::from_ref(&others)).await;
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
    assert_nothing_is_overwritten(&store).await;
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
    assert_nothing_is_overwritten(&store).await;
    // A store that is not asked to refuse is looked at before.
    let unconditional = StoreConfig { conditional_writes: false, ..right.clone() };
    let store = ReportStore::open(&unconditional).unwrap();
    let key = "reports/acme/9/file.csv";
    for (from, size) in [(0, 5), (1, 5), (0, TWO_PARTS), (1, TWO_PARTS)] {
        let written = made(&store, key, &bytes(from, from + size)).await;
        assert_eq!(written.is_ok(), from == 0, "{written:?}");
        if from == 1 {
            assert!(read(&store, key, None).await == bytes(0, size));
            assert_eq!(store.open_uploads(key).await.unwrap(), 0);
            store.delete(key).await.unwrap();
        }
    }
    assert_refused(StoreConfig { secret_key: Some("not the secret".to_owned().into()), ..right }).await;
}

/// At once, and in words that name no key.
async fn assert_refused(wrong: StoreConfig) {
    let begin = Instant::now();
    let store = ReportStore::open(&wrong).unwrap();
    for size in [3, TWO_PARTS] {
        let Err(error) = made(&store, "reports/x", &bytes(0, size)).await else { panic!("let in") };
        assert!(!error.to_string().contains("not the secret"), "{error}");
    }
    assert!(begin.elapsed() < Duration::from_secs(30));
}

#[tokio::test]
async fn azure_shows_whole_files_only_and_refuses_a_wrong_key() {
    let folder = tempfile::tempdir().unwrap();
    let azure = Azure::start(folder.path(), None, &Silent).await.unwrap();
    let right = StoreConfig {
        url: format!("az://{}/some/folder", azure.container()),
        endpoint: Some(azure.endpoint()),
        account: Some(azure.account().to_owned()),
        secret_key: Some(azure.key().to_owned().into()),
        allow_http: true,
        ..StoreConfig::default()
    };
    let store = ReportStore::open(&right).unwrap();
    assert_whole_or_not_there(&store).await;
    assert_slices_are_joined(&store, false).await;
    assert_file_slices_are_files(&store, false).await;
    assert_nothing_is_overwritten(&store).await;
    let proxy = FaultProxy::start(azure.endpoint().rsplit_once('/').unwrap().0).await.unwrap();
    let endpoint = Some(format!("{}/{}", proxy.url(), azure.account()));
    let through = StoreConfig { endpoint, ..right.clone() };
    assert_lost_answers_are_found(through, &proxy, |_, target| target.contains("comp=blocklist")).await;
    // The same account as Hadoop's tools name it.
    let url = format!("abfss://{}@{}.dfs.core.windows.net/some/folder", azure.container(), azure.account());
    let named = ReportStore::open(&StoreConfig { url, account: None, ..right.clone() }).unwrap();
    assert_eq!(named.size("reports/acme/8/5.csv").await, Ok(5));
    assert_refused(StoreConfig { secret_key: Some("bm90IHRoZSBzZWNyZXQ=".to_owned().into()), ..right.clone() }).await;
    let error = ReportStore::open(&StoreConfig { secret_key: Some("not the secret".to_owned().into()), ..right }).err();
    assert!(matches!(&error, Some(StoreError::NotConfigured(why)) if !why.contains("not the secret")), "{error:?}");
}

#[tokio::test]
async fn google_shows_whole_files_only() {
    let folder = tempfile::tempdir().unwrap();
    let google = GoogleStorage::start(folder.path(), &Silent).await.unwrap();
    let key_file = folder.path().join("key.json");
    let key = r#"{"type": "service_account", "client_email": "", "private_key": "", "private_key_id": "", "disable_oauth": true}"#;
    std::fs::write(&key_file, key).unwrap();
    let config = StoreConfig {
        url: format!("gs://{}/some/folder", google.bucket()),
        endpoint: Some(google.endpoint()),
        key_file: Some(key_file.display().to_string()),
        allow_http: true,
        ..StoreConfig::default()
    };
    let store = ReportStore::open(&config).unwrap();
    assert_whole_or_not_there(&store).await;
    assert_slices_are_joined(&store, false).await;
    assert_file_slices_are_files(&store, false).await;
    assert_nothing_is_overwritten(&store).await;
    let proxy = FaultProxy::start(&google.endpoint()).await.unwrap();
    let through = StoreConfig { endpoint: Some(proxy.url()), ..config.clone() };
    // The copy from where it was whole.
    assert_lost_answers_are_found(through, &proxy, |method, target| method == "PUT" && !target.contains('?')).await;
    // What a process that was killed has left is listed and cleared: its upload, and one of a slice.
    let key = "reports/acme/1/file.csv";
    let mut killed = store.begin(key).unwrap();
    killed.write(&bytes(0, 9 << 20)).await.unwrap();
    drop(killed);
    let id = store.begin_slices(key).await.unwrap();
    let mut slice = store.begin_slice(key, &id, 0, PartNumbers::of(0, 2), 0).unwrap();
    slice.write(&bytes(0, 9 << 20)).await.unwrap();
    drop(slice);
    assert_eq!(store.open_uploads(key).await.unwrap(), 2);
    store.abort_uploads("reports/acme/2/file.csv").await.unwrap();
    assert_eq!(store.open_uploads(key).await.unwrap(), 2, "those of another file are not its own");
    store.abort_uploads(key).await.unwrap();
    assert_eq!(store.open_uploads(key).await.unwrap(), 0);
    let absent = StoreConfig { key_file: Some("/not/there.json".to_owned()), ..config };
    assert!(
        matches!(ReportStore::open(&absent), Err(StoreError::NotConfigured(why)) if why.contains("/not/there.json"))
    );
}

#[tokio::test]
async fn s3_finds_what_was_done_before_an_answer_was_lost() {
    let folder = tempfile::tempdir().unwrap();
    let s3 = S3::start(folder.path(), None, &Silent).await.unwrap();
    let proxy = FaultProxy::start(&s3.endpoint()).await.unwrap();
    let through = config(proxy.url(), s3.bucket(), s3.access_key(), s3.secret_key());
    let finishes = |method: &str, target: &str| method == "POST" && target.contains("uploadId");
    assert_lost_answers_are_found(through, &proxy, finishes).await;
}

/// Answers like S3 and keeps the heads of what it was asked.
async fn recorded(listener: TcpListener, heads: Arc<Mutex<Vec<String>>>) {
    loop {
        let (mut peer, _) = listener.accept().await.unwrap();
        let (mut came, mut buffer) = (Vec::new(), vec![0; 1 << 20]);
        let (head, length) = loop {
            let read = peer.read(&mut buffer).await.unwrap();
            came.extend_from_slice(&buffer[..read]);
            let text = String::from_utf8_lossy(&came).to_string();
            let Some((head, _)) = text.split_once("\r\n\r\n") else { continue };
            let head = head.to_lowercase();
            let length = head.split("content-length: ").nth(1).and_then(|it| it.split("\r\n").next()?.parse().ok());
            break (head.clone(), head.len() + 4 + length.unwrap_or(0));
        };
        while came.len() < length {
            let read = peer.read(&mut buffer).await.unwrap();
            came.extend_from_slice(&buffer[..read]);
        }
        let body = if head.contains("uploads=") {
            "<InitiateMultipartUploadResult><Bucket>b</Bucket><Key>k</Key><UploadId>u</UploadId></InitiateMultipartUploadResult>"
        } else {
            "<CompleteMultipartUploadResult><ETag>e</ETag></CompleteMultipartUploadResult>"
        };
        let answer = format!(
            "HTTP/1.1 200 OK\r\netag: \"e\"\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        heads.lock().unwrap().push(head);
        peer.write_all(answer.as_bytes()).await.unwrap();
    }
}

#[tokio::test]
async fn s3_is_told_how_to_encrypt() {
    let (heads, listener) = (Arc::default(), TcpListener::bind("127.0.0.1:0").await.unwrap());
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(recorded(listener, Arc::clone(&heads)));
    const HEADER: &str = "x-amz-server-side-encryption";
    let kms = Some("arn:aws:kms:eu-central-1:1:key/k".to_owned());
    for (encryption, kms_key, bucket_key, expected) in [
        (None, None, None, vec![]),
        (Some(Encryption::SseS3), None, None, vec![format!("{HEADER}: aes256")]),
        (Some(Encryption::DsseKms), None, None, vec![format!("{HEADER}: aws:kms:dsse")]),
        (
            Some(Encryption::SseKms),
            kms,
            Some(true),
            vec![
                format!("{HEADER}: aws:kms"),
                format!("{HEADER}-aws-kms-key-id: arn:aws:kms:eu-central-1:1:key/k"),
                format!("{HEADER}-bucket-key-enabled: true"),
            ],
        ),
    ] {
        let plain = config(endpoint.clone(), "b", "key", "secret");
        let store = ReportStore::open(&StoreConfig { encryption, kms_key, bucket_key, ..plain }).unwrap();
        made(&store, "small", b"abc").await.unwrap();
        made(&store, "large", &bytes(0, SIZE)).await.unwrap();
        let key = "reports/acme/1/file.csv";
        let id = store.begin_slices(key).await.unwrap();
        let slices = [slice(&store, key, &id, (0, 1), &bytes(0, 20 << 20)).await];
        // What is asked before it is joined is answered as if the file were there.
        let _ = join(&store, key, &id, &slices).await;
        let mut seen = Vec::new();
        for head in heads.lock().unwrap().drain(..) {
            let mut told: Vec<_> = head.lines().filter(|it| it.starts_with(HEADER)).map(str::to_owned).collect();
            told.sort_by_key(|header| header.find(':'));
            let line = head.lines().next().unwrap_or_default().to_owned();
            // Parts, and what completes them, carry nothing: S3 refuses it there.
            let begins = (line.starts_with("put") && !line.contains('?')) || line.contains("uploads=");
            assert_eq!(told, if begins { expected.clone() } else { vec![] }, "{line}");
            seen.push((begins, line));
        }
        // A small file, the beginnings of two uploads, and of a slice.
        assert_eq!(seen.iter().filter(|(begins, _)| *begins).count(), 4, "{seen:?}");
        assert!(seen.iter().filter(|(_, line)| line.contains("partnumber=")).count() >= 4, "{seen:?}");
    }
}

#[tokio::test]
async fn upload_rides_over_a_server_that_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let mut s3 = S3::start(folder.path(), None, &Silent).await.unwrap();
    let store = ReportStore::open(&config(s3.endpoint(), s3.bucket(), s3.access_key(), s3.secret_key())).unwrap();
    let key = "reports/acme/1/file.csv";
    let mut upload = store.begin(key).unwrap();
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
