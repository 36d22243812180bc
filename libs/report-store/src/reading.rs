//! A file that is read to its end, however long that takes. An answer that breaks off, or ends before it should, is taken up behind what came;
//! patience with the store begins anew with each piece.

use std::ops::Range;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::{BoxStream, StreamExt, try_unfold};
use object_store::{GetOptions, GetRange, GetResult};
use service_kit::retry::Backoff;
use tokio::time::Instant;

use crate::open::RETRY_MAX;
use crate::{FileStream, StoreError};

const ACTION: &str = "reading a file";

/// What the store answers.
pub(crate) type Asking = BoxFuture<'static, object_store::Result<GetResult>>;

struct Reading<F> {
    /// Asks the store for the file.
    ask: F,
    pieces: BoxStream<'static, object_store::Result<Bytes>>,
    /// What has not come yet.
    rest: Range<u64>,
    /// What tells this file from another one that was put in its place.
    e_tag: Option<String>,
    /// Since when nothing has come. Not since the last piece: who reads may take his time.
    failing_since: Option<Instant>,
    backoff: Backoff,
}

/// A file, or the bytes `range` of it.
pub(crate) async fn read<F>(ask: F, range: Option<Range<u64>>) -> Result<FileStream, StoreError>
where
    F: Fn(GetOptions) -> Asking + Send + 'static,
{
    let found = ask(part(range)).await.map_err(StoreError::during(ACTION))?;
    let (rest, e_tag) = (found.range.clone(), found.meta.e_tag.clone());
    let pieces = found.into_stream();
    let reading = Reading { ask, pieces, rest, e_tag, failing_since: None, backoff: Backoff::default() };
    let next = |mut reading: Reading<F>| async move { Ok(reading.next().await?.map(|piece| (piece, reading))) };
    Ok(try_unfold(reading, next).boxed())
}

fn part(range: Option<Range<u64>>) -> GetOptions {
    GetOptions { range: range.map(GetRange::Bounded), ..GetOptions::default() }
}

impl<F: Fn(GetOptions) -> Asking> Reading<F> {
    async fn next(&mut self) -> Result<Option<Bytes>, StoreError> {
        loop {
            match self.pieces.next().await {
                Some(Ok(piece)) if piece.is_empty() => {}
                Some(Ok(piece)) => {
                    self.rest.start += piece.len() as u64;
                    self.failing_since = None;
                    self.backoff.reset();
                    return Ok(Some(piece));
                }
                Some(Err(_)) | None if self.rest.is_empty() => return Ok(None),
                Some(Err(error)) => self.take_up(StoreError::during(ACTION)(error)).await?,
                None => {
                    let reason = format!("the answer ended {} bytes too early", self.rest.end - self.rest.start);
                    self.take_up(StoreError::Failed { action: ACTION, reason }).await?;
                }
            }
        }
    }

    /// Asks for what has not come, some time later.
    async fn take_up(&mut self, broke: StoreError) -> Result<(), StoreError> {
        if self.failing_since.get_or_insert_with(Instant::now).elapsed() >= RETRY_MAX {
            return Err(broke);
        }
        tokio::time::sleep(self.backoff.next_wait()).await;
        // It is patient by itself: its error is the last word.
        let asking = (self.ask)(part(Some(self.rest.clone())));
        let found = asking.await.map_err(StoreError::during(ACTION))?;
        if found.meta.e_tag != self.e_tag {
            let reason = "another file was put in its place meanwhile".to_owned();
            return Err(StoreError::Failed { action: ACTION, reason });
        }
        self.pieces = found.into_stream();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use futures_util::stream::{TryStreamExt, iter};
    use object_store::memory::InMemory;
    use object_store::path::Path;
    use object_store::{GetResultPayload, ObjectStore, ObjectStoreExt};

    use super::*;

    const MIB: u64 = 1 << 20;
    const SIZE: u64 = 8 * MIB + 3;

    /// A file whose answers have so many bytes at most, and then break off.
    #[derive(Clone)]
    struct Broken {
        store: Arc<InMemory>,
        bytes_max: u64,
        /// They end as if that had been all.
        is_silent: bool,
        asked: Arc<Mutex<Vec<Option<GetRange>>>>,
    }

    impl Broken {
        async fn new(bytes_max: u64, is_silent: bool) -> Self {
            let broken = Self { store: Arc::default(), bytes_max, is_silent, asked: Arc::default() };
            broken.put(bytes()).await;
            broken
        }

        async fn put(&self, bytes: Vec<u8>) {
            self.store.put(&Path::from("file"), bytes.into()).await.unwrap();
        }

        async fn get(self, options: GetOptions) -> object_store::Result<GetResult> {
            self.asked.lock().unwrap().push(options.range.clone());
            let whole = self.store.get_opts(&Path::from("file"), options).await?;
            let end = whole.range.end.min(whole.range.start + self.bytes_max);
            let mut pieces = Vec::new();
            if end > whole.range.start {
                pieces.push(Ok(self.store.get_range(&Path::from("file"), whole.range.start..end).await?));
            }
            if !self.is_silent {
                pieces.push(Err(object_store::Error::Generic { store: "test", source: "reset".into() }));
            }
            Ok(GetResult { payload: GetResultPayload::Stream(iter(pieces).boxed()), ..whole })
        }

        async fn read(&self, range: Option<Range<u64>>) -> FileStream {
            let broken = self.clone();
            read(move |options| -> Asking { Box::pin(broken.clone().get(options)) }, range).await.unwrap()
        }
    }

    fn bytes() -> Vec<u8> {
        (0..SIZE).map(|number| u8::try_from(number % 251).unwrap()).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn answer_that_breaks_off_is_taken_up_behind_what_came() {
        for is_silent in [false, true] {
            for range in [0..SIZE, MIB / 2..3 * MIB, 7..8] {
                let broken = Broken::new(MIB, is_silent).await;
                let asked_for = (range != (0..SIZE)).then(|| range.clone());
                let pieces: Vec<Bytes> = broken.read(asked_for.clone()).await.try_collect().await.unwrap();
                let (from, to) = (usize::try_from(range.start).unwrap(), usize::try_from(range.end).unwrap());
                assert!(pieces.concat() == bytes()[from..to], "{range:?}");
                let later = (range.start + MIB..range.end).step_by(1 << 20).map(|at| Some(at..range.end));
                let expected: Vec<_> =
                    [asked_for].into_iter().chain(later).map(|it| it.map(GetRange::Bounded)).collect();
                assert_eq!(*broken.asked.lock().unwrap(), expected, "each byte is asked for once");
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_reads_slowly_has_all_of_it() {
        let broken = Broken::new(MIB, false).await;
        let (mut pieces, mut size_bytes) = (broken.read(None).await, 0);
        while let Some(piece) = pieces.try_next().await.unwrap() {
            size_bytes += piece.len() as u64;
            tokio::time::sleep(2 * RETRY_MAX).await;
        }
        assert_eq!(size_bytes, SIZE);
    }

    #[tokio::test(start_paused = true)]
    async fn store_that_gives_nothing_is_not_waited_for_for_ever() {
        for is_silent in [false, true] {
            let (broken, begin) = (Broken::new(0, is_silent).await, Instant::now());
            let error = broken.read(None).await.try_next().await.unwrap_err();
            assert!(matches!(error, StoreError::Failed { action: ACTION, .. }), "{error}");
            let took = begin.elapsed();
            assert!(took >= RETRY_MAX && took < RETRY_MAX + RETRY_MAX / 10, "{took:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn no_file_is_put_together_of_two() {
        let broken = Broken::new(MIB, false).await;
        let mut pieces = broken.read(None).await;
        assert!(pieces.try_next().await.unwrap().is_some());
        broken.put(vec![7; bytes().len()]).await;
        let error = pieces.try_next().await.unwrap_err();
        assert!(error.to_string().contains("another file"), "{error}");
        let mut pieces = broken.read(None).await;
        assert!(pieces.try_next().await.unwrap().is_some());
        broken.store.delete(&Path::from("file")).await.unwrap();
        assert!(matches!(pieces.try_next().await, Err(StoreError::NotFound(_))));
    }
}
