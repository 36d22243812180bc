//! s3proxy: the S3 protocol in front of a folder.

use std::path::{Path, PathBuf};

use rand::Rng;
use rand::distr::Alphanumeric;

use crate::child::{Child, Recipe, absolute, make_folder, process_methods};
use crate::{PartError, Progress, cache, checksum, http, ports, tools};

const VERSION: &str = "4.1.0";
const SIZE_BYTES: u64 = 55 << 20;
const SHA256: &str = "a4d025969aaf796616ed4b1e2491d87d455ce84bb28cb9db086b2e6aaa68b48d";
const BUCKET: &str = "reports";

/// A running S3 server with one bucket.
#[derive(Debug)]
pub struct S3 {
    child: Child,
    port: u16,
    access_key: String,
    secret_key: String,
}

process_methods!(S3);

/// The jar.
pub(crate) async fn ensure(progress: &dyn Progress) -> Result<PathBuf, PartError> {
    tools::need(&["java"])?;
    let jar = format!("s3proxy-{VERSION}-jar-with-dependencies.jar");
    let folder = cache::folder(&format!("s3proxy-{VERSION}"), async |folder| {
        progress.step("S3 server", "fetching");
        let coordinates = format!("org.gaul:s3proxy:{VERSION}:jar:jar-with-dependencies");
        tools::copy_artifact("S3 server", &coordinates, SIZE_BYTES, folder, progress).await?;
        checksum::verify(&folder.join(&jar), SHA256)
    })
    .await?;
    Ok(folder.join(jar))
}

fn random_key(length: usize) -> String {
    rand::rng().sample_iter(Alphanumeric).take(length).map(char::from).collect()
}

impl S3 {
    /// Starts a server whose objects lie in `folder`, with credentials of its own, and waits until it answers.
    ///
    /// # Errors
    /// When the part cannot be fetched, or the server does not run.
    pub async fn start(folder: &Path, port: Option<u16>, progress: &dyn Progress) -> Result<Self, PartError> {
        Self::start_with(folder, port, "aws-v2-or-v4", progress).await
    }

    /// One that asks for no credentials.
    pub(crate) async fn start_for_anybody(folder: &Path, progress: &dyn Progress) -> Result<Self, PartError> {
        Self::start_with(folder, None, "none", progress).await
    }

    async fn start_with(
        folder: &Path,
        port: Option<u16>,
        authorization: &str,
        progress: &dyn Progress,
    ) -> Result<Self, PartError> {
        let jar = ensure(progress).await?;
        progress.step("S3 server", "starting");
        let folder = absolute(folder)?;
        let (port, access_key, secret_key) = (ports::chosen(port)?, random_key(20), random_key(40));
        let objects = folder.join("objects");
        make_folder(&objects.join(BUCKET))?;
        let properties = folder.join("s3proxy.properties");
        let text = format!(
            "s3proxy.endpoint=http://127.0.0.1:{port}\ns3proxy.authorization={authorization}\n\
             s3proxy.identity={access_key}\ns3proxy.credential={secret_key}\njclouds.provider=filesystem-nio2\n\
             jclouds.filesystem.basedir={}\n",
            objects.display()
        );
        std::fs::write(&properties, text).map_err(PartError::system("s3proxy's properties cannot be written"))?;
        let arguments = ["-Xmx192m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-jar"].map(str::to_owned);
        let recipe = Recipe {
            part: "s3proxy",
            program: "java".into(),
            arguments: arguments
                .into_iter()
                .chain([jar.display().to_string(), "--properties".to_owned(), properties.display().to_string()])
                .collect(),
            environment: Vec::new(),
            folder,
        };
        let mut s3 = Self { child: Child::start(recipe)?, port, access_key, secret_key };
        s3.ready().await?;
        Ok(s3)
    }

    async fn ready(&mut self) -> Result<(), PartError> {
        // Without credentials it refuses: that is an answer.
        let url = self.endpoint();
        self.child.ready(async || http::status(&url).await.is_some()).await
    }

    /// `http://127.0.0.1:port`.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Id of the key.
    #[must_use]
    pub fn access_key(&self) -> &str {
        &self.access_key
    }

    /// The key.
    #[must_use]
    pub fn secret_key(&self) -> &str {
        &self.secret_key
    }

    /// The bucket, which is there.
    #[must_use]
    pub fn bucket(&self) -> &str {
        BUCKET
    }
}
