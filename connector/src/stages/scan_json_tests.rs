use super::*;

/// The value of key `a`.
#[derive(Default)]
struct OfA<'a>(Value<'a>);

impl<'a> Keys<'a> for OfA<'a> {
    fn take(&mut self, key: &[u8], scanner: &mut Scanner<'a>) -> Option<()> {
        if key == b"a" {
            self.0 = scanner.value()?;
            return Some(());
        }
        scanner.skip()
    }
}

fn of_a(text: &str) -> Option<Value<'_>> {
    let mut part = Part::<OfA<'_>>::default();
    scan_object(text, &mut part)?;
    match part {
        Part::Object(found) => Some(found.0),
        Part::Absent | Part::Other => panic!("an object"),
    }
}

fn is_json(text: &str) -> bool {
    scan_object(text, &mut Part::<OfA<'_>>::default()).is_some()
}

#[test]
fn minus_zero_is_an_integer_and_no_other_zero_is() {
    for text in ["-0", " -0", "-0 ", "0"] {
        assert_eq!(of_a(&format!("{{\"a\":{text}}}")), Some(Value::Whole(0)), "{text}");
    }
    for text in ["-0.0", "-0e0", "-0E-0", "0.0", "1e-0", "-1", "1e-400"] {
        assert!(matches!(of_a(&format!("{{\"a\":{text}}}")), Some(Value::Number(_))), "{text}");
    }
    for text in ["1-0", "--0", "-00", "-01", "-", "- 0", "0-0", "1e400"] {
        assert!(!is_json(text), "{text}");
    }
}

#[test]
fn integers_beyond_64_bits_are_numbers() {
    assert_eq!(of_a("{\"a\":18446744073709551615}"), Some(Value::Whole(u64::MAX)));
    assert_eq!(of_a("{\"a\":18446744073709551616}"), Some(Value::Number(18_446_744_073_709_551_616.0)));
    assert_eq!(of_a("{\"a\":39.84000000000000341}"), Some(Value::Number(39.84)));
}

#[test]
fn null_is_the_same_as_absent_and_the_last_of_two_keys_counts() {
    assert_eq!(of_a(r#"{"a":null}"#), Some(Value::Absent));
    assert_eq!(of_a(r#"{"a":1,"a":2}"#), Some(Value::Whole(2)));
    assert_eq!(of_a(r#"{"a":1,"\u0061":null}"#), Some(Value::Absent));
    assert_eq!(of_a(" { \"b\" : [ { } , [ ] , true ] ,\t\"a\"\n:\r{\"a\":7} } "), Some(Value::Other));
}

#[test]
fn escapes_say_what_they_stand_for() {
    for (raw, said) in [
        (r#"plain 🏠"#, "plain 🏠"),
        (r#"\"\\\/\b\f\n\r\t"#, "\"\\/\u{8}\u{c}\n\r\t"),
        (r#"x\u00e9\ud83c\udfe0 and more"#, "xé🏠 and more"),
        (r#"\u0000"#, "\0"),
    ] {
        let text = format!("{{\"a\":\"{raw}\"}}");
        let Some(Value::Text(text)) = of_a(&text) else { panic!("text: {raw}") };
        assert_eq!(text.decoded(), said);
    }
}

#[test]
fn text_that_is_no_json_is_refused_wherever_it_stands() {
    for text in [
        "",
        "NaN",
        "Infinity",
        "-Infinity",
        "\"\\ud800\"",
        "{\"\\udc00\":1}",
        "\"\\ud800\\ud800\\udc00\"",
        "\"\\ud800\\u0041\"",
        "\"\\ud800x\\udc00\"",
        "\"\u{1}\"",
        "\"long enough \u{1f}for words\"",
        "{\"a\":1,}",
        "[1,]",
        "[1",
        "{\"a\" 1}",
        "{a:1}",
        "01",
        "1.",
        ".5",
        "+1",
        "1e",
        "tru",
        "nul",
        "'a'",
        "\"\\x\"",
        "\"\\u+041\"",
        "\"open",
        "\"\\",
        "\u{feff}1",
        "\u{a0}1",
    ] {
        assert!(!is_json(text), "{text}");
        assert!(!is_json(&format!("{{\"b\":[{{\"c\":{text}}}]}}")), "{text} inside");
    }
    assert!(!is_json("{} {}") && !is_json("{}x") && !is_json("{},"));
}

#[test]
fn nesting_ends_where_it_is_not_defined() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(is_json(&nested(100)));
    assert!(!is_json(&nested(100_000)));
}
