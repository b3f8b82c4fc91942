//! `shipgate export terraform`.

use std::process::Command;

use super::{group_names, put, run, with_service};

/// Terraform's own word on the form of a file, where it is installed.
fn is_formatted(folder: &std::path::Path, text: &str) {
    std::fs::write(folder.join("logs.tf"), text).unwrap();
    let checked = Command::new("terraform").args(["fmt", "-check", "-diff", "logs.tf"]).current_dir(folder).output();
    if let Ok(checked) = checked {
        let said = [checked.stdout, checked.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        assert!(checked.status.success(), "{said}");
    }
}

/// The values of `id = "…"`, which Terraform imports by.
fn imported(text: &str) -> Vec<&str> {
    text.lines().filter_map(|line| line.trim().strip_prefix("id = ")).map(|id| id.trim_matches('"')).collect()
}

#[test]
fn the_log_groups_that_are_imported_exist() {
    let (world, id, _) = with_service();
    put(&world, &format!("/aws/apprunner/shop-api/{id}/application"), "instance/1", &["a line"]);
    let before = super::changes(&world).len();
    let ran = run(&world, &["export", "terraform"]);
    assert_eq!(ran.code, 0, "{}", ran.said());
    let mut found = imported(&ran.stdout);
    found.sort_unstable();
    assert_eq!(found, group_names(&world));
    assert_eq!(ran.stdout.matches("retention_in_days = 30").count(), 2, "{}", ran.stdout);
    assert!(
        ran.stdout.starts_with("# ") && ran.stdout.ends_with("}\n"),
        "only what goes into the file:\n{}",
        ran.stdout
    );
    is_formatted(world.folder(), &ran.stdout);
    assert_eq!(super::changes(&world).len(), before, "it only reads");
}

#[test]
fn a_group_that_is_not_there_yet_is_declared_and_not_imported() {
    let (world, id, _) = with_service();
    let ran = run(&world, &["export", "terraform"]);
    assert_eq!(ran.code, 0, "{}", ran.said());
    let application = format!("/aws/apprunner/shop-api/{id}/application");
    assert!(!group_names(&world).contains(&application));
    assert_eq!(imported(&ran.stdout), [format!("/aws/apprunner/shop-api/{id}/service")]);
    assert!(ran.stdout.contains(&application) && ran.stderr.contains(&application), "{}", ran.said());
    is_formatted(world.folder(), &ran.stdout);
}

#[test]
fn without_a_service_nothing_is_printed() {
    let (world, _, _) = with_service();
    let ran = run(&world, &["export", "terraform", "--service", "shop-web"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (4, ""), "{}", ran.said());
}
