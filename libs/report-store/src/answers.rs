//! What stores answer in XML, of which only a few elements are wanted.

/// A page of uploads that were begun and have no end. Public, so that it can be fuzzed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UploadsPage {
    /// Key and id of each.
    pub uploads: Vec<(String, String)>,
    /// Key and id behind which the next page begins; none on the last one.
    pub next: Option<(String, String)>,
}

impl UploadsPage {
    /// Of an answer. What is not there, or cut off, is left out: a store that is none says nothing.
    #[must_use]
    pub fn read(xml: &str) -> Self {
        let uploads = xml.split("<Upload>").skip(1);
        let uploads = uploads.filter_map(|upload| element(upload, "Key").zip(element(upload, "UploadId"))).collect();
        let is_last = element(xml, "IsTruncated").as_deref() != Some("true");
        let next = element(xml, "NextKeyMarker").zip(element(xml, "NextUploadIdMarker"));
        Self { uploads, next: next.filter(|_| !is_last) }
    }
}

/// Text of the first element of this name.
fn element(xml: &str, name: &str) -> Option<String> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    Some(
        text.replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&quot;", "\"")
            .replace("&apos;", "'")
            .replace("&amp;", "&"),
    )
}

/// A text as it stands in an element.
pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_found_and_unescaped() {
        let said =
            "<a><Upload><Key>x/y&amp;z</Key><UploadId>1&quot;</UploadId></Upload><IsTruncated>false</IsTruncated></a>";
        let found = ["Key", "UploadId", "IsTruncated"].map(|name| element(said, name).unwrap());
        assert_eq!(found, ["x/y&z", "1\"", "false"]);
        assert_eq!(element(said, "NextKeyMarker"), None);
        assert_eq!(element("<Key>cut off", "Key"), None);
        assert_eq!(escaped("\"a<b>&\""), "\"a&lt;b&gt;&amp;\"");
    }

    #[test]
    fn page_says_what_is_whole_and_where_the_next_one_begins() {
        let pair = |key: &str, id: &str| (key.to_owned(), id.to_owned());
        let upload = |key: &str, id: &str| format!("<Upload><Key>{key}</Key><UploadId>{id}</UploadId></Upload>");
        let next = "<NextKeyMarker>b</NextKeyMarker><NextUploadIdMarker>2</NextUploadIdMarker>";
        let [one, two] = [upload("a&lt;", "1"), upload("b", "2")];
        let page = UploadsPage::read(&format!("<x><IsTruncated>true</IsTruncated>{next}{one}{two}</x>"));
        assert_eq!(page.uploads, [pair("a<", "1"), pair("b", "2")]);
        assert_eq!(page.next, Some(pair("b", "2")));
        let last = UploadsPage::read(&format!("<x><IsTruncated>false</IsTruncated>{next}{one}<Upload><Key>cut"));
        assert_eq!(last, UploadsPage { uploads: vec![pair("a<", "1")], next: None });
        assert_eq!(UploadsPage::read("<html>bad gateway</html>"), UploadsPage::default());
    }
}
