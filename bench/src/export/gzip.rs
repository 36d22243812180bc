//! The engine's own CSV, packed by pigz where it is installed, else by gzip: both pack one stream at the same level.

use std::process::Stdio;

use anyhow::Context;
use report_store::ReportStore;
use schemas::times::Moment;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::peers::{begin, cut, statement, used};
use crate::ingest::stage::Stage;

/// A packer that reads standard input.
#[derive(Clone, Copy)]
pub(crate) struct Gzip {
    pub(crate) name: &'static str,
    program: &'static str,
}

type Running = (tokio::process::Child, tokio::process::ChildStdin, tokio::process::ChildStdout);

impl Gzip {
    pub(crate) fn found() -> Self {
        let mut asked = std::process::Command::new("pigz");
        asked.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
        let is_there = asked.status().is_ok_and(|status| status.success());
        if is_there { Self { name: "pigz -6", program: "pigz" } } else { Self { name: "gzip -6", program: "gzip" } }
    }

    /// CPU seconds of the engine's CSV, packed by it and saved by our uploader.
    pub(crate) async fn engine_csv(
        self,
        stage: &Stage,
        store: &ReportStore,
        range: (Moment, Moment),
        order: &str,
    ) -> anyhow::Result<f64> {
        let before = used(stage)?;
        let (mut child, mut input, mut output) = self.start()?;
        let mut upload = begin(store, "csv.gz")?;
        let reading = async move {
            for range in cut(range) {
                let mut answer = stage.clickhouse.stream(&statement(range, order), "CSV")?;
                while let Some(piece) = answer.next().await? {
                    input.write_all(&piece).await?;
                }
            }
            drop(input);
            anyhow::Ok(())
        };
        let writing = async {
            let mut piece = vec![0; 1 << 20];
            loop {
                let read = output.read(&mut piece).await?;
                if read == 0 {
                    return anyhow::Ok(());
                }
                upload.write(&piece[..read]).await?;
            }
        };
        tokio::try_join!(reading, writing)?;
        child.wait().await?;
        upload.finish().await?;
        Ok(used(stage)? - before)
    }

    /// Bytes that it makes of a file of the store.
    pub(crate) async fn size(self, store: &ReportStore, key: &str) -> anyhow::Result<f64> {
        let (mut child, mut input, mut output) = self.start()?;
        let mut file = store.read(key, None).await?;
        let writing = async move {
            while let Some(piece) = futures_util::StreamExt::next(&mut file).await {
                input.write_all(&piece?).await?;
            }
            drop(input);
            anyhow::Ok(())
        };
        let counting = async {
            let (mut size, mut piece) = (0, vec![0; 1 << 20]);
            loop {
                let read = output.read(&mut piece).await?;
                if read == 0 {
                    return anyhow::Ok(size);
                }
                size += read;
            }
        };
        let ((), size) = tokio::try_join!(writing, counting)?;
        child.wait().await?;
        #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
        Ok(size as f64)
    }

    fn start(self) -> anyhow::Result<Running> {
        let mut command = tokio::process::Command::new(self.program);
        let mut child = command.arg("-6").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let (input, output) = (child.stdin.take().context("no input")?, child.stdout.take().context("no output")?);
        Ok((child, input, output))
    }
}
