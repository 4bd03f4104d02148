//! What both commands make of their command lines: completions that a shell takes, and manual pages, one a
//! subcommand.

use std::fs;

use crate::guest::Program;

/// The subcommands that `--help` lists, but `help` itself.
fn subcommands(command: &str) -> Vec<String> {
    let help = Program::new(command).word("--help").run().success().stdout;
    let listed =
        help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    // The explanation of one goes on in lines that are indented further.
    let names = listed.filter_map(|line| line.strip_prefix("  ")).filter(|line| !line.starts_with(' '));
    let names = names.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help");
    names.map(ToOwned::to_owned).collect()
}

#[test]
fn bash_completes_every_subcommand() {
    for command in ["nltest", "nltrace"] {
        let script = format!(
            "set -e; eval \"$({command} completions bash)\"; complete -p {command} >&2
             COMP_WORDS=({command} ''); COMP_CWORD=1; _{command} {command} '' {command}
             printf '%s\\n' \"${{COMPREPLY[@]}}\""
        );
        let offered = Program::new("bash").word("-c").word(script).run().success().said(command);
        let wanted = subcommands(command);
        assert!(wanted.len() > 3, "{command} has subcommands: {wanted:?}");
        for subcommand in wanted {
            assert!(offered.stdout.lines().any(|line| line == subcommand), "{subcommand} in {offered:?}");
        }
    }
}

#[test]
fn every_shell_has_its_completions() {
    for command in ["nltest", "nltrace"] {
        for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
            let script = Program::new(command).words("completions").word(shell).run().success().stdout;
            for subcommand in subcommands(command) {
                assert!(script.contains(&subcommand), "{command} {subcommand} in {shell}");
            }
        }
        Program::new(command).words("completions tcsh").run().exits(2);
    }
}

#[test]
fn every_subcommand_has_a_manual_page() {
    for command in ["nltest", "nltrace"] {
        let folder = format!("/tmp/man-of-{command}");
        fs::create_dir(&folder).expect("the guest's /tmp can be written");
        Program::new(command).words("man").word(&folder).run().success();
        for page in subcommands(command).iter().map(|subcommand| format!("{command}-{subcommand}")) {
            let text = fs::read_to_string(format!("{folder}/{page}.1"))
                .unwrap_or_else(|error| panic!("{page}: {error}"));
            let whole = [".TH ", ".SH NAME", ".SH OPTIONS"].iter().all(|part| text.contains(part));
            assert!(whole, "{page}: {text}");
        }
        assert!(fs::exists(format!("{folder}/{command}.1")).expect("it can be read"));
        Program::new(command).words("man /dev/null/pages").run().exits(1).said("/dev/null/pages");
        fs::remove_dir_all(&folder).expect("it is ours");
    }
}
