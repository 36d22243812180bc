//! aiosmtpd: a mail server that asks for STARTTLS and a sign-in.

use std::path::{Path, PathBuf};

use rand::Rng;
use rand::distr::Alphanumeric;
use tokio::io::AsyncReadExt;
use tokio::process::Command;

use crate::child::{Child, Recipe, absolute, process_methods};
use crate::{PartError, Progress, cache, ports, tools};

const VERSION: &str = "1.4.6";
const REQUIREMENTS: &str = include_str!("../parts/mail-requirements.txt");
const SCRIPT: &str = include_str!("../parts/mail_server.py");
const USER: &str = "flowledger";

/// A running mail server with one account.
#[derive(Debug)]
pub struct MailServer {
    child: Child,
    port: u16,
    folder: PathBuf,
    password: String,
}

process_methods!(MailServer);

/// A mail that the server took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// Receivers of the envelope.
    pub receivers: Vec<String>,
    /// Headers and body as they came.
    pub text: String,
}

/// The Python of an environment that has aiosmtpd.
pub(crate) async fn ensure(progress: &dyn Progress) -> Result<PathBuf, PartError> {
    tools::need(&["openssl"])?;
    cache::folder(&format!("aiosmtpd-{VERSION}"), async |folder| {
        progress.step("Mail server", "fetching");
        tools::install_python_packages("fetching the mail server by pip", REQUIREMENTS, folder).await
    })
    .await
}

impl MailServer {
    /// Starts a server whose mails lie in `folder`, with a certificate and a password of its own, and waits until it answers.
    ///
    /// # Errors
    /// When the part cannot be fetched, or the server does not run.
    pub async fn start(folder: &Path, port: Option<u16>, progress: &dyn Progress) -> Result<Self, PartError> {
        let parts = ensure(progress).await?;
        progress.step("Mail server", "starting");
        let folder = absolute(folder)?;
        let port = ports::chosen(port)?;
        make_certificate(&folder).await?;
        let script = folder.join("mail_server.py");
        std::fs::write(&script, SCRIPT).map_err(PartError::system("the mail server's script cannot be written"))?;
        let password: String = rand::rng().sample_iter(Alphanumeric).take(24).map(char::from).collect();
        let environment = [
            ("PYTHONPATH", parts.join(tools::PYTHON_PACKAGES).display().to_string()),
            ("MAIL_USER", USER.to_owned()),
            ("MAIL_PASSWORD", password.clone()),
        ];
        let recipe = Recipe {
            part: "mail",
            program: "python3".into(),
            arguments: vec![script.display().to_string(), port.to_string(), folder.display().to_string()],
            environment: environment.into_iter().map(|(key, value)| (key.to_owned(), value)).collect(),
            folder: folder.clone(),
        };
        let mut server = Self { child: Child::start(recipe)?, port, folder, password };
        server.ready().await?;
        Ok(server)
    }

    async fn ready(&mut self) -> Result<(), PartError> {
        let port = self.port;
        self.child.ready(async || greets(port).await).await
    }

    /// Port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Account.
    #[must_use]
    pub fn user(&self) -> &str {
        USER
    }

    /// Its password.
    #[must_use]
    pub fn password(&self) -> &str {
        &self.password
    }

    /// The certificate to trust; its name is `localhost`.
    #[must_use]
    pub fn ca_file(&self) -> PathBuf {
        self.folder.join("cert.pem")
    }

    /// Mails that were taken, in no order. There also after a restart.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn messages(&self) -> Result<Vec<Mail>, PartError> {
        let failed = || PartError::system("the mail server's inbox cannot be read");
        let mut mails = Vec::new();
        for entry in std::fs::read_dir(self.folder.join("inbox")).map_err(failed())? {
            let path = entry.map_err(failed())?.path();
            if path.extension().is_some_and(|extension| extension == "eml") {
                let kept = String::from_utf8_lossy(&std::fs::read(path).map_err(failed())?).into_owned();
                let (receivers, text) = kept.split_once("\n\n").unwrap_or_default();
                let receivers = receivers.lines().map(str::to_owned).collect();
                mails.push(Mail { receivers, text: text.to_owned() });
            }
        }
        Ok(mails)
    }
}

pub(crate) async fn make_certificate(folder: &Path) -> Result<(), PartError> {
    if folder.join("cert.pem").is_file() {
        return Ok(());
    }
    let mut command = Command::new("openssl");
    command
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=localhost"])
        .args(["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE"])
        .args(["-keyout", "key.pem", "-out", "cert.pem"])
        .current_dir(folder);
    tools::run("making a certificate", &mut command).await.map(drop)
}

async fn greets(port: u16) -> bool {
    let ask = async {
        let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await?;
        let mut greeting = [0; 3];
        stream.read_exact(&mut greeting).await.map(|_| &greeting == b"220")
    };
    matches!(tokio::time::timeout(std::time::Duration::from_secs(1), ask).await, Ok(Ok(true)))
}
