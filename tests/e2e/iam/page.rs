//! docs/permissions.md says what each action is for, and no more than there is.

use std::collections::BTreeSet;

use super::lean::{CONFIGURATION, printed};

const PAGE: &str = include_str!("../../../docs/permissions.md");

/// Configurations that ask for everything there is between them.
fn all_policies() -> Vec<serde_json::Value> {
    let updating = CONFIGURATION
        .replace("    create:\n", "    create_repository: true\n    create:\n")
        .replace("    logs:", "    release: { identifier: tag }\n    logs:");
    let pulled_through = CONFIGURATION
        .replace("registry_role: arn:aws:iam::111111111111:role/lean-pull\n", "")
        .replace("    logs:", "    repository: cache/shop/api\n    via: pull-through\n    logs:");
    let by_hub = CONFIGURATION.replace("lean-deploy\n", "lean-deploy\n    region: ap-northeast-1\n").replace(
        "role: arn:aws:iam::222222222222:role/lean-deploy",
        "role: [arn:aws:iam::444444444444:role/hub, arn:aws:iam::222222222222:role/lean-deploy]",
    );
    let flags = ["--resume", "--recreate"];
    [updating, pulled_through, by_hub].iter().flat_map(|configuration| printed(configuration, &flags)).collect()
}

/// What the policies allow: the part, and the action.
fn allowed() -> BTreeSet<(String, String)> {
    let mut all = BTreeSet::new();
    for policy in all_policies().iter().filter(|policy| policy["kind"] != "trust") {
        let part = policy["name"].as_str().unwrap().split(':').next().unwrap().to_owned();
        for statement in policy["document"]["Statement"].as_array().unwrap() {
            for action in statement["Action"].as_array().unwrap() {
                all.insert((part.clone(), action.as_str().unwrap().to_owned()));
            }
        }
    }
    // What creating takes includes what deploying takes; the page tells that once.
    let deploying: BTreeSet<String> =
        all.iter().filter(|(part, _)| part == "workload-deploy").map(|(_, action)| action.clone()).collect();
    all.retain(|(part, action)| part != "workload-create" || !deploying.contains(action));
    all
}

/// What the page's tables say: the heading that they are under, and the action.
fn told() -> BTreeSet<(String, String)> {
    let mut part = String::new();
    let mut all = BTreeSet::new();
    for line in PAGE.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            heading.clone_into(&mut part);
        }
        let named = line.strip_prefix("| `").and_then(|rest| rest.split('`').next());
        all.extend(named.filter(|name| name.contains(':')).map(|action| (part.clone(), action.to_owned())));
    }
    all
}

#[test]
fn every_action_is_on_the_page_and_every_one_on_it_is_printed() {
    let (allowed, told) = (allowed(), told());
    let missing: Vec<_> = allowed.difference(&told).collect();
    let idle: Vec<_> = told.difference(&allowed).collect();
    assert!(missing.is_empty() && idle.is_empty(), "missing: {missing:#?}\nnot printed: {idle:#?}");
}
