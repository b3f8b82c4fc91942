//! What shipgate aims at, beside what it reached in this run.

use std::{fmt::Write as _, time::Duration};

use super::{
    cases::{Kind, Network},
    holdings::Holding,
    table,
    tool::Tool,
    trial::Row,
};

const NEAR_THE_FLOOR: f64 = 1.05;
const FIVE_FOR_ONE: f64 = 1.25;
const MEMORY_BYTES: u64 = 48 << 20;

/// One aim: what it is, what came of it, whether that is enough. No answer where shipgate did not get that far.
struct Aim {
    what: String,
    reached: String,
    met: Option<bool>,
}

/// All aims of the cases that were run.
pub(crate) fn table(rows: &[Row]) -> String {
    let own: Vec<&Row> = rows.iter().filter(|row| row.tool == Tool::Shipgate).collect();
    let mut aims: Vec<Aim> = own.iter().flat_map(|row| of_row(row, rows)).collect();
    aims.extend(memory(&own));
    let mut text = "| aim | reached | met |\n|---|---|---|\n".to_owned();
    for aim in aims {
        let met = aim.met.map_or("not measured", |met| if met { "yes" } else { "**no**" });
        _ = writeln!(text, "| {} | {} | {met} |", aim.what, aim.reached);
    }
    text
}

fn of_row(row: &Row, rows: &[Row]) -> Vec<Aim> {
    let title = format!("{}, {}", row.case.title, row.case.network.name());
    match (row.case.kind, row.case.network) {
        (Kind::Layers | Kind::One | Kind::Small, Network::Shaped) => {
            vec![near_the_floor(row, &title), against_peers(row, rows, format!("{title}: faster than every peer"))]
        }
        (Kind::Layers | Kind::One | Kind::Small, _) => {
            vec![against_peers(row, rows, format!("{title}: no slower than the fastest peer"))]
        }
        (Kind::Nothing, _) => vec![one_look(row, &title)],
        (Kind::Five, _) => vec![five_for_one(row, rows, &title)],
        (Kind::Flip | Kind::Cut, _) => vec![never_a_wrong_image(row, &title)],
        (Kind::Protocols, _) => Vec::new(),
    }
}

fn near_the_floor(row: &Row, title: &str) -> Aim {
    let ratio = ratio(row.time(), row.floor);
    Aim {
        what: format!(
            "{title}: within {NEAR_THE_FLOOR} × the floor of {}",
            row.floor.map_or("–".into(), table::seconds)
        ),
        reached: told(ratio),
        met: ratio.map(|ratio| ratio <= NEAR_THE_FLOOR),
    }
}

fn against_peers(row: &Row, rows: &[Row], what: String) -> Aim {
    let beside = rows.iter().filter(|other| {
        other.tool != row.tool && other.case.kind == row.case.kind && other.case.network == row.case.network
    });
    let fastest = beside.filter_map(|other| Some((other.time()?, other.tool))).min_by_key(|(time, _)| *time);
    let ratio = ratio(row.time(), fastest.map(|(time, _)| time));
    let name = fastest.map_or("nobody", |(_, tool)| tool.name());
    Aim {
        what,
        reached: ratio.map_or("–".to_owned(), |ratio| format!("{ratio:.2} of {name}'s time")),
        met: ratio.map(|ratio| ratio <= 1.0),
    }
}

/// One round trip of questions: those that go out together count once, so at most one for each side.
fn one_look(row: &Row, title: &str) -> Aim {
    let most = row.trials.iter().filter_map(|trial| Some(trial.source?.requests.max(trial.destination_requests))).max();
    let did = row.time();
    Aim {
        what: format!("{title}: one round trip"),
        reached: did.zip(most).map_or("–".to_owned(), |(time, most)| {
            format!("{most} request at most on each side, {}", table::seconds(time))
        }),
        met: did.and(most).map(|most| most <= 1),
    }
}

fn five_for_one(row: &Row, rows: &[Row], title: &str) -> Aim {
    let one = rows.iter().find(|other| {
        other.tool == row.tool && other.case.kind == Kind::Layers && other.case.network == row.case.network
    });
    let ratio = ratio(row.time(), one.and_then(Row::time));
    Aim {
        what: format!("{title}: within {FIVE_FOR_ONE} × of one destination"),
        reached: told(ratio),
        met: ratio.map(|ratio| ratio <= FIVE_FOR_ONE),
    }
}

fn never_a_wrong_image(row: &Row, title: &str) -> Aim {
    let met_it = row.trials.iter().filter(|trial| !trial.is_fault_left);
    let mut held = met_it.flat_map(|trial| &trial.holdings).peekable();
    let is_measured = held.peek().is_some();
    let good = held.all(|held| matches!(held, Holding::Exact | Holding::Nothing));
    Aim {
        what: format!("{title}: the exact image or no manifest"),
        reached: if !is_measured {
            "–"
        } else if good {
            "so it was"
        } else {
            "a wrong image"
        }
        .to_owned(),
        met: is_measured.then_some(good),
    }
}

fn memory(own: &[&Row]) -> Option<Aim> {
    let ran = own.iter().filter(|row| row.time().is_some());
    let peak = ran.filter_map(|row| row.peak_bytes()).max();
    (!own.is_empty()).then(|| Aim {
        what: format!("peak memory of at most {}, in all cases", table::memory(Some(MEMORY_BYTES))),
        reached: table::memory(peak),
        met: peak.map(|peak| peak <= MEMORY_BYTES),
    })
}

fn ratio(time: Option<Duration>, to: Option<Duration>) -> Option<f64> {
    time.zip(to).map(|(time, to)| time.as_secs_f64() / to.as_secs_f64())
}

fn told(ratio: Option<f64>) -> String {
    ratio.map_or("–".to_owned(), |ratio| format!("{ratio:.2} ×"))
}
