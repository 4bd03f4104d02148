//! QEMU's command line and the life of its process.

use std::{
    io::Write,
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::{net::UnixStream, process::CommandExt},
    },
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use anyhow::{Context, Result};
use rustix::io::FdFlags;

use crate::{
    process,
    setup::{Kernel, Provided},
};

/// The console shows warnings and worse. Mitigations cost emulated syscalls a factor of four. Emulated
/// processors share the host's time stamp counter, which 6.1 would not believe: it would read the time from
/// an emulated device.
const KERNEL_ARGUMENTS: &str =
    "console=ttyS0 loglevel=5 mitigations=off tsc=reliable panic=-1 reboot=t oops=panic sysrq_always_enabled";

/// On QEMU's multiplexed console this is a break. The kernel takes the key after one for itself.
const BREAK: &[u8] = b"\x01b";

/// Memory that was freed keeps a pattern of 0x6b, and is handed out so instead of zeroed: bytes that somebody
/// forgets to write show. Only where messages come from (`kmalloc-1k`, not `kmalloc-cg-1k`), as it slows
/// allocations down, and as an eBPF program, which may not wait, gets no memory from such a cache while
/// another processor is at it.
const POISON_ARGUMENTS: &str = "init_on_alloc=0 slub_debug=P,kmalloc-1*,kmalloc-2*,kmalloc-3*,kmalloc-4*,kmalloc-5*,\
                                kmalloc-6*,kmalloc-8*,kmalloc-9*,skbuff_*";

/// All that can be emulated, but for what makes the emulation slow: a fifth level of page tables, which each
/// miss of the translation cache walks, and the hint to copy and clear memory byte by byte.
const TCG_PROCESSOR: &str = "max,la57=off,erms=off,fsrm=off,fzrm=off,fsrs=off";

/// What executes the guest's instructions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Accelerator {
    /// The processor.
    Kvm,
    /// An emulation.
    Tcg,
    /// An emulation whose clock counts instructions, one a nanosecond.
    Counting,
}

impl Accelerator {
    /// For people.
    pub(crate) fn describe(self) -> &'static str {
        match self {
            Self::Kvm => "accelerated by KVM",
            Self::Tcg => "emulated (KVM does not work here)",
            Self::Counting => "emulated, counting instructions",
        }
    }

    fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Kvm => &["-accel", "kvm", "-cpu", "host"],
            Self::Tcg => &["-accel", "tcg,thread=multi", "-cpu", TCG_PROCESSOR],
            Self::Counting => &["-accel", "tcg,thread=single", "-cpu", "max", "-icount", "shift=0,sleep=off"],
        }
    }
}

/// The machine's size.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hardware {
    /// By what.
    pub(crate) accelerator: Accelerator,
    /// Processors.
    pub(crate) cpus: u32,
    /// Processors that the kernel is told to be prepared for, and has per-CPU memory for. 6.1 believes that;
    /// newer ones count what they see.
    pub(crate) possible_cpus: u32,
    /// Memory in MiB.
    pub(crate) memory_mib: u32,
    /// Whether the kernel fills freed memory with a pattern.
    pub(crate) poison: bool,
}

/// A running machine; it dies with its owner.
#[derive(Debug)]
pub(crate) struct Machine {
    child: Child,
    /// Keys for the kernel's console.
    keyboard: ChildStdin,
    /// The kernel's console, and what QEMU itself has to say.
    pub(crate) console: Option<ChildStdout>,
    /// The channel to PID 1.
    pub(crate) session: UnixStream,
}

impl Machine {
    /// Starts QEMU.
    pub(crate) fn start(
        provided: &Provided,
        kernel: &Kernel,
        hardware: Hardware,
        initramfs: &Path,
    ) -> Result<Self> {
        let (session, far) = UnixStream::pair()?;
        let far = OwnedFd::from(far);
        rustix::io::fcntl_setfd(&far, FdFlags::empty()).context("pass the channel on")?;
        let mut command = qemu(provided);
        command.args(hardware.accelerator.arguments());
        command.arg("-smp").arg(hardware.cpus.to_string()).arg("-m").arg(hardware.memory_mib.to_string());
        command.arg("-kernel").arg(provided.vmlinuz(kernel)).arg("-initrd").arg(initramfs);
        let poison = if hardware.poison { POISON_ARGUMENTS } else { "" };
        let arguments = format!("{KERNEL_ARGUMENTS} possible_cpus={} {poison}", hardware.possible_cpus);
        command.arg("-append").arg(arguments.trim_end());
        command.args(["-chardev", "stdio,id=console,signal=off,mux=on", "-serial", "chardev:console"]);
        command.arg("-chardev").arg(format!("socket,id=session,fd={}", far.as_raw_fd()));
        command.args(["-device", "virtio-serial-pci"]);
        command
            .arg("-device")
            .arg(format!("virtserialport,chardev=session,name={}", nltrace_init::PORT_NAME));
        let image = provided.guest_image();
        let image = image.to_str().filter(|path| !path.contains(',')).context(
            "the cache folder's path has a comma, which QEMU's options cannot take; set XDG_CACHE_HOME",
        )?;
        command.arg("-drive").arg(format!("if=none,id=root,format=raw,readonly=on,file={image}"));
        command.arg("-device").arg(format!("virtio-blk-pci,drive=root,serial={}", nltrace_init::ROOT_SERIAL));
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        // SAFETY: only a system call between fork and exec.
        unsafe { command.pre_exec(|| Ok(rustix::stdio::dup2_stderr(rustix::stdio::stdout())?)) };
        process::die_with_us(&mut command);
        let mut child = command.spawn().context("start QEMU; `cargo xtask setup` provides it")?;
        let keyboard = child.stdin.take().context("QEMU has no keyboard")?;
        Ok(Self { keyboard, console: child.stdout.take(), child, session })
    }

    /// Has the kernel say on its console what it is doing, by a key of its `sysrq`. That takes an interrupt
    /// and nothing else. A break that comes before the last one was read is none.
    pub(crate) fn ask_kernel(&mut self, key: u8) -> Result<()> {
        let keys = [BREAK, &[key]].concat();
        self.keyboard.write_all(&keys).and_then(|()| self.keyboard.flush()).context("press keys in the guest")
    }

    /// Whether QEMU has ended.
    pub(crate) fn is_over(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_some())
    }

    /// Ends QEMU, if it has not ended by itself.
    pub(crate) fn stop(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // Nobody is left to tell, and the death signal is the second net.
        let _ = self.stop();
    }
}

/// QEMU from its folder, through its own dynamic loader, with its own firmware and modules.
fn qemu(provided: &Provided) -> Command {
    let root = provided.qemu();
    let libraries = root.join("usr/lib/x86_64-linux-gnu");
    let mut command = Command::new(root.join("usr/lib64/ld-linux-x86-64.so.2"));
    command.arg("--library-path").arg(&libraries).arg(root.join("usr/bin/qemu-system-x86_64"));
    command.env("QEMU_MODULE_DIR", libraries.join("qemu"));
    for firmware in ["usr/share/qemu", "usr/share/seabios"] {
        command.arg("-L").arg(root.join(firmware));
    }
    command.args(["-machine", "q35", "-display", "none", "-nodefaults", "-no-user-config", "-no-reboot"]);
    command
}
