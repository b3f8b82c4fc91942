//! What a bad configuration is told: the text, whole.

use super::{Overrides, load_text, problems, problems_with};

#[test]
fn everything_wrong_is_told_at_once_and_in_order() {
    let text = "\
image: 111111111111.dkr.ecr.ap-northeast-1.amazonaws.com/shop/api:${COMMIT}
registry_role: arn:aws:iam::333333333333:user/me
imge: twice
defaults:
  region: tokyo
targets:
  prod:
    role: [arn:aws:iam::222222222222:role/a, not-an-arn]
    sevice: shop-api
    tag: -x
    repository: Shop/API
    create:
      cpu: 3
      port: http
      health_check: { interval: 21, protocol: udp }
    gate: { timeout: soon }
    logs: { retention_days: 15 }
    verify: yes
    create_repository: maybe
  prod:
    service: other
";
    insta::assert_snapshot!(problems(text), @r"
    shipgate.yaml:1:8: the variable `COMMIT` is not set
    shipgate.yaml:2:16: `arn:aws:iam::333333333333:user/me` is not the ARN of an IAM role (arn:aws:iam::123456789012:role/name)
    shipgate.yaml:3:1: unknown key `imge` (did you mean `image`?)
    shipgate.yaml:5:11: `tokyo` is not an AWS region (such as ap-northeast-1)
    shipgate.yaml:7:3: the target `prod` has no `service`
    shipgate.yaml:8:46: `not-an-arn` is not the ARN of an IAM role (arn:aws:iam::123456789012:role/name)
    shipgate.yaml:9:5: unknown key `sevice` (did you mean `service`?)
    shipgate.yaml:10:10: `-x` is not a tag (at most 128 of letters, digits, . _ - and not beginning with . or -)
    shipgate.yaml:11:17: `Shop/API` is not a repository's path without its host (lower-case words joined by . _ - /)
    shipgate.yaml:12:5: `create` has no `access_role`
    shipgate.yaml:13:12: `3` is not a CPU size of App Runner (0.25, 0.5, 1, 2 or 4 vCPU, or 256 to 4096 units)
    shipgate.yaml:14:13: `http` is not a port (1 to 65535)
    shipgate.yaml:15:33: `21` is not a whole number from 1 to 20
    shipgate.yaml:15:47: `udp` is not a health check's protocol (tcp or http)
    shipgate.yaml:16:22: `soon` is not a timeout (such as 35m or 1h30m, at most 24h)
    shipgate.yaml:17:29: `15` is not a retention of CloudWatch Logs in days (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653)
    shipgate.yaml:18:13: expected a mapping, found a single value
    shipgate.yaml:19:24: `maybe` is not true or false
    shipgate.yaml:20:3: the key `prod` is there already, at shipgate.yaml:7:3
    ");
}

#[test]
fn rules_between_keys() {
    let text = "\
image: 111111111111.dkr.ecr.ap-northeast-1.amazonaws.com/shop/api:v1
registry_role: arn:aws:iam::333333333333:role/shipgate-pull
targets:
  prod:
    service: shop-api
    role:
      arn: arn:aws:iam::222222222222:role/deploy
      duration: 2h
      via: [arn:aws:iam::222222222222:role/hub]
    create:
      instance_role: arn:aws:iam::444444444444:role/run
      cpu: 2
      environment: { TOKEN: a, AWSAPPRUNNER_X: b, '': c }
      secrets: { TOKEN: 'arn:aws:ssm:eu-west-1:222222222222:parameter/token', PASSWORD: hunter2 }
      health_check: { path: /up }
";
    insta::assert_snapshot!(problems(text), @r#"
    shipgate.yaml:2:16: `registry_role` is of account 333333333333, the image's registry of account 111111111111
    shipgate.yaml:6:5: a role that another role assumes has sessions of at most 1h: arn:aws:iam::222222222222:role/deploy
    shipgate.yaml:10:5: `create` has no `access_role`
    shipgate.yaml:11:22: `instance_role` is of account 444444444444, the target's role of account 222222222222
    shipgate.yaml:12:12: App Runner has no 2 vCPU with 2 GB
    shipgate.yaml:13:48: `AWSAPPRUNNER_X`: App Runner keeps AWSAPPRUNNER… for itself
    shipgate.yaml:13:55: "" cannot be the name of an environment variable
    shipgate.yaml:14:25: `TOKEN` is in `environment` too
    shipgate.yaml:14:89: this is not the ARN of a Secrets Manager secret or an SSM parameter
    shipgate.yaml:15:29: a `path` is asked for by HTTP probes only, and the protocol is tcp
    "#);
}

#[test]
fn wrong_kinds() {
    let text = "\
image: [a, b]
registry_role:
defaults: text
targets:
  prod:
    service: { a: b }
    role: { external_id: x1 }
    create: { environment: [A], secrets: { A: { b: c } } }
    verify: { environment: { A: } }
  2: []
  ? [a]
  : b
";
    let overrides = Overrides { target: Some("prod".to_owned()), ..Overrides::default() };
    insta::assert_snapshot!(problems_with(text, &overrides), @r"
    shipgate.yaml:1:8: expected a single value, found a list
    shipgate.yaml:2:1: expected a role (an ARN, a mapping with `arn`, or a list of them), found nothing
    shipgate.yaml:3:11: expected a mapping, found a single value
    shipgate.yaml:6:5: expected a single value, found a mapping
    shipgate.yaml:7:5: the role has no `arn`
    shipgate.yaml:8:5: `create` has no `access_role`
    shipgate.yaml:8:28: expected a mapping, found a list
    shipgate.yaml:8:44: expected a single value, found a mapping
    shipgate.yaml:9:30: expected a single value, found nothing
    shipgate.yaml:10:6: expected a mapping, found a list
    shipgate.yaml:11:5: a list cannot be a key
    ");
}

#[test]
fn variables() {
    let text = "\
image: registry.example.com/shop/api:${A}-${B:-b}-${C}
targets:
  prod:
    service: ${BAD}
    region: ${EMPTY:-eu-west-1}
    tag: ${GIT_SHA
    repository: $${X}
    role: arn:aws:iam::${BAD}:role/x
";
    insta::assert_snapshot!(problems(text), @r"
    shipgate.yaml:1:8: the variable `A` is not set
    shipgate.yaml:1:8: the variable `C` is not set
    shipgate.yaml:4:14: `${BAD}` is not an App Runner service name (4 to 40 letters, digits, - and _, beginning with a letter or digit)
    shipgate.yaml:6:10: a `${` that begins no variable: write ${NAME}, ${NAME:-default}, or $${ for the characters
    shipgate.yaml:7:17: `$${X}` is not a repository's path without its host (lower-case words joined by . _ - /)
    shipgate.yaml:8:11: `arn:aws:iam::no such thing:role/x` is not the ARN of an IAM role (arn:aws:iam::123456789012:role/name)
    ");
}

#[test]
fn the_value_of_a_variable_is_shown_in_arns_and_images_only() {
    let text = "\
image: registry.example.com/shop/api:v1
targets:
  prod:
    service: ${DB_PASSWORD}!
    region: ${DB_PASSWORD}
    repository: ${DB_PASSWORD}!
    tag: ${DB_PASSWORD}!
    create:
      cpu: ${DB_PASSWORD}
      memory: ${DB_PASSWORD}
      port: ${DB_PASSWORD}
      access_role: arn:aws:iam::222222222222:role/pull
      secrets: { B: '${DB_PASSWORD}' }
      environment: { A: '${DB_PASSWORD}', AWSAPPRUNNER: '${DB_PASSWORD}' }
      health_check: { protocol: '${DB_PASSWORD}', path: '${DB_PASSWORD}', interval: '${DB_PASSWORD}' }
    create_repository: ${DB_PASSWORD}
    gate: { timeout: '${DB_PASSWORD}' }
    logs: { retention_days: '${DB_PASSWORD}' }
";
    let error = load_text(text, &Overrides::default()).unwrap_err();
    assert_eq!(error.problems.len(), 15, "{error}");
    assert!(!format!("{error} {error:?} {:?}", error.hint()).contains("hunter2"), "{error}");
}

#[test]
fn a_variable_cannot_write_yaml() {
    let text = "\
image: registry.example.com/shop/api:v1
targets:
  prod:
    service: shop-api
    region: eu-west-1
    create:
      access_role: arn:aws:iam::222222222222:role/pull
      environment: { A: '${HOSTILE}' }
";
    let environment = super::Environment::from_pairs([("HOSTILE", "' }\n    create_repository: true # ${GIT_SHA}")]);
    let root = crate::config::tree::parse(std::path::Path::new("x.yaml"), text, &mut Vec::new()).unwrap();
    let target = crate::config::load_tree(root, Vec::new(), &Overrides::default(), &environment).unwrap().target;
    assert!(!target.create_repository);
    assert_eq!(target.create.unwrap().run.environment["A"].reveal(), environment.get("HOSTILE").unwrap());
}

#[test]
fn what_is_no_yaml_is_one_problem_with_its_place() {
    let table = [
        ("image: [a, b\ntargets: {}\n", "shipgate.yaml:2:"),
        ("image: 'a\n", "shipgate.yaml:"),
        ("image: a\n\ttargets: b\n", "shipgate.yaml:1:8: not YAML: "),
        ("a: 1\n b: 2\n", "shipgate.yaml:2:"),
        ("image: a: b\n", "shipgate.yaml:1:"),
        ("image: *nowhere\n", "shipgate.yaml:1:8: "),
        ("a: &a [*a]\n", "shipgate.yaml:1:8: an alias inside the value that it stands for"),
        ("image: a\n---\nimage: b\n", "shipgate.yaml:2:1: a second YAML document; a configuration is one"),
    ];
    for (text, expected) in table {
        let shown = problems(text);
        assert!(shown.starts_with(expected) && shown.lines().count() == 1, "{text:?}: {shown}");
    }
}

#[test]
fn a_message_stays_on_its_line() {
    let shown = problems("image: \"registry.example.com/a\\n\\e[2Jb\"\ntargets: {}\n\"a\\nb\": c\n");
    insta::assert_snapshot!(shown, @r"
    --service: the target `default` has no `service`
    shipgate.yaml:1:8: `registry.example.com/a\n\u{1b}[2Jb` is not an image reference: the repository must be lower-case words joined by . _ - /
    shipgate.yaml:3:1: unknown key `a\nb`
    ");
}

#[test]
fn aliases_cannot_fill_the_memory() {
    let mut lines = vec!["a0: &a0 [x, x, x, x, x, x, x, x, x, x]".to_owned()];
    for level in 1..30 {
        let aliases = vec![format!("*a{}", level - 1); 6].join(", ");
        lines.push(format!("a{level}: &a{level} [{aliases}]"));
    }
    let text = lines.join("\n");
    assert!(problems(&text).ends_with("more than 50000 values"));
}

#[test]
fn an_empty_file_lacks_what_is_required() {
    let expected = "--service: the target `default` has no `service`\nshipgate.yaml:1:1: there is no `image`";
    assert_eq!(problems(""), expected);
    assert_eq!(problems("# nothing\n"), expected);
    assert_eq!(problems("[]\n"), "shipgate.yaml:1:1: expected a mapping, found a list");
}

#[test]
fn the_target_must_be_clear() {
    let text = "\
image: registry.example.com/shop/api:v1
targets:
  prod: { service: shop-api, region: eu-west-1 }
  staging: { service: no, region: '${UNSET}' }
";
    let overrides = |name: Option<&str>| Overrides { target: name.map(str::to_owned), ..Overrides::default() };
    insta::assert_snapshot!(problems_with(text, &overrides(None)), @r"
    --target: which target? There are prod, staging
    shipgate.yaml:4:23: `no` is not an App Runner service name (4 to 40 letters, digits, - and _, beginning with a letter or digit)
    ");
    insta::assert_snapshot!(problems_with(text, &overrides(Some("prd"))), @r"
    --target: there is no target `prd` (did you mean `prod`?)
    shipgate.yaml:4:23: `no` is not an App Runner service name (4 to 40 letters, digits, - and _, beginning with a letter or digit)
    ");
    let hint = load_text(text, &overrides(Some("prd"))).unwrap_err().hint();
    assert_eq!(hint.as_deref(), Some("targets: prod, staging"));
}

#[test]
fn hints_say_what_to_do() {
    let text = "image: registry.example.com/api:${SHA}\nfoo: bar\n";
    let hint = load_text(text, &Overrides::default()).unwrap_err().hint().unwrap();
    insta::assert_snapshot!(hint, @r"
    name the App Runner service: `service: NAME` in the target, or --service
    set `SHA`, or write a default: ${SHA:-…}
    keys here: image, registry_role, oidc, defaults, targets
    ");
}
