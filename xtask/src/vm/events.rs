//! What happens around a running machine, gathered by threads into one queue.

use std::{
    io::{self, Read},
    os::unix::net::UnixStream,
    sync::mpsc::{Receiver, SyncSender},
    thread,
};

use nltrace_init::Frame;

/// Something for the session to handle.
pub(crate) enum Event {
    /// The guest said something.
    Frame(Frame),
    /// The guest will say no more, or cannot be understood.
    SessionOver(Option<io::Error>),
    /// Keys were pressed.
    Input(Vec<u8>),
    /// The kernel printed a line.
    Console(String),
}

/// Lines of the console.
pub(crate) fn lines(lines: Receiver<String>, events: SyncSender<Event>) {
    thread::spawn(move || {
        while let Ok(line) = lines.recv() {
            if events.send(Event::Console(line)).is_err() {
                return;
            }
        }
    });
}

/// Frames of the guest.
pub(crate) fn session(session: UnixStream, events: SyncSender<Event>) {
    thread::spawn(move || {
        let mut session = io::BufReader::new(session);
        loop {
            let event = match Frame::read(&mut session) {
                Ok(Some(frame)) => Event::Frame(frame),
                Ok(None) => Event::SessionOver(None),
                Err(error) => Event::SessionOver(Some(error)),
            };
            let over = matches!(event, Event::SessionOver(_));
            if events.send(event).is_err() || over {
                return;
            }
        }
    });
}

/// Sends our standard input to the guest. A thread of its own, because a guest that does not read must not
/// keep us from reading what it writes; it blocks until the process ends.
pub(crate) fn pipe(mut to_guest: UnixStream) {
    thread::spawn(move || {
        loop {
            let bytes = read_input();
            let over = bytes.is_empty();
            // The guest may have ended; its verdict is on the way.
            if Frame::Stdin(bytes).write(&mut to_guest).is_err() || over {
                return;
            }
        }
    });
}

/// Hands the keys over to the loop that knows the escape.
pub(crate) fn terminal(events: SyncSender<Event>) {
    thread::spawn(move || {
        loop {
            let bytes = read_input();
            let over = bytes.is_empty();
            if events.send(Event::Input(bytes)).is_err() || over {
                return;
            }
        }
    });
}

/// Some of our standard input; empty at its end.
fn read_input() -> Vec<u8> {
    let mut buffer = vec![0; 32 * 1024];
    let length = io::stdin().lock().read(&mut buffer).unwrap_or(0);
    buffer.truncate(length);
    buffer
}
