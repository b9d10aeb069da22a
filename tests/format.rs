//! The one layout: it keeps meaning and comments, and formatting twice changes nothing.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    clippy::print_stderr
)]

#[path = "syntax/dump.rs"]
mod dump;
#[path = "syntax/generate.rs"]
mod generate;

use dump::dump;
use proptest::prelude::*;
use tidegate::syntax::format;

/// Formats, and checks that nothing was lost.
fn check(text: &str) -> String {
    let once = format(text).unwrap_or_else(|errors| panic!("{text}\n{errors:#?}"));
    assert_eq!(dump(text), dump(&once), "the meaning has changed\n--- from\n{text}\n--- to\n{once}");
    let twice = format(&once).unwrap();
    assert_eq!(once, twice, "formatting again changes\n--- from\n{text}");
    once
}

/// `written` in the one layout is `expected`.
fn check_layout(written: &str, expected: &str) {
    assert_eq!(check(written), expected);
}

#[test]
fn language_page() {
    insta::assert_snapshot!(check(include_str!("syntax/aiops.tide")));
}

#[test]
fn nothing_and_comments_alone() {
    check_layout("", "");
    check_layout("\n\n  \n", "");
    check_layout("\u{feff}# a\n\n\n   # b", "# a\n\n# b\n");
    check_layout("# a\n\n\napplication x # b\n\n\n# c\n", "# a\n\napplication x  # b\n\n# c\n");
}

#[test]
fn one_line_stays_one_line_while_it_fits() {
    check_layout(
        "when  job a succeeds   and x>3 within 2h then restart isvc b;  notify t 'x' else notify u \"y\";block wave 4;cooldown 600s",
        "when job a succeeds\n and x > 3\n  within 2h\n  then restart isvc b;\n       notify t \"x\"\n  else notify u \"y\";\n       block wave 4;\n       \
         cooldown 600s\n",
    );
    check_layout(
        "when job a succeeds then restart isvc b;\n  block wave 4",
        "when job a succeeds\n  then restart isvc b;\n       block wave 4\n",
    );
    check_layout("when job a succeeds;block wave 4", "when job a succeeds; block wave 4\n");
    check_layout("when job a succeeds;\nblock wave 4", "when job a succeeds;\n  block wave 4\n");
    check_layout(
        "rule x{when job a succeeds then restart isvc b;block wave 4}",
        "rule x { when job a succeeds then restart isvc b; block wave 4 }\n",
    );
    check_layout("kind x=v1 X(xs){healthy 'y' otherwise}", "kind x = v1 X (xs) { healthy \"y\" otherwise }\n");
    check_layout("application a;namespace b", "application a\nnamespace b\n");
}

#[test]
fn comments_stay_where_they_were() {
    check_layout(
        "rule x { # header\n# before when\nwhen ( # in the bracket\n job a succeeds\n # alone in the bracket\n or job b fails) # after\n\n# above then\n then restart isvc \
         b # end\n# last\n} # closed\n# tail",
        "rule x {  # header\n  # before when\n  # in the bracket\n  when job a succeeds\n    # alone in the bracket\n    or job b fails  # after\n\n  \
         # above then\n  then restart isvc b  # end\n  # last\n}  # closed\n# tail\n",
    );
}

#[test]
fn hash_in_texts_is_no_comment() {
    check_layout(
        "when job a succeeds then notify t \"{job.metadata.labels[\"#\"]} # {{\" # c",
        "when job a succeeds then notify t \"{job.metadata.labels['#']} # {{\"  # c\n",
    );
}

#[test]
fn what_takes_several_lines_stands_apart() {
    check_layout(
        "application a\n# about x\nrule x {\nwhen job a succeeds\nthen restart isvc b\n}\nnamespace c",
        "application a\n\n# about x\nrule x {\n  when job a succeeds\n  then restart isvc b\n}\n\nnamespace c\n",
    );
}

#[test]
fn broken_text_is_left_alone() {
    let errors = format("wen job a succeeds then restart isvc b").unwrap_err();
    assert_eq!(errors.len(), 1);
}

/// More in a release build, as CI runs them.
const FILES: u32 = if cfg!(debug_assertions) { 150 } else { 3_000 };

proptest! {
    #![proptest_config(ProptestConfig { cases: FILES, failure_persistence: None, ..ProptestConfig::default() })]

    /// parse ∘ fmt = parse, fmt ∘ fmt = fmt, and every comment is still there.
    #[test]
    fn generated_files(file in generate::file(), choices in prop::collection::vec(any::<u8>(), 0..200)) {
        let (text, comments) = generate::realise(&file, &choices);
        let formatted = check(&text);
        for comment in comments {
            prop_assert_eq!(formatted.matches(&comment).count(), 1, "{}\n--- from\n{}\n--- to\n{}", comment, text, formatted);
        }
    }
}
