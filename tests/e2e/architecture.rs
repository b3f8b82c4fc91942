//! The rules of the architecture, held against the source: who may import whom, who may use which crate, and how large
//! and how named a file may be.

mod scanner;

use std::{
    fs,
    path::{Path, PathBuf},
};

use scanner::Source;

/// Who may import whom. A module may always import itself; `cli`, `lib` and `main` may import all.
const EDGES: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("characters", &[]),
    ("whole_file", &[]),
    ("html", &["characters"]),
    ("config", &["domain"]),
    ("registry", &["domain"]),
    ("credentials", &["domain"]),
    ("docker", &["domain"]),
    ("aws", &["domain"]),
    ("oidc", &["domain"]),
    ("target", &["aws", "domain"]),
    ("stages", &["config", "registry", "docker", "packing", "aws", "target", "domain"]),
    (
        "pipeline",
        &["stages", "config", "registry", "credentials", "docker", "aws", "oidc", "target", "domain", "whole_file"],
    ),
    ("report", &["html", "domain", "characters", "whole_file"]),
    ("sandbox", &["html", "domain", "whole_file"]),
    ("packing", &["domain"]),
    ("demo", &["domain"]),
];

/// The modules that wire everything.
const UNBOUND: &[&str] = &["cli", "lib", "main"];

/// What stands for an outside crate or function, and the only places (path prefixes in src/) it may be named in.
const CONFINED: &[(&str, &[&str])] = &[
    ("aws_sdk_*", &["aws/", "target/"]),
    ("aws_config", &["aws/", "target/", "cli/wire"]),
    ("from_conf", &["aws/", "target/", "cli/wire.rs"]),
    ("bollard", &["docker/", "sandbox/apprunner/engine.rs"]),
    ("env::var", &["config/"]),
    ("env::var_os", &["config/"]),
    ("env::vars", &["config/"]),
    ("env::vars_os", &["config/"]),
];

/// Names that say nothing.
const EMPTY_NAMES: &[&str] = &["util", "utils", "helper", "helpers", "common", "manager", "managers", "misc"];

const MAX_LINES: usize = 400;

/// Everything that is wrong with a file, as lines for people. `path` is below src/, with slashes.
fn complaints(path: &str, text: &str) -> Vec<String> {
    let mut found = code_complaints(path, text);
    found.extend(shape_complaints(path, text));
    found
}

/// What is wrong with what a file imports and names.
fn code_complaints(path: &str, text: &str) -> Vec<String> {
    let source = Source::parse(path, text);
    let mut found = edge_complaints(&source);
    found.extend(confinement_complaints(path, &source));
    found.extend(source.has_super_glob().then(|| "`use super::*` outside a test".to_owned()));
    found.into_iter().map(|complaint| format!("src/{path}: {complaint}")).collect()
}

/// What is wrong with a file's size and name; that holds for tests too.
fn shape_complaints(path: &str, text: &str) -> Vec<String> {
    let lines = text.lines().count();
    let long = (lines >= MAX_LINES).then(|| format!("{lines} lines; files stay under {MAX_LINES}"));
    let stems = path.trim_end_matches(".rs").split('/').filter(|stem| EMPTY_NAMES.contains(stem));
    let found = stems.map(|stem| format!("`{stem}` is no name")).chain(long);
    found.map(|complaint| format!("src/{path}: {complaint}")).collect()
}

fn edge_complaints(source: &Source) -> Vec<String> {
    let module = source.module();
    if UNBOUND.contains(&module) {
        return Vec::new();
    }
    let Some((_, allowed)) = EDGES.iter().find(|(from, _)| *from == module) else {
        return vec![format!("`{module}` has no rule yet: say in EDGES whom it may import")];
    };
    let forbidden = |to: &&String| to.as_str() != module && !allowed.contains(&to.as_str());
    source.imports().iter().filter(forbidden).map(|to| format!("`{module}` must not import `{to}`")).collect()
}

fn confinement_complaints(path: &str, source: &Source) -> Vec<String> {
    let strays = CONFINED.iter().filter(|(_, places)| !places.iter().any(|place| path.starts_with(place)));
    strays
        .filter(|(name, _)| source.names(name))
        .map(|(name, places)| format!("`{name}` belongs in {} alone", places.join(", ")))
        .collect()
}

/// The complaints about all files together. Modules that are declared for tests alone may reach further.
fn complaints_of_all(files: &[(String, String)]) -> Vec<String> {
    let tests: Vec<String> =
        files.iter().flat_map(|(path, text)| Source::parse(path, text).test_modules().to_vec()).collect();
    let is_test = |path: &str| {
        let within =
            |module: &String| path.strip_prefix(module.as_str()).is_some_and(|rest| rest.starts_with(['.', '/']));
        tests.iter().any(within)
    };
    let complain = |(path, text): &(String, String)| {
        if is_test(path) { shape_complaints(path, text) } else { complaints(path, text) }
    };
    files.iter().flat_map(complain).collect()
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

#[test]
fn the_source_keeps_the_rules() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files: Vec<(String, String)> = rust_files(&folder)
        .iter()
        .map(|file| {
            let path = file.strip_prefix(&folder).unwrap().to_str().unwrap().replace('\\', "/");
            (path, fs::read_to_string(file).unwrap())
        })
        .collect();
    assert!(files.len() > 10, "the scan found the source");
    let found = complaints_of_all(&files);
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

#[test]
fn what_is_forbidden_is_found() {
    let table = [
        ("domain/a.rs", "use crate::aws::Session;", "`domain` must not import `aws`"),
        ("domain/a.rs", "use super::super::report::text;", "`domain` must not import `report`"),
        ("domain/mod.rs", "use super::cli;", "`domain` must not import `cli`"),
        ("config/a/b.rs", "use super::super::super::{docker, domain::arn};", "`config` must not import `docker`"),
        ("registry/mod.rs", "use crate::{domain::digest::Digest, docker};", "`registry` must not import `docker`"),
        ("registry/a.rs", "use crate::{\n    domain::{a, b::{c, d}},\n    aws::x,\n};", "must not import `aws`"),
        ("docker/a.rs", "fn f() -> crate::registry::Blob { todo!() }", "`docker` must not import `registry`"),
        ("credentials/a.rs", "use crate::registry::Authorization;", "`credentials` must not import `registry`"),
        ("oidc/a.rs", "use crate::config::oidc::OidcWords;", "`oidc` must not import `config`"),
        ("aws/a.rs", "pub(crate) use crate :: config :: Role;", "`aws` must not import `config`"),
        ("stages/a.rs", "use crate::pipeline::Runner;", "`stages` must not import `pipeline`"),
        ("target/a.rs", "use crate::registry::Client;", "`target` must not import `registry`"),
        ("pipeline/a.rs", "use crate::cli::Args;", "`pipeline` must not import `cli`"),
        ("report/a.rs", "use crate::stages::copy;", "`report` must not import `stages`"),
        ("sandbox/a.rs", "use crate::registry::wire;", "`sandbox` must not import `registry`"),
        ("demo/a.rs", "use crate::sandbox::Sandbox;", "`demo` must not import `sandbox`"),
        ("demo/a.rs", "use shipgate_sandbox::Sandbox;", "`demo` must not import `sandbox`"),
        ("novelty/a.rs", "", "`novelty` has no rule yet"),
        ("stages/a.rs", "use aws_sdk_ecr::Client;", "`aws_sdk_*` belongs in aws/, target/ alone"),
        ("cli/run.rs", "let c = aws_config::defaults(v);", "`aws_config` belongs in"),
        ("cli/run.rs", "let c = Client::from_conf(conf);", "`from_conf` belongs in"),
        ("sandbox/apprunner/service.rs", "use bollard::Docker;", "`bollard` belongs in"),
        ("cli/mod.rs", "let home = std::env::var(\"HOME\");", "`env::var` belongs in config/"),
        ("main.rs", "use std::env::{self, var_os};", "`env::var_os` belongs in config/"),
        ("report/a.rs", "mod inner { use super::*; }", "`use super::*` outside a test"),
        ("report/utils.rs", "", "`utils` is no name"),
        ("report/common/a.rs", "", "`common` is no name"),
        ("report/a.rs", &"\n".repeat(400), "400 lines"),
        // What is not a test for the compiler is not one here.
        ("domain/a.rs", "#[cfg(not(test))]\nmod tests { use crate::aws::X; }", "`domain` must not import `aws`"),
        ("domain/a.rs", "#[cfg(test)]\nmod tests { fn f() {} }\nuse crate::aws::X;", "must not import `aws`"),
        ("domain/a.rs", "#[cfg(test)]\nuse a::b;\nuse crate::aws::X;", "must not import `aws`"),
    ];
    for (path, text, complaint) in table {
        let found = complaints(path, text);
        assert!(found.len() == 1 && found[0].contains(complaint), "{path}: {text}\nwanted: {complaint}\n{found:?}");
    }
}

#[test]
fn what_is_allowed_is_not_found() {
    let table = [
        ("domain/a.rs", "use super::digest::Digest;\nuse crate::domain::arn;"),
        ("domain/a/b.rs", "use super::super::digest::Digest;"),
        ("aws/a.rs", "use aws_sdk_ecr::Client; use aws_config::Region; fn f() { Client::from_conf(c) }"),
        ("cli/wire.rs", "use aws_config::BehaviorVersion; use crate::{aws, sandbox, report};"),
        ("docker/a.rs", "use bollard::Docker;"),
        ("sandbox/apprunner/engine.rs", "use bollard::Docker; use crate::domain::arn::Arn;"),
        ("config/env.rs", "let home = std::env::var(\"HOME\");"),
        ("report/a.rs", "let version = env!(\"CARGO_PKG_VERSION\");"),
        ("registry/a.rs", "let client = reqwest::Client::new();"),
        ("main.rs", "use shipgate::cli;"),
        // Words in comments, strings and characters are not code.
        (
            "domain/a.rs",
            "// crate::aws::x\n/* crate::aws /* nested */ crate::aws::x */\n/// [crate::aws::x]\nfn f() {}",
        ),
        ("domain/a.rs", "const A: &str = \"crate::aws::x \\\" crate::aws::x\";"),
        ("domain/a.rs", "const A: &str = r#\"crate::aws::x \" crate::aws::x\"#; const B: &[u8] = br\"crate::aws::x\";"),
        ("domain/a.rs", "fn f<'a>(c: &'a char) -> bool { *c == '\"' || *c == '\\'' || *c == '{' }"),
        // Tests may reach further.
        ("domain/a.rs", "#[cfg(test)]\nmod tests {\n    use super::*;\n    use crate::aws::X;\n}"),
        ("domain/a.rs", "#[cfg(test)]\nmod tests;\n#[test]\nfn f() { crate::aws::x(); }"),
        ("domain/a.rs", "#[cfg(all(test, unix))]\nuse crate::aws::X;"),
        (
            "domain/a.rs",
            "#[cfg(test)]\n#[expect(unused, reason = \"]\")]\npub(super) fn f(a: [u8; 3]) { crate::aws::x() }",
        ),
    ];
    for (path, text) in table {
        assert_eq!(complaints(path, text), Vec::<String>::new(), "{path}: {text}");
    }
}

#[test]
fn a_module_for_tests_is_one_only_where_it_is_declared_so() {
    let file = |path: &str, text: &str| (path.to_owned(), text.to_owned());
    let reaching = "use crate::aws::X;";
    let declared = [
        file("domain/mod.rs", "#[cfg(test)]\nmod samples;\nmod samples_not;"),
        file("domain/samples.rs", reaching),
        file("domain/samples/more.rs", reaching),
        file("domain/digest.rs", "#[cfg(test)]\nmod tests;"),
        file("domain/digest/tests.rs", reaching),
    ];
    assert_eq!(complaints_of_all(&declared), Vec::<String>::new());
    let undeclared = [
        file("domain/mod.rs", "#[cfg(test)]\nmod samples;\nmod samples_not;\nmod tests;"),
        file("domain/samples_not.rs", reaching),
        file("domain/tests.rs", reaching),
        file("aws/samples.rs", "use crate::docker::X;"),
        file("domain/samples.rs", &"\n".repeat(400)),
    ];
    let found = complaints_of_all(&undeclared);
    assert_eq!(found.len(), 4, "{found:?}");
}
