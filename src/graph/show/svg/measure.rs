//! How wide a text is, without a font.

/// Widths in thousandths of the size, from U+0020 to U+007E: for each character the wider of DejaVu Sans and Liberation Sans (Arial's widths), so that a text
/// fits in whatever sans-serif font it is drawn. Source: the `hmtx` tables of DejaVu 2.37 and Liberation 2.1.
const WIDTHS: [i32; 95] = [
    318, 401, 460, 838, 636, 950, 780, 275, 390, 390, 500, 838, 318, 361, 318, 337, 636, 636, 636, 636, 636, 636, 636,
    636, 636, 636, 337, 337, 838, 838, 838, 556, 1015, 684, 686, 722, 770, 667, 611, 778, 752, 295, 500, 667, 557, 863,
    748, 787, 667, 787, 722, 667, 611, 732, 684, 989, 685, 667, 685, 390, 337, 390, 838, 556, 500, 613, 635, 550, 635,
    615, 352, 635, 634, 278, 278, 579, 278, 974, 634, 612, 635, 635, 411, 521, 392, 634, 592, 818, 592, 592, 525, 636,
    337, 636, 838,
];
/// Any other character: an em, as ideographs are.
const WIDTH_OTHER: i32 = 1000;
/// Bold letters are wider by this many percent, on the average of a text.
const BOLD_PERCENT: i32 = 112;

/// A size of text, in pixels, and whether it is bold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Font {
    pub size: i32,
    pub bold: bool,
}

pub(super) const SMALL: Font = Font { size: 10, bold: false };
pub(super) const NAME: Font = Font { size: 12, bold: false };
pub(super) const BOLD: Font = Font { size: 12, bold: true };
pub(super) const TITLE: Font = Font { size: 17, bold: true };

impl Font {
    /// From one line to the next.
    pub fn line(self) -> i32 {
        self.size + 4
    }
}

/// In pixels, rounded up.
pub(super) fn width(text: &str, font: Font) -> i32 {
    let of = |c: char| {
        let place = u32::from(c).checked_sub(32).and_then(|at| usize::try_from(at).ok());
        place.and_then(|at| WIDTHS.get(at)).copied().unwrap_or(WIDTH_OTHER)
    };
    let thousandths: i32 = text.chars().take(TEXT_CHARS_MAX).map(of).sum::<i32>() * font.size;
    let percent = if font.bold { BOLD_PERCENT } else { 100 };
    (thousandths / 10 * percent / 100 + 99) / 100
}

/// Longer texts are cut anyway.
const TEXT_CHARS_MAX: usize = 2000;

/// Lines of at most a width: broken at blanks, else after `-`, `.`, `/`, `_`, else anywhere. What does not fit into the lines ends in `…`.
pub(super) fn wrap(text: &str, font: Font, width_max: i32, lines_max: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    for piece in pieces(text).into_iter().flat_map(|piece| narrow(piece, font, width_max)) {
        let candidate = format!("{line}{piece}");
        if width(candidate.trim_end(), font) <= width_max || line.is_empty() {
            line = candidate;
        } else {
            lines.push(line.trim_end().to_owned());
            line = piece.trim_start().to_owned();
        }
    }
    if !line.trim().is_empty() {
        lines.push(line.trim_end().to_owned());
    }
    if lines.len() > lines_max {
        lines.truncate(lines_max);
        if let Some(last) = lines.last_mut() {
            while !last.is_empty() && width(&format!("{last}…"), font) > width_max {
                last.pop();
            }
            *last = format!("{}…", last.trim_end());
        }
    }
    lines
}

/// Pieces between which a line may end.
fn pieces(text: &str) -> Vec<String> {
    let mut pieces = vec![String::new()];
    for c in text.chars() {
        if let Some(last) = pieces.last_mut() {
            last.push(c);
        }
        if c == ' ' || "-./_=,:".contains(c) {
            pieces.push(String::new());
        }
    }
    pieces.retain(|piece| !piece.is_empty());
    pieces
}

/// A piece that no line holds, cut.
fn narrow(piece: String, font: Font, width_max: i32) -> Vec<String> {
    if width(piece.trim_end(), font) <= width_max {
        return vec![piece];
    }
    let mut parts = vec![String::new()];
    for c in piece.chars() {
        if parts.last().is_some_and(|last| !last.is_empty() && width(&format!("{last}{c}"), font) > width_max) {
            parts.push(String::new());
        }
        if let Some(last) = parts.last_mut() {
            last.push(c);
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_fit() {
        for text in
            ["", "a", "predictive-analytics-kserve-validation", "x".repeat(300).as_str(), "any job 名前 with label a=b"]
        {
            for width_max in [40, 100, 400] {
                for lines_max in [1, 3, 50] {
                    let lines = wrap(text, NAME, width_max, lines_max);
                    assert!(lines.len() <= lines_max);
                    assert!(lines.iter().all(|line| width(line, NAME) <= width_max), "{lines:?}");
                }
            }
            let whole: String = wrap(text, NAME, 100, 50).concat();
            assert_eq!(whole.replace(' ', ""), text.replace(' ', ""));
        }
    }
}
