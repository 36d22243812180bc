//! What the services of a journey reach: parts of its own, or the ones that the environment gives.

use std::path::Path;

use clickhouse_io::{ClickHouse, ClickHouseConfig};
use kafka_io::{KafkaConfig, Producer};
use local_parts::given::{GivenClickHouse, GivenS3, GivenSmtp};
use local_parts::{Azure, ClickHouseProcess, Kafka, Mail, MailServer, S3, SchemaRegistry, Silent, given};
use report_store::{ReportStore, StoreConfig};
use schema_registry::{Registry, RegistryConfig};
use serde_json::{Value, json};
use tokio::sync::{Mutex, MutexGuard};

/// Consumer groups and topics of a given Kafka are shared: one journey at a time.
static GIVEN_KAFKA: Mutex<()> = Mutex::const_new(());

/// Whether a part that is given is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    /// Parts that are given, and own ones for the rest.
    Given,
    /// Own parts only: the journey stops them, and nobody wants a test to stop a cluster.
    Own,
    /// Own parts, and files lie at Azure's emulator.
    OwnAzure,
}

pub(crate) struct Parts {
    kafka: Part<Kafka, String>,
    registry: Part<SchemaRegistry, String>,
    clickhouse: Part<ClickHouseProcess, GivenClickHouse>,
    s3: Part<S3, GivenS3>,
    /// Takes the place of S3 where it is there.
    azure: Option<Azure>,
    mail: Part<MailServer, GivenSmtp>,
    database: String,
    prefix: String,
    _turn: Option<MutexGuard<'static, ()>>,
}

enum Part<O, G> {
    Own(O),
    Given(G),
}

impl<O, G> Part<O, G> {
    async fn start(given: Option<G>, own: impl Future<Output = Result<O, local_parts::PartError>>) -> Self {
        match given {
            Some(given) => Self::Given(given),
            None => Self::Own(own.await.unwrap()),
        }
    }

    fn own(&mut self) -> &mut O {
        match self {
            Self::Own(own) => own,
            Self::Given(_) => panic!("a journey that stops parts starts its own"),
        }
    }
}

impl Parts {
    /// `name`: letters and digits that no other journey has; the data of journeys on given parts are told apart by it.
    pub(crate) async fn start(folder: &Path, name: &str, choice: Choice) -> Self {
        let may = choice == Choice::Given;
        let turn = if may && given::kafka().is_some() { Some(GIVEN_KAFKA.lock().await) } else { None };
        let binary = local_parts::flowledger_binary().unwrap();
        let at = |name: &str| folder.join(name);
        let places = (at("kafka"), at("registry"), at("clickhouse"), at("s3"), at("mail"));
        let azure = async {
            let place = at("azure");
            let is_wanted = choice == Choice::OwnAzure;
            if is_wanted { Some(Azure::start(&place, None, &Silent).await.unwrap()) } else { None }
        };
        let (kafka, registry, clickhouse, s3, azure, mail) = tokio::join!(
            Part::start(given::kafka().filter(|_| may), Kafka::start(&places.0, None, &Silent)),
            Part::start(given::registry().filter(|_| may), SchemaRegistry::start(&places.1, None, &Silent)),
            Part::start(
                given::clickhouse().filter(|_| may),
                ClickHouseProcess::start(&binary, &places.2, None, &Silent)
            ),
            Part::start(given::s3().filter(|_| may), S3::start(&places.3, None, &Silent)),
            azure,
            Part::start(given::smtp().filter(|_| may), MailServer::start(&places.4, None, &Silent)),
        );
        let (database, prefix) = (format!("flowledger_test_{name}"), format!("test-{name}"));
        Self { kafka, registry, clickhouse, s3, azure, mail, database, prefix, _turn: turn }
    }

    pub(crate) fn kafka(&mut self) -> &mut Kafka {
        self.kafka.own()
    }

    pub(crate) fn registry(&mut self) -> &mut SchemaRegistry {
        self.registry.own()
    }

    pub(crate) fn clickhouse(&mut self) -> &mut ClickHouseProcess {
        self.clickhouse.own()
    }

    pub(crate) fn s3(&mut self) -> &mut S3 {
        self.s3.own()
    }

    pub(crate) fn mail(&mut self) -> &mut MailServer {
        self.mail.own()
    }

    /// What the mail server took; `None` where it is a given one, which keeps it for itself.
    pub(crate) fn mails(&self) -> Option<Vec<Mail>> {
        match &self.mail {
            Part::Own(mail) => Some(mail.messages().unwrap()),
            Part::Given(_) => None,
        }
    }

    pub(crate) fn kafka_config(&self) -> KafkaConfig {
        let bootstrap_servers = match &self.kafka {
            Part::Own(kafka) => kafka.bootstrap_servers(),
            Part::Given(servers) => servers.clone(),
        };
        KafkaConfig { bootstrap_servers, ..KafkaConfig::default() }
    }

    /// What a journal of reports is opened with.
    pub(crate) fn journal_parts(&self) -> (Producer, Registry) {
        let url = match &self.registry {
            Part::Own(registry) => registry.url(),
            Part::Given(url) => url.clone(),
        };
        let registry = Registry::new(&RegistryConfig { url, ..RegistryConfig::default() }).unwrap();
        (Producer::new(&self.kafka_config(), "flowledger-test").unwrap(), registry)
    }

    fn clickhouse_account(&self) -> GivenClickHouse {
        match &self.clickhouse {
            Part::Own(engine) => GivenClickHouse { url: engine.url(), user: "default".to_owned(), password: None },
            Part::Given(given) => given.clone(),
        }
    }

    /// ClickHouse and the journey's database, for programs that are none of ours.
    pub(crate) fn clickhouse_environment(&self) -> [(&'static str, String); 4] {
        let GivenClickHouse { url, user, password } = self.clickhouse_account();
        [
            ("CLICKHOUSE_URL", url),
            ("CLICKHOUSE_USER", user),
            ("CLICKHOUSE_PASSWORD", password.unwrap_or_default()),
            ("CLICKHOUSE_DATABASE", self.database.clone()),
        ]
    }

    fn clickhouse_config(&self) -> ClickHouseConfig {
        let account = self.clickhouse_account();
        ClickHouseConfig {
            url: account.url,
            user: account.user,
            password: account.password.map(Into::into),
            database: self.database.clone(),
            ..ClickHouseConfig::default()
        }
    }

    pub(crate) fn clickhouse_client(&self) -> ClickHouse {
        ClickHouse::new(&self.clickhouse_config())
    }

    /// Settings of a store of the journey's.
    fn store_settings(&self, prefix: &str) -> Value {
        if let Some(azure) = &self.azure {
            let url = format!("az://{}/{prefix}", azure.container());
            let (endpoint, account, key) = (azure.endpoint(), azure.account(), azure.key());
            return json!({ "url": url, "endpoint": endpoint, "account": account, "secret_key": key, "allow_http": true });
        }
        let (endpoint, bucket, access_key, secret_key) = match &self.s3 {
            Part::Own(s3) => (s3.endpoint(), s3.bucket(), s3.access_key(), s3.secret_key()),
            Part::Given(s3) => (s3.endpoint.clone(), &*s3.bucket, &*s3.access_key, &*s3.secret_key),
        };
        json!({
            "url": format!("s3://{bucket}/{prefix}"),
            "endpoint": endpoint,
            "access_key": access_key,
            "secret_key": secret_key,
            "allow_http": true,
        })
    }

    /// The store of the journey's reports.
    pub(crate) fn store(&self) -> ReportStore {
        self.store_at(&self.prefix)
    }

    /// The destination `lake` of bucket syncs.
    pub(crate) fn lake(&self) -> ReportStore {
        self.store_at(&format!("{}-lake", self.prefix))
    }

    fn store_at(&self, prefix: &str) -> ReportStore {
        let config: StoreConfig = serde_json::from_value(self.store_settings(prefix)).unwrap();
        ReportStore::open(&config).unwrap()
    }

    /// The same as a section of `flowledger.toml`.
    fn store_section(&self, section: &str, prefix: &str) -> String {
        let settings = self.store_settings(prefix);
        let lines = settings.as_object().unwrap().iter().map(|(key, value)| format!("{key} = {value}\n"));
        format!("[{section}]\n{}", lines.collect::<String>())
    }

    /// The sections of `flowledger.toml` that say where the parts are.
    pub(crate) fn sections(&self) -> String {
        let registry = match &self.registry {
            Part::Own(registry) => registry.url(),
            Part::Given(url) => url.clone(),
        };
        let smtp = match &self.mail {
            Part::Own(mail) => GivenSmtp {
                host: "localhost".to_owned(),
                port: mail.port(),
                user: mail.user().to_owned(),
                password: mail.password().to_owned(),
                ca_file: Some(mail.ca_file().display().to_string()),
            },
            Part::Given(given) => given.clone(),
        };
        let given = match &self.clickhouse {
            Part::Given(GivenClickHouse { password: Some(password), .. }) => format!("password = '{password}'\n"),
            _ => String::new(),
        };
        let clickhouse = self.clickhouse_config();
        let store = self.store_section("store", &self.prefix);
        let lake = self.store_section("syncs.destinations.lake", &format!("{}-lake", self.prefix));
        let ca_file = smtp.ca_file.map_or_else(String::new, |file| format!("ca_file = '{file}'\n"));
        format!(
            "[kafka]\nbootstrap_servers = '{}'\n[registry]\nurl = '{registry}'\n\
             [clickhouse]\nurl = '{}'\nuser = '{}'\ndatabase = '{}'\n{given}\
             {store}{lake}\
             [exporter.mail]\nhost = '{}'\nport = {}\nuser = '{}'\npassword = '{}'\n{ca_file}",
            self.kafka_config().bootstrap_servers,
            clickhouse.url,
            clickhouse.user,
            clickhouse.database,
            smtp.host,
            smtp.port,
            smtp.user,
            smtp.password,
        )
    }

    /// Removes what the journey left on a server that outlives it.
    pub(crate) async fn clean(&self) {
        if let Part::Given(_) = self.clickhouse {
            let client = self.clickhouse_client();
            client.execute(&format!("DROP DATABASE IF EXISTS {} SYNC", self.database)).await.unwrap();
        }
    }
}
