use std::time::Duration;

use super::{
    Arrival, CreateNeeds, Needs, Part, Permissions, PlannedCall, PlannedRun, Principal, Repository, Statement, calls,
    derive,
};
use crate::{access::Hop, arn::RoleArn, service_secret::SecretSource};

const PULL: &str = "arn:aws:iam::111111111111:role/pull";
const DEPLOY: &str = "arn:aws:iam::222222222222:role/deploy";
const HUB: &str = "arn:aws:iam::444444444444:role/hub";

fn arn(text: &str) -> RoleArn {
    text.parse().unwrap()
}

fn hop(role: &str) -> Hop {
    Hop { role: arn(role), external_id: None, session_name: "shipgate".to_owned(), duration: None }
}

fn repository(account: &str) -> Repository {
    let region = "ap-northeast-1".parse().unwrap();
    Repository { account: Some(account.parse().unwrap()), region, name: "shop/api".to_owned() }
}

fn needs() -> Needs {
    Needs {
        source: Some(repository("111111111111")),
        registry_hops: vec![hop(PULL)],
        workload_hops: vec![hop(DEPLOY)],
        repository: repository("222222222222"),
        service: "shop-api".to_owned(),
        create: None,
        is_pulled_through: false,
        keeps_logs: false,
        fetches_secrets: false,
        resumes: false,
        recreates: false,
    }
}

fn create(secrets: &[&str]) -> CreateNeeds {
    CreateNeeds {
        access_role: arn("arn:aws:iam::222222222222:role/access"),
        instance_role: Some(arn("arn:aws:iam::222222222222:role/instance")),
        secrets: secrets.iter().map(|secret| SecretSource::read(secret)).collect(),
        creates_repository: true,
    }
}

fn statements(permissions: &Permissions, part: Part) -> &[Statement] {
    permissions.identities.iter().find(|policy| policy.part == part).map_or(&[], |policy| &policy.statements[..])
}

fn has(permissions: &Permissions, part: Part, action: &str) -> bool {
    statements(permissions, part).iter().any(|statement| statement.actions.contains(&action))
}

#[test]
fn what_each_setting_adds_to_whom() {
    use Part::{WorkloadCreate as Create, WorkloadDeploy as Deploy};
    let with = |change: fn(&mut Needs)| {
        let mut changed = Needs { create: Some(create(&[])), ..needs() };
        change(&mut changed);
        derive(&changed)
    };
    let nothing: fn(&mut Needs) = |_| {};
    for (action, change, without, within) in [
        ("logs:PutRetentionPolicy", (|n| n.keeps_logs = true) as fn(&mut Needs), [false, false], [true, true]),
        ("apprunner:UpdateService", nothing, [true, true], [true, true]),
        ("iam:PassRole", nothing, [true, true], [true, true]),
        ("ecr:DescribeImages", nothing, [true, true], [true, true]),
        ("apprunner:ResumeService", |n| n.resumes = true, [false, false], [true, true]),
        ("apprunner:DeleteService", |n| n.recreates = true, [false, false], [false, true]),
        ("ecr:BatchImportUpstreamImage", |n| n.is_pulled_through = true, [false, false], [true, true]),
        ("ecr:UploadLayerPart", |n| n.is_pulled_through = true, [true, true], [false, false]),
        ("ecr:CreateRepository", nothing, [false, true], [false, true]),
        ("apprunner:CreateService", nothing, [false, true], [false, true]),
        ("iam:CreateServiceLinkedRole", nothing, [false, true], [false, true]),
        ("apprunner:StartDeployment", nothing, [true, true], [true, true]),
    ] {
        let (plain, changed) = (with(nothing), with(change));
        assert_eq!([Deploy, Create].map(|part| has(&plain, part, action)), without, "{action}, without it");
        assert_eq!([Deploy, Create].map(|part| has(&changed, part, action)), within, "{action}, with it");
    }
}

#[test]
fn no_statement_reaches_further_than_it_must() {
    let wide = Needs { create: Some(create(&[])), keeps_logs: true, ..needs() };
    let everything = ["ecr:GetAuthorizationToken", "apprunner:ListServices", "ecr:DescribePullThroughCacheRules"];
    for policy in derive(&wide).identities {
        for statement in policy.statements {
            assert!(!statement.actions.is_empty() && !statement.resources.is_empty(), "{statement:?}");
            let allowed = statement.actions.iter().all(|action| everything.contains(action));
            assert_eq!(statement.resources.contains(&"*".to_owned()), allowed, "{statement:?}");
            assert!(statement.actions.iter().all(|action| !action.contains('*')), "{statement:?}");
            if statement.actions.contains(&"iam:PassRole") {
                assert!(statement.conditions.contains_key("iam:PassedToService"), "{statement:?}");
            }
        }
    }
}

#[test]
fn each_hop_trusts_the_one_before() {
    let mut guarded = hop(DEPLOY);
    guarded.external_id = Some("open-sesame".to_owned());
    guarded.duration = Some(Duration::from_hours(2));
    let chained = Needs { registry_hops: vec![hop(HUB), hop(PULL)], workload_hops: vec![hop(HUB), guarded], ..needs() };
    let permissions = derive(&chained);
    assert_eq!(statements(&permissions, Part::Caller)[0].resources, [HUB], "once, though both ways begin there");
    assert_eq!(statements(&permissions, Part::Hop)[0].resources, [PULL, DEPLOY]);
    let trusted = |role: &str| {
        let known = permissions.trusts.iter().find(|trust| trust.role.as_str() == role).unwrap();
        assert_eq!(known.statements.len(), 1);
        (known.statements[0].principal.clone().unwrap(), known.statements[0].conditions.clone(), known.session_seconds)
    };
    assert_eq!(trusted(HUB).0, Principal::Job);
    let (principal, conditions, seconds) = trusted(DEPLOY);
    assert_eq!((principal, seconds), (Principal::Role(arn(HUB)), Some(7200)));
    assert_eq!(conditions["sts:ExternalId"], ["open-sesame"]);
}

#[test]
fn the_source_is_opened_only_to_those_of_another_account() {
    let names = |needs: &Needs| -> Vec<&str> {
        let permissions = derive(needs);
        permissions.repositories.iter().flat_map(|known| &known.statements).map(|statement| statement.id).collect()
    };
    assert!(names(&needs()).is_empty());
    assert_eq!(names(&Needs { registry_hops: Vec::new(), ..needs() }), ["LetJobPull"]);
    assert_eq!(names(&Needs { is_pulled_through: true, ..needs() }), ["LetCachePull"]);
    let same = Needs { is_pulled_through: true, source: Some(repository("222222222222")), ..needs() };
    assert!(names(&same).is_empty());
    let elsewhere = Needs { source: None, registry_hops: Vec::new(), ..needs() };
    assert!(names(&elsewhere).is_empty() && statements(&derive(&elsewhere), Part::RegistryPull).is_empty());
}

#[test]
fn secrets_are_named_one_by_one() {
    let place = "arn:aws:secretsmanager:ap-northeast-1:222222222222:secret";
    let secrets = [
        &format!("{place}:shop/db-AbCdEf:password::"),
        &format!("{place}:shop/db-AbCdEf:user::"),
        &format!("{place}:mail"),
        "/shop/token",
        "arn:aws:ssm:eu-west-1:222222222222:parameter/shop/other",
    ];
    let fetching = Needs { create: Some(create(&secrets)), fetches_secrets: true, ..needs() };
    for part in [Part::WorkloadDeploy, Part::InstanceRole] {
        let permissions = derive(&fetching);
        let resources = |action: &str| {
            let all = statements(&permissions, part);
            all.iter().find(|statement| statement.actions == [action]).unwrap().resources.clone()
        };
        assert_eq!(
            resources("secretsmanager:GetSecretValue"),
            [
                format!("{place}:mail-??????"),
                format!("{place}:shop/db-AbCdEf"),
                format!("{place}:shop/db-AbCdEf-??????")
            ]
        );
        assert_eq!(
            resources("ssm:GetParameters"),
            [
                "arn:aws:ssm:ap-northeast-1:222222222222:parameter/shop/token",
                "arn:aws:ssm:eu-west-1:222222222222:parameter/shop/other"
            ]
        );
    }
    let not_fetching = derive(&Needs { fetches_secrets: false, ..fetching });
    assert!(!has(&not_fetching, Part::WorkloadDeploy, "secretsmanager:GetSecretValue"));
}

#[test]
fn what_the_configuration_does_not_tell_is_said() {
    let unknown = |needs: &Needs| derive(needs).unknown.len();
    assert_eq!(unknown(&needs()), 1, "the access role");
    let named = || Needs { create: Some(create(&[])), ..needs() };
    assert_eq!(unknown(&named()), 0);
    assert_eq!(unknown(&Needs { fetches_secrets: true, ..needs() }), 2);
    let nameless = Repository { account: None, ..repository("222222222222") };
    let open = derive(&Needs { repository: nameless, workload_hops: Vec::new(), ..named() });
    assert_eq!(open.unknown.len(), 1);
    let deploying = statements(&open, Part::WorkloadDeploy);
    assert!(deploying[1].resources[0].contains(":ap-northeast-1:*:repository/shop/api"), "{deploying:?}");
}

#[test]
fn some_parts_alone() {
    let whole = derive(&Needs { create: Some(create(&[])), ..needs() });
    let access = whole.clone().of(&[Part::AccessRole]);
    assert_eq!((access.identities.len(), access.trusts.len()), (1, 1));
    let both = whole.of(&[Part::WorkloadCreate, Part::RegistryPull]);
    assert_eq!((both.identities.len(), both.trusts.len(), both.repositories.len()), (2, 2, 0));
}

/// Every call of every plan that a configuration can lead to is in the policy that `iam` prints for it.
#[test]
fn policies_cover_every_planned_call() {
    use crate::{
        operation::OperationId,
        release::{Course, Preparation, ReleaseVerb},
    };
    let firsts = [
        None,
        Some(Preparation::Wait),
        Some(Preparation::Resume),
        Some(Preparation::Delete),
        Some(Preparation::TurnOffAutoDeployments),
    ];
    let verbs = [
        ReleaseVerb::Nothing,
        ReleaseVerb::Follow(OperationId::new("a")),
        ReleaseVerb::CreateService,
        ReleaseVerb::StartDeployment,
        ReleaseVerb::UpdateService,
        ReleaseVerb::Rebuild,
        ReleaseVerb::FollowPush,
    ];
    let choices = [false, true];
    let mut planned = 0;
    for (first, verb) in firsts.into_iter().flat_map(|first| verbs.clone().map(|verb| (first, verb))) {
        for (keeps_logs, creates_repository) in choices.into_iter().flat_map(|a| choices.map(|b| (a, b))) {
            for (returns, arrival) in choices.into_iter().flat_map(|returns| {
                [Arrival::Copied, Arrival::PulledThrough, Arrival::Present].map(|how| (returns, how))
            }) {
                let creates = verb == ReleaseVerb::CreateService;
                let course = Course { first, verb: verb.clone() };
                let run = PlannedRun {
                    course: &course,
                    arrival,
                    creates_repository: creates_repository && creates,
                    keeps_logs,
                    returns,
                };
                let (resumes, recreates) = (first == Some(Preparation::Resume), first == Some(Preparation::Delete));
                // Without `create` in the file nothing is created, deleted or built up again with its roles.
                let needs_create = creates || recreates;
                let needs = Needs {
                    create: needs_create.then(|| create(&[])),
                    is_pulled_through: arrival == Arrival::PulledThrough,
                    keeps_logs,
                    resumes,
                    recreates,
                    ..needs()
                };
                let part = if needs_create { Part::WorkloadCreate } else { Part::WorkloadDeploy };
                let policies = derive(&needs);
                for call in calls(&run) {
                    for action in call.actions() {
                        assert!(has(&policies, part, action), "{action} of {call:?}, {course:?} {arrival:?}");
                        planned += 1;
                    }
                }
            }
        }
    }
    assert!(planned > 1000, "{planned}");
}

#[test]
fn only_what_the_plan_needs_is_tried() {
    use crate::release::{Course, Preparation, ReleaseVerb};
    use PlannedCall::{
        BatchGetImage, CompleteLayerUpload, CreateService, DeleteService, DescribeLogStreams, GetLogEvents,
        InitiateLayerUpload, PutImage, Rebuild, ResumeService, StartDeployment, UpdateService, UploadLayerPart,
    };
    let of = |first, verb, arrival| {
        let course = Course { first, verb };
        calls(&PlannedRun { course: &course, arrival, creates_repository: false, keeps_logs: false, returns: false })
    };
    let pushes = [BatchGetImage, InitiateLayerUpload, UploadLayerPart, CompleteLayerUpload, PutImage];
    let logs = [GetLogEvents, DescribeLogStreams];
    let all = |middle: &[PlannedCall]| [&pushes[..], middle, &logs[..]].concat();
    let copied = |first, verb| of(first, verb, Arrival::Copied);
    assert_eq!(copied(None, ReleaseVerb::StartDeployment), all(&[StartDeployment]));
    assert_eq!(copied(Some(Preparation::Wait), ReleaseVerb::UpdateService), all(&[UpdateService]));
    assert_eq!(copied(Some(Preparation::Resume), ReleaseVerb::StartDeployment), all(&[ResumeService, StartDeployment]));
    assert_eq!(copied(Some(Preparation::Delete), ReleaseVerb::CreateService), all(&[DeleteService, CreateService]));
    assert_eq!(copied(Some(Preparation::TurnOffAutoDeployments), ReleaseVerb::UpdateService), all(&[UpdateService]));
    assert_eq!(copied(None, ReleaseVerb::Rebuild), all(&[Rebuild]));
    assert_eq!(copied(None, ReleaseVerb::FollowPush), all(&[]));
    assert_eq!(copied(None, ReleaseVerb::Nothing), []);
    let present = of(None, ReleaseVerb::StartDeployment, Arrival::Present);
    assert_eq!(present, [BatchGetImage, PutImage, StartDeployment, GetLogEvents, DescribeLogStreams]);
}
