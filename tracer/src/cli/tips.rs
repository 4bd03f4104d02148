//! What the answer to a wrong command line proposes.

use clap::error::{ContextKind, ContextValue, ErrorKind};

/// The parser proposes to put an option that it does not know behind `--`, where COMMAND stands. That is
/// never meant; another subcommand's option may be.
pub(super) fn with_other_tips(mut answer: clap::Error, tree: &clap::Command) -> clap::Error {
    if answer.kind() != ErrorKind::UnknownArgument {
        return answer;
    }
    let tips = match answer.remove(ContextKind::Suggested) {
        Some(ContextValue::StyledStrs(tips)) => tips,
        _ => Vec::new(),
    };
    let mut tips: Vec<_> = tips.into_iter().filter(|tip| !tip.to_string().contains("'-- ")).collect();
    if let Some(ContextValue::String(option)) = answer.get(ContextKind::InvalidArg)
        && let Some(name) = option.strip_prefix("--")
    {
        let has = |command: &&clap::Command| command.get_arguments().any(|arg| arg.get_long() == Some(name));
        let others = tree.get_subcommands().filter(has);
        tips.extend(
            others.map(|other| format!("{option} is an option of nltrace {}", other.get_name()).into()),
        );
    }
    if !tips.is_empty() {
        answer.insert(ContextKind::Suggested, ContextValue::StyledStrs(tips));
    }
    answer
}
