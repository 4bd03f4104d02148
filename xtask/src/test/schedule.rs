//! Runs tasks side by side: each when what it needs has passed and somebody is free for it.

use std::{
    collections::HashMap,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    thread,
};

use anyhow::Result;

use super::run::{Finding, Run};
use crate::ui;

/// Whom a task shares the machine with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Beside {
    /// Anybody.
    All,
    /// Anybody but others like it: they work in cargo's target folder, one at a time.
    AllButCargo,
}

/// What a task does.
type Work<'a> = Box<dyn FnOnce(&ui::Step) -> Result<Finding> + Send + 'a>;

/// One step of a run.
pub(super) struct Task<'a> {
    pub(super) title: String,
    beside: Beside,
    needs: Vec<String>,
    are_tests: bool,
    work: Work<'a>,
}

impl<'a> Task<'a> {
    pub(super) fn new(
        title: impl Into<String>,
        beside: Beside,
        work: impl FnOnce(&ui::Step) -> Result<Finding> + Send + 'a,
    ) -> Self {
        let work = Box::new(work);
        Self { title: title.into(), beside, needs: Vec::new(), are_tests: false, work }
    }

    /// Must not begin before these have passed; if one fails, it is left out.
    pub(super) fn needs(mut self, titles: impl IntoIterator<Item = String>) -> Self {
        self.needs.extend(titles);
        self
    }

    /// What it counts are tests, which have names to be filtered by.
    pub(super) fn with_tests(mut self) -> Self {
        self.are_tests = true;
        self
    }
}

/// Which tasks can begin, and what came of those that have ended.
struct Board<'a> {
    waiting: Vec<Task<'a>>,
    cargo_is_free: bool,
    /// Whether each task that has ended has passed.
    ended: HashMap<String, bool>,
    run: Run,
}

/// What a worker does next.
enum Next<'a> {
    Begin(Task<'a>),
    LeaveOut(Task<'a>),
    /// Somebody has to end first.
    Wait,
    Leave,
}

impl<'a> Board<'a> {
    /// The first task in the order of the list that can begin.
    fn next(&mut self) -> Next<'a> {
        let mut choice = None;
        for (at, task) in self.waiting.iter().enumerate() {
            let needs = || task.needs.iter().map(|need| self.ended.get(need));
            if needs().any(|passed| passed == Some(&false)) {
                return Next::LeaveOut(self.waiting.remove(at));
            }
            let room = task.beside == Beside::All || self.cargo_is_free;
            if choice.is_none() && room && needs().all(|passed| passed == Some(&true)) {
                choice = Some(at);
            }
        }
        match choice {
            Some(at) => {
                let task = self.waiting.remove(at);
                self.cargo_is_free &= task.beside == Beside::All;
                Next::Begin(task)
            }
            None if self.waiting.is_empty() => Next::Leave,
            None => Next::Wait,
        }
    }

    fn ended(&mut self, title: String, beside: Beside, passed: bool) {
        self.cargo_is_free |= beside == Beside::AllButCargo;
        self.ended.insert(title, passed);
    }
}

/// Runs all tasks, so many at a time. One that needs another stands behind it in the list.
pub(super) fn run(tasks: Vec<Task<'_>>, at_a_time: usize) -> Run {
    let run = Run::default();
    let board = Mutex::new(Board { waiting: tasks, cargo_is_free: true, ended: HashMap::new(), run });
    let changed = Condvar::new();
    thread::scope(|scope| {
        for _ in 0..at_a_time {
            scope.spawn(|| work(&board, &changed));
        }
    });
    board.into_inner().unwrap_or_else(PoisonError::into_inner).run
}

fn work(board: &Mutex<Board<'_>>, changed: &Condvar) {
    let mut held = lock(board);
    loop {
        match held.next() {
            Next::Begin(Task { title, beside, are_tests, work, .. }) => {
                let part = held.run.begin(&title);
                drop(held);
                let finding = Run::step(&title, work);
                held = lock(board);
                let passed = finding.counts.failed == 0;
                held.run.end(part, finding, are_tests);
                held.ended(title, beside, passed);
                changed.notify_all();
            }
            Next::LeaveOut(task) => {
                ui::say(&format!("  {} ... left out, because what it needs has failed", task.title));
                held.ended.insert(task.title, false);
                changed.notify_all();
            }
            Next::Wait => held = changed.wait(held).unwrap_or_else(PoisonError::into_inner),
            Next::Leave => return,
        }
    }
}

fn lock<'a, 'b>(board: &'a Mutex<Board<'b>>) -> MutexGuard<'a, Board<'b>> {
    board.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Barrier,
        atomic::{AtomicUsize, Ordering},
    };

    use super::*;
    use crate::test::libtest::Counts;

    fn passes() -> Result<Finding> {
        Ok(Finding::of(Counts::one(true), ""))
    }

    fn title(name: &str) -> [String; 1] {
        [name.to_owned()]
    }

    #[test]
    fn what_needs_nothing_of_each_other_runs_at_the_same_time() {
        let both = Barrier::new(2);
        let meet = |_: &ui::Step| {
            both.wait();
            passes()
        };
        let tasks = vec![Task::new("a", Beside::AllButCargo, meet), Task::new("b", Beside::All, meet)];
        assert_eq!(run(tasks, 2).counts, Counts { passed: 2, failed: 0 });
    }

    #[test]
    fn one_cargo_works_at_a_time() {
        let at_work = AtomicUsize::new(0);
        let alone = |_: &ui::Step| {
            assert_eq!(at_work.fetch_add(1, Ordering::SeqCst), 0);
            thread::yield_now();
            at_work.fetch_sub(1, Ordering::SeqCst);
            passes()
        };
        let cargo = || Task::new("cargo", Beside::AllButCargo, alone);
        assert_eq!(run(vec![cargo(), cargo(), cargo()], 3).counts, Counts { passed: 3, failed: 0 });
    }

    #[test]
    fn what_needs_something_that_failed_is_left_out_and_an_error_is_a_failure() {
        let tasks = vec![
            Task::new("a", Beside::All, |_| anyhow::bail!("broken")),
            Task::new("b", Beside::All, |_| passes()).needs(title("a")),
            Task::new("c", Beside::All, |_| passes()).needs(title("b")),
            Task::new("d", Beside::All, |_| passes()).with_tests(),
        ];
        let run = run(tasks, 1);
        assert_eq!((run.counts, run.tests), (Counts { passed: 1, failed: 1 }, 1));
    }
}
