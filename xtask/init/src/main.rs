//! PID 1 of the virtual machine: brings the root file system up, runs the commands that the host sends,
//! reports a verdict on each and turns the machine off.
//!
//! It is linked statically and lives in the initramfs. Whatever goes wrong before the channel is open can
//! only be said on the kernel's console, where the host reads it.

mod command;
mod host;
mod processes;
mod root;
mod session;
mod speed;
mod watch;

use std::{convert::Infallible, fs::File, path::PathBuf, process::ExitCode, time::Duration};

use anyhow::{Context, Result};
use nltrace_init::Frame;
use rustix::system::RebootCommand;

fn main() -> ExitCode {
    let Err(error) = boot();
    eprintln!("init: {error:#}");
    // The console is emulated hardware: what was written is already out.
    if let Err(error) = rustix::system::reboot(RebootCommand::Restart) {
        eprintln!("init: cannot restart: {error}");
    }
    ExitCode::FAILURE
}

/// Everything from the first instruction to the last; comes back only with an error.
fn boot() -> Result<Infallible> {
    root::mount_basics()?;
    root::load_modules()?;
    let mut channel = open_channel()?;
    if let Err(error) = root::switch().and_then(|()| session::serve(&channel)) {
        Frame::Failed(format!("{error:#}")).write(&mut channel)?;
    }
    rustix::fs::sync();
    rustix::system::reboot(RebootCommand::Restart).context("restart")?;
    anyhow::bail!("the machine did not restart")
}

/// Opens the virtio-serial port that leads to the host.
fn open_channel() -> Result<File> {
    let device = root::wait_for("the virtio-serial port of the session", Duration::from_secs(20), || {
        for port in std::fs::read_dir("/sys/class/virtio-ports").ok()?.flatten() {
            let name = std::fs::read_to_string(port.path().join("name")).unwrap_or_default();
            let node = PathBuf::from("/dev").join(port.file_name());
            if name.trim() == nltrace_init::PORT_NAME && node.exists() {
                return Some(node);
            }
        }
        None
    })?;
    let channel = File::options().read(true).write(true).open(&device);
    channel.with_context(|| format!("open {}", device.display()))
}
