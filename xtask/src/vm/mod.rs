//! `cargo xtask vm`: boots one of the kernels and runs a command in it.

mod accelerator;
mod command;
mod console;
mod cpio;
mod drivers;
mod events;
mod guest;
mod initramfs;
mod job;
mod machine;
mod terminal;

use std::{
    ffi::OsString,
    io::{IsTerminal, stdin},
    process::ExitCode,
    time::Duration,
};

use anyhow::Result;
use clap::Args;

use self::command::Input;
use crate::{
    build,
    project::Project,
    setup::{self, Kernel, Provided, Series},
    ui,
};

pub(crate) use self::{
    command::{Command, Ended, Limit, SILENCE, Stream, echo},
    guest::Guest,
    job::Job,
    machine::{Accelerator, Hardware},
};

/// How long a command may take if nobody says otherwise, in seconds.
const DEFAULT_TIMEOUT: u64 = 900;

const AFTER_HELP: &str = "\
The exit status is the command's; it is a failure if the guest's kernel complains on its console. KVM is used \
if this kernel boots under it; NLTRACE_ACCELERATOR=kvm or tcg overrides that.

Examples:
  cargo xtask vm --shell
  cargo xtask vm --kernel 6.1 -- ss -f netlink
  cargo xtask vm -- bash -c 'insmod /opt/nltrace/nltest.ko && nltrace hist -- nltest ping -c 100 -i 0'";

/// Boot a kernel in a virtual machine and run a command there as root
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct VmArgs {
    /// Kernel series
    #[arg(long, short, value_enum, default_value_t = Series::NEWEST)]
    kernel: Series,
    /// Processors
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=64))]
    cpus: u32,
    /// Memory in MiB
    #[arg(long, default_value_t = 1024, value_parser = clap::value_parser!(u32).range(256..=65536))]
    memory: u32,
    /// Count instructions: one processor whose clock advances one nanosecond per instruction
    #[arg(long)]
    icount: bool,
    /// Fill freed memory with a pattern, as `test` does, so that uninitialised bytes in messages show
    #[arg(long, conflicts_with = "icount")]
    poison: bool,
    /// Turn the machine off after this many seconds [default: 900, none for --shell]
    #[arg(long, value_name = "SECS")]
    timeout: Option<u64>,
    /// Use the last build instead of building
    #[arg(long)]
    no_build: bool,
    /// Start an interactive shell, or run the command on a terminal
    #[arg(long)]
    shell: bool,
    /// The command and its arguments
    #[arg(last = true, required_unless_present = "shell")]
    command: Vec<OsString>,
}

/// Runs the command line's job; the command's exit status becomes ours.
pub(crate) fn run(project: &Project, args: VmArgs) -> Result<ExitCode> {
    let provided = setup::ensure(project)?;
    let kernel = provided.kernel(args.kernel)?;
    if args.no_build {
        build::init(project)?;
    } else {
        ui::step_if_slow("nltest.ko", |_| build::module(&provided, kernel))?;
        ui::step_if_slow(build::PROGRAMS, |_| build::programs(project))?;
    }
    let input = match (args.shell, stdin().is_terminal()) {
        (true, _) => Input::Terminal,
        // A terminal that is not given to a shell stays with whoever else reads from it.
        (false, true) => Input::Nothing,
        (false, false) => Input::Pipe,
    };
    let mut words = args.command;
    let mut environment = Vec::new();
    if args.shell {
        if words.is_empty() {
            words = vec!["bash".into(), "-l".into()];
        }
        environment.push(("TERM".to_owned(), std::env::var("TERM").unwrap_or_else(|_| "dumb".to_owned())));
    }
    let timeout = args.timeout.or(if args.shell { None } else { Some(DEFAULT_TIMEOUT) });
    let job = Job {
        hardware: Hardware {
            poison: args.poison,
            ..hardware(&provided, kernel, args.cpus, args.memory, args.icount)?
        },
        command: Command { words, environment, input, limit: None },
        timeout: timeout.map(Duration::from_secs),
    };
    let outcome = {
        let _raw = if args.shell {
            eprintln!("Booting {}; Ctrl-] turns the machine off.", kernel.version);
            Some(terminal::Raw::enter()?)
        } else {
            None
        };
        job.run(&provided, kernel, &mut echo)?
    };
    for problem in &outcome.problems {
        eprintln!("error: {problem}");
    }
    Ok(match outcome.status {
        Some(status) if outcome.problems.is_empty() || status != 0 => ExitCode::from(status),
        _ => ExitCode::FAILURE,
    })
}

/// A machine for `kernel`, accelerated where that works.
pub(crate) fn hardware(
    provided: &Provided,
    kernel: &Kernel,
    cpus: u32,
    memory_mib: u32,
    counting: bool,
) -> Result<Hardware> {
    if counting {
        return Ok(Hardware {
            accelerator: Accelerator::Counting,
            cpus: 1,
            possible_cpus: 1,
            memory_mib,
            poison: false,
        });
    }
    Ok(Hardware {
        accelerator: accelerator::choose(provided, kernel)?,
        cpus,
        possible_cpus: cpus,
        memory_mib,
        poison: false,
    })
}
