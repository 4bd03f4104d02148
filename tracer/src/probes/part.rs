//! An outcome at work: its programs, what they are attached to, and its maps.

use std::os::fd::{AsFd as _, OwnedFd};

use aya::maps::MapData;
use aya_log::EbpfLogger;
use nltrace_common::{Hook, Stage};

use super::{
    Method, Outcome, Plan, ProbeError, Step, attach,
    attach::{Attached, Attacher, Group},
    loader::Loader,
    missed::{Missed, is_counted},
    object,
};
use crate::{bpf::info::program_id, kernel::Facts};

pub(crate) struct Part {
    pub(crate) outcome: Outcome,
    /// Histograms that each processor has room for, those for all other keys not counted.
    pub(crate) slot_count: u32,
    loader: Loader,
    built_in: Vec<(Hook, Attached)>,
    /// Receive functions in modules, by their names.
    in_modules: Vec<(String, Attached)>,
    missed: Missed,
    watched: Vec<Hook>,
    /// Whether the programs' own log is wanted and not open yet.
    opens_log: bool,
    log: Option<EbpfLogger<&'static dyn log::Log>>,
}

impl Part {
    /// Makes the maps.
    pub(super) fn load(
        outcome: Outcome,
        plan: &Plan,
        facts: &Facts,
        cpus: usize,
    ) -> Result<Self, ProbeError> {
        let slot_count = outcome.slots(cpus);
        let sizes = [
            ("SLOTS", slot_count + Stage::COUNT as u32),
            ("PARTIES", slot_count),
            ("RECORDS", outcome.ring_bytes()),
            ("EPISODE_RECORDS", outcome.ring_bytes()),
            ("DROP_RECORDS", outcome.drop_ring_bytes()),
            ("FOLLOWED", plan.followed_words()),
            ("AYA_LOGS", plan.log_bytes()),
        ];
        let object = object::prepared(outcome, plan, facts, slot_count)?;
        let loader = Loader::new(object, object::maps(outcome), &sizes)?;
        Ok(Self {
            outcome,
            slot_count,
            loader,
            built_in: Vec::new(),
            in_modules: Vec::new(),
            missed: Missed::default(),
            watched: Vec::new(),
            opens_log: plan.verbose,
            log: None,
        })
    }

    /// Attaches to functions of the kernel itself. Returns how each is watched, or why not.
    pub(super) fn attach(
        &mut self,
        step: &Step,
        facts: &Facts,
    ) -> Vec<Result<(Vec<super::Target>, Method), ProbeError>> {
        let groups = Attacher { loader: &mut self.loader, facts }.attach(step);
        let noted = groups.into_iter().map(|group| {
            let Group { targets, attached, method } = group?;
            // All targets of a step have the same hook.
            if let Some(target) = targets.first() {
                // What a tracepoint misses is seen by what it was to follow.
                if method != Method::Tracepoint {
                    self.missed.add(target.hook, &attached, is_counted(method, facts));
                }
                self.watched.push(target.hook);
                self.built_in.push((target.hook, attached));
            }
            Ok((targets, method))
        });
        let noted = noted.collect();
        self.open_log();
        noted
    }

    /// Attaches to a receive function in a module. `counted` says whether the kernel counts the calls that it
    /// does not show.
    pub(super) fn attach_receive(
        &mut self,
        module: &str,
        function: &str,
        counted: bool,
    ) -> Result<(), ProbeError> {
        let attached = attach::in_module(&mut self.loader, module, Hook::Receive, function)?;
        self.missed.add(Hook::Receive, &attached, counted);
        self.in_modules.push((function.to_owned(), attached));
        self.open_log();
        Ok(())
    }

    /// Detaches from a receive function whose module has gone.
    pub(super) fn detach_receive(&mut self, function: &str) {
        for (_, attached) in self.in_modules.extract_if(.., |(name, _)| name == function) {
            self.missed.close(Hook::Receive, &attached);
            attached.detach();
        }
    }

    /// Hands over everything that is attached, to be detached.
    pub(super) fn release(&mut self) -> impl Iterator<Item = Attached> {
        let in_modules = self.in_modules.drain(..).map(|(_, attached)| (Hook::Receive, attached));
        in_modules.chain(self.built_in.drain(..)).map(|(hook, attached)| {
            self.missed.close(hook, &attached);
            attached
        })
    }

    /// How often the entries of `hook` were missed; None: the kernel does not say.
    pub(crate) fn missed(&self, hook: Hook) -> Option<u64> {
        let in_modules = self.in_modules.iter().map(|(_, attached)| (Hook::Receive, attached));
        let built_in = self.built_in.iter().map(|(of, attached)| (*of, attached));
        let attached = in_modules.chain(built_in).filter(|(of, _)| *of == hook);
        self.missed.count(hook, attached.map(|(_, attached)| attached))
    }

    /// Whether a hook is watched, or was.
    pub(crate) fn watches(&self, hook: Hook) -> bool {
        self.watched.contains(&hook)
    }

    /// Hands over a map, which is to be kept as long as this.
    pub(crate) fn take_map(&mut self, name: &str) -> Result<MapData, ProbeError> {
        self.loader.take_map(name)
    }

    /// Opens what the programs say about themselves, once one is loaded that can say anything.
    fn open_log(&mut self) {
        if !self.opens_log {
            return;
        }
        let id = |program: &OwnedFd| program_id(program.as_fd()).ok();
        for id in self.loader.programs().filter_map(id) {
            match EbpfLogger::init_from_id(id) {
                Err(aya_log::Error::MapNotFound) => continue,
                Ok(log) => self.log = Some(log),
                // All programs are looked at, which is not for everybody.
                Err(aya_log::Error::ProgramNotFound) => {
                    log::warn!("reading the eBPF programs' log needs CAP_SYS_ADMIN; rerun with sudo");
                }
                Err(error) => log::warn!("the eBPF programs' log cannot be read: {error}"),
            }
            self.opens_log = false;
            return;
        }
    }

    /// Hands what the programs said about themselves to the [`log`] crate's logger.
    pub(super) fn flush_log(&mut self) {
        if let Some(log) = &mut self.log {
            log.flush();
        }
    }
}
