//! Pages of whole runs. The style is left out of the snapshots, and every block begins a line.

mod runs;

use self::runs::Run;
use crate::report::{document::Document, samples};

fn page_of(run: &Run) -> String {
    let mut document = Document::new();
    for (at, event) in run {
        document.add(samples::moment(*at), event);
    }
    super::page(&document)
}

fn readable(page: &str) -> String {
    let (head, rest) = page.split_once("<style>").unwrap();
    let (_, body) = rest.split_once("</style>").unwrap();
    let mut text = format!("{head}<style>…</style>{body}");
    for block in [
        "<meta",
        "<title",
        "<style",
        "<header",
        "<section",
        "<footer",
        "<h2",
        "<h3",
        "<p",
        "<dl",
        "<div",
        "<ol",
        "<ul",
        "<li",
        "<table",
        "<tr",
        "<details",
        "<figure",
        "<svg class=\"chart",
        "<svg class=\"strip",
        "<rect",
        "<line ",
        "<article",
        "<pre",
        "<body",
        "<main",
    ] {
        text = text.replace(block, &format!("\n{block}"));
    }
    text
}

macro_rules! pages {
    ($($name:ident)*) => {$(
        #[test]
        fn $name() {
            let page = page_of(&runs::$name());
            insta::assert_snapshot!(readable(&page));
        }
    )*};
}

pages!(success rolled_back unhealthy cancelled configuration_error mirrored status_and_plan);
