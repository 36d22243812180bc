//! Apicurio Registry, with Confluent's API and its ids in an H2 file.

use std::path::{Path, PathBuf};

use tokio::process::Command;

use crate::child::{Child, Recipe, absolute, process_methods};
use crate::{PartError, Progress, cache, checksum, http, ports, tools};

const VERSION: &str = "2.6.13.Final";
const SIZE_BYTES: u64 = 142 << 20;
const SHA256: &str = "3cda1b34aa020fb4ac4dd6a66018d757e81e437f97e20a1f92d366b70091c6ba";

/// A running registry.
#[derive(Debug)]
pub struct SchemaRegistry {
    child: Child,
    port: u16,
}

process_methods!(SchemaRegistry);

/// The folder with the runner and its `lib/`.
pub(crate) async fn ensure(progress: &dyn Progress) -> Result<PathBuf, PartError> {
    tools::need(&["java"])?;
    cache::folder(&format!("apicurio-registry-{VERSION}"), async |folder| {
        progress.step("Schema registry", "fetching");
        let coordinates = format!("io.apicurio:apicurio-registry-app:{VERSION}:tar.gz:all");
        tools::copy_artifact("Schema registry", &coordinates, SIZE_BYTES, folder, progress).await?;
        let archive = folder.join(format!("apicurio-registry-app-{VERSION}-all.tar.gz"));
        checksum::verify(&archive, SHA256)?;
        progress.step("Schema registry", "unpacking");
        let mut command = Command::new("tar");
        command.arg("xzf").arg(&archive).current_dir(folder);
        tools::run("unpacking the schema registry", &mut command).await?;
        std::fs::remove_file(&archive).map_err(PartError::system("an archive cannot be deleted"))
    })
    .await
}

impl SchemaRegistry {
    /// Starts a registry whose ids lie in `folder`, and waits until it answers.
    ///
    /// # Errors
    /// When the part cannot be fetched, or the registry does not run.
    pub async fn start(folder: &Path, port: Option<u16>, progress: &dyn Progress) -> Result<Self, PartError> {
        let parts = ensure(progress).await?;
        progress.step("Schema registry", "starting");
        let folder = absolute(folder)?;
        let port = ports::chosen(port)?;
        // Without WRITE_DELAY=0 a kill loses ids that were given out.
        let database = format!("jdbc:h2:file:{};WRITE_DELAY=0", folder.join("registry").display());
        let environment = [
            ("QUARKUS_HTTP_PORT", port.to_string()),
            ("QUARKUS_HTTP_HOST", "127.0.0.1".to_owned()),
            ("REGISTRY_DATASOURCE_URL", database.clone()),
            ("QUARKUS_DATASOURCE_JDBC_URL", database),
        ];
        let arguments = ["-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-jar"];
        let runner = parts.join(format!("apicurio-registry-app-{VERSION}-runner.jar"));
        let recipe = Recipe {
            part: "registry",
            program: "java".into(),
            arguments: arguments.into_iter().map(str::to_owned).chain([runner.display().to_string()]).collect(),
            environment: environment.into_iter().map(|(key, value)| (key.to_owned(), value)).collect(),
            folder,
        };
        let mut registry = Self { child: Child::start(recipe)?, port };
        registry.ready().await?;
        Ok(registry)
    }

    async fn ready(&mut self) -> Result<(), PartError> {
        let url = format!("{}/subjects", self.url());
        self.child.ready(async || http::answers(&url).await).await
    }

    /// Base of the Confluent API.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/apis/ccompat/v7", self.port)
    }
}
