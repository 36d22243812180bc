//! Google's XML API, as near as there is one to be had: s3proxy, whose protocol it nearly is, behind a script that knows the difference.

use std::path::Path;

use crate::child::{Child, Recipe, absolute, process_methods};
use crate::{PartError, Progress, S3, http, ports, tools};

const SCRIPT: &str = include_str!("../parts/google_headers.py");

/// A running server with one bucket. It knows no accounts: anybody may do anything.
#[derive(Debug)]
pub struct GoogleStorage {
    child: Child,
    port: u16,
    s3: S3,
}

process_methods!(GoogleStorage);

impl GoogleStorage {
    /// Starts a server whose objects lie in `folder`, and waits until it answers.
    ///
    /// # Errors
    /// When a part cannot be fetched, or a server does not run.
    pub async fn start(folder: &Path, progress: &dyn Progress) -> Result<Self, PartError> {
        tools::need(&["python3"])?;
        let s3 = S3::start_for_anybody(folder, progress).await?;
        progress.step("Google's storage", "starting");
        let (folder, port) = (absolute(folder)?, ports::chosen(None)?);
        let script = folder.join("google_headers.py");
        std::fs::write(&script, SCRIPT).map_err(PartError::system("a script cannot be written"))?;
        let upstream = s3.endpoint().trim_start_matches("http://").to_owned();
        let recipe = Recipe {
            part: "google-headers",
            program: "python3".into(),
            arguments: vec![script.display().to_string(), port.to_string(), upstream],
            environment: Vec::new(),
            folder,
        };
        let mut google = Self { child: Child::start(recipe)?, port, s3 };
        google.ready().await?;
        Ok(google)
    }

    async fn ready(&mut self) -> Result<(), PartError> {
        let url = self.endpoint();
        self.child.ready(async || http::status(&url).await.is_some()).await
    }

    /// `http://127.0.0.1:port`.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The bucket, which is there.
    #[must_use]
    pub fn bucket(&self) -> &str {
        self.s3.bucket()
    }
}
