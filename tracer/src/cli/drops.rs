//! The options of `drops`, as clap reads them.

use clap::{Args, builder::PossibleValuesParser, builder::TypedValueParser};

use super::{
    capture::RunArgs,
    kinds::{self, KindError},
    values,
};
use crate::{
    model::drops::Cause,
    options::{CaptureOptions, Causes, Comm, DecodeFamily, DropsOptions, Filter, Pid, PortId},
};

/// `drops`
#[derive(Debug, Args)]
pub(super) struct DropsArgs {
    /// Only these families, by name or number; repeat the option or separate with commas [default: all].
    /// Or one of generic netlink: ethtool, generic/mine
    #[arg(short, long, value_name = "NAME|N", value_delimiter = ',', value_parser = kinds::family)]
    family: Vec<DecodeFamily>,
    /// Only messages that this process sent, or that were for a socket that it holds
    #[arg(short, long, value_name = "PID", value_parser = values::pid())]
    pid: Option<Pid>,
    /// The same for processes with exactly this name (at most 15 bytes)
    #[arg(short, long, value_name = "NAME", value_parser = values::comm())]
    comm: Option<Comm>,
    /// Only messages for the user socket with this port ID
    #[arg(long, value_name = "N")]
    portid: Option<u32>,
    /// Only datagrams whose first message has this type: a name (NEWLINK, RTM_NEWLINK, error) or a number
    #[arg(short = 't', long = "type", value_name = "NAME|N")]
    nlmsg_type: Option<String>,
    /// Only these causes; separate with commas [default: all but socket_filter]. `overrun` alone costs least
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = cause())]
    cause: Vec<Cause>,
    /// Show the kernel functions that were on the way to each drop. Costs some microseconds a message
    #[arg(long)]
    stacks: bool,
    /// Exit with 5 if anything was dropped
    #[arg(long)]
    fail: bool,
    /// How to capture
    #[command(flatten)]
    run: RunArgs,
}

/// A cause by its name.
fn cause() -> impl TypedValueParser<Value = Cause> {
    PossibleValuesParser::new(Cause::ALL.map(Cause::name)).try_map(|name| {
        Cause::ALL.into_iter().find(|cause| cause.name() == name).ok_or("no drop has this cause")
    })
}

impl DropsArgs {
    pub(super) fn options(self, verbose: u8) -> Result<DropsOptions, KindError> {
        let kinds = kinds::kinds(self.family, self.nlmsg_type.as_deref())?;
        if kinds.detail.is_some() {
            return Err(KindError::TooFine);
        }
        let filter = Filter {
            stages: Vec::new(),
            pid: self.pid,
            children: false,
            comm: self.comm,
            portid: self.portid.map(PortId),
            ..kinds
        };
        let json = self.run.json;
        let capture: CaptureOptions = self.run.options(filter, verbose);
        let causes = if self.cause.is_empty() { Causes::default() } else { Causes::of(self.cause) };
        Ok(DropsOptions { capture, causes, stacks: self.stacks, fail: self.fail, json })
    }
}
