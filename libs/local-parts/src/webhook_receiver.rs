//! A receiver of webhooks over TLS, which checks what comes with Standard Webhooks' own library.

use std::path::{Path, PathBuf};

use crate::child::{Child, Recipe, absolute, process_methods};
use crate::mail::make_certificate;
use crate::{PartError, Progress, cache, ports, tools};

const VERSION: &str = "1.1.0";
const REQUIREMENTS: &str = include_str!("../parts/webhook-requirements.txt");
const SCRIPT: &str = include_str!("../parts/webhook_receiver.py");

/// A running receiver. What it does is said by the path that it is called on: see its script.
#[derive(Debug)]
pub struct WebhookReceiver {
    child: Child,
    port: u16,
    folder: PathBuf,
}

process_methods!(WebhookReceiver);

/// The folder of Python's packages.
pub(crate) async fn ensure(progress: &dyn Progress) -> Result<PathBuf, PartError> {
    tools::need(&["openssl"])?;
    cache::folder(&format!("standardwebhooks-{VERSION}"), async |folder| {
        progress.step("Webhook receiver", "fetching");
        tools::install_python_packages("fetching standardwebhooks by pip", REQUIREMENTS, folder).await
    })
    .await
}

impl WebhookReceiver {
    /// Starts a receiver whose files lie in `folder`, and waits until it answers.
    ///
    /// # Errors
    /// When the part cannot be fetched, or the receiver does not run.
    pub async fn start(folder: &Path, port: Option<u16>, progress: &dyn Progress) -> Result<Self, PartError> {
        let parts = ensure(progress).await?;
        progress.step("Webhook receiver", "starting");
        let (folder, port) = (absolute(folder)?, ports::chosen(port)?);
        make_certificate(&folder).await?;
        let failed = || PartError::system("the receiver's files cannot be written");
        let script = folder.join("webhook_receiver.py");
        std::fs::write(&script, SCRIPT).map_err(failed())?;
        for file in ["secrets", "requests"] {
            std::fs::write(folder.join(file), "").map_err(failed())?;
        }
        let recipe = Recipe {
            part: "webhook-receiver",
            program: "python3".into(),
            arguments: vec![script.display().to_string(), port.to_string(), folder.display().to_string()],
            environment: vec![("PYTHONPATH".to_owned(), parts.join(tools::PYTHON_PACKAGES).display().to_string())],
            folder: folder.clone(),
        };
        let mut receiver = Self { child: Child::start(recipe)?, port, folder };
        receiver.ready().await?;
        Ok(receiver)
    }

    async fn ready(&mut self) -> Result<(), PartError> {
        let port = self.port;
        self.child.ready(async || tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok()).await
    }

    /// Port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The certificate to trust; its names are `localhost` and `127.0.0.1`.
    #[must_use]
    pub fn ca_file(&self) -> PathBuf {
        self.folder.join("cert.pem")
    }

    /// From now on what comes is held against these secrets; `verified` of a request names those that fit, from 0.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn trust(&self, secrets: &[&str]) -> Result<(), PartError> {
        let failed = || PartError::system("the receiver's secrets cannot be written");
        let beside = self.folder.join("secrets.new");
        std::fs::write(&beside, secrets.join("\n")).map_err(failed())?;
        std::fs::rename(&beside, self.folder.join("secrets")).map_err(failed())
    }

    /// Whether paths below `/hangs/` are answered.
    ///
    /// # Errors
    /// When it cannot be told.
    pub fn hang(&self, hangs: bool) -> Result<(), PartError> {
        let file = self.folder.join("hang");
        let told = if hangs { std::fs::write(&file, "") } else { std::fs::remove_file(&file) };
        told.map_err(PartError::system("the receiver cannot be told to hang"))
    }

    /// What came, a JSON object each, in its order. There also after a restart.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn requests(&self) -> Result<Vec<String>, PartError> {
        let failed = PartError::system("the receiver's requests cannot be read");
        let text = std::fs::read_to_string(self.folder.join("requests")).map_err(failed)?;
        Ok(text.lines().map(str::to_owned).collect())
    }
}
