//! The arguments of a call as a model wrote them.

use std::borrow::Cow;

use serde_json::Value;

/// Reads arguments. Grammars of some servers let line breaks and other control characters stand in texts as they are, which JSON forbids; what is
/// meant is plain, and a model has no way to write it otherwise there.
pub(super) fn read(text: &str) -> Result<Value, serde_json::Error> {
    let text = if text.trim().is_empty() { "{}" } else { text };
    serde_json::from_str(text).or_else(|error| match escaped(text) {
        Cow::Owned(text) => serde_json::from_str(&text).map_err(|_| error),
        Cow::Borrowed(_) => Err(error),
    })
}

/// With control characters inside of texts escaped.
fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(|c: char| c.is_ascii_control()) {
        return Cow::Borrowed(text);
    }
    let (mut inside, mut skip) = (false, false);
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if inside && c < ' ' {
            out.push_str(&format!("\\u{:04x}", u32::from(c)));
            skip = false;
            continue;
        }
        out.push(c);
        match c {
            _ if skip => skip = false,
            '\\' if inside => skip = true,
            '"' => inside = !inside,
            _ => {}
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn control_characters_that_stand_in_a_text_as_they_are_are_read() {
        let read = read("{\n\t\"title\": \"two\nlines \\\"and\ta tab\\\"\",\n\"n\": 1}").expect("arguments");
        assert_eq!(read, json!({"title": "two\nlines \"and\ta tab\"", "n": 1}));
    }

    #[test]
    fn nothing_is_no_arguments() {
        assert_eq!(read(" ").expect("arguments"), json!({}));
    }

    #[test]
    fn what_was_cut_off_stays_an_error() {
        assert!(read("{\"title\": \"two\nli").is_err());
    }
}
