//! The page of a world in which everything that can be named has a hostile name.

use jiff::Timestamp;

use super::{
    document,
    view::{Account, Filter, Image, Instance, Line, Operation, Phase, Repository, Role, Service, Source, View},
};

const HOSTILE: &str = "<script>alert(1)</script>\" onload='x' &lt;";

fn name() -> String {
    HOSTILE.to_owned()
}

fn line(sequence: usize) -> Line {
    Line { source: Source::Application, at: Timestamp::UNIX_EPOCH, sequence, stream: name(), message: name() }
}

fn service(status: &str, phases: &[&str]) -> Service {
    let phase = |name: &&str| Phase { name: (*name).to_owned(), since: Timestamp::UNIX_EPOCH };
    let operation = Operation {
        id: name(),
        kind: name(),
        status: name(),
        phases: phases.iter().map(phase).collect(),
        lines: vec![line(1)],
    };
    Service {
        id: name(),
        name: name(),
        account: name(),
        region: name(),
        status: status.to_owned(),
        url: name(),
        image: name(),
        maintenance: true,
        blue: Some(Instance { image: name(), tags: vec![name()] }),
        green: Some(Instance { image: name(), tags: vec![name()] }),
        settings: vec![("Port", name())],
        operations: vec![operation],
        more: 1,
    }
}

fn view(service: Service) -> View {
    let image = Image { digest: name(), tags: vec![name()], size_bytes: 1, pushed: Timestamp::UNIX_EPOCH, members: 2 };
    let repository = Repository {
        account: name(),
        region: name(),
        name: name(),
        mutability: "MUTABLE",
        images: vec![image],
        more: 1,
    };
    let role = Role { name: name(), assumed_by: vec![name()], needs_external_id: true, policies: Some(2) };
    let account = Account {
        id: name(),
        registry: Some(name()),
        further_registries: vec![(name(), name())],
        cache_rules: vec![(name(), name())],
        users: vec![name()],
        roles: vec![role],
    };
    View {
        now: Timestamp::UNIX_EPOCH,
        region: name(),
        accounts: vec![account],
        repositories: vec![repository],
        services: vec![service],
        chosen: Some(0),
        lines: vec![line(1), line(2)],
        filter: Filter::All,
    }
}

/// The page without its own style and script.
fn markup(view: &View) -> String {
    let whole = document::whole(view, HOSTILE).into_string();
    let mut rest = whole.as_str();
    let mut markup = String::new();
    for (begin, end) in [("<style>", "</style>"), ("<script>", "</script>")] {
        let (before, after) = rest.split_once(begin).unwrap();
        markup.push_str(before);
        rest = after.split_once(end).unwrap().1;
    }
    markup + rest
}

#[test]
fn nothing_hostile_becomes_markup() {
    let markup = markup(&view(service(HOSTILE, &["PENDING", HOSTILE])));
    assert!(!markup.contains("<script"), "{markup}");
    assert!(!markup.contains("onload='"), "{markup}");
    assert!(markup.matches("&lt;script&gt;alert(1)&lt;/script&gt;&quot; onload=&#39;x&#39; &amp;lt;").count() > 20);
}

/// A stray `<` or an unclosed quote would show here: every tag is closed in its order.
#[test]
fn every_element_ends_where_it_should() {
    let markup = markup(&view(service(HOSTILE, &["PENDING", "CHECKING"])));
    let mut open: Vec<&str> = Vec::new();
    for tag in markup.split('<').skip(1).map(|rest| rest.split_once('>').unwrap().0) {
        let name = tag.split(' ').next().unwrap();
        match name.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name), "{open:?}"),
            None if ["!doctype", "meta", "link"].contains(&name) => {}
            None => open.push(name),
        }
    }
    assert_eq!(open, Vec::<&str>::new());
}

#[test]
fn blue_and_green_are_told_by_the_phase() {
    for (phases, route, green) in [
        (&["PENDING", "STARTING"][..], "leads to blue", "is being prepared"),
        (&["CHECKING"], "leads to blue", "is being checked"),
        (&["ROUTING"], "is being switched to green", "takes the traffic"),
        (&["ROLLING_BACK"], "leads to blue", "has failed"),
    ] {
        let text = markup(&view(service("OPERATION_IN_PROGRESS", phases)));
        assert!(text.contains(route) && text.contains(green), "{phases:?}");
    }
    let idle = Service { green: None, ..service("RUNNING", &["PENDING", "ENDED"]) };
    assert!(markup(&view(idle)).contains("nothing under way"));
    let paused = Service { blue: None, green: None, ..service("PAUSED", &["PENDING", "ENDED"]) };
    assert!(markup(&view(paused)).contains("leads nowhere"));
}

#[test]
fn an_empty_world_has_a_page_too() {
    let view = View {
        accounts: vec![],
        repositories: vec![],
        services: vec![],
        chosen: None,
        lines: vec![],
        ..view(service("RUNNING", &[]))
    };
    let text = markup(&view);
    assert!(text.contains("No service yet") && text.contains("No repository yet"), "{text}");
}
