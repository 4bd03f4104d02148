//! One file a subcommand.

mod bench;
mod burst;
mod delay;
mod fail;
mod generate;
mod listen;
mod notify;
mod parts;
mod ping;
mod send;
mod set_err;
mod stats;
mod unicast;

use std::{future::Future, time::Duration};

use anyhow::Context as _;
use nltest::{Connection, SocketOptions};
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    cli::{Cli, Command, Global, ReceiveBuffer},
    exit::Exit,
    output::Printer,
};

/// How long an answer may take unless the command line says otherwise.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);

/// What every subcommand works with.
struct Context {
    global: Global,
    printer: Printer,
}

impl Context {
    /// How long to wait for an answer.
    fn timeout(&self) -> Duration {
        self.global.timeout.unwrap_or(DEFAULT_TIMEOUT)
    }

    fn options(&self) -> SocketOptions {
        SocketOptions::default().protocol(self.global.protocol).timeout(Some(self.timeout()))
    }

    fn options_with(&self, buffer: ReceiveBuffer) -> SocketOptions {
        let bytes = buffer.rcvbuf.map(|bytes| bytes as usize);
        self.options().receive_buffer(bytes).force_receive_buffer(!buffer.no_force)
    }

    fn connect(&self) -> Result<Connection, nltest::Error> {
        Connection::open(&self.options())
    }
}

/// Runs the subcommand.
pub(crate) fn run(cli: &Cli) -> anyhow::Result<Exit> {
    let mut context = Context { global: cli.global.clone(), printer: Printer::new(&cli.global) };
    let exit = match &cli.command {
        Command::Completions { shell } => return generate::completions(*shell),
        Command::Man { dir } => return generate::man(dir),
        Command::Send { text } => block_on(send::run(&mut context, text)),
        Command::Listen(args) => block_on(listen::run(&mut context, args)),
        Command::Notify { text } => block_on(notify::run(&mut context, text.as_deref())),
        Command::Ping(args) => block_on(ping::run(&mut context, args)),
        Command::Delay { usecs } => block_on(delay::run(&mut context, *usecs)),
        Command::Burst(args) => block_on(burst::run(&mut context, args)),
        Command::Unicast(args) => unicast::run(&mut context, args),
        Command::Parts(args) => block_on(parts::run(&mut context, args)),
        Command::SetErr { errno } => block_on(set_err::run(&mut context, *errno)),
        Command::Fail { errno, text } => block_on(fail::run(&mut context, *errno, text.as_deref())),
        Command::Stats { size } => block_on(stats::run(&mut context, *size)),
        Command::Bench(args) => block_on(bench::run(&mut context, args)),
    };
    let flushed = context.printer.flush();
    let exit = exit?;
    flushed?;
    Ok(exit)
}

/// Runs a subcommand on a runtime of its own.
fn block_on<T>(future: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    // What the kernel does for a request that takes time, it does in a thread of this name.
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().thread_name("nltest").build().context("starting the runtime")?;
    let result = runtime.block_on(future);
    // A request that still sleeps in the kernel shall not keep the command from ending.
    runtime.shutdown_background();
    result
}

/// Resolves at Ctrl-C. From this call on the signal does not end the process, whether the future is polled or
/// not.
fn interrupted() -> impl Future<Output = ()> {
    let signals = signal(SignalKind::interrupt());
    async {
        match signals {
            Ok(mut signals) => drop(signals.recv().await),
            // Without a handler the signal ends the process, as signals do.
            Err(_) => std::future::pending().await,
        }
    }
}
