//! The first line.

use super::Object;
use crate::{
    decode::TypeName,
    options::{CaptureOptions, Comm, ExchangeOptions, Netns, Pid},
    render::buffer::Buffer,
};

/// The number of the schema that lines keep to.
const SCHEMA: u32 = 1;

/// When and where a capture began.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Start {
    /// The kernel's release.
    pub kernel: Option<String>,
    /// What tells this run of the machine from others.
    pub boot_id: Option<String>,
    /// The machine's name.
    pub hostname: Option<String>,
    /// `CLOCK_MONOTONIC`, which all times of lines are of, in nanoseconds.
    pub monotonic_ns: u64,
    /// `CLOCK_REALTIME` at the same time, in nanoseconds since 1970.
    pub realtime_ns: u64,
}

/// Appends the line, with its line break.
pub fn start_json(out: &mut Buffer, start: &Start, capture: &CaptureOptions, exchanges: &ExchangeOptions) {
    let mut object = Object::begin(out);
    object.key("event").raw(b"\"start\"");
    object.number("schema", SCHEMA);
    object.text("version", Some(env!("CARGO_PKG_VERSION").as_bytes()));
    for (key, value) in
        [("kernel", &start.kernel), ("boot_id", &start.boot_id), ("hostname", &start.hostname)]
    {
        object.text(key, value.as_deref().map(str::as_bytes));
    }
    object.number("monotonic_ns", start.monotonic_ns);
    object.number("realtime_ns", start.realtime_ns);
    object.object("filters", Some((capture, exchanges)), filters);
    object.end();
    out.raw(b"\n");
}

fn filters(object: &mut Object<'_>, (capture, exchanges): (&CaptureOptions, &ExchangeOptions)) {
    let filter = &capture.filter;
    let families: Vec<_> = filter.families.iter().map(|family| family.label()).collect();
    object.names("families", families.iter().map(String::as_str));
    object.maybe("pid", filter.pid.map(Pid::number));
    let comm = filter.comm.map(Comm::bytes);
    object.text("comm", comm.as_ref().map(|comm| netlink_wire::until_nul(comm)));
    object.maybe("portid", filter.portid.map(|portid| portid.0));
    object.text("generic", filter.generic.as_deref().map(str::as_bytes));
    object.maybe("first_byte", filter.detail.and_then(|detail| detail.request.or(detail.reply)));
    object.maybe("type", filter.message_type.map(|message_type| message_type.0));
    let named = filter.message_type.filter(|_| filter.has_one_family());
    let name =
        named.and_then(|number| TypeName::of(*filter.families.first()?, number)).map(|name| name.to_string());
    object.text("type_name", name.as_deref().map(str::as_bytes));
    let netns = exchanges.netns.as_ref().map(|netns| match netns {
        Netns::Inode(inode) => inode.to_string(),
        Netns::Name(name) => name.clone(),
    });
    object.text("netns", netns.as_deref().map(str::as_bytes));
    let cgroup = exchanges.cgroup.as_ref().map(|path| path.to_string_lossy());
    object.text("cgroup", cgroup.as_deref().map(str::as_bytes));
    object.flag("sent", Some(exchanges.which.sent));
    object.flag("received", Some(exchanges.which.received));
    object.flag("errors", Some(exchanges.errors));
    let least = exchanges.min_latency.map(|least| u64::try_from(least.as_nanos()).unwrap_or(u64::MAX));
    object.maybe("min_latency_ns", least);
    let matching = exchanges.matching.as_ref().map(ToString::to_string);
    object.text("match", matching.as_deref().map(str::as_bytes));
}
