//! One file a subcommand.

mod bench;
mod burst;
mod delay;
mod fail;
mod generate;
mod listen;
mod notify;
mod ping;
mod send;
mod stats;

use std::{future::Future, time::Duration};

use anyhow::Context as _;
use nltest::{Connection, SocketOptions};

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
        self.options().receive_buffer(buffer.rcvbuf.map(|bytes| bytes as usize))
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
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting the runtime")?;
    let result = runtime.block_on(future);
    // A request that still sleeps in the kernel shall not keep the command from ending.
    runtime.shutdown_background();
    result
}

/// Resolves at Ctrl-C.
async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        // Without a handler the signal ends the process, as signals do.
        std::future::pending::<()>().await;
    }
}
