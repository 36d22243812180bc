//! Azurite: Microsoft's own emulator of Azure Blob Storage.

use std::path::{Path, PathBuf};

use tokio::process::Command;

use crate::child::{Child, Recipe, absolute, process_methods};
use crate::{PartError, Progress, cache, http, ports, tools};

const VERSION: &str = "3.37.0";
/// What it needs and no more: an older library of its telemetry, which is off, takes the place of a newer one of 250 MB, and nothing that
/// of the databases that it can keep its tables in.
const PACKAGE: &str = include_str!("../parts/azurite-package.json");
const LOCK: &str = include_str!("../parts/azurite-package-lock.json");
/// Of the package list; another list is another folder.
const LIST: u32 = 1;
const ACCOUNT: &str = "flowledger";
/// Any 64 bytes; the server listens on loopback and lives as long as a test.
const KEY: &str = "Zmxvd2xlZGdlciBvZiB0ZXN0cyBrZWVwcyBubyBzZWNyZXQgaW4gYSBrZXkgdGhhdCBldmVyeWJvZHkgcmVhZA==";

const CONTAINER: &str = "reports";
const MAKE_CONTAINER: &str = include_str!("../parts/azurite_container.mjs");

/// A running blob server with one account and one container.
#[derive(Debug)]
pub struct Azure {
    child: Child,
    port: u16,
}

process_methods!(Azure);

/// The folder of packages.
pub(crate) async fn ensure(progress: &dyn Progress) -> Result<PathBuf, PartError> {
    tools::need(&["node", "npm"])?;
    cache::folder(&format!("azurite-{VERSION}-{LIST}"), async |folder| {
        progress.step("Azure's emulator", "fetching");
        for (name, text) in [("package.json", PACKAGE), ("package-lock.json", LOCK)] {
            std::fs::write(folder.join(name), text).map_err(PartError::system("a package list cannot be written"))?;
        }
        let mut command = Command::new("npm");
        command.args(["ci", "--ignore-scripts", "--omit=optional", "--no-audit", "--no-fund", "--loglevel=error"]);
        tools::run("fetching Azurite by npm", command.current_dir(folder)).await.map(drop)
    })
    .await
}

impl Azure {
    /// Starts a server whose blobs lie in `folder`, makes the container, and waits until it answers.
    ///
    /// # Errors
    /// When the part cannot be fetched, or the server does not run.
    pub async fn start(folder: &Path, port: Option<u16>, progress: &dyn Progress) -> Result<Self, PartError> {
        let packages = ensure(progress).await?;
        progress.step("Azure's emulator", "starting");
        let (folder, port) = (absolute(folder)?, ports::chosen(port)?);
        let main = packages.join("node_modules/azurite/dist/src/blob/main.js");
        let port_text = port.to_string();
        let options =
            [["--blobHost", "127.0.0.1"], ["--blobPort", &port_text], ["--location", &folder.display().to_string()]];
        let flags = ["--silent", "--disableTelemetry", "--skipApiVersionCheck"];
        let recipe = Recipe {
            part: "azurite",
            program: "node".into(),
            arguments: [main.display().to_string()]
                .into_iter()
                .chain(options.into_iter().flatten().chain(flags).map(str::to_owned))
                .collect(),
            environment: vec![("AZURITE_ACCOUNTS".to_owned(), format!("{ACCOUNT}:{KEY}"))],
            folder,
        };
        let mut azure = Self { child: Child::start(recipe)?, port };
        azure.ready().await?;
        let mut command = Command::new("node");
        command.args(["--input-type=module", "-e", MAKE_CONTAINER, "--", &azure.endpoint(), ACCOUNT, KEY, CONTAINER]);
        tools::run("making a container", &mut command).await?;
        Ok(azure)
    }

    async fn ready(&mut self) -> Result<(), PartError> {
        // Without a key it refuses: that is an answer.
        let url = self.endpoint();
        self.child.ready(async || http::status(&url).await.is_some()).await
    }

    /// `http://127.0.0.1:port/account`.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}/{ACCOUNT}", self.port)
    }

    /// The container, which is there.
    #[must_use]
    pub fn container(&self) -> &str {
        CONTAINER
    }

    /// The storage account.
    #[must_use]
    pub fn account(&self) -> &str {
        ACCOUNT
    }

    /// Its key.
    #[must_use]
    pub fn key(&self) -> &str {
        KEY
    }
}
