//! Text from outside (statuses, annotations, answers of servers) on its way to a person: nothing in it may steer a terminal, begin a
//! line that looks like ours, or show its words in another order than they have.

/// On one line: line ends and tabs become blanks, other characters that steer become U+FFFD.
#[must_use]
pub fn plain_line(text: &str) -> String {
    text.chars()
        .map(|c| if matches!(c, '\n' | '\r' | '\t' | '\u{2028}' | '\u{2029}') { ' ' } else { plain(c) })
        .collect()
}

/// As [`plain_line`], but line feeds and tabs stay: for what is shown on its own, such as an Event's message.
#[must_use]
pub fn plain_text(text: &str) -> String {
    text.chars().map(|c| if matches!(c, '\n' | '\t') { c } else { plain(c) }).collect()
}

fn plain(c: char) -> char {
    // Unicode 16, Bidi_Control: <https://www.unicode.org/reports/tr9/#Directional_Formatting_Characters>.
    let bidi = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let separator = matches!(c, '\u{2028}' | '\u{2029}');
    if c.is_control() || bidi || separator { char::REPLACEMENT_CHARACTER } else { c }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_is_replaced_and_the_rest_stays() {
        let text = "a\u{1b}[31mred\u{1b}[0m\r\nb\tc\u{202e}txt\u{2066}d\u{2028}e\u{9b}f\0 é 👩‍🚀 {} \"x\" `y`";
        assert_eq!(plain_line(text), "a�[31mred�[0m  b c�txt�d e�f� é 👩‍🚀 {} \"x\" `y`");
        assert_eq!(plain_text(text), "a�[31mred�[0m�\nb\tc�txt�d�e�f� é 👩‍🚀 {} \"x\" `y`");
    }
}
