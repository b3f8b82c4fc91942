//! `--report x.html` of real runs, opened in a real browser and judged by an HTML parser that is not ours.

mod look;

use std::path::{Path, PathBuf};

use look::{Page, judged};
use serde_json::Value;

use crate::world::{LIVE, REPOSITORY, SOURCE, World, shipgate};

/// What an application may write: it would close the element it is shown in, run, colour, hide, and stretch the page.
const HOSTILE: &str = "</pre></li></ol></section><script>document.documentElement.dataset.owned = 'yes'</script>\
                       <img src=http://192.0.2.1/x onerror=alert(1)><style>*{display:none}</style>\u{1b}[31mred\u{1b}[0m\u{202e}";

/// A deployment's report: it must end like this, and be well-formed.
fn deployed(world: &World, version: &str, code: i32, arguments: &[&str]) -> PathBuf {
    let file = world.folder().join("report.html");
    let ran = world.deploy(version, &[&["--report", "report.html"], arguments].concat());
    assert_eq!(ran.code, code, "{}", ran.said());
    assert_eq!(judged(&[&file]), Vec::<String>::new());
    file
}

#[test]
fn a_deployment_that_succeeds() {
    let world = World::new();
    let digest = world.push("v1", &[]);
    let mut page = Page::open(&deployed(&world, "v1", 0, &[]));
    assert_eq!(page.text("h1"), "success");
    assert_eq!(page.text("head title"), "success: shipgate deploy api:v1 to prod");
    let about = page.text(".verdict dl");
    for told in [digest.as_str(), &world.service().unwrap().2, "Exit code0", "Targetprod"] {
        assert!(about.contains(told), "{told}: {about}");
    }
    for section in ["timeline", "checks", "copy", "verify", "tags", "operation", "identities"] {
        assert_eq!(page.count(&format!("#{section}")), 1, "{section}");
    }
    assert_eq!(page.count("#why, #warnings, .bar.bad"), 0);
    assert!(page.text(".names").contains("copy: done") && page.text(".names").contains("verify: done"));
    assert!(page.text("#timeline p").contains("copy and verify ran side by side"), "{}", page.text("#timeline"));
    assert_eq!(page.count("#timeline .together"), 1);
    assert!(page.count("#verify .strip .good") >= 1);
    assert!(page.text("#operation tbody").contains("SUCCEEDED"));
    page.is_well("success");
}

/// The moments that the page is drawn from are in the JSON report as well.
#[test]
fn the_moments_are_in_the_json_report_too() {
    let world = World::new();
    world.push("v1", &[]);
    let ran = world.deploy("v1", &["--report", "report.json"]);
    assert_eq!(ran.code, 0, "{}", ran.said());
    let report: Value = serde_json::from_slice(&std::fs::read(world.folder().join("report.json")).unwrap()).unwrap();
    let moment = |value: &Value| value.as_u64().unwrap_or_else(|| panic!("{value} in {report:#}"));
    let stages = report["stages"].as_array().unwrap();
    let stage = |name: &str| {
        let found = stages.iter().find(|stage| stage["stage"] == name).unwrap();
        (moment(&found["began_ms"]), moment(&found["ended_ms"]))
    };
    let (copy, verify) = (stage("copy"), stage("verify"));
    assert!(copy.0.max(verify.0) <= copy.1.min(verify.1), "side by side: {copy:?} {verify:?}");
    assert!(stage("preflight").1 <= copy.0 && copy.1 <= stage("promote").0, "{stages:?}");
    let copied = report["copies"].as_object().unwrap().values().next().unwrap();
    let points = copied["progress"].as_array().unwrap();
    assert_eq!((moment(&points[0]["at_ms"]), moment(&points[0]["bytes_done"])), (moment(&copied["began_ms"]), 0));
    assert_eq!(points.last().unwrap()["bytes_done"], copied["bytes_sent"], "{points:?}");
    assert!(moment(&report["verification"]["began_ms"]) >= verify.0);
    let operation = &report["operation"];
    assert!(moment(&operation["began_ms"]) < moment(&operation["ended_ms"]));
}

#[test]
fn an_image_that_is_unhealthy() {
    let world = World::new();
    world.push("v1", &[]);
    world.push("v2", &[("DEMO_FAIL", "status:500")]);
    world.deploy_well("v1");
    let mut page = Page::open(&deployed(&world, "v2", 6, &[]));
    assert_eq!(page.text("h1"), "unhealthy");
    assert!(page.text("#why .lead").contains("500"), "{}", page.text("#why"));
    assert!(!page.text("#why .hint p").is_empty());
    let failed = page.count("#verify .strip .bad");
    assert!(failed >= 2, "{failed}");
    assert_eq!(page.count("#verify tbody tr"), failed, "the strip and the table tell the same");
    assert!(page.text(".names").contains("verify: failed"));
    assert_eq!(page.count(".bar.bad"), 1);
    assert_eq!(page.count("#operation, #tags"), 0, "nothing was deployed");
    page.is_well("unhealthy");
    assert_eq!(world.answer(), "200 v1");
}

#[test]
fn a_deployment_that_is_rolled_back() {
    let world = World::new();
    world.push("v1", &[]);
    world.push("v2", &[("DEMO_FAIL_WITH_SECRET", "DATABASE_URL")]);
    world.deploy_well("v1");
    let mut page = Page::open(&deployed(&world, "v2", 8, &[]));
    assert_eq!(page.text("h1"), "rolled back");
    let why = page.text("#why");
    assert!(why.contains("Container exit code: 1") && why.contains("cannot reach the database"), "{why}");
    assert!(!page.text("html").contains("hunter2"), "the value of a secret is on the page");
    let phases = page.text("#operation tbody th");
    assert!(phases.contains("IN_PROGRESS") && phases.contains("ROLLBACK_SUCCEEDED"), "{phases}");
    assert!(page.count("#operation .bar.back") >= 1);
    assert!(page.text(".names").contains("gate: failed"));
    let logs = page.text("#logs");
    assert!(logs.contains("App Runner on the service") && logs.contains("failed"), "{logs}");
    assert_eq!(page.count("#logs details[open]"), 0, "they are folded");
    page.is_well("rolled-back");
    assert_eq!(world.answer(), "200 v1");
}

#[test]
fn what_a_hostile_application_writes_is_text() {
    let world = World::new();
    let endless = "x".repeat(10_000);
    world.push("v1", &[("DEMO_FAIL", "print-environment"), ("HOSTILE", HOSTILE), ("ENDLESS", &endless)]);
    let mut page = Page::open(&deployed(&world, "v1", 6, &[]));
    let shown = page.text("#why pre");
    assert!(shown.contains("</pre></li></ol></section><script>document"), "{shown}");
    assert!(shown.contains("</style>red\n"), "without what acts on terminals: {shown}");
    assert!(shown.contains(&"x".repeat(900)) && !shown.contains(&endless), "an endless line is cut");
    assert_eq!(page.count("style"), 1);
    assert_eq!(page.browser.evaluate("document.documentElement.dataset.owned === undefined"), true);
    page.is_well("hostile");
    // Also if it were markup, the page's policy would not let it run.
    page.browser.evaluate(
        "document.body.append(Object.assign(document.createElement('script'),
            { textContent: 'document.documentElement.dataset.owned = 1' }))",
    );
    assert_eq!(page.browser.evaluate("document.documentElement.dataset.owned === undefined"), true);
}

#[test]
fn a_configuration_that_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("report.html");
    std::fs::write(folder.path().join("shipgate.yaml"), "image: a\ntargetss: {}\n").unwrap();
    let mut command = shipgate();
    let ran = command.current_dir(folder.path()).args(["deploy", "--report", "report.html"]).output().unwrap();
    assert_eq!(ran.status.code(), Some(2));
    assert_eq!(judged(&[&file]), Vec::<String>::new());
    let mut page = Page::open(&file);
    assert_eq!(page.text("h1"), "usage error");
    assert!(page.text("#why").contains("targetss"), "{}", page.text("#why"));
    assert_eq!(page.count("section"), 1, "there is nothing else to say");
    page.is_well("configuration-error");
}

/// The checks of these tests find what they are there to find.
#[test]
fn a_page_that_is_not_well_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("page.html");
    let policy =
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">";
    let written = |body: &str| {
        let page =
            format!("<!doctype html><html lang=\"en\"><head>{policy}<title>t</title></head><body>{body}</body></html>");
        std::fs::write(&file, page).unwrap();
        judged(&[&file])
    };
    assert_eq!(written("<p>good</p>"), Vec::<String>::new());
    for bad in [
        "<p>never closed</div>",
        "<p id=a></p><p id=a></p>",
        "<p onclick=\"x()\">runs</p>",
        "<script>x()</script>",
        "<img src=\"data:,\">",
        "<a href=\"https://example.com\">out</a>",
        "<p style=\"background: url(https://example.com/x)\">out</p>",
        "<svg aria-labelledby=\"nothing\"></svg>",
    ] {
        assert!(!written(bad).is_empty(), "{bad}");
    }
    assert_eq!(
        written(
            "<div style=\"width: 3000px; background: red\">wide</div><svg width=\"99\"><text x=\"9\" y=\"9\">one</text><text x=\"9\" y=\"9\">two</text></svg>"
        ),
        Vec::<String>::new()
    );
    let mut page = Page::open(&file);
    page.browser.look_like(390, "light");
    let (beyond, collisions) = page.misplaced();
    assert!(beyond.as_array().is_some_and(|found| !found.is_empty()), "{beyond}");
    assert!(collisions.as_array().is_some_and(|found| !found.is_empty()), "{collisions}");
    let edge = page.edge();
    assert!(edge[1].as_u64().is_some_and(|pixels| pixels > 0), "{edge}");
}

#[test]
fn every_verb_that_reports_has_a_page() {
    let world = World::new();
    for version in ["v1", "v2"] {
        world.push(version, &[]);
        world.deploy_well(version);
    }
    let operation = world.shipgate().args(["status", "--output", "json"]).output().unwrap();
    let status = String::from_utf8(operation.stdout).unwrap();
    let events = status.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let status = events.into_iter().find(|event| event["event"] == "status").unwrap();
    let operation = status["operations"][0]["operation"].as_str().unwrap();
    world.write("mirror.yaml", MIRROR);
    let (from, to) =
        (format!("{SOURCE}:v1"), format!("222222222222.dkr.ecr.ap-northeast-1.amazonaws.com/{REPOSITORY}"));
    let roles = ["--src-role", "arn:aws:iam::111111111111:role/shipgate-pull", "--dst-role", DEPLOY];
    let runs: [(&str, Vec<&str>, &str); 9] = [
        ("plan", vec![], "#plan"),
        ("status", vec![], "#service"),
        ("logs", vec![], "#logs details[open]"),
        ("export", vec!["terraform"], "#printed"),
        ("rollback", vec!["--force"], "#operation"),
        ("wait", vec![operation], "#operation"),
        ("verify", vec!["--target", "prod"], "#verify"),
        ("copy", [&[from.as_str(), to.as_str()][..], &roles].concat(), "#copy"),
        ("mirror", vec!["mirror.yaml"], "#copy"),
    ];
    for (verb, words, section) in runs {
        let file = world.folder().join(format!("{verb}.html"));
        let mut command = world.shipgate();
        command.env("VERSION", "v2").arg(verb).args(words).arg("--report").arg(&file);
        let ran: crate::world::Ran = command.output().unwrap().into();
        assert_eq!(ran.code, 0, "{verb}: {}", ran.said());
        has_a_page(verb, &file, section);
    }
    assert!(world.tag(LIVE).is_some());
}

const DEPLOY: &str = "arn:aws:iam::222222222222:role/shipgate-deploy";
const MIRROR: &str = "\
registry_role: arn:aws:iam::111111111111:role/shipgate-pull
images:
  - { source: 111111111111.dkr.ecr.ap-northeast-1.amazonaws.com/shop/api, tags: [v1, v2], repository: mirror/api }
destinations:
  - { role: 'arn:aws:iam::222222222222:role/shipgate-deploy', region: ap-northeast-1 }
create_repositories: {}
";

fn has_a_page(verb: &str, file: &Path, section: &str) {
    assert_eq!(judged(&[file]), Vec::<String>::new(), "{verb}");
    let mut page = Page::open(file);
    assert_eq!(page.text("h1"), "success", "{verb}");
    assert!(page.count(section) >= 1, "{verb}: {section} is missing from {}", page.text("main"));
    page.is_well(verb);
}
