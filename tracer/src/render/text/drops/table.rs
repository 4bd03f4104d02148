//! The table by socket.

use std::fmt::Write as _;

use terminal::{Theme, units::grouped};

use super::names;
use crate::{decode::Family, model::drops::SocketDrops};

const HEADINGS: [&str; 6] = ["DROPPED", "CAUSE", "SOCKET", "OWNER", "FAMILY", "PORTID"];

/// Columns of an owner's name and number at most.
const OWNER_COLUMNS: usize = 23;

/// A line for each socket and cause.
pub(super) fn table(sockets: &[SocketDrops<'_>], theme: Theme) -> String {
    let mut table = vec![HEADINGS.map(str::to_owned)];
    let dash = || "-".to_owned();
    for socket in sockets {
        table.push([
            grouped(socket.count),
            socket.cause.name().to_owned(),
            socket.socket_inode.map_or_else(dash, |inode| inode.to_string()),
            owner(socket, theme).unwrap_or_else(dash),
            socket.family.map_or_else(|| "other".to_owned(), Family::label),
            socket.portid.map_or_else(dash, |portid| portid.to_string()),
        ]);
    }
    let width = |column: usize| table.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..HEADINGS.len()).map(width).collect();
    let mut text = String::new();
    for row in &table {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| match column {
            0 => format!("{cell:>width$}"),
            5 => cell.clone(),
            _ => format!("{cell:width$}"),
        });
        let _ = writeln!(text, "{}", cells.collect::<Vec<_>>().join("  "));
    }
    text
}

/// Who holds a socket, and how many others do.
fn owner(socket: &SocketDrops<'_>, theme: Theme) -> Option<String> {
    let owner = socket.owner?;
    let others = socket.rows.iter().map(|row| row.owners.len()).max().unwrap_or(0).saturating_sub(1);
    let number = match others {
        0 => format!(" {}", owner.pid),
        _ => format!(" {} +{others}", owner.pid),
    };
    let name = names::comm(owner, theme);
    let room = OWNER_COLUMNS.saturating_sub(number.len());
    if name.chars().count() <= room {
        return Some(name + &number);
    }
    let ellipsis = theme.charset().ellipsis();
    let cut: String = name.chars().take(room.saturating_sub(ellipsis.chars().count())).collect();
    Some(cut + ellipsis + &number)
}
