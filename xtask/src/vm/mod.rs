//! `cargo xtask vm`: boots one of the kernels and runs a command in it.

mod accelerator;
mod console;
mod cpio;
mod drivers;
mod events;
mod initramfs;
mod machine;
mod session;
mod terminal;

use std::ffi::OsString;
use std::io::{IsTerminal, stdin};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::Args;

use crate::build;
use crate::project::Project;
use crate::setup::{self, Kernel, Provided, Series};
use crate::ui;

pub(crate) use self::machine::{Accelerator, Hardware};
pub(crate) use self::session::{Input, Job, Stream, echo};

/// How long a command may take if nobody says otherwise, in seconds.
const DEFAULT_TIMEOUT: u64 = 900;

const AFTER_HELP: &str = "\
The exit status is the command's; a complaint of the guest's kernel on its console makes it a failure. KVM is used if it \
really boots this kernel; NLTRACE_ACCELERATOR=kvm or tcg decides otherwise.

Examples:
  cargo xtask vm --shell
  cargo xtask vm --kernel 6.1 -- ss -f netlink
  cargo xtask vm -- bash -c 'insmod /opt/nltrace/nltest.ko && nltrace hist -- nltest ping -c 100 -i 0'";

/// Boot a kernel in a virtual machine and run a command there as root
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct VmArgs {
    /// Series of the kernel; the newest if not given
    #[arg(long, short, value_enum, default_value_t = Series::NEWEST)]
    kernel: Series,
    /// Processors
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=64))]
    cpus: u32,
    /// Memory in MiB
    #[arg(long, default_value_t = 1024, value_parser = clap::value_parser!(u32).range(256..=65536))]
    memory: u32,
    /// Count instructions: one processor, whose clock advances by one nanosecond an instruction
    #[arg(long)]
    icount: bool,
    /// Fill freed memory with a pattern, as `test` does, so that bytes which are sent unwritten show
    #[arg(long, conflicts_with = "icount")]
    poison: bool,
    /// Give up after so many seconds [default: 900, none for --shell]
    #[arg(long, value_name = "SECS")]
    timeout: Option<u64>,
    /// Take what was built last instead of building
    #[arg(long)]
    no_build: bool,
    /// An interactive shell, or the command on a terminal
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
        words,
        environment,
        input,
        timeout: timeout.map(Duration::from_secs),
    };
    let outcome = {
        let _raw = if args.shell {
            eprintln!("{} boots; Ctrl-] ends it the hard way.", kernel.version);
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
