//! The workers of a benchmark: started together, stopped together, each on a thread of its own.

use std::{io, sync::Arc, thread};

use anyhow::anyhow;
use nltest::Error;
use tokio::sync::mpsc;

use super::{shared::Shared, tally::Tally, worker::Worker};
use crate::commands::interrupted;

type Tallies = mpsc::UnboundedReceiver<Result<Tally, Error>>;

/// Runs the workers. Returns the sum of their tallies, and whether Ctrl-C ended them.
pub(super) async fn run(workers: Vec<Worker>, shared: &Arc<Shared>) -> anyhow::Result<(Tally, bool)> {
    run_on(workers, shared, |work| thread::Builder::new().spawn(work).map(drop)).await
}

async fn run_on(
    mut workers: Vec<Worker>,
    shared: &Arc<Shared>,
    spawn: impl FnMut(Box<dyn FnOnce() + Send>) -> io::Result<()>,
) -> anyhow::Result<(Tally, bool)> {
    let mut total = Tally::default();
    // One worker runs here. Alone it is then the only thread, and the kernel counts no references to a table
    // of files that nobody shares: 130 instructions a round trip.
    let Some(here) = workers.pop() else { return Ok((total, false)) };
    let count = workers.len();
    let (mut tallies, mut failure) = start(workers, shared, spawn);
    let mut here_works = failure.is_none();
    let mut here = std::pin::pin!(here.run(shared));
    let mut stop = std::pin::pin!(interrupted());
    let mut stopped = false;
    let mut threads_work = true;
    let mut finished = 0;
    while here_works || threads_work {
        let tally = tokio::select! {
            biased;
            () = &mut stop, if !stopped => {
                stopped = true;
                shared.stop();
                continue;
            }
            tally = &mut here, if here_works => {
                here_works = false;
                tally
            }
            tally = tallies.recv(), if threads_work => match tally {
                Some(tally) => {
                    finished += 1;
                    tally
                }
                None => {
                    threads_work = false;
                    continue;
                }
            },
        };
        match tally {
            Ok(tally) => total.add(&tally),
            Err(error) => {
                // The others are stopped, and awaited.
                shared.stop();
                failure.get_or_insert(error.into());
            }
        }
    }
    match failure {
        Some(error) => Err(error),
        None if finished < count => Err(anyhow!("a worker of the benchmark panicked")),
        None => Ok((total, stopped)),
    }
}

/// Starts a thread for each worker. Returns where their tallies arrive, and why one could not be started: the
/// others are stopped then.
fn start(
    workers: Vec<Worker>,
    shared: &Arc<Shared>,
    mut spawn: impl FnMut(Box<dyn FnOnce() + Send>) -> io::Result<()>,
) -> (Tallies, Option<anyhow::Error>) {
    let (sender, tallies) = mpsc::unbounded_channel();
    let count = workers.len();
    for (started, worker) in workers.into_iter().enumerate() {
        let (team, sender) = (Arc::clone(shared), sender.clone());
        let work = move || {
            // Nobody receives it when the command has failed already.
            let _ = sender.send(worker.run_on_own_runtime(&team));
        };
        if let Err(error) = spawn(Box::new(work)) {
            shared.stop();
            // Neither the rest nor the one on the caller's thread will come.
            shared.excuse((count - started + 1) as u32);
            let threads = count + 1;
            let advice = "use fewer --threads, or raise `ulimit -u`";
            return (tallies, Some(anyhow!("cannot start {threads} threads: {error}; {advice}")));
        }
    }
    (tallies, None)
}

#[cfg(test)]
mod tests {
    use nltest::SocketOptions;

    use super::*;
    use crate::cli;

    /// Workers over generic netlink, which every kernel has and which refuses their messages.
    fn workers(count: u32) -> Vec<Worker> {
        let options = SocketOptions::default().protocol(libc::NETLINK_GENERIC as u8);
        let args = cli::Bench { threads: count, ..super::super::tests::args() };
        (0..count).map(|_| Worker::open(&options, &args, 10).expect("a socket")).collect()
    }

    #[tokio::test]
    async fn threads_that_have_started_end_when_another_cannot_start() {
        for possible in 0..4 {
            let shared = Arc::new(Shared::new(5));
            let mut started = Vec::new();
            let result = run_on(workers(5), &shared, |work| {
                if started.len() == possible {
                    return Err(io::ErrorKind::WouldBlock.into());
                }
                started.push(thread::spawn(work));
                Ok(())
            });
            let error = result.await.expect_err("not all can start").to_string();
            assert!(error.contains("cannot start 5 threads") && error.contains("ulimit"), "{error}");
            for thread in started {
                thread.join().expect("it does not panic");
            }
        }
    }

    #[tokio::test]
    async fn a_failure_of_one_worker_stops_the_others() {
        let error = run(workers(5), &Arc::new(Shared::new(5))).await.expect_err("all are refused");
        assert!(error.to_string().contains("EINVAL"), "{error}");
    }
}
