//! Paragraphs: words set to a width, and values cut to one line. Plain text, no escape codes.

use std::collections::BTreeMap;

/// Columns of a terminal that reports are set for.
pub const WIDTH: usize = 100;

/// Words set to the width, every line after `indent`, the first after `lead` instead; a word longer than a line is broken.
#[must_use]
pub fn hang(lead: &str, indent: &str, text: &str) -> String {
    let room = |prefix: &str| WIDTH.saturating_sub(prefix.chars().count()).max(20);
    let (first, others) = (room(lead), room(indent));
    let mut lines: Vec<String> = vec![String::new()];
    for word in text.split_whitespace().flat_map(|word| pieces(word, first.min(others))) {
        let full = if lines.len() == 1 { first } else { others };
        let line = lines.last_mut().expect("there is always a line");
        if line.is_empty() {
            line.push_str(&word);
        } else if line.chars().count() + 1 + word.chars().count() <= full {
            line.push(' ');
            line.push_str(&word);
        } else {
            lines.push(word);
        }
    }
    let prefix = |i: usize| if i == 0 { lead } else { indent };
    lines.iter().enumerate().map(|(i, line)| format!("{}{line}", prefix(i)).trim_end().to_owned() + "\n").collect()
}

fn pieces(word: &str, width: usize) -> Vec<String> {
    let letters: Vec<char> = word.chars().collect();
    letters.chunks(width).map(|piece| piece.iter().collect()).collect()
}

/// At most so many characters on one line, with `…` where something is left out.
#[must_use]
pub fn cut(text: &str, width: usize) -> String {
    let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= width {
        return line;
    }
    line.chars().take(width.saturating_sub(1)).collect::<String>() + "…"
}

/// `country=IN platform=android`, or `everything`.
#[must_use]
pub fn scope(scope: &BTreeMap<String, String>) -> String {
    let pairs: Vec<String> = scope.iter().map(|(dimension, value)| format!("{dimension}={value}")).collect();
    if pairs.is_empty() { "everything".to_owned() } else { pairs.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_keep_to_the_width_and_lose_no_word() {
        let text = "every good report is read by somebody who has little time ".repeat(6);
        let set = hang("- ", "  ", &text);
        assert!(set.lines().count() > 3 && set.lines().all(|line| line.chars().count() <= WIDTH), "{set}");
        assert_eq!(set.trim_start_matches("- ").split_whitespace().collect::<Vec<_>>(), text.split_whitespace().collect::<Vec<_>>());
        assert_eq!(hang("- ", "  ", ""), "-\n");
        assert!(hang("", "", &"x".repeat(250)).lines().all(|line| line.chars().count() <= WIDTH));
    }

    #[test]
    fn a_cut_is_marked() {
        assert_eq!((cut("a  b\nc", 5), cut("abcdef", 4)), ("a b c".to_owned(), "abc…".to_owned()));
    }
}
