//! Parts that are given instead of started, named by the environment, so that the same suite judges real clusters.

use reqwest::Url;

/// `host:port[,host:port…]` of `FLOWLEDGER_TEST_KAFKA`.
#[must_use]
pub fn kafka() -> Option<String> {
    variable("FLOWLEDGER_TEST_KAFKA")
}

/// Base of a Confluent API, from `FLOWLEDGER_TEST_REGISTRY`.
#[must_use]
pub fn registry() -> Option<String> {
    variable("FLOWLEDGER_TEST_REGISTRY")
}

/// A ClickHouse server that is given; its account may make databases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenClickHouse {
    /// `http://host:port` or `https://host:port`.
    pub url: String,
    /// Account.
    pub user: String,
    /// Its password, where it has one.
    pub password: Option<String>,
}

/// `http://[user:password@]host:port` of `FLOWLEDGER_TEST_CLICKHOUSE`.
///
/// # Panics
/// When the variable is set and is not such a URL: tests that were told to use a part never run without it.
#[must_use]
pub fn clickhouse() -> Option<GivenClickHouse> {
    parsed("FLOWLEDGER_TEST_CLICKHOUSE", "http://user:password@host:port", parse_clickhouse)
}

/// An S3 store that is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenS3 {
    /// `http://host:port` or `https://host:port`.
    pub endpoint: String,
    /// Id of the key.
    pub access_key: String,
    /// The key.
    pub secret_key: String,
    /// Bucket, which has to be there.
    pub bucket: String,
}

/// `s3://key:secret@host:port/bucket[?http]` of `FLOWLEDGER_TEST_S3`.
///
/// # Panics
/// When the variable is set and is not such a URL.
#[must_use]
pub fn s3() -> Option<GivenS3> {
    parsed("FLOWLEDGER_TEST_S3", "s3://key:secret@host:port/bucket?http", parse_s3)
}

/// A mail server that is given; it keeps its mails for itself, so tests of the inbox start their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenSmtp {
    /// Host name, which its certificate has to carry.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Account.
    pub user: String,
    /// Its password.
    pub password: String,
    /// Certificate to trust.
    pub ca_file: Option<String>,
}

/// `smtp://user:password@host:port[?ca=FILE]` of `FLOWLEDGER_TEST_SMTP`.
///
/// # Panics
/// When the variable is set and is not such a URL.
#[must_use]
pub fn smtp() -> Option<GivenSmtp> {
    parsed("FLOWLEDGER_TEST_SMTP", "smtp://user:password@host:port?ca=FILE", parse_smtp)
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn parsed<T>(name: &str, form: &str, parse: fn(&Url) -> Option<T>) -> Option<T> {
    let text = variable(name)?;
    let part = Url::parse(&text).ok().and_then(|url| parse(&url));
    assert!(part.is_some(), "{name} does not have the form {form}");
    part
}

fn authority(url: &Url) -> Option<String> {
    let host = url.host_str()?;
    Some(url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
}

fn parse_clickhouse(url: &Url) -> Option<GivenClickHouse> {
    let user = if url.username().is_empty() { "default" } else { url.username() };
    matches!(url.scheme(), "http" | "https").then_some(GivenClickHouse {
        url: format!("{}://{}", url.scheme(), authority(url)?),
        user: user.to_owned(),
        password: url.password().map(str::to_owned),
    })
}

fn parse_s3(url: &Url) -> Option<GivenS3> {
    let scheme = if url.query() == Some("http") { "http" } else { "https" };
    let bucket = url.path().trim_matches('/');
    (url.scheme() == "s3" && !bucket.is_empty()).then_some(GivenS3 {
        endpoint: format!("{scheme}://{}", authority(url)?),
        access_key: url.username().to_owned(),
        secret_key: url.password()?.to_owned(),
        bucket: bucket.to_owned(),
    })
}

fn parse_smtp(url: &Url) -> Option<GivenSmtp> {
    (url.scheme() == "smtp").then_some(GivenSmtp {
        host: url.host_str()?.to_owned(),
        port: url.port()?,
        user: url.username().to_owned(),
        password: url.password()?.to_owned(),
        ca_file: url.query_pairs().find(|(key, _)| key == "ca").map(|(_, file)| file.into_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn database_server_is_read_from_its_url() {
        let given = parse_clickhouse(&url("https://me:pass@db.example:8443")).unwrap();
        assert_eq!((given.url.as_str(), given.user.as_str()), ("https://db.example:8443", "me"));
        assert_eq!(parse_clickhouse(&url("http://127.0.0.1:8123")).unwrap().password, None);
        assert_eq!(parse_clickhouse(&url("s3://127.0.0.1")), None);
    }

    #[test]
    fn store_is_read_from_its_url() {
        let store = parse_s3(&url("s3://key:secret@127.0.0.1:9000/reports?http")).unwrap();
        assert_eq!((store.endpoint.as_str(), store.bucket.as_str()), ("http://127.0.0.1:9000", "reports"));
        assert_eq!(parse_s3(&url("http://127.0.0.1")), None);
    }

    #[test]
    fn mail_server_is_read_from_its_url() {
        let server = parse_smtp(&url("smtp://me:pass@mail.example:587?ca=ca.pem")).unwrap();
        assert_eq!((server.port, server.ca_file.as_deref()), (587, Some("ca.pem")));
    }
}
