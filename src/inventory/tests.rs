use std::path::PathBuf;
use std::sync::Arc;

use super::*;
use crate::problem::Source;

fn source(name: &str, text: &str) -> Arc<Source> {
    Arc::new(Source {
        name: name.into(),
        text: text.into(),
        vaulted: false,
    })
}

fn sources(text: &str) -> Sources {
    Sources {
        inventory: source("hosts.yml", text),
        group_vars: Vec::new(),
        host_vars: Vec::new(),
        extra_vars: Vec::new(),
        folder: PathBuf::from("/inv"),
        home: Some(PathBuf::from("/home/me")),
        surroundings: Default::default(),
    }
}

fn own(host: &Host, name: &str) -> serde_json::Value {
    host.own.get(name).unwrap().unwrap()
}

fn secret(inventory: &Inventory, role: &str) -> Option<String> {
    let secret = inventory.secrets.get(role)?;
    Some(secret.expose().to_owned())
}

fn read(sources: &Sources) -> Inventory {
    load(sources).unwrap_or_else(|problems| panic!("{problems}"))
}

const CLUSTER: &str = r#"
all:
  vars:
    ansible_user: admin
    ansible_become: true
    postgresql_port: 5433
    my_own: {a: 1}
  children:
    postgres:
      vars:
        postgresql_settings: {shared_buffers: 1GB, wal_log_hints: true, checkpoint_completion_target: 0.90}
      hosts:
        node1: {ansible_host: 10.0.0.1, ansible_port: 2222}
        node2:
          ansible_host: 10.0.0.2
          ansible_ssh_private_key_file: keys/id
          ansible_ssh_common_args: -o UserKnownHostsFile=known_hosts -J jump
        node3: {ansible_ssh_private_key_file: ~/.ssh/id}
    witness:
      hosts:
        watcher:
    pgbouncer:
      children:
        poolers:
          hosts: {node1: , pool: {ansible_connection: local}}
apps:
  hosts:
    app1:
"#;

#[test]
fn an_inventory_in_ansibles_shape_is_read() {
    let inventory = read(&sources(CLUSTER));
    assert_eq!(inventory.group("postgres"), ["node1", "node2", "node3"]);
    assert_eq!(inventory.group("pgbouncer"), ["node1", "pool"]);
    assert_eq!(inventory.group("all").len(), 6);
    assert_eq!(inventory.group("ungrouped").len(), 0);
    assert_eq!(inventory.cluster.initial_primary, "node1");
    let node1 = &inventory.hosts["node1"];
    assert_eq!(node1.variables.postgresql_port, 5433);
    assert_eq!(node1.variables.postgresql_settings["wal_log_hints"], "on");
    assert_eq!(
        node1.variables.postgresql_settings["checkpoint_completion_target"],
        "0.90"
    );
    assert_eq!(own(node1, "my_own")["a"], 1);
    assert_eq!(node1.vars["pgbouncer_port"], 6432);
    assert_eq!(node1.vars["cluster_initial_primary"], "node1");
    assert_eq!(node1.provenance["postgresql_port"], "hosts.yml:6:5");
    assert_eq!(node1.connection.become_user.as_deref(), Some("root"));
    let node2 = &inventory.hosts["node2"];
    assert_eq!(
        node2.connection.way,
        Way::Ssh {
            address: "10.0.0.2".into(),
            port: None,
            user: Some("admin".into()),
            private_key: Some("/inv/keys/id".into()),
            options: vec![
                ("UserKnownHostsFile".into(), "/inv/known_hosts".into()),
                ("ProxyJump".into(), "jump".into())
            ],
        }
    );
    assert!(node2.key_span.is_some());
    let Way::Ssh {
        private_key,
        address,
        ..
    } = &inventory.hosts["node3"].connection.way
    else {
        panic!("not ssh");
    };
    assert_eq!(private_key.as_deref(), Some("/home/me/.ssh/id".as_ref()));
    assert_eq!(address, "node3");
    assert_eq!(inventory.hosts["pool"].connection.way, Way::Local);
}

#[test]
fn layers_win_in_order() {
    let mut given = sources(
        "all: {vars: {x: all, y: all, z: all}, children: {postgres: {vars: {x: inline, y: inline}, hosts: {n: {w: host}}}}}",
    );
    given.group_vars = vec![
        (
            "all".into(),
            source("group_vars/all.yml", "z: file\nw: file\n"),
        ),
        (
            "postgres".into(),
            source("group_vars/postgres.yml", "x: file\nv: file\n"),
        ),
        ("nobody".into(), source("group_vars/nobody.yml", "[")),
        (
            "all".into(),
            source("group_vars/all/empty.yml", "---\n# nothing\n"),
        ),
    ];
    given.host_vars = vec![("n".into(), source("host_vars/n.yml", "v: host\nu: host\n"))];
    given.extra_vars = vec![
        ExtraVar::Pair(source("<--extra-vars>", "u=extra")),
        ExtraVar::File(source("extra.yml", "t: extra\n")),
    ];
    let inventory = read(&given);
    let host = &inventory.hosts["n"];
    for (name, value) in [
        ("x", "file"),
        ("y", "inline"),
        ("z", "file"),
        ("w", "host"),
        ("v", "host"),
        ("u", "extra"),
        ("t", "extra"),
    ] {
        assert_eq!(own(host, name), value, "{name}");
    }
    assert_eq!(inventory.hosts["n"].provenance["u"], "<--extra-vars>:1:1");
}

#[test]
fn passwords_leave_the_variables() {
    let mut given =
        sources("all: {children: {postgres: {hosts: {n: {ansible_become_password: s3cret}}}}}");
    given.group_vars = vec![(
        "all".into(),
        source(
            "group_vars/all.yml",
            "postgresql_users:\n  - {name: 'a\"b c', password: !unsafe 's3cret{{', attributes: [createdb]}\n  - name: plain\nrepmgr_password: s3cret2\n",
        ),
    )];
    let inventory = read(&given);
    assert_eq!(secret(&inventory, "a\"b c"), Some("s3cret{{".to_owned()));
    assert_eq!(secret(&inventory, "repmgr"), Some("s3cret2".to_owned()));
    assert_eq!(secret(&inventory, "plain"), None);
    assert_eq!(inventory.cluster.users.len(), 2);
    assert_eq!(inventory.cluster.users[0].attributes, ["CREATEDB"]);
    let vars = serde_json::to_string(&inventory.hosts["n"].vars).unwrap();
    assert!(!vars.contains("s3cret"), "{vars}");
}

#[test]
fn a_password_is_not_shown_by_its_problem() {
    for users in [
        "{name: a, password: 12345}",
        "{name: a, password: \"12345\\n\"}",
    ] {
        let text = format!(
            "all: {{children: {{postgres: {{hosts: {{n: {{postgresql_users: [{users}]}}}}}}}}}}"
        );
        let problems = load(&sources(&text)).unwrap_err();
        assert!(problems.0.iter().all(|problem| problem.span.is_none()));
        assert!(!format!("{problems}").contains("12345"), "{problems}");
    }
}

#[test]
fn groups_that_disagree_are_refused_unless_the_host_decides() {
    let text = |host: &str| {
        format!(
            "all: {{children: {{postgres: {{hosts: {{n: {host}}}}}, a: {{vars: {{postgresql_port: 1, mine: 1}}, hosts: {{n: }}}}, b: {{vars: {{postgresql_port: 2, mine: 2}}, hosts: {{n: }}}}}}}}"
        )
    };
    let problems = load(&sources(&text("{}"))).unwrap_err();
    assert_eq!(problems.0.len(), 1, "{problems}");
    assert!(problems.to_string().contains("`a` at hosts.yml:1:"));
    let inventory = read(&sources(&text("{postgresql_port: 3}")));
    assert_eq!(inventory.hosts["n"].variables.postgresql_port, 3);
    assert_eq!(own(&inventory.hosts["n"], "mine"), 2);
}

#[test]
fn a_child_group_overrides_its_parent() {
    let inventory = read(&sources(
        "all: {children: {postgres: {vars: {postgresql_port: 1}, children: {zone: {vars: {postgresql_port: 2}, hosts: {n: }}}, hosts: {m: {ansible_host: x}}}}}",
    ));
    assert_eq!(inventory.hosts["n"].variables.postgresql_port, 2);
    assert_eq!(inventory.hosts["m"].variables.postgresql_port, 1);
}

#[test]
fn patterns_select_hosts() {
    let inventory = read(&sources(CLUSTER));
    let hosts = |pattern: &str| select(&inventory, pattern).unwrap().join(" ");
    assert_eq!(hosts("postgres"), "node1 node2 node3");
    assert_eq!(hosts("postgres:!node2"), "node1 node3");
    assert_eq!(hosts("!postgres,!app1"), "watcher pool");
    assert_eq!(hosts("postgres:&pgbouncer"), "node1");
    assert_eq!(hosts("node?,app*"), "node1 node2 node3 app1");
    assert_eq!(hosts("pool,node3"), "node3 pool");
    assert_eq!(hosts("*").split(' ').count(), 6);
    assert_eq!(hosts("all:!all"), "");
    let problem = select(&inventory, "postgrse").unwrap_err();
    assert_eq!(problem.hint.as_deref(), Some("did you mean `postgres`?"));
    assert!(select(&inventory, "").is_err());
    assert!(select(&inventory, "x*").is_err());
}

#[test]
fn hosts_must_agree_on_passwords_and_do_not_show_them() {
    let text = "all: {children: {postgres: {hosts: {n: {repmgr_password: one1}, m: {repmgr_password: two2}}}}}";
    let problems = load(&sources(text)).unwrap_err();
    assert_eq!(problems.0.len(), 1);
    assert!(problems.0[0].span.is_none());
    let told = problems.to_string();
    assert!(told.contains("`repmgr_password` differs"), "{told}");
    assert!(!told.contains("one1") && !told.contains("two2"), "{told}");
}

#[test]
fn a_large_inventory_is_read_in_reasonable_time() {
    let hosts: String = (0..300)
        .map(|number| {
            format!(
                "        node{number}:\n          ansible_host: 10.0.{}.{}\n",
                number / 200,
                number % 200
            )
        })
        .collect();
    let text = format!(
        "all:\n  vars:\n    postgresql_settings: {{work_mem: 4MB}}\n  children:\n    postgres:\n      hosts:\n{hosts}"
    );
    let begin = std::time::Instant::now();
    assert_eq!(read(&sources(&text)).hosts.len(), 300);
    assert!(begin.elapsed().as_secs() < 5, "{:?}", begin.elapsed());
}
