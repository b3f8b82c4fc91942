//! Every file of the action and of the examples is run or parsed by a test, which is said here; one that nobody knows is found.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use super::project;

/// Each file, and the test that runs it, or that judges it where nothing can run it.
const EXERCISED: &[(&str, &str)] = &[
    ("github-action/README.md", "ci/pages.rs"),
    ("github-action/action.yml", "ci/action.rs"),
    ("github-action/checksums.txt", "ci/action.rs"),
    ("github-action/choose.sh", "ci/action.rs"),
    ("github-action/get.sh", "ci/action.rs"),
    ("github-action/install.sh", "ci/action.rs"),
    ("github-action/run.sh", "ci/action/inputs.rs"),
    ("github-action/sweep.sh", "ci/action.rs"),
    ("pipeline-examples/README.md", "ci/pages.rs"),
    ("pipeline-examples/aws/README.md", "ci/pages.rs"),
    ("pipeline-examples/aws/cloudformation/registry-account.yaml", "ci/cloud.rs"),
    ("pipeline-examples/aws/cloudformation/service.yaml", "ci/declared.rs"),
    ("pipeline-examples/aws/cloudformation/workload-account.yaml", "ci/cloud.rs"),
    ("pipeline-examples/aws/terraform/policies/main.tf", "ci/terraform.rs"),
    ("pipeline-examples/aws/terraform/registry-account/main.tf", "ci/terraform.rs"),
    ("pipeline-examples/aws/terraform/workload-account/main.tf", "ci/terraform.rs"),
    ("pipeline-examples/aws/terraform/workload-account/service.tf", "ci/terraform.rs"),
    ("pipeline-examples/buildkite/pipeline.yml", "ci/buildkite.rs"),
    ("pipeline-examples/circleci/config.yml", "ci/circleci.rs"),
    ("pipeline-examples/circleci/orb/orb.yml", "ci/lints.rs"),
    ("pipeline-examples/circleci/orb/src/@orb.yml", "ci/circleci.rs"),
    ("pipeline-examples/circleci/orb/src/commands/install.yml", "ci/circleci.rs"),
    ("pipeline-examples/circleci/orb/src/commands/invoke.yml", "ci/circleci.rs"),
    ("pipeline-examples/circleci/orb/src/examples/deploy.yml", "ci/lints.rs"),
    ("pipeline-examples/circleci/orb/src/examples/steps.yml", "ci/lints.rs"),
    ("pipeline-examples/circleci/orb/src/executors/docker.yml", "ci/circleci.rs"),
    ("pipeline-examples/circleci/orb/src/executors/machine.yml", "ci/circleci.rs"),
    ("pipeline-examples/circleci/orb/src/jobs/deploy.yml", "ci/circleci.rs"),
    ("pipeline-examples/circleci/orb/src/jobs/verify.yml", "ci/circleci.rs"),
    ("pipeline-examples/circleci/orb/src/scripts/install.sh", "ci/circleci.rs"),
    ("pipeline-examples/circleci/orb/src/scripts/run.sh", "ci/circleci.rs"),
    ("pipeline-examples/circleci/orb/src/scripts/sweep.sh", "ci/circleci.rs"),
    ("pipeline-examples/codebuild/buildspec.yml", "ci/codebuild.rs"),
    ("pipeline-examples/github/deploy-on-push.yml", "ci/workflows.rs"),
    ("pipeline-examples/github/matrix.yml", "ci/workflows.rs"),
    ("pipeline-examples/github/pull-request.yml", "ci/workflows.rs"),
    ("pipeline-examples/github/two-environments.yml", "ci/workflows.rs"),
    ("pipeline-examples/gitlab/dind.gitlab-ci.yml", "ci/gitlab.rs"),
    ("pipeline-examples/gitlab/socket.gitlab-ci.yml", "ci/gitlab.rs"),
    ("pipeline-examples/shell/deploy.sh", "ci/shell.rs"),
    ("pipeline-examples/shipgate.yaml", "ci/stage.rs"),
];

/// All files of a folder and the folders in it.
pub(super) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

#[test]
fn every_file_is_exercised_by_a_test_that_names_its_folder() {
    let below = |folder: &str| files(&project().join(folder));
    let there: BTreeSet<String> = [below("github-action"), below("pipeline-examples")]
        .concat()
        .iter()
        .map(|path| path.strip_prefix(project()).unwrap().to_str().unwrap().to_owned())
        .collect();
    let known: BTreeSet<String> = EXERCISED.iter().map(|(file, _)| (*file).to_owned()).collect();
    assert_eq!(there, known, "files that no test exercises, or that are gone");
    for (file, test) in EXERCISED {
        let text = fs::read_to_string(project().join("tests/e2e").join(test)).unwrap();
        let names = |part: &str| !part.is_empty() && text.contains(part);
        let (folder, name) = file.rsplit_once('/').unwrap();
        let is_named = names(name) || names(folder) || folder.rsplit_once('/').is_some_and(|(above, _)| names(above));
        assert!(is_named, "{test} does not speak of {file}");
    }
}
