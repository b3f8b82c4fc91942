//! A report's page as people see it: in a browser, on a phone and on a desk, by day and by night; and as an HTML parser that
//! is not ours reads it.

use std::{fs, path::Path, process::Command};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::{
    browser::{Browser, CONTRASTS},
    judges::PYTHON,
    world::Ran,
};

const LOOKS: [(u32, &str); 4] = [(390, "light"), (390, "dark"), (1280, "light"), (1280, "dark")];
const JUDGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/judges/page.py");
/// Where the pictures are left, for people.
const PICTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/report-pages");

/// What reaches beyond the window, or beyond the picture it is a label of.
const BEYOND: &str = r"(() => {
    const wide = document.documentElement.clientWidth;
    const shown = node => node.checkVisibility() && !node.closest('.unseen');
    const told = node => `${node.tagName} ${node.getAttribute('class')}: ${node.textContent.slice(0, 40)}`;
    const outside = (inner, left, right) => inner.width > 0 && (inner.left < left - 1 || inner.right > right + 1);
    const beyond = [...document.querySelectorAll('body *')].filter(node => shown(node) && outside(node.getBoundingClientRect(), 0, wide));
    const labels = [...document.querySelectorAll('svg text')].filter(node => {
        const picture = node.ownerSVGElement.getBoundingClientRect();
        return shown(node) && outside(node.getBoundingClientRect(), picture.left, picture.right);
    });
    const cut = [...document.querySelectorAll('body *')].filter(node => shown(node)
        && getComputedStyle(node).overflowX !== 'visible' && node.scrollWidth > node.clientWidth && node.tagName !== 'svg');
    return [...beyond, ...labels, ...cut].map(told);
})()";

/// Labels of an axis that lie on each other.
const COLLISIONS: &str = r"[...document.querySelectorAll('svg')].flatMap(picture => {
    const labels = [...picture.querySelectorAll(':scope > text')].map(node => node.getBoundingClientRect());
    return labels.slice(1).filter((label, at) => label.width > 0 && label.left < labels[at].right + 2).map(() => picture.id || picture.outerHTML.slice(0, 80));
})";

/// How many pixels in the outermost columns of a picture are not of its background.
const EDGES: &str = r"(async () => {
    const picture = new Image();
    picture.src = 'data:image/png;base64,PICTURE';
    await picture.decode();
    const canvas = new OffscreenCanvas(picture.width, picture.height);
    const context = canvas.getContext('2d');
    context.drawImage(picture, 0, 0);
    const columns = x => new Uint32Array(context.getImageData(x, 0, 8, picture.height).data.buffer);
    const [left, right] = [columns(0), columns(picture.width - 8)];
    return [picture.width, [...left, ...right].filter(pixel => pixel !== left[0]).length];
})()";

/// A page that is open.
pub(super) struct Page {
    pub(super) browser: Browser,
    address: String,
}

impl Page {
    /// Opens it.
    pub(super) fn open(file: &Path) -> Self {
        let address = format!("file://{}", file.display());
        let mut browser = Browser::start();
        browser.hide_scrollbars();
        browser.read(&address);
        Self { browser, address }
    }

    /// It fits, it can be read, and it is all there is; pictures of it are left under this name.
    pub(super) fn is_well(&mut self, name: &str) {
        self.can_be_read_without_seeing_it();
        self.browser.evaluate("document.querySelectorAll('details').forEach(details => { details.open = true })");
        let pictures: Vec<(u32, String)> = LOOKS.map(|look| (look.0, self.fits(name, look))).to_vec();
        assert_eq!(self.browser.complaints, Vec::<String>::new(), "{name}");
        let own = |url: &String| *url == self.address;
        assert!(self.browser.requests.iter().all(own), "{name} asked for {:?}", self.browser.requests);
        self.browser.read("about:blank");
        for (width, picture) in pictures {
            let seen = self.browser.promised(&EDGES.replace("PICTURE", &picture));
            assert_eq!(seen, json!([width, 0]), "{name}: something is at the edge");
        }
        self.browser.read(&self.address.clone());
    }

    fn fits(&mut self, name: &str, (width, scheme): (u32, &str)) -> String {
        let browser = &mut self.browser;
        browser.look_like(width, scheme);
        let picture = browser.picture();
        let size = browser
            .evaluate("[innerWidth, document.scrollingElement.scrollWidth, document.scrollingElement.clientWidth]");
        assert_eq!(size, json!([width, width, width]), "{name} {width} {scheme}");
        assert_eq!(browser.evaluate(BEYOND), json!([]), "{name} {width} {scheme}: something is cut or out of place");
        assert_eq!(browser.evaluate(COLLISIONS), json!([]), "{name} {width} {scheme}: labels lie on each other");
        assert_eq!(browser.evaluate(CONTRASTS), json!([]), "{name} {width} {scheme}: too little contrast");
        fs::create_dir_all(PICTURES).unwrap();
        let file = format!("{PICTURES}/{name}-{width}-{scheme}.png");
        fs::write(file, STANDARD.decode(&picture).unwrap()).unwrap();
        picture
    }

    fn can_be_read_without_seeing_it(&mut self) {
        let browser = &mut self.browser;
        assert_eq!(browser.evaluate("document.documentElement.lang"), "en");
        assert!(!browser.text("title").is_empty());
        let levels = "[...document.querySelectorAll('h1,h2,h3,h4')].map(heading => Number(heading.tagName[1]))";
        let levels: Vec<u64> = serde_json::from_value(browser.evaluate(levels)).unwrap();
        assert!(levels[0] == 1 && levels.windows(2).all(|pair| pair[1] > 1 && pair[1] <= pair[0] + 1), "{levels:?}");
        let unnamed = "[...document.querySelectorAll('section, svg[role=img]')].filter(node =>
            node.getAttribute('aria-labelledby').split(' ').some(id => !document.getElementById(id)?.textContent.trim())).length";
        assert_eq!(browser.evaluate(unnamed), 0);
        let unseen =
            "[...document.querySelectorAll('body svg')].filter(picture => !picture.parentElement.closest('svg')
            && picture.getAttribute('role') !== 'img' && picture.getAttribute('aria-hidden') !== 'true').length";
        assert_eq!(browser.evaluate(unseen), 0, "a picture without a name");
        assert_eq!(
            browser.evaluate("document.querySelectorAll('th:not([scope]), table:not(:has(caption))').length"),
            0
        );
        assert_eq!(browser.evaluate("document.scripts.length + document.links.length + document.images.length"), 0);
    }

    /// What is cut or out of place, and how many labels lie on each other.
    pub(super) fn misplaced(&mut self) -> (Value, Value) {
        (self.browser.evaluate(BEYOND), self.browser.evaluate(COLLISIONS))
    }

    /// How wide a picture of it is, and how much of it is at the edge.
    pub(super) fn edge(&mut self) -> Value {
        let picture = self.browser.picture();
        self.browser.read("about:blank");
        self.browser.promised(&EDGES.replace("PICTURE", &picture))
    }

    /// How many things a selector finds.
    pub(super) fn count(&mut self, selector: &str) -> usize {
        let selector = Value::from(selector);
        let found = self.browser.evaluate(&format!("document.querySelectorAll({selector}).length"));
        usize::try_from(found.as_u64().unwrap()).unwrap()
    }

    /// The text of what a selector finds.
    pub(super) fn text(&mut self, selector: &str) -> String {
        self.browser.text(selector)
    }
}

/// What an HTML parser has against these pages.
pub(super) fn judged(files: &[&Path]) -> Vec<String> {
    let ran: Ran =
        Command::new(PYTHON).arg(JUDGE).args(files).env("PYTHONDONTWRITEBYTECODE", "1").output().unwrap().into();
    assert_eq!(ran.code, 0, "{}", ran.said());
    serde_json::from_str(&ran.stdout).unwrap()
}
