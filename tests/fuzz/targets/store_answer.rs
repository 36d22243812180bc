//! What an object store answers to who asks for uploads without an end. What was read of it, written as S3 writes it, is read the same.
#![no_main]

use std::fmt::Write;

use libfuzzer_sys::fuzz_target;
use report_store::UploadsPage;

fuzz_target!(|bytes: &[u8]| {
    // As `reqwest` gives a text.
    let said = String::from_utf8_lossy(bytes);
    let page = UploadsPage::read(&said);
    let found: usize = page.uploads.iter().map(|(key, id)| key.len() + id.len()).sum();
    // An upload ends where the next one begins; its id may stand within its key.
    assert!(found <= 2 * said.len());
    assert_eq!(UploadsPage::read(&written(&page)), page);
});

fn written(page: &UploadsPage) -> String {
    let escaped = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let mut xml = String::from("<ListMultipartUploadsResult>");
    if let Some((key, id)) = &page.next {
        let (key, id) = (escaped(key), escaped(id));
        _ = write!(xml, "<IsTruncated>true</IsTruncated><NextKeyMarker>{key}</NextKeyMarker>");
        _ = write!(xml, "<NextUploadIdMarker>{id}</NextUploadIdMarker>");
    }
    for (key, id) in &page.uploads {
        let (key, id) = (escaped(key), escaped(id));
        _ = write!(xml, "<Upload><Key>{key}</Key><UploadId>{id}</UploadId></Upload>");
    }
    xml + "</ListMultipartUploadsResult>"
}
