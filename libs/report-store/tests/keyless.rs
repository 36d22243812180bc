//! Stores without keys take those of the platform that they run on: a listener is platform and store at once, and sees what it is asked and what
//! its answer is used for.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use report_store::{ReportStore, SavedAs, StoreConfig};
use secrecy::ExposeSecret;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;

/// What the process that has a platform's environment is to open.
const URL: &str = "STORE_OF_THIS_ENVIRONMENT";
const ENDPOINT: &str = "ENDPOINT_OF_THIS_ENVIRONMENT";

/// What proves to a platform who asks, and what it gives.
const WORD: &str = "word-of-this-process";
const TOKEN: &str = "token-of-the-platform";
const ACCESS_KEY: &str = "key-of-the-platform";

struct Platform {
    url: &'static str,
    environment: Vec<(&'static str, String)>,
    /// Each of these is in a request to the platform.
    asked: &'static [&'static str],
    /// All of these are in each request to the store.
    used: &'static [&'static str],
}

fn platforms(address: &str, folder: &Path) -> Vec<Platform> {
    let word_file = folder.join("word");
    std::fs::write(&word_file, WORD).unwrap();
    let (word_file, of) = (word_file.display().to_string(), |path: &str| format!("http://{address}/platform/{path}"));
    vec![
        // A pod's identity.
        Platform {
            url: "s3://bucket/prefix",
            environment: vec![
                ("AWS_CONTAINER_CREDENTIALS_FULL_URI", of("pod")),
                ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", word_file.clone()),
                // The endpoint of the configuration goes before it.
                ("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9".to_owned()),
            ],
            asked: &["get /platform/pod ", "authorization: word-of-this-process"],
            used: &[ACCESS_KEY, TOKEN],
        },
        // The profile of an instance.
        Platform {
            url: "s3://bucket/prefix",
            environment: vec![("AWS_METADATA_ENDPOINT", of("instance"))],
            asked: &[
                "put /platform/instance/latest/api/token ",
                "get /platform/instance/latest/meta-data/iam/security-credentials/role ",
                "x-aws-ec2-metadata-token: session",
            ],
            used: &[ACCESS_KEY, TOKEN],
        },
        // Managed identity.
        Platform {
            url: "az://container/prefix",
            environment: vec![("IDENTITY_ENDPOINT", of("managed")), ("IDENTITY_HEADER", WORD.to_owned())],
            asked: &["get /platform/managed?", "metadata: true", "x-identity-header: word-of-this-process"],
            used: &["authorization: bearer token-of-the-platform"],
        },
        // Workload identity.
        Platform {
            url: "az://container/prefix",
            environment: vec![
                ("AZURE_CLIENT_ID", "client".to_owned()),
                ("AZURE_TENANT_ID", "directory".to_owned()),
                ("AZURE_FEDERATED_TOKEN_FILE", word_file),
                ("AZURE_AUTHORITY_HOST", of("workload")),
            ],
            asked: &["post /platform/workload/directory/oauth2/v2.0/token ", "client_assertion=word-of-this-process"],
            used: &["authorization: bearer token-of-the-platform"],
        },
        // An instance's, or a workload's, by the metadata server.
        Platform {
            url: "gs://bucket/prefix",
            environment: vec![("GCE_METADATA_HOST", address.to_owned())],
            asked: &["get /computemetadata/v1/instance/service-accounts/default/token?", "metadata-flavor: google"],
            used: &["authorization: bearer token-of-the-platform"],
        },
    ]
}

fn is_platforms(request: &str) -> bool {
    let target = request.split(' ').nth(1).unwrap_or_default();
    target.starts_with("/platform/") || target.starts_with("/computemetadata/")
}

fn platforms_answer(request: &str) -> String {
    let keys = format!(
        r#"{{"AccessKeyId": "{ACCESS_KEY}", "SecretAccessKey": "secret", "Token": "{TOKEN}", "Expiration": "2100-01-01T00:00:00Z"}}"#
    );
    match request.split(' ').nth(1).unwrap_or_default() {
        "/platform/instance/latest/api/token" => "session".to_owned(),
        "/platform/instance/latest/meta-data/iam/security-credentials/" => "role".to_owned(),
        target if target.starts_with("/platform/instance/") || target == "/platform/pod" => keys,
        _ => format!(r#"{{"access_token": "{TOKEN}", "expires_in": 3600, "expires_on": "4102444800"}}"#),
    }
}

/// One request, in small letters; none where the peer is gone.
async fn request(peer: &mut TcpStream) -> Option<String> {
    let (mut came, mut buffer) = (Vec::new(), vec![0; 1 << 20]);
    let mut length = None;
    while length.is_none_or(|length| came.len() < length) {
        let read = peer.read(&mut buffer).await.ok().filter(|read| *read > 0)?;
        came.extend_from_slice(&buffer[..read]);
        if let (None, Some(end)) = (length, came.windows(4).position(|four| four == b"\r\n\r\n")) {
            let head = String::from_utf8_lossy(&came[..end]).to_lowercase();
            let body = head.split("content-length: ").nth(1).and_then(|it| it.lines().next());
            length = Some(end + 4 + body.map_or(0, |it| it.parse().unwrap()));
        }
    }
    Some(String::from_utf8_lossy(&came).to_lowercase())
}

fn answer(request: &str) -> String {
    let line = request.lines().next().unwrap_or_default();
    if is_platforms(request) {
        return platforms_answer(request);
    }
    let answer = if line.starts_with("post") && line.contains("?uploads") {
        "<InitiateMultipartUploadResult><Bucket>b</Bucket><Key>k</Key><UploadId>u</UploadId></InitiateMultipartUploadResult>"
    } else if line.starts_with("get") {
        "<ListBucketResult></ListBucketResult>"
    } else {
        "<CompleteMultipartUploadResult><ETag>e</ETag></CompleteMultipartUploadResult>"
    };
    answer.to_owned()
}

/// Keeps each request, and answers it.
async fn listen(listener: TcpListener, requests: Arc<Mutex<Vec<String>>>) {
    loop {
        let (mut peer, _) = listener.accept().await.unwrap();
        let requests = Arc::clone(&requests);
        tokio::spawn(async move {
            let Some(request) = request(&mut peer).await else { return };
            let answer = answer(&request);
            requests.lock().unwrap().push(request);
            let head =
                format!("HTTP/1.1 200 OK\r\netag: \"e\"\r\nconnection: close\r\ncontent-length: {}", answer.len());
            // Who asked may be gone.
            let _ = peer.write_all(format!("{head}\r\n\r\n{answer}").as_bytes()).await;
        });
    }
}

/// What is done where the environment is a platform's: a file of one request and one of several, which has requests of our own.
async fn write_files(url: String) {
    let account = url.starts_with("az://").then(|| "account".to_owned());
    let endpoint = std::env::var(ENDPOINT).ok();
    let config = StoreConfig { url, endpoint, account, allow_http: true, ..StoreConfig::default() };
    let store = ReportStore::open(&config).unwrap();
    store.put("small", b"abc".to_vec().into()).await.unwrap();
    let mut large = store.begin("large").unwrap();
    large.write(&vec![7; 9 << 20]).await.unwrap();
    large.finish().await.unwrap();
    if config.url.starts_with("s3://") {
        let saved_as = SavedAs { name: "large", content_type: "text/csv" };
        let link = store.link("large", saved_as, Duration::from_secs(300)).await.unwrap();
        let is_of_platform = link.expose_secret().contains(&format!("X-Amz-Security-Token={TOKEN}"));
        assert!(is_of_platform, "a link is signed by the platform's keys, and ends with them");
    }
    if config.url.starts_with("gs://") {
        store.open_uploads("large").await.unwrap();
    }
}

#[tokio::test]
async fn stores_without_keys_take_those_of_the_platform() {
    // Run by itself, below: an environment is that of a whole process.
    if let Ok(url) = std::env::var(URL) {
        return write_files(url).await;
    }
    let (folder, listener) = (tempfile::tempdir().unwrap(), TcpListener::bind("127.0.0.1:0").await.unwrap());
    let (address, requests) = (listener.local_addr().unwrap().to_string(), Arc::<Mutex<Vec<String>>>::default());
    tokio::spawn(listen(listener, Arc::clone(&requests)));
    for Platform { url, environment, asked, used } in platforms(&address, folder.path()) {
        let mut process = Command::new(std::env::current_exe().unwrap());
        process.args(["--exact", "stores_without_keys_take_those_of_the_platform"]).env_clear().envs(environment);
        // No keys of whoever runs this; but certificates, which a client looks for when it is made.
        process.envs(std::env::vars().filter(|(name, _)| name.starts_with("SSL_CERT_")));
        process.env("HOME", folder.path()).env(URL, url).env(ENDPOINT, format!("http://{address}"));
        let ended = process.stdin(Stdio::null()).kill_on_drop(true).output().await.unwrap();
        assert!(ended.status.success(), "{url}: {}", String::from_utf8_lossy(&ended.stdout));
        let requests = std::mem::take(&mut *requests.lock().unwrap());
        let (platforms, stores): (Vec<_>, Vec<_>) = requests.iter().partition(|request| is_platforms(request));
        for words in asked {
            assert!(
                platforms.iter().any(|request| request.contains(words)),
                "{url}: {words} is in none of {platforms:#?}"
            );
        }
        for request in &stores {
            let head = request.split("\r\n\r\n").next().unwrap();
            assert!(used.iter().all(|words| head.contains(words)), "{url} {used:?}: {head}");
        }
        assert!(stores.len() >= 4, "{url}: a small file, two parts, and what makes a file of them");
    }
}
