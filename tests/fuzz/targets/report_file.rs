//! A file of a report and its manifest, as whoever was given both has them verified; the first byte says which of them it is, and how it is packed.
#![no_main]
#![expect(clippy::unwrap_used, reason = "what cannot be is a finding")]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use report_life::Manifest;
use report_writer::{Packer, Packing, count_parquet_rows, count_rows};
use schemas::report_request::{Compression, ReportFormat};

/// A few bytes of zstd may be gigabytes: of more it is not looked at.
const ZSTD_MAX: usize = 4 << 10;

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, file)) = bytes.split_first() else { return };
    match kind {
        0 => same(file),
        1 => {
            let _ = count_parquet_rows(&Bytes::copy_from_slice(file));
        }
        2 => {
            let _ = count_rows(file, ReportFormat::Csv, Compression::Gzip);
        }
        3 => {
            let _ = count_rows(&file[..file.len().min(ZSTD_MAX)], ReportFormat::Csv, Compression::Zstd);
        }
        _ => packed(file),
    }
});

/// Written and read again it says the same.
fn same(text: &[u8]) {
    let Ok(manifest) = serde_json::from_slice::<Manifest>(text) else { return };
    let again = serde_json::from_slice(&serde_json::to_vec_pretty(&manifest).unwrap());
    assert_eq!(again.ok().as_ref(), Some(&manifest));
    assert!(manifest.is_of_same_files(&manifest));
}

/// A text has as many rows as when it is packed, whatever is in it.
fn packed(text: &[u8]) {
    for format in [ReportFormat::Csv, ReportFormat::Ndjson] {
        let plain = count_rows(text, format, Compression::None).unwrap();
        for (packing, compression) in [(Packing::Gzip, Compression::Gzip), (Packing::Zstd, Compression::Zstd)] {
            let mut packed = Vec::new();
            Packer::new(packing).unwrap().pack(text, &mut packed).unwrap();
            assert_eq!(count_rows(&packed[..], format, compression).unwrap(), plain);
        }
    }
}
