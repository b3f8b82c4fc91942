//! What github-action/README.md, pipeline-examples/README.md, pipeline-examples/aws/README.md and the project's README tell of the CIs: links lead
//! somewhere, and what is to be copied is what is run.

use std::fs;

use serde_json::Value;

use super::{action::definition, project};

const PAGES: [&str; 3] = ["github-action/README.md", "pipeline-examples/README.md", "pipeline-examples/aws/README.md"];

fn text(page: &str) -> String {
    fs::read_to_string(project().join(page)).unwrap()
}

/// The fenced blocks of a language.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    text.split(fence.as_str()).skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

/// What `](TARGET)` leads to, without what is on the web.
fn links(text: &str) -> Vec<&str> {
    let targets = text.split("](").skip(1).map(|rest| rest.split(')').next().unwrap());
    targets.filter(|target| !target.contains("://")).collect()
}

/// A heading as GitHub makes an address of it.
fn anchor(heading: &str) -> String {
    heading
        .to_lowercase()
        .chars()
        .filter(|c| c.is_alphanumeric() || *c == ' ' || *c == '-')
        .collect::<String>()
        .replace(' ', "-")
}

#[test]
fn links_of_the_pages_lead_somewhere() {
    for page in PAGES {
        let folder = project().join(page).parent().unwrap().to_owned();
        let text = text(page);
        assert!(links(&text).len() > 2, "{page}");
        for link in links(&text) {
            let (path, fragment) = link.split_once('#').unwrap_or((link, ""));
            assert!(folder.join(path).exists(), "{page} leads to {link}");
            let is_there = || {
                let target = fs::read_to_string(folder.join(path)).unwrap();
                target.lines().filter_map(|line| line.strip_prefix("## ")).any(|heading| anchor(heading) == fragment)
            };
            assert!(fragment.is_empty() || is_there(), "{page} leads to {link}");
        }
    }
}

/// Every use of the action in a page: its inputs exist.
fn uses(page: &str) -> usize {
    let action = definition();
    let mut found = 0;
    // The README's blocks of `yaml` are configurations.
    let text = text(page);
    for block in
        [blocks(&text, "yaml"), blocks(&text, "yml")].concat().iter().filter(|block| block.contains("github-action@"))
    {
        let workflow: Value = serde_saphyr::from_str(block).unwrap();
        for job in workflow["jobs"].as_object().unwrap().values() {
            for step in job["steps"].as_array().unwrap().iter().filter(|step| step["with"]["target"].is_string()) {
                assert_eq!(job["permissions"]["id-token"], "write", "{page}");
                for input in step["with"].as_object().unwrap().keys() {
                    assert!(action["inputs"][input].is_object(), "{page}: {input}");
                }
                found += 1;
            }
        }
    }
    found
}

#[test]
fn the_smallest_jobs_are_ones() {
    assert_eq!((uses("github-action/README.md"), uses("README.md")), (1, 1));
}

#[test]
fn the_actions_page_names_each_input_of_its_own_and_each_output() {
    let (page, action) = (text("github-action/README.md"), definition());
    for name in ["command", "args", "working-directory", "version", "downloads"] {
        assert!(page.contains(&format!("| `{name}` |")), "{name}");
    }
    for name in action["outputs"].as_object().unwrap().keys() {
        assert!(page.contains(&format!("`{name}`")), "{name}");
    }
}

#[test]
fn what_is_imported_is_what_the_template_declares() {
    let import: Value = serde_json::from_str(&blocks(&text("pipeline-examples/aws/README.md"), "json")[0]).unwrap();
    let template = text("pipeline-examples/aws/cloudformation/service.yaml");
    let resources = import.as_array().unwrap();
    assert_eq!(resources.len(), template.matches("    Type: AWS::").count());
    for resource in resources {
        let (name, kind) =
            (resource["LogicalResourceId"].as_str().unwrap(), resource["ResourceType"].as_str().unwrap());
        assert!(
            template.contains(&format!("  {name}:\n    Type: {kind}\n    DeletionPolicy: Retain\n")),
            "{name} {kind}"
        );
    }
}

/// No example gives away whom it was written by, or trusts everybody.
#[test]
fn placeholders_are_left_to_be_filled_in() {
    for file in super::covered::files(&project().join("pipeline-examples")) {
        let text = fs::read_to_string(&file).unwrap();
        for line in text.lines().filter(|line| line.contains("github.com/") || line.contains("github-action@")) {
            assert!(line.contains("OWNER/"), "{}: {line}", file.display());
        }
    }
}
