use std::sync::atomic::Ordering;

use service_kit::metrics::Metrics;

use super::*;
use crate::fakes::Fake;
use crate::file_series::FileSeries;
use crate::stages::check_request::{check_request, tests::request};

#[tokio::test(start_paused = true)]
async fn file_without_rows_is_none_where_that_is_wanted() {
    let (fake, request, never) = (Fake::default(), request(), CancellationToken::new());
    let (life, query) = (fake.life(), check_request(&request).unwrap());
    let (writer, rows) = (life.writer(&never), life.outside.plan(&query, &life.writer(&never).cut).await.unwrap());
    let left = || (fake.0.files.lock().unwrap().len(), fake.0.uploads_open.load(Ordering::Relaxed));
    for (slices, has_rows, files) in [(&[][..], false, 0), (&rows[..], true, 1)] {
        let piece = Piece { request: &request, query: &query, slices, start: Start::Beginning };
        let (progress, _) = watch::channel(Written::default());
        let file = fake.begin_file("key").await.unwrap();
        let filled = writer.fill_where_rows_are(file, piece, &progress).await.unwrap();
        assert_eq!((filled.is_some(), fake.0.files.lock().unwrap().len()), (has_rows, 0), "nobody sees it yet");
        if let Some(file) = filled {
            file.finish().await.unwrap();
        }
        assert_eq!(left(), (files, 0));
    }
    // A report has its header.
    let piece = Piece { request: &request, query: &query, slices: &[], start: Start::Beginning };
    let (progress, _) = watch::channel(Written::default());
    let file = fake.begin_file("report").await.unwrap();
    assert!(writer.write(file, piece, &progress).await.unwrap().size_bytes > 0);
    assert_eq!(left(), (2, 0));
}

#[tokio::test]
async fn file_that_is_one_too_many_is_not_begun() {
    let (fake, tools, cancelled) = (Fake::default(), Tools::new(2), CancellationToken::new());
    let writer = WriteFile {
        outside: &fake,
        metrics: &ExporterMetrics::new(&Metrics::default()),
        load: &Load::default(),
        cut: Cut { stretch_rows: 1, slice_rows: 1, slices_max: 1 },
        retry_max: Duration::ZERO,
        tools: &tools,
        cancelled: &cancelled,
    };
    for (files, is_right) in [(FILES_MAX, true), (FILES_MAX + 1, false)] {
        let (texts, received) = mpsc::channel(1);
        let (parts, progress) = (PartQueue::new(Packing::Plain, tools.clone()), watch::channel(Written::default()).0);
        let mut series = FileSeries::new(&fake, "reports/acme/1/1/x.csv".to_owned(), &[], mpsc::channel(1).0);
        let giving = async move {
            for _ in 0..files {
                let part = texts.send(Text::Part(b"line\n".to_vec())).await;
                let is_taken = part.is_ok() && texts.send(Text::FileEnds { rows: 1, last_row: None }).await.is_ok();
                if !is_taken {
                    return;
                }
            }
        };
        let (uploaded, ()) = tokio::join!(writer.upload(received, parts, &mut series, &progress), giving);
        assert_eq!(uploaded, if is_right { Ok(()) } else { Err(FileError::TooManyFiles) });
        assert_eq!(series.finish().await.unwrap().len() as u64, FILES_MAX);
    }
}
