//! Many requests in one datagram.

use std::sync::Arc;

use netlink_wire::MessageType;

use super::{Pending, Shared};
use crate::{Error, Request};

/// Requests that are sent in one datagram, by one system call.
#[derive(Debug)]
pub struct Batch {
    shared: Arc<Shared>,
    datagram: Vec<u8>,
    /// The sequence number and the type of each request.
    requests: Vec<(u32, MessageType)>,
}

impl Batch {
    pub(super) const fn new(shared: Arc<Shared>) -> Self {
        Self { shared, datagram: Vec::new(), requests: Vec::new() }
    }

    /// Adds a request. The answers to echoes may share datagrams, too.
    ///
    /// # Errors
    /// [`Error::TooLong`], [`Error::DatagramTooLong`]; the batch is then as it was.
    pub fn push(&mut self, request: &Request<'_>) -> Result<(), Error> {
        self.push_with(|_| *request)
    }

    /// [`Batch::push`] of a request that depends on its own sequence number.
    ///
    /// # Errors
    /// As [`Batch::push`].
    pub fn push_with<'a>(&mut self, request: impl FnOnce(u32) -> Request<'a>) -> Result<(), Error> {
        let sequence = self.shared.sequence.next();
        let request = request(sequence);
        let before = self.datagram.len();
        request.encode_gathered(sequence, &mut self.datagram)?;
        if let Err(error) = self.shared.socket.get_ref().check_length(self.datagram.len()) {
            self.datagram.truncate(before);
            return Err(error);
        }
        self.requests.push((sequence, request.message_type()));
        Ok(())
    }

    /// Sends the requests; the futures of their answers, in the same order. The kernel handles all of them
    /// before this returns; afterwards the batch is empty, also after an error.
    ///
    /// # Errors
    /// [`Error::NobodyThere`], [`Error::Io`]; nothing was sent then.
    pub fn submit(&mut self) -> Result<Vec<Pending>, Error> {
        let sent = self.shared.locked(|state| -> Result<(), Error> {
            for (_, message_type) in &self.requests {
                self.shared.finish_dump(state, *message_type)?;
            }
            self.shared.socket.get_ref().send(&self.datagram)?;
            for (sequence, message_type) in &self.requests {
                state.table.insert_sent(*sequence, *message_type);
            }
            Ok(())
        });
        self.datagram.clear();
        let requests = self.requests.drain(..);
        sent?;
        Ok(requests.map(|(sequence, _)| Pending::new(Arc::clone(&self.shared), sequence)).collect())
    }
}
