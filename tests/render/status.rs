use pgha::render::status::text;
use pgha::status::{FailoverMode, Node, Pooler, Role, Status};

fn node(name: &str, role: Role, state: &str) -> Node {
    Node {
        name: name.into(),
        role,
        state: state.into(),
        timeline: Some(3),
        upstream: (role == Role::Standby).then(|| "node1".into()),
        lag_bytes: (role == Role::Standby).then_some(0),
        repmgrd: Some("running".into()),
        address: "10.0.0.1:5432".into(),
    }
}

fn healthy() -> Status {
    Status {
        failover: FailoverMode::Automatic,
        cluster: "main".into(),
        healthy: true,
        nodes: vec![
            node("node1", Role::Primary, "running"),
            node("node2", Role::Standby, "streaming"),
            node("witness", Role::Witness, "running"),
        ],
        poolers: vec![Pooler {
            name: "pooler1".into(),
            target: Some("node1".into()),
            paused: Some(false),
        }],
        problems: vec![],
    }
}

#[test]
fn a_healthy_cluster() {
    insta::assert_snapshot!(text(&healthy(), false));
}

#[test]
fn an_unhealthy_cluster() {
    let mut status = healthy();
    status.healthy = false;
    status.nodes[1].lag_bytes = Some(17_825_792);
    status.nodes[1].state = "not replicating".into();
    status.nodes[1].repmgrd = Some("paused".into());
    status.nodes.push(Node {
        timeline: None,
        repmgrd: None,
        address: "datenbank-ü.example:5432".into(),
        ..node("node4", Role::Down, "unreachable")
    });
    status.nodes.push(Node {
        lag_bytes: None,
        ..node("日本", Role::Unknown, "catchup")
    });
    status.poolers.push(Pooler {
        name: "pooler2".into(),
        target: Some("10.0.0.9:5432".into()),
        paused: Some(true),
    });
    status.poolers.push(Pooler {
        name: "pooler3".into(),
        target: None,
        paused: None,
    });
    status.problems = vec![
        "node4 cannot be reached: connection timed out".into(),
        "pooler2 is paused and sends clients to 10.0.0.9:5432, which is no member".into(),
    ];
    insta::assert_snapshot!(text(&status, false));
    assert_eq!(
        console::strip_ansi_codes(&text(&status, true)),
        text(&status, false)
    );
}

#[test]
fn health_is_never_claimed_beside_a_problem() {
    let mut status = healthy();
    status.problems = vec!["odd".into()];
    assert!(text(&status, false).ends_with("not healthy: 1 problem\n  - odd\n"));
    status.problems.clear();
    status.healthy = false;
    assert!(text(&status, false).ends_with("\nnot healthy\n"));
}
