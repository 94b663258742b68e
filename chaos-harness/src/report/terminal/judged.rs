//! What is shown of a run that was judged when it was over: what the end of an ordinary run shows.

use std::io::{self, IsTerminal};
use std::path::Path;

use super::style::{Paint, Style};
use super::{TerminalOptions, summary, wants_colour};
use crate::arguments::Color;
use crate::judge::Judged;
use crate::run_event::TestOutcome;

/// The names of the tests that failed or did not come to an end, and the summary.
pub(crate) fn render(judged: &Judged, directory: &Path, color: Color) -> String {
    let style = Style { colour: wants_colour(color, io::stdout().is_terminal()) };
    let options = TerminalOptions {
        terse: false,
        color,
        no_capture: false,
        show_output: false,
        run_directory: directory.to_owned(),
        report: Some(judged.report.display().to_string()),
        explores_only: None,
        replays_case: None,
    };
    let failed = judged.run.tests.iter().filter(|it| it.outcome() == Some(TestOutcome::Failed));
    let failed: Vec<&str> = failed.map(|test| test.name.as_str()).collect();
    let unfinished: Vec<&str> = judged.unfinished.iter().map(String::as_str).collect();
    let text = [
        names("failures", &failed, style),
        names("did not come to an end (were they killed?)", &unfinished, style),
        summary::render(&judged.run, &judged.ended, judged.left_out, &options, style),
    ];
    text.concat()
}

fn names(title: &str, names: &[&str], style: Style) -> String {
    if names.is_empty() {
        return String::new();
    }
    let names: String = names.iter().map(|name| format!("    {name}\n")).collect();
    format!("{}\n{names}\n", style.paint(Paint::Strong, &format!("{title}:")))
}
