//! One HTTP request: the statement, its settings and parameters, and how data are packed.

use axum::http::{HeaderMap, Uri};

use crate::error::Exception;
use crate::ffi::{Connection, Engine};

/// Parameters of the interface that mean nothing here.
const IGNORED: [&str; 20] = [
    "user",
    "password",
    "quota_key",
    "role",
    "stacktrace",
    "session_timeout",
    "session_check",
    "http_receive_timeout",
    "http_send_timeout",
    "buffer_size",
    "close_session",
    "enable_http_compression",
    "http_zlib_compression_level",
    "client_protocol_version",
    "cancel_http_readonly_queries_on_client_close",
    "send_progress_in_http_headers",
    "http_headers_progress_interval_ms",
    "http_response_buffer_size",
    "wait_end_of_query",
    "http_make_head_request",
];

/// What a request asks for, beside its body.
#[derive(Clone, Debug, Default)]
pub(crate) struct Request {
    /// The statement, or its beginning.
    pub(crate) sql: String,
    pub(crate) query_id: String,
    pub(crate) parameters: Vec<(String, String)>,
    settings: Vec<(String, String)>,
    database: Option<String>,
    pub(crate) default_format: Option<String>,
    /// The body is compressed blocks.
    pub(crate) body_in_blocks: bool,
    /// The answer shall be compressed blocks.
    pub(crate) answer_in_blocks: bool,
}

fn header<'headers>(headers: &'headers HeaderMap, name: &str) -> Option<&'headers str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

impl Request {
    pub(crate) fn read(uri: &Uri, headers: &HeaderMap) -> Result<Self, Exception> {
        // A body in a packing that we do not know must not be taken for data.
        match header(headers, "content-encoding").map(str::trim) {
            None | Some("" | "identity") => {}
            Some(packing) => {
                let problem = format!("Content-Encoding {packing} is not supported here; use ClickHouse's own blocks");
                return Err(Exception::new(48, &problem, "NOT_IMPLEMENTED"));
            }
        }
        let mut request = Self {
            database: header(headers, "x-clickhouse-database").map(str::to_owned),
            default_format: header(headers, "x-clickhouse-format").map(str::to_owned),
            query_id: format!("{:032x}", rand::random::<u128>()),
            ..Self::default()
        };
        for (key, value) in form_urlencoded::parse(uri.query().unwrap_or("").as_bytes()) {
            request.take(&key, value.into_owned());
        }
        Ok(request)
    }

    /// Takes one parameter of the URL or field of a form.
    pub(crate) fn take(&mut self, key: &str, value: String) {
        match key {
            "query" => self.sql = value,
            "query_id" => self.query_id = value,
            "database" => self.database = Some(value),
            "default_format" => self.default_format = Some(value),
            "decompress" => self.body_in_blocks = value != "0",
            "compress" => self.answer_in_blocks = value != "0",
            _ if IGNORED.contains(&key) => {}
            _ => match key.strip_prefix("param_") {
                Some(name) => self.parameters.push((name.to_owned(), value)),
                None => self.settings.push((key.to_owned(), value)),
            },
        }
    }

    /// A session with this request's database and settings. `mark` is how a running query is found again.
    pub(crate) fn session(&self, engine: &Engine, mark: &str) -> Result<Connection, Exception> {
        let connection = engine.connect()?;
        if let Some(database) = self.database.as_deref().filter(|it| !it.is_empty()) {
            connection.query(&format!("USE `{}`", database.replace('`', "\\`")), "Null", &[])?;
        }
        let mut settings = vec!["async_insert = 0".to_owned()];
        for (name, value) in &self.settings {
            if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
                return Err(Exception::new(115, "Unknown setting", "UNKNOWN_SETTING"));
            }
            settings.push(format!("{name} = {}", literal(value)));
        }
        // Last, so that it wins over a comment of the client's.
        settings.push(format!("log_comment = {}", literal(mark)));
        connection.query(&format!("SET {}", settings.join(", ")), "Null", &[])?;
        Ok(connection)
    }
}

/// A text as SQL has it.
pub(crate) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}
