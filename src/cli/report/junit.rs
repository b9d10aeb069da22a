//! JUnit XML: a suite a file, a test case a finding. Notes are no failures.

use std::collections::BTreeMap;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::{Texts, severity};
use crate::diagnostic::{Diagnostic, Severity};

pub(super) fn junit(texts: &Texts<'_>, diagnostics: &[Diagnostic]) -> String {
    let mut suites: BTreeMap<String, TestSuite> = BTreeMap::new();
    for d in diagnostics {
        let (file, start, _) = texts.place(d.span);
        let place = format!("{file}:{}:{}", start.line, start.column);
        let text = if d.help.is_empty() { d.message.clone() } else { format!("{}\nhelp: {}", d.message, d.help) };
        let mut status = TestCaseStatus::success();
        if d.severity > Severity::Note {
            status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status
                .set_type(severity(d.severity))
                .set_message(d.message.clone())
                .set_description(format!("{place}\n{text}"));
        }
        let mut case = TestCase::new(format!("{} {place}", d.code), status);
        case.set_classname(file.to_owned());
        if d.severity == Severity::Note {
            case.set_system_out(text);
        }
        suites.entry(file.to_owned()).or_insert_with(|| TestSuite::new(file.to_owned())).add_test_case(case);
    }
    let mut report = Report::new("tidegate");
    report.add_test_suites(suites.into_values());
    // It is written to memory, from texts without what XML cannot hold.
    let mut out = report.to_string().unwrap_or_default();
    if !out.ends_with('\n') {
        out.push('\n');
    }
    out
}
