//! The subcommands, a file each.

mod doctor;
mod hist;
mod stdout;
mod trace;

use std::{
    env, fs,
    io::{self, Write as _},
    process::ExitStatus,
};

use anyhow::Context as _;
use clap::{
    CommandFactory as _,
    error::{ContextKind, ContextValue, ErrorKind},
};

use crate::{
    capture::{Capture, End},
    cli::{CaptureArgs, Cli, Command},
    exit::Exit,
    model::Ledger,
    note,
    output::{Charset, accounting_line, loss_advice},
    probes::{Filter, Method, Mode, Plan},
};

/// Does what the command line says.
pub async fn run(cli: Cli) -> anyhow::Result<Exit> {
    let verbose = cli.verbose > 0;
    match cli.command {
        Command::Hist(args) => hist::run(&args, verbose).await,
        Command::Trace(args) => trace::run(&args, verbose).await,
        Command::Doctor(args) => doctor::run(&args),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "nltrace", &mut script);
            print(&script)?;
            Ok(Exit::Done)
        }
        Command::Man { folder } => {
            fs::create_dir_all(&folder)
                .and_then(|()| clap_mangen::generate_to(Cli::command(), &folder))
                .with_context(|| format!("cannot write manual pages to {}", folder.display()))?;
            Ok(Exit::Done)
        }
    }
}

/// Prints what the command line's parser answers: help or the version, or what is wrong with the options.
pub fn help(answer: clap::Error) -> anyhow::Result<Exit> {
    let answer = with_other_tips(answer);
    let printed = answer.print();
    if answer.use_stderr() {
        return Ok(Exit::Usage);
    }
    printed.context("cannot write to standard output")?;
    Ok(Exit::Done)
}

/// The parser proposes to put an option that it does not know behind `--`, where COMMAND stands. That is never meant; another
/// subcommand's option may be.
fn with_other_tips(mut answer: clap::Error) -> clap::Error {
    if answer.kind() != ErrorKind::UnknownArgument {
        return answer;
    }
    let tips = match answer.remove(ContextKind::Suggested) {
        Some(ContextValue::StyledStrs(tips)) => tips,
        _ => Vec::new(),
    };
    let mut tips: Vec<_> = tips.into_iter().filter(|tip| !tip.to_string().contains("'-- ")).collect();
    if let Some(ContextValue::String(option)) = answer.get(ContextKind::InvalidArg)
        && let Some(name) = option.strip_prefix("--")
    {
        let tree = Cli::command();
        let has = |command: &&clap::Command| command.get_arguments().any(|arg| arg.get_long() == Some(name));
        let others = tree.get_subcommands().filter(has);
        tips.extend(
            others.map(|other| format!("{option} is an option of nltrace {}", other.get_name()).into()),
        );
    }
    if !tips.is_empty() {
        answer.insert(ContextKind::Suggested, ContextValue::StyledStrs(tips));
    }
    answer
}

/// The plan that the common options make; the rest is as the command wants it.
fn plan(mode: Mode, args: &CaptureArgs, verbose: bool) -> Plan {
    Plan {
        mode,
        filter: filter(mode, args),
        snaplen: 0,
        ring_bytes: 0,
        max_keys: None,
        method: args.method.only(),
        verbose,
    }
}

/// Ends the program with 2 if the type has no such name: which names there are depends on another option.
fn filter(mode: Mode, args: &CaptureArgs) -> Filter {
    args.filter().unwrap_or_else(|error| {
        let message = format!("invalid value for '--type <NAME|N>': {error}");
        let mut tree = Cli::command();
        tree.build();
        let name = if mode == Mode::Trace { "trace" } else { "hist" };
        let command = tree.find_subcommand_mut(name).expect("the tree has both commands");
        command.error(ErrorKind::ValueValidation, message).exit()
    })
}

/// What the terminal can show.
fn charset() -> Charset {
    let values = ["LC_ALL", "LC_CTYPE", "LANG"].map(|name| env::var(name).ok());
    Charset::from_locale(values.each_ref().map(Option::as_deref))
}

/// Writes what is not a capture's. Nothing else is to be done meanwhile, so the default action of signals is right.
fn print(bytes: &[u8]) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes).and_then(|()| stdout.flush()).context("cannot write to standard output")
}

/// How a capture ends that was told to its end.
fn conclude(args: &CaptureArgs, capture: &Capture, end: End, ledger: &Ledger) -> anyhow::Result<Exit> {
    let fentry = capture.probes.attachments().iter().any(|attachment| attachment.method == Method::Fentry);
    loss_advice(ledger, fentry).iter().for_each(note);
    if ledger.hooks.iter().any(|hook| !hook.is_balanced()) {
        anyhow::bail!(
            "the accounting does not add up: {}; this is a mistake in nltrace, please report it",
            accounting_line(ledger)
        );
    }
    if let End::Command(status) = end
        && !status.success()
    {
        note(describe(status));
        return Ok(Exit::Failed);
    }
    Ok(if args.strict && ledger.total().lost.total() != 0 { Exit::Lost } else { Exit::Done })
}

fn describe(status: ExitStatus) -> String {
    match status.code() {
        Some(code) => format!("the command failed: exit status {code}"),
        // "signal: 9 (SIGKILL)"
        None => format!("the command was ended by {}", status.to_string().replace("signal: ", "signal ")),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[test]
    fn tips_do_not_send_options_behind_the_dashes() {
        let tips = |words: &[&str]| {
            with_other_tips(Cli::try_parse_from(["nltrace"].iter().chain(words)).unwrap_err()).to_string()
        };
        let of_trace = tips(&["hist", "--ring-size", "4K"]);
        assert!(of_trace.contains("tip: --ring-size is an option of nltrace trace"), "{of_trace}");
        let misspelt = tips(&["hist", "--famly", "route"]);
        assert!(misspelt.contains("'--family'"), "{misspelt}");
        assert!(!of_trace.contains("'-- ") && !misspelt.contains("'-- "), "{of_trace}{misspelt}");
    }
}
