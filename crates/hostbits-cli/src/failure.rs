//! Prints failures and chooses exit codes; the table of codes is in `hostbits_ops::trouble`.

use crate::found::print_found_by_pass;
use crate::notes::unreadable_lines;
use crate::output::{Format, print_error_text};
use hostbits_ops::Failure;
use std::process::ExitCode;

/// Reports the failure on standard error, and returns the exit code.
pub(crate) fn report(failure: &Failure, format: Format) -> ExitCode {
    match format {
        Format::Plain => {
            if let Failure::Refused(list) = failure {
                print_error_text(unreadable_lines(list).trim_end());
            }
            if let Some((name, sighted)) = failure.sighted()
                && let Err(unprinted) = print_found_by_pass(sighted, &name)
            {
                print_error_text(&format!("error: {unprinted}"));
            }
            print_error_text(&format!("error: {failure}"));
            if let Some(hint) = failure.hint() {
                print_error_text(&format!("hint: {hint}"));
            }
        }
        Format::Json => print_report(failure),
    }
    ExitCode::from(failure.row().exit.code())
}

/// Prints the help or the version, or reports what is wrong with the command line.
pub(crate) fn report_usage(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        // A closed pipe, as in `| head -1`, is not a failure.
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    let text = error.to_string();
    let message = text.strip_prefix("error: ").unwrap_or(&text).trim_end();
    let failure = Failure::Usage(message.to_owned());
    match asked_for() {
        Format::Json => print_report(&failure),
        // With the colours and the usage of clap.
        Format::Plain => {
            let _ = error.print();
        }
    }
    ExitCode::from(failure.row().exit.code())
}

/// Returns the output format that a command line that does not parse asks for.
pub(crate) fn asked_for() -> Format {
    let words: Vec<_> = std::env::args_os().skip(1).collect();
    let is_json = words.iter().any(|word| word == "--format=json")
        || words
            .windows(2)
            .any(|pair| pair[0] == "--format" && pair[1] == "json");
    match is_json {
        true => Format::Json,
        false => Format::Plain,
    }
}

fn print_report(failure: &Failure) {
    match serde_json::to_string(&failure.report()) {
        Ok(json) => print_error_text(&json),
        Err(error) => print_error_text(&format!("error: {failure} ({error})")),
    }
}
