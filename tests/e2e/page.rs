//! The sandbox's page in a real browser, of a sandbox in which a service really runs.

use crate::{
    browser::{Browser, CONTRASTS},
    world::{LIVE, World, layer},
};

/// What an application may call itself, to get into the log lines.
const HOSTILE: &str = "<script>document.documentElement.dataset.owned = 'log'</script><img src=x onerror=alert(1)>";

fn served() -> (World, Browser) {
    let world = World::new();
    world.push_image("v1", &layer().image(&[("DEMO_VERSION", HOSTILE)]));
    world.deploy_well("v1");
    let mut browser = Browser::start();
    browser.open(world.endpoint());
    (world, browser)
}

#[test]
fn the_page_shows_what_is_there() {
    let (world, mut browser) = served();
    let (_, _, url) = world.service().unwrap();
    let digest = world.tag(LIVE).unwrap();
    assert_eq!(browser.text("#services tbody th"), "shop-api");
    assert_eq!(browser.text("#services .status"), "RUNNING");
    assert_eq!(browser.text(".route a"), url);
    assert_eq!(browser.evaluate("document.querySelector('.route a').href"), format!("{url}/"));
    assert_eq!(browser.text(".blue code"), digest.hex()[..12]);
    assert!(browser.text(".blue h3").contains("serves"));
    assert_eq!(browser.text("#repositories .tag"), format!("v1\nshipgate-next-{LIVE}-create\n{LIVE}"));
    assert!(browser.text("#accounts").contains("shipgate-deploy"));
    assert_eq!(browser.text(".operations h4"), "CREATE_SERVICE");
    assert!(browser.text(".phases").contains("checking"), "{}", browser.text(".phases"));
    assert!(browser.text(".operations details").contains("Successfully routed incoming traffic"));
    assert!(browser.text("#tail").contains("listening on"), "{}", browser.text("#tail"));
    assert!(!browser.text("html").contains("hunter2"), "the value of a secret is on the page");
    assert_eq!(browser.complaints, Vec::<String>::new());
}

#[test]
fn a_hostile_log_line_is_shown_as_text() {
    let (_world, mut browser) = served();
    assert!(browser.text("#tail").contains(HOSTILE), "{}", browser.text("#tail"));
    assert_eq!(browser.evaluate("document.documentElement.dataset.owned === undefined"), true);
    assert_eq!(browser.evaluate("document.scripts.length"), 1);
    assert_eq!(browser.evaluate("document.images.length"), 0);
    // Also if it were markup, the page's policy would not let it run.
    let inject = "document.body.append(Object.assign(document.createElement('script'),
        { textContent: 'document.documentElement.dataset.owned = 1' }))";
    browser.evaluate(inject);
    assert_eq!(browser.evaluate("document.documentElement.dataset.owned === undefined"), true);
    assert!(browser.complaints.iter().any(|said| said.contains("Content Security Policy")), "{:?}", browser.complaints);
}

#[test]
fn the_page_fits_phones_and_desks_in_light_and_dark() {
    let (_world, mut browser) = served();
    let mut papers = Vec::new();
    for (width, scheme) in [(390, "light"), (390, "dark"), (1280, "light"), (1280, "dark")] {
        browser.look_like(width, scheme);
        assert_eq!(browser.evaluate("innerWidth"), width);
        let all = "document.querySelectorAll('details').forEach(details => { details.open = true })";
        browser.evaluate(all);
        let wide = browser.evaluate("document.documentElement.scrollWidth");
        assert!(wide.as_u64().unwrap() <= u64::from(width), "{width} {scheme}: {wide} wide");
        assert_eq!(browser.text("#services .status"), "RUNNING");
        papers.push(browser.evaluate("getComputedStyle(document.body).backgroundColor"));
        assert_eq!(browser.evaluate(CONTRASTS), serde_json::json!([]), "{width} {scheme}: too little contrast");
    }
    assert!(papers[0] != papers[1] && papers[2] != papers[3], "{papers:?}");
}

#[test]
fn the_page_can_be_read_without_seeing_it() {
    let (_world, mut browser) = served();
    for (selector, count) in [("header", 1), ("main", 1), ("footer", 1), ("h1", 1), ("[role=status]", 1)] {
        assert_eq!(browser.evaluate(&format!("document.querySelectorAll('{selector}').length")), count, "{selector}");
    }
    assert_eq!(browser.evaluate("document.documentElement.lang"), "en");
    let levels = "[...document.querySelectorAll('h1,h2,h3,h4')].map(heading => Number(heading.tagName[1]))";
    let levels: Vec<u64> = serde_json::from_value(browser.evaluate(levels)).unwrap();
    assert!(levels.windows(2).all(|pair| pair[1] <= pair[0] + 1), "no level is left out: {levels:?}");
    let unnamed = "[...document.querySelectorAll('section')].filter(section =>
        !document.getElementById(section.getAttribute('aria-labelledby'))).length";
    assert_eq!(browser.evaluate(unnamed), 0);
    assert_eq!(browser.evaluate("document.querySelectorAll('th:not([scope])').length"), 0);
    let ids = "[...document.querySelectorAll('[id]')].map(node => node.id)";
    assert_eq!(browser.evaluate(&format!("new Set({ids}).size === {ids}.length")), true, "an id is there twice");
}

#[test]
fn the_page_follows_what_happens_and_keeps_what_was_opened() {
    let (mut world, mut browser) = served();
    let open = "document.querySelector('.operations details')";
    browser.evaluate(&format!("{open}.open = true; {open}.seen = true; scrollTo(0, 40)"));
    let old = browser.text(".blue code");
    world.push("v2", &[]);
    world.deploy_well("v2");
    browser.wait_for("document.querySelectorAll('.operations > li').length === 2");
    browser.wait_for("document.querySelector('.operations .status').textContent === 'SUCCEEDED'");
    assert_ne!(browser.text(".blue code"), old);
    let kept = "document.querySelector('.operations > li:last-child details')";
    assert_eq!(browser.evaluate(&format!("{kept}.open && {kept}.seen")), true, "it was replaced");
    assert_eq!(browser.evaluate("scrollY"), 40);
    browser.evaluate("document.querySelector('nav a[href$=\"lines=application\"]').click()");
    browser.wait_for("!document.querySelector('#tail .s') && document.querySelector('#tail .a')");
    world.end_sandbox();
    browser.wait_for("document.getElementById('live').textContent.startsWith('The sandbox is gone')");
    assert!(browser.text("#services").contains("shop-api"), "what was last seen stays");
    assert_eq!(browser.complaints, Vec::<String>::new());
}
