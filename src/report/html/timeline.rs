//! The stages as bars on one time axis.

use super::{
    bars::{AXIS_HEIGHT, Bar, Picture, axis, stripes},
    pieces::{Sign, cell, fold, row_head, signed, table, titled, unseen},
};
use crate::report::{
    document::{Document, shape::StageEntry},
    quantity,
};
use shipgate_core::{
    event::{Outcome, Stage},
    html::Html,
};

const ROW: u32 = 34;
const BAR: u32 = 12;
/// What would be told as no time at all is not told.
const LEAST_MS: u64 = 50;

/// The pipeline.
pub(super) fn section(html: &mut Html, document: &Document) {
    if document.stages.is_empty() {
        return;
    }
    let stages = in_order(&document.stages);
    titled(html, "timeline", "Timeline", |html| {
        html.element("div", &[("class", "timeline")], |html| {
            names(html, &stages);
            picture(html, &stages, document.elapsed_ms);
            times(html, &stages);
        });
        if let Some(told) = side_by_side(&stages) {
            html.leaf("p", &[("class", "quiet")], &told);
        }
        fold(html, "What each stage came to", document.verdict != "success", |html| details(html, &stages));
    });
}

/// As they began; of those that began together, as the pipeline has them.
fn in_order(stages: &[StageEntry]) -> Vec<&StageEntry> {
    let mut stages: Vec<&StageEntry> = stages.iter().collect();
    stages.sort_by_key(|entry| (entry.began_ms, entry.stage));
    stages
}

fn names(html: &mut Html, stages: &[&StageEntry]) {
    html.element("ol", &[("class", "names")], |html| {
        for entry in stages {
            html.element("li", &[], |html| {
                Sign::of(entry.outcome).draw(html);
                html.leaf("span", &[], &entry.stage.to_string());
                unseen(html, &format!(": {}", outcome(entry)));
            });
        }
    });
}

fn times(html: &mut Html, stages: &[&StageEntry]) {
    html.element("ol", &[("class", "times"), ("aria-hidden", "true")], |html| {
        for entry in stages {
            let took = if entry.outcome == Some(Outcome::Skip) { "skipped".to_owned() } else { took(entry) };
            html.leaf("li", &[], &took);
        }
    });
}

fn took(entry: &StageEntry) -> String {
    entry.elapsed_ms.map_or_else(|| "not ended".to_owned(), quantity::duration)
}

fn outcome(entry: &StageEntry) -> &'static str {
    match entry.outcome {
        Some(Outcome::Ok) => "done",
        Some(Outcome::Skip) => "skipped",
        Some(Outcome::Fail) => "failed",
        None => "not ended",
    }
}

fn picture(html: &mut Html, stages: &[&StageEntry], elapsed_ms: u64) {
    let end = stages.iter().map(|entry| end_of(entry, elapsed_ms)).fold(elapsed_ms.max(1), u64::max);
    let bottom = ROW * rows(stages.len());
    let description = stages.iter().map(|entry| sentence(entry)).collect::<Vec<_>>().join(" ");
    let height = bottom + AXIS_HEIGHT;
    let title = "The stages of the run on one time axis";
    Picture { id: "stages", class: "chart", height, title, description: &description }.draw(html, |html| {
        stripes(html);
        axis(html, end, bottom);
        together(html, stages, end);
        for (row, entry) in (0..).zip(stages) {
            bar(html, row, entry, end);
        }
    });
}

fn rows(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX / ROW / 2)
}

fn end_of(entry: &StageEntry, elapsed_ms: u64) -> u64 {
    entry.ended_ms.unwrap_or(elapsed_ms)
}

fn bar(html: &mut Html, row: u32, entry: &StageEntry, end: u64) {
    let class = format!("bar {}", Sign::of(entry.outcome).class());
    let (from, to) = (entry.began_ms, end_of(entry, end));
    Bar { from, to, top: row * ROW + (ROW - BAR) / 2, height: BAR }.draw(html, &class, end, &sentence(entry));
}

/// What ran beside another stage is held together by what lies behind it.
fn together(html: &mut Html, stages: &[&StageEntry], end: u64) {
    let Some((copy, verify)) = pair(stages) else { return };
    let place = |stage: Stage| (0..).zip(stages).find(|(_, entry)| entry.stage == stage).map(|(row, _)| row);
    let (Some(first), Some(second)) = (place(Stage::Copy), place(Stage::Verify)) else { return };
    let (top, last) = (first.min(second), first.max(second));
    let (from, to) = overlap(copy, verify, end);
    let band = Bar { from, to, top: top * ROW + 4, height: (last - top + 1) * ROW - 8 };
    band.draw(html, "together", end, "");
}

fn pair<'a>(stages: &[&'a StageEntry]) -> Option<(&'a StageEntry, &'a StageEntry)> {
    let of = |stage: Stage| {
        stages.iter().copied().find(|entry| entry.stage == stage && entry.outcome != Some(Outcome::Skip))
    };
    let (copy, verify) = (of(Stage::Copy)?, of(Stage::Verify)?);
    let (from, to) = overlap(copy, verify, u64::MAX);
    (from.saturating_add(LEAST_MS) <= to).then_some((copy, verify))
}

fn overlap(copy: &StageEntry, verify: &StageEntry, end: u64) -> (u64, u64) {
    (copy.began_ms.max(verify.began_ms), end_of(copy, end).min(end_of(verify, end)))
}

/// Said in words too.
fn side_by_side(stages: &[&StageEntry]) -> Option<String> {
    let (copy, verify) = pair(stages)?;
    let (from, to) = overlap(copy, verify, u64::MAX);
    let both_ended = copy.ended_ms.is_some() || verify.ended_ms.is_some();
    both_ended.then(|| format!("copy and verify ran side by side for {}", quantity::duration(to - from)))
}

fn sentence(entry: &StageEntry) -> String {
    let began = quantity::duration(entry.began_ms);
    match entry.outcome {
        Some(Outcome::Skip) => format!("{}: skipped.", entry.stage),
        Some(Outcome::Ok | Outcome::Fail) => {
            format!("{}: {}, began at {began}, took {}.", entry.stage, outcome(entry), took(entry))
        }
        None => format!("{}: began at {began}, did not end.", entry.stage),
    }
}

fn details(html: &mut Html, stages: &[&StageEntry]) {
    table(html, "The stages of the run", &["Stage", "What it came to", "Began#", "Took#"], |html| {
        for entry in stages {
            html.element("tr", &[], |html| {
                let name = entry.stage.to_string();
                row_head(html, |html| signed(html, Sign::of(entry.outcome), &name, outcome(entry)));
                cell(html, "", &entry.detail);
                cell(html, "number", &quantity::duration(entry.began_ms));
                cell(html, "number", &took(entry));
            });
        }
    });
}
