//! What `cargo xtask vm` and the guest's PID 1 say to each other.
//!
//! One bidirectional byte stream (a virtio-serial port) carries frames: a kind byte, a little-endian `u32`
//! length, and that many bytes. The guest sends [`Frame::Ready`] once it listens. For each command the host
//! sends the words one by one and then [`Frame::Run`]; output flows back until the guest gives the command's
//! one verdict, [`Frame::Exit`]. [`Frame::PowerOff`] ends the machine.

use std::{
    io::{self, Read, Write},
    time::Duration,
};

/// Name of the virtio-serial port, as the guest finds it in `/sys/class/virtio-ports/*/name`.
pub const PORT_NAME: &str = "nltrace.session";

/// The serial number of the disk that holds the guest's root file system.
pub const ROOT_SERIAL: &str = "nltrace-root";

/// Largest frame that a peer accepts, in bytes. Output is cut into frames far smaller than this.
pub const MAX_FRAME: usize = 1 << 20;

/// Size of a terminal, in character cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Height.
    pub rows: u16,
    /// Width.
    pub columns: u16,
}

/// How the host wants the command run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Manner {
    /// On a terminal of this size; on plain pipes without one.
    pub terminal: Option<Size>,
    /// How long it may run on a machine of slowness 1; without one nobody watches it. A slower machine gives
    /// it more time.
    pub limit: Option<Duration>,
}

/// How often the guest sends [`Frame::Alive`] while a command with a limit runs.
pub const HEARTBEAT: Duration = Duration::from_secs(1);

/// The guest's verdict: how the command ended, and what the kernel thinks of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// Exit status; 128 plus the signal's number if a signal ended the command, as shells say it.
    pub status: u8,
    /// Bits of `/proc/sys/kernel/tainted` that were set while the command ran.
    pub tainted: u64,
}

/// One message on the channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// Guest: the root file system is mounted, PID 1 waits for a command.
    Ready,
    /// Host: the next word of the command.
    Argument(Vec<u8>),
    /// Host: one `NAME=VALUE` of the command's environment, on top of the guest's own.
    Environment(Vec<u8>),
    /// Host: run what the words say.
    Run(Manner),
    /// Host: bytes for the command's standard input; empty means that there will be no more.
    Stdin(Vec<u8>),
    /// Host: the terminal has changed its size.
    Resize(Size),
    /// Guest: bytes from the command's standard output, or from its terminal.
    Stdout(Vec<u8>),
    /// Guest: bytes from the command's standard error.
    Stderr(Vec<u8>),
    /// Guest: a sign of life while a command with a limit runs.
    Alive,
    /// Guest: the command ran longer than it may. The text says for how long, and what every process was
    /// doing then. The command has been killed; its verdict follows.
    Exceeded(String),
    /// Guest: why no command can be run any more. No verdict follows.
    Failed(String),
    /// Guest: the verdict on a command. The guest listens for the next one.
    Exit(Verdict),
    /// Host: there are no more commands.
    PowerOff,
}

impl Frame {
    fn kind(&self) -> u8 {
        match self {
            Self::Ready => b'R',
            Self::Argument(_) => b'A',
            Self::Environment(_) => b'V',
            Self::Run(_) => b'X',
            Self::Stdin(_) => b'0',
            Self::Stdout(_) => b'1',
            Self::Stderr(_) => b'2',
            Self::Resize(_) => b'W',
            Self::Alive => b'L',
            Self::Exceeded(_) => b'T',
            Self::Failed(_) => b'F',
            Self::Exit(_) => b'E',
            Self::PowerOff => b'P',
        }
    }

    /// Writes the frame and flushes it, in one write where the writer allows.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let mut body = Vec::new();
        match self {
            Self::Ready | Self::Alive | Self::PowerOff => {}
            Self::Argument(bytes)
            | Self::Environment(bytes)
            | Self::Stdin(bytes)
            | Self::Stdout(bytes)
            | Self::Stderr(bytes) => body.extend_from_slice(bytes),
            Self::Run(manner) => {
                // 0 stands for no limit: nothing can run in no time.
                let limit = manner
                    .limit
                    .map_or(0, |limit| u64::try_from(limit.as_millis()).unwrap_or(u64::MAX).max(1));
                body.extend_from_slice(&limit.to_le_bytes());
                body.extend_from_slice(&manner.terminal.map_or_else(Vec::new, Size::bytes));
            }
            Self::Resize(size) => body = size.bytes(),
            Self::Exceeded(text) | Self::Failed(text) => body.extend_from_slice(text.as_bytes()),
            Self::Exit(verdict) => {
                body.push(verdict.status);
                body.extend_from_slice(&verdict.tainted.to_le_bytes());
            }
        }
        let length = u32::try_from(body.len()).ok().filter(|&length| length as usize <= MAX_FRAME);
        let length = length.ok_or_else(|| invalid("frame too long"))?;
        let mut frame = Vec::with_capacity(5 + body.len());
        frame.push(self.kind());
        frame.extend_from_slice(&length.to_le_bytes());
        frame.append(&mut body);
        out.write_all(&frame)?;
        out.flush()
    }

    /// Reads one frame; `None` at a clean end of the stream.
    pub fn read(input: &mut impl Read) -> io::Result<Option<Self>> {
        let mut kind = [0];
        if input.read(&mut kind)? == 0 {
            return Ok(None);
        }
        let mut length = [0; 4];
        input.read_exact(&mut length)?;
        let length = u32::from_le_bytes(length) as usize;
        if length > MAX_FRAME {
            return Err(invalid("frame too long"));
        }
        let mut body = vec![0; length];
        input.read_exact(&mut body)?;
        Self::parse(kind[0], body).map(Some)
    }

    fn parse(kind: u8, body: Vec<u8>) -> io::Result<Self> {
        Ok(match kind {
            b'R' => Self::Ready,
            b'A' => Self::Argument(body),
            b'V' => Self::Environment(body),
            b'X' => Self::Run(manner(&body)?),
            b'0' => Self::Stdin(body),
            b'1' => Self::Stdout(body),
            b'2' => Self::Stderr(body),
            b'W' => Self::Resize(size(&body)?),
            b'L' => Self::Alive,
            b'T' => Self::Exceeded(text(&body)),
            b'F' => Self::Failed(text(&body)),
            b'E' => Self::Exit(verdict(&body)?),
            b'P' => Self::PowerOff,
            _ => return Err(invalid("unknown frame")),
        })
    }
}

impl Size {
    fn bytes(self) -> Vec<u8> {
        [self.rows.to_le_bytes(), self.columns.to_le_bytes()].concat()
    }
}

fn text(body: &[u8]) -> String {
    String::from_utf8_lossy(body).into_owned()
}

fn manner(body: &[u8]) -> io::Result<Manner> {
    let (limit, terminal) =
        body.split_first_chunk().ok_or_else(|| invalid("a command's manner of a wrong length"))?;
    let limit = Some(u64::from_le_bytes(*limit)).filter(|limit| *limit > 0).map(Duration::from_millis);
    let terminal = if terminal.is_empty() { None } else { Some(size(terminal)?) };
    Ok(Manner { terminal, limit })
}

fn size(body: &[u8]) -> io::Result<Size> {
    match *body {
        [r0, r1, c0, c1] => {
            Ok(Size { rows: u16::from_le_bytes([r0, r1]), columns: u16::from_le_bytes([c0, c1]) })
        }
        _ => Err(invalid("terminal size of a wrong length")),
    }
}

fn verdict(body: &[u8]) -> io::Result<Verdict> {
    let (&status, tainted) = body.split_first().ok_or_else(|| invalid("empty verdict"))?;
    let tainted = tainted.try_into().map_err(|_| invalid("verdict of a wrong length"))?;
    Ok(Verdict { status, tainted: u64::from_le_bytes(tainted) })
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every_kind() -> Vec<Frame> {
        vec![
            Frame::Ready,
            Frame::Argument(b"bash".to_vec()),
            Frame::Environment(b"TERM=dumb".to_vec()),
            Frame::Run(Manner::default()),
            Frame::Run(Manner {
                terminal: Some(Size { rows: 24, columns: 300 }),
                limit: Some(Duration::from_millis(70_000)),
            }),
            Frame::Run(Manner { terminal: None, limit: Some(Duration::from_millis(1)) }),
            Frame::Stdin(Vec::new()),
            Frame::Stdin(vec![0, 255]),
            Frame::Resize(Size { rows: 1, columns: 2 }),
            Frame::Stdout(vec![7; 70_000]),
            Frame::Stderr(b"no".to_vec()),
            Frame::Alive,
            Frame::Exceeded("72 s".to_owned()),
            Frame::Failed("no disk".to_owned()),
            Frame::Exit(Verdict { status: 255, tainted: 1 << 40 }),
            Frame::PowerOff,
        ]
    }

    #[test]
    fn frames_survive_the_channel() {
        let mut channel = Vec::new();
        for frame in every_kind() {
            frame.write(&mut channel).unwrap();
        }
        let mut input = channel.as_slice();
        for frame in every_kind() {
            assert_eq!(Frame::read(&mut input).unwrap(), Some(frame));
        }
        assert_eq!(Frame::read(&mut input).unwrap(), None);
    }

    #[test]
    fn what_is_cut_or_unknown_is_an_error() {
        let mut channel = Vec::new();
        Frame::Stdout(b"four".to_vec()).write(&mut channel).unwrap();
        for end in 1..channel.len() {
            assert!(Frame::read(&mut &channel[..end]).is_err(), "cut after {end} bytes");
        }
        assert!(Frame::read(&mut &b"?\0\0\0\0"[..]).is_err());
        assert!(Frame::read(&mut &b"1\xff\xff\xff\xff"[..]).is_err());
        assert!(Frame::read(&mut &b"E\x01\0\0\0\x00"[..]).is_err());
        assert!(Frame::Stdout(vec![0; MAX_FRAME + 1]).write(&mut Vec::new()).is_err());
    }
}
