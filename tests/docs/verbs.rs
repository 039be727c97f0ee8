//! `docs/reference/verbs.md`, from what the command line understands.

use std::fmt::Write as _;

use clap::{Arg, Command};
use pgha::problem::EXIT_CODES;

use crate::shape::words;

const HEAD: &str =
    "<!-- Made by `PGHA_BLESS=1 cargo test --test docs` from the program: change it there. -->\n\n";

/// The pages that say more.
const PAGES: [(&str, &str); 10] = [
    ("pgha plan", "plan.md"),
    ("pgha apply", "plan.md"),
    ("pgha switchover", "switchover.md"),
    ("pgha failback", "switchover.md#failback"),
    ("pgha failover", "failover.md#on-request"),
    ("pgha rejoin", "rejoin.md"),
    ("pgha rebuild", "rejoin.md"),
    ("pgha remove", "rejoin.md#a-member-leaves"),
    ("pgha status", "runbook.md"),
    ("pgha lab", "lab.md"),
];

pub fn page() -> String {
    let mut whole = pgha::cli::command();
    whole.build();
    let mut page = format!("{HEAD}# Verbs\n\n");
    page += "Data goes to stdout, everything else to stderr. `--json` is understood by all verbs that print data.\n\n";
    page += "| exit code | means |\n|---|---|\n";
    for (code, means) in EXIT_CODES {
        _ = writeln!(page, "| {code} | {means} |");
    }
    for verb in verbs(&whole) {
        add(verb, "pgha", &mut page);
    }
    page
}

/// `help` speaks for itself.
fn verbs(of: &Command) -> impl Iterator<Item = &Command> {
    of.get_subcommands()
        .filter(|verb| verb.get_name() != "help")
}

fn add(verb: &Command, above: &str, page: &mut String) {
    let name = format!("{above} {}", verb.get_name());
    let about = verb.get_long_about().or_else(|| verb.get_about());
    let about = about.expect("every verb is described").to_string();
    _ = write!(page, "\n## {name}\n\n{}", paragraphs(&about));
    let more = PAGES.iter().find(|(verb, _)| *verb == name);
    if let Some((_, link)) = more {
        let (file, _) = link.split_once('#').unwrap_or((link, ""));
        _ = write!(page, "\n\nMore: [{file}](../{link}).");
    }
    page.push('\n');
    if verb.has_subcommands() {
        for inner in verbs(verb) {
            add(inner, &name, page);
        }
        return;
    }
    let usage = verb.clone().render_usage().to_string();
    _ = write!(
        page,
        "\n    {}\n\n| | default | |\n|---|---|---|\n",
        usage.trim_start_matches("Usage: ")
    );
    for argument in verb
        .get_arguments()
        .filter(|argument| argument.get_id() != "help")
    {
        _ = writeln!(
            page,
            "| {} | {} | {} |",
            spelling(argument),
            default(argument),
            about_of(argument)
        );
    }
}

/// A first line is a sentence here.
fn paragraphs(text: &str) -> String {
    let paragraphs = text.split("\n\n").map(words);
    let ended = paragraphs.map(|text| {
        if text.ends_with('.') {
            text
        } else {
            format!("{text}.")
        }
    });
    ended.collect::<Vec<_>>().join("\n\n")
}

fn spelling(argument: &Arg) -> String {
    let value = argument
        .get_value_names()
        .map(|names| names[0].as_str())
        .unwrap_or_default();
    let value = value.replace('|', "\\|");
    let takes = argument.get_action().takes_values();
    let long = match (argument.get_long(), takes) {
        (None, _) => return format!("`{value}`"),
        (Some(long), false) => format!("`--{long}`"),
        (Some(long), true) => format!("`--{long} {value}`"),
    };
    match argument.get_short() {
        Some(short) => format!("{long}, `-{short}`"),
        None => long,
    }
}

fn default(argument: &Arg) -> String {
    if !argument.get_action().takes_values() {
        return String::new();
    }
    let values = argument.get_default_values().iter();
    let values: Vec<String> = values
        .map(|value| format!("`{}`", value.to_string_lossy()))
        .collect();
    if values.is_empty() && argument.is_required_set() {
        return "required".to_owned();
    }
    values.join(", ")
}

fn about_of(argument: &Arg) -> String {
    let help = argument.get_long_help().or_else(|| argument.get_help());
    let mut about = words(
        &help
            .unwrap_or_else(|| panic!("`{}` is not described", argument.get_id()))
            .to_string(),
    );
    let choices = argument.get_possible_values();
    let named = |choice: &clap::builder::PossibleValue| {
        let name = format!("`{}`", choice.get_name());
        choice.get_help().map_or(name.clone(), |help| {
            format!("{name}: {}", words(&help.to_string()))
        })
    };
    if argument.get_action().takes_values()
        && !choices.is_empty()
        && !argument.is_hide_possible_values_set()
    {
        about = format!(
            "{about}. {}",
            choices.iter().map(named).collect::<Vec<_>>().join("; ")
        );
    }
    about
}
