//! How captures begin: what each command watches.

use std::path::Path;

use super::{Live, Session, SessionError, command, setup};
use crate::{
    model::Hook,
    note,
    options::{
        CaptureOptions, Causes, DropsOptions, ExchangeOptions, HistOptions, RecordOptions, TraceOptions,
    },
    probes::{Outcome, Plan},
    source::{Interface, Interfaces},
};

impl Session<Live> {
    /// Attaches what histograms are made by, to what the kernel offers whose files are below `root`, and
    /// starts the command.
    ///
    /// Must be called within a tokio runtime, like everything here.
    pub fn hist(options: &HistOptions, root: &Path) -> Result<Self, SessionError> {
        let plan = setup::hist_plan(options);
        Self::attach(&options.capture, &plan, root)
    }

    /// Attaches what sends each call, and starts the command.
    pub fn trace(options: &TraceOptions, root: &Path) -> Result<Self, SessionError> {
        let TraceOptions { snaplen, ring_bytes, deliveries, .. } = *options;
        let exchanges = options.exchanges.is_some();
        // A message's first byte has to be seen where it decides.
        let snaplen = snaplen.max(options.capture.filter.detail.is_some().into());
        let outcome = Outcome::Recorded { snaplen, ring_bytes, deliveries, exchanges };
        let who = options.exchanges.as_ref().is_some_and(|exchanges| exchanges.who);
        // Who asks is told before anything can be decided, and answers are kept whole where they are wanted.
        let failures = options.exchanges.as_ref().is_some_and(|exchanges| {
            exchanges.errors && !who && !exchanges.answers && exchanges.matching.is_none()
        });
        let mut plan = Plan { who, failures, ..setup::plan(outcome, &options.capture) };
        if options.exchanges.as_ref().is_some_and(ExchangeOptions::has_drops) {
            plan.outcomes.push(Outcome::Dropped { causes: Causes::default(), stacks: false, each: true });
        }
        Self::attach(&options.capture, &plan, root)
    }

    /// Attaches what sends everything, and starts the command.
    pub fn record(options: &RecordOptions, root: &Path) -> Result<Self, SessionError> {
        let RecordOptions { capture, snaplen, ring_bytes, who, .. } = options;
        let exchanges = ExchangeOptions { who: *who, ..ExchangeOptions::default() };
        let options = TraceOptions {
            capture: capture.clone(),
            exchanges: Some(exchanges),
            snaplen: *snaplen,
            ring_bytes: *ring_bytes,
            deliveries: true,
            ..TraceOptions::default()
        };
        Self::trace(&options, root)
    }

    /// Attaches what finds drops, and starts the command.
    pub fn drops(options: &DropsOptions, root: &Path) -> Result<Self, SessionError> {
        let plan = setup::plan(
            Outcome::Dropped { causes: options.causes, stacks: options.stacks, each: false },
            &options.capture,
        );
        Self::attach(&options.capture, &plan, root)
    }

    fn attach(options: &CaptureOptions, plan: &Plan, root: &Path) -> Result<Self, SessionError> {
        command::check(&options.command)?;
        let facts = setup::look_at_kernel(root)?;
        setup::check_memory(plan, root)?;
        setup::check_children(&options.filter, root)?;
        if let Some(doubt) = options.filter.pid.and_then(|pid| setup::doubt(pid, root)) {
            note(doubt);
        }
        Self::start(Live::attach(options, plan, &facts, root)?, options)
    }

    /// Whether something is watched.
    pub fn watches(&self, hook: Hook) -> bool {
        self.source.watches(hook)
    }

    /// Hands over what tells the names of interfaces, and those before anything was watched; None where they
    /// are not wanted, or cannot be told.
    pub fn take_interfaces(&mut self) -> Option<(Interfaces, Vec<Interface>)> {
        self.source.take_interfaces()
    }

    /// Whether a function is watched by fentry, which the kernel does not run twice at once on a processor.
    pub fn uses_fentry(&self) -> bool {
        self.source.uses_fentry()
    }
}
