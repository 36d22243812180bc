//! Parts that are given instead of started, named by the environment, so that the same suite judges real clusters.

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

/// `http://[user:password@]host:port` of `FLOWLEDGER_TEST_CLICKHOUSE`.
#[must_use]
pub fn clickhouse() -> Option<String> {
    variable("FLOWLEDGER_TEST_CLICKHOUSE")
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
#[must_use]
pub fn s3() -> Option<GivenS3> {
    parse_s3(&variable("FLOWLEDGER_TEST_S3")?)
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
#[must_use]
pub fn smtp() -> Option<GivenSmtp> {
    parse_smtp(&variable("FLOWLEDGER_TEST_SMTP")?)
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn parse_s3(text: &str) -> Option<GivenS3> {
    let (account, place) = text.strip_prefix("s3://")?.split_once('@')?;
    let (access_key, secret_key) = account.split_once(':')?;
    let (place, scheme) = place.strip_suffix("?http").map_or((place, "https"), |place| (place, "http"));
    let (host, bucket) = place.split_once('/')?;
    Some(GivenS3 {
        endpoint: format!("{scheme}://{host}"),
        access_key: access_key.to_owned(),
        secret_key: secret_key.to_owned(),
        bucket: bucket.to_owned(),
    })
}

fn parse_smtp(text: &str) -> Option<GivenSmtp> {
    let (account, place) = text.strip_prefix("smtp://")?.rsplit_once('@')?;
    let (user, password) = account.split_once(':')?;
    let (place, ca_file) = place.split_once("?ca=").map_or((place, None), |(place, ca)| (place, Some(ca.to_owned())));
    let (host, port) = place.split_once(':')?;
    Some(GivenSmtp {
        host: host.to_owned(),
        port: port.parse().ok()?,
        user: user.to_owned(),
        password: password.to_owned(),
        ca_file,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn store_is_read_from_its_url() {
        let store = parse_s3("s3://key:secret@127.0.0.1:9000/reports?http").unwrap();
        assert_eq!((store.endpoint.as_str(), store.bucket.as_str()), ("http://127.0.0.1:9000", "reports"));
        assert_eq!(parse_s3("http://127.0.0.1"), None);
    }

    #[test]
    fn mail_server_is_read_from_its_url() {
        let server = parse_smtp("smtp://me:pass@mail.example:587?ca=ca.pem").unwrap();
        assert_eq!((server.port, server.ca_file.as_deref()), (587, Some("ca.pem")));
    }
}
