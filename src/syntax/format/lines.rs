//! Lines of the layout, and how they become text.

/// Lines whose trailing comments stand in one column may differ by this many columns.
const COMMENT_SPREAD_MAX: usize = 40;

/// A line of the layout.
#[derive(Debug, Default)]
pub(super) struct Line {
    /// Blanks before it.
    pub(super) indent: usize,
    /// May hold newlines, of JSON that was written over several lines.
    pub(super) text: String,
    /// The bytes of the source that it prints.
    pub(super) start: usize,
    pub(super) end: usize,
    /// The first line of a statement at the top of a file.
    pub(super) top: bool,
    /// The statement at the top takes more than one line.
    pub(super) tall: bool,
    /// Opens a block: no blank line after it.
    pub(super) opens: bool,
    /// Closes a block: no blank line before it.
    pub(super) closes: bool,
    /// Comments above it.
    pub(super) above: Vec<Above>,
    /// The comment at its end.
    pub(super) trailing: Option<String>,
    /// Past that comment in the source.
    pub(super) trailing_end: usize,
}

/// A comment on a line of its own.
#[derive(Debug)]
pub(super) struct Above {
    pub(super) text: String,
    /// Where it begins in the source.
    pub(super) start: usize,
    /// It stood inside the line's bytes, so the blank line before the line comes before it.
    pub(super) inside: bool,
}

/// A line or comment, ready to print.
struct Item<'l> {
    indent: usize,
    text: &'l str,
    trailing: Option<&'l str>,
    blank_before: bool,
}

/// The text of all lines; `tail` are the comments after the last.
pub(super) fn join(source: &str, lines: &[Line], tail: &[Above]) -> String {
    let mut items: Vec<Item<'_>> = Vec::new();
    // How far of the source has been printed.
    let mut done = 0;
    let mut after_open = true;
    let mut tall_before = false;
    for line in lines {
        let first = items.len();
        let mut blank = None;
        // Above a closing brace they speak about the lines of the block.
        let indent = if line.closes { line.indent + 2 } else { line.indent };
        for comment in &line.above {
            if comment.inside && blank.is_none() {
                blank = Some(blank_between(source, done, line.start));
                let blank_before = blank.unwrap_or(false);
                items.push(Item { indent, text: &comment.text, trailing: None, blank_before });
            } else {
                let blank_before = blank_between(source, done, comment.start);
                items.push(Item { indent, text: &comment.text, trailing: None, blank_before });
            }
            done = done.max(comment.start + comment.text.len());
        }
        // A blank line before the line went above its inner comments.
        let blank_before = blank.is_none() && blank_between(source, done, line.start);
        let trailing = line.trailing.as_deref();
        items.push(Item { indent: line.indent, text: &line.text, trailing, blank_before });
        done = done.max(line.end).max(line.trailing_end);
        if let Some(own) = items.get_mut(first..) {
            set_blanks(line, own, after_open, tall_before);
        }
        after_open = line.opens;
        if line.top {
            tall_before = line.tall;
        }
    }
    for (i, comment) in tail.iter().enumerate() {
        let blank_before = blank_between(source, done, comment.start) && (i > 0 || !lines.is_empty());
        items.push(Item { indent: 0, text: &comment.text, trailing: None, blank_before });
        done = comment.start + comment.text.len();
    }
    print(&items)
}

/// Where the layout, not the source, decides on blank lines. `own` are a line's comments and the line.
fn set_blanks(line: &Line, own: &mut [Item<'_>], after_open: bool, tall_before: bool) {
    if line.closes
        && let Some(item) = own.last_mut()
    {
        item.blank_before = false;
    }
    let apart = own.iter().any(|item| item.blank_before);
    let Some(first) = own.first_mut() else { return };
    if after_open {
        first.blank_before = false;
    } else if line.top && (line.tall || tall_before) && !apart {
        // What takes several lines stands apart.
        first.blank_before = true;
    }
}

/// Whether the source has a blank line between two places.
fn blank_between(source: &str, from: usize, to: usize) -> bool {
    let gap = source.get(from..to).unwrap_or("");
    let mut lines = gap.split('\n').skip(1).peekable();
    while let Some(line) = lines.next() {
        // The last piece is the beginning of the line on which `to` lies.
        if lines.peek().is_some() && line.trim().is_empty() {
            return true;
        }
    }
    false
}

fn print(items: &[Item<'_>]) -> String {
    let mut out = String::new();
    let mut i = 0;
    while let Some(item) = items.get(i) {
        // Trailing comments on lines that follow each other stand in one column.
        let run = items
            .iter()
            .enumerate()
            .skip(i)
            .take_while(|(n, item)| item.trailing.is_some() && (*n == i || !item.blank_before))
            .count();
        let run = items.get(i..i + run.max(1)).unwrap_or(std::slice::from_ref(item));
        let column = run.iter().map(width).max().unwrap_or(0);
        for item in run {
            if item.blank_before {
                out.push('\n');
            }
            out.push_str(&" ".repeat(item.indent));
            out.push_str(item.text);
            if let Some(comment) = item.trailing {
                let gap = column - width(item);
                out.push_str(&" ".repeat(if gap > COMMENT_SPREAD_MAX { 2 } else { gap + 2 }));
                out.push_str(comment);
            }
            out.push('\n');
        }
        i += run.len();
    }
    out
}

/// Columns up to the end of an item's (last) line.
fn width(item: &Item<'_>) -> usize {
    match item.text.rsplit_once('\n') {
        Some((_, last)) => last.chars().count(),
        None => item.indent + item.text.chars().count(),
    }
}
