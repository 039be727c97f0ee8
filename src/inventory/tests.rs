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
    let mut sources = Sources::of(source("hosts.yml", text), "/inv");
    sources.home = Some(PathBuf::from("/home/me"));
    sources
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
    let file = |path: &str, text: &str| VarsFile::new(path, source(path, text));
    given.origins[0].group_vars = vec![
        file("all/a.yml", "z: file\nw: file\n"),
        file("all/empty.yml", "---\n# nothing\n"),
        file("postgres.yml", "x: file\nv: file\n"),
        file("nobody.yml", "["),
    ];
    given.origins[0].host_vars = vec![file("n.yml", "v: host\nu: host\n")];
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
    given.origins[0].group_vars = vec![VarsFile::new(
        "all.yml",
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
fn groups_that_disagree_are_told_unless_the_host_or_a_priority_decides() {
    let text = |host: &str, b: &str| {
        format!(
            "all: {{children: {{postgres: {{hosts: {{n: {host}}}}}, a: {{vars: {{postgresql_port: 1, mine: 1}}, hosts: {{n: }}}}, b: {{vars: {{postgresql_port: 2, mine: 2{b}}}, hosts: {{n: }}}}}}}}"
        )
    };
    let inventory = read(&sources(&text("{}", "")));
    assert_eq!(inventory.warnings.len(), 1, "{:?}", inventory.warnings);
    let told = inventory.warnings[0].to_string();
    assert!(told.contains("`a` at hosts.yml:1:"), "{told}");
    assert_eq!(inventory.hosts["n"].variables.postgresql_port, 2);
    let inventory = read(&sources(&text("{postgresql_port: 3}", "")));
    assert_eq!(inventory.hosts["n"].variables.postgresql_port, 3);
    assert_eq!(own(&inventory.hosts["n"], "mine"), 2);
    assert_eq!(inventory.warnings, []);
    let inventory = read(&sources(&text("{}", ", ansible_group_priority: 0")));
    assert_eq!(inventory.hosts["n"].variables.postgresql_port, 1);
    assert_eq!(inventory.warnings, []);
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

#[test]
fn the_variables_of_the_ssh_plugin_go_first() {
    let inventory = read(&sources(
        "all: {vars: {ansible_user: deploy, ansible_port: 22, ansible_host: 10.0.0.9}, children: {postgres: {hosts: {n: {ansible_ssh_user: root, ansible_ssh_port: 2222, ansible_ssh_host: 10.0.0.1}}}}}",
    ));
    let node = &inventory.hosts["n"];
    let Way::Ssh {
        address,
        port,
        user,
        ..
    } = &node.connection.way
    else {
        panic!("not ssh");
    };
    assert_eq!((address.as_str(), *port), ("10.0.0.1", Some(2222)));
    assert_eq!(user.as_deref(), Some("root"));
    assert_eq!(node.address(), "10.0.0.1");
}

/// As in an inventory of pigsty's: a group per cluster, whose members are poolers too.
const SEVERAL: &str = r#"
all:
  children:
    monitoring: {hosts: {watch: {ansible_connection: winrm}}}
    pg-one:
      vars: {cluster_members: pg-one, cluster_poolers: pg-one}
      hosts: {a1: {ansible_host: 10.0.0.1}, a2: {ansible_host: 10.0.0.2}}
    pg-two:
      vars: {cluster_members: pg-two, cluster_name: second, postgresql_port: 5433}
      hosts: {b1: {ansible_host: 10.0.1.1}, b2: {ansible_host: 10.0.1.2}}
    pgbouncer:
      hosts: {p: {ansible_host: 10.0.1.3, cluster_members: pg-two, cluster_name: second}}
"#;

#[test]
fn an_inventory_may_have_several_clusters() {
    let reading = Reading::read(&sources(SEVERAL)).unwrap();
    assert_eq!(reading.clusters(), ["pg-one", "second"]);
    let one = reading.inventory(Some("pg-one")).unwrap();
    assert_eq!(one.cluster.name, "pg-one");
    assert_eq!(one.group("postgres"), ["a1", "a2"]);
    assert_eq!(one.group("pgbouncer"), ["a1", "a2"]);
    assert_eq!(one.hosts.len(), 2);
    let two = reading.inventory(Some("second")).unwrap();
    assert_eq!(two.group("postgres"), ["b1", "b2"]);
    assert_eq!(two.group("pgbouncer"), ["p"]);
    assert_eq!(two.group("all").len(), 3);
    assert_eq!(two.hosts["b1"].vars["cluster_name"], "second");
    let told = reading.inventory(None).unwrap_err();
    let hint = told.0[0].hint.as_deref();
    assert_eq!(
        hint,
        Some("name one with `--cluster`: `pg-one` and `second`")
    );
    let told = reading.inventory(Some("secnd")).unwrap_err();
    assert_eq!(told.0[0].hint.as_deref(), Some("did you mean `second`?"));
}

#[test]
fn any_group_may_be_the_members() {
    let text = "all: {vars: {cluster_members: db, cluster_poolers: pool}, children: {db: {hosts: {n: }}, pool: {hosts: {p: }}, win: {hosts: {w: {ansible_connection: winrm}}}}}";
    let inventory = read(&sources(text));
    assert_eq!(inventory.group("postgres"), ["n"]);
    assert_eq!(inventory.group("pgbouncer"), ["p"]);
    assert_eq!(inventory.cluster.name, "db");
    assert!(!inventory.hosts.contains_key("w"));
    let told = inventory.warnings[0].to_string();
    assert!(
        told.contains("`w`, which is in no cluster, is left out"),
        "{told}"
    );
    let two = "all: {vars: {cluster_members: 'primary:standby'}, children: {primary: {hosts: {a: }}, standby: {hosts: {b: }}}}";
    let inventory = read(&sources(two));
    assert_eq!(inventory.group("postgres"), ["a", "b"]);
    assert_eq!(inventory.cluster.name, "pgha");
    let missing = "all: {children: {databases: {hosts: {n: }}}}";
    let hint = load(&sources(missing)).unwrap_err().0[0].hint.clone();
    assert!(
        hint.unwrap()
            .ends_with("`cluster_members`; there are `databases`")
    );
}

#[test]
fn variables_of_other_roles_are_warnings_and_misspelt_ones_errors() {
    let text = |vars: &str| {
        format!("all: {{vars: {{{vars}}}, children: {{postgres: {{hosts: {{n: }}}}}}}}")
    };
    let others = "postgresql_user: postgres, postgresql_packages: [a], pgbouncer_pool_mode: session, cluster_vip: 10.0.0.9";
    let inventory = read(&sources(&text(others)));
    assert_eq!(inventory.warnings.len(), 4, "{:?}", inventory.warnings);
    for (name, meant) in [
        ("postgresql_setings: {a: 1}", "postgresql_settings"),
        ("postgresql_prot: 5433", "postgresql_port"),
        ("cluster_nmae: x", "cluster_name"),
        ("postgresql_user: [{name: app}]", "postgresql_users"),
    ] {
        let told = load(&sources(&text(name))).unwrap_err();
        let hint = told.0[0].hint.as_deref();
        assert_eq!(
            hint,
            Some(format!("did you mean `{meant}`?").as_str()),
            "{name}"
        );
    }
}

fn of(form: Form, text: &str) -> Sources {
    let mut sources = sources("all:");
    let source = source("hosts", text);
    sources.origins[0].texts = vec![Text { form, source }];
    let mut keys = crate::vault::Keys::default();
    let password = zeroize::Zeroizing::new("pässwörd".as_bytes().to_vec());
    keys.add("prod", password);
    sources.surroundings.keys = keys;
    sources
}

/// `sixteen bytes ok`
const VAULT: &str = include_str!("../../tests/vault/labelled.vault");

#[test]
fn templates_are_evaluated_in_every_shape() {
    let ini = "[postgres]\nnode1 ansible_host=\"{{ net }}.1\" mine=\"['{{ net }}', '{{ base }}']\" own=\"{{ 'a' }}\"\n[all:vars]\nnet=10.0.0\nbase=6000\npostgresql_port={{ base + 1 }}\n";
    let listed = r#"{"_meta": {"hostvars": {"node1": {"ansible_host": "{{ net }}.1", "net": "10.0.0", "base": 6000,
        "postgresql_port": "{{ base + 1 }}", "mine": ["{{ net }}", "{{ base }}"], "own": "{{ 'a' }}",
        "literal": {"__ansible_unsafe": "{{ x }}"}}}}, "postgres": ["node1"]}"#;
    for (form, text) in [(Form::Ini, ini), (Form::Listed, listed)] {
        let inventory = read(&of(form, text));
        let node1 = &inventory.hosts["node1"];
        assert_eq!(node1.address(), "10.0.0.1", "{form:?}");
        assert_eq!(node1.variables.postgresql_port, 6001, "{form:?}");
        assert_eq!(own(node1, "mine"), serde_json::json!(["10.0.0", 6000]));
        assert_eq!(own(node1, "own"), "a", "{form:?}");
        let place = &node1.provenance["postgresql_port"];
        assert!(place.contains(", from `base` (hosts:"), "{place}");
        if form == Form::Listed {
            assert_eq!(own(node1, "literal"), "{{ x }}");
        }
    }
}

#[test]
fn vaulted_values_are_opened_in_every_shape_and_listed_as_they_are() {
    let block = VAULT.trim_end().replace('\n', "\n      ");
    let yaml = format!(
        "postgres:\n  hosts: {{node1: }}\n  vars:\n    ansible_become: yes\n    repmgr_password: !vault |\n      {block}\n    ansible_become_password: !vault |\n      {block}\n    mine: !unsafe '{{{{ x }}}}'\n    port: '{{{{ 1 + 1 }}}}'\n"
    );
    let listed = serde_json::json!({"postgres": ["node1"], "_meta": {"hostvars": {"node1": {
        "ansible_become": true, "repmgr_password": {"__ansible_vault": VAULT}, "mine": {"__ansible_unsafe": "{{ x }}"},
        "ansible_become_password": {"__ansible_vault": VAULT}, "port": "{{ 1 + 1 }}"}}}});
    for (form, text) in [(Form::Yaml, yaml), (Form::Listed, listed.to_string())] {
        let sources = of(form, &text);
        let reading = Reading::read(&sources).unwrap();
        let list = reading.list();
        let vars = &list["_meta"]["hostvars"]["node1"];
        let vaulted = |name: &str| vars[name]["__ansible_vault"].as_str().unwrap();
        for name in ["repmgr_password", "ansible_become_password"] {
            assert_eq!(vaulted(name).trim_end(), VAULT.trim_end(), "{form:?}");
        }
        assert_eq!(vars["port"], "{{ 1 + 1 }}", "{form:?}");
        assert_eq!(vars["mine"], "{{ x }}", "{form:?}");
        let is_vaulted = |name: &str| {
            let mut variables = reading.variables("node1");
            variables.any(|variable| variable.name == name && variable.is_vaulted)
        };
        assert!(is_vaulted("repmgr_password") && !is_vaulted("mine"));
        let inventory = read(&sources);
        let expected = Some("sixteen bytes ok".to_owned());
        assert_eq!(secret(&inventory, "repmgr"), expected, "{form:?}");
        let connection = &inventory.hosts["node1"].connection;
        let password = connection.become_password.as_ref().unwrap();
        assert_eq!(password.line(), "sixteen bytes ok\n", "{form:?}");
        assert_eq!(own(&inventory.hosts["node1"], "mine"), "{{ x }}");
    }
}

#[test]
fn a_cluster_may_be_named_by_a_template() {
    let text = |members: &str| {
        format!(
            "all:\n  vars: {{cluster_members: \"{{{{ {members} }}}}\", site: one}}\n  children: {{pg_one: {{hosts: {{a: }}}}}}\n"
        )
    };
    let reading = Reading::read(&sources(&text("'pg_' ~ site"))).unwrap();
    assert_eq!(reading.clusters(), ["pg_one"]);
    let problems = load(&sources(&text("town"))).unwrap_err();
    assert!(problems.to_string().contains("town"), "{problems}");
}

#[test]
fn two_passwords_of_equal_groups_are_told_where_they_are_encrypted() {
    let other = VAULT.replace("33", "34");
    let text = |second: &str| {
        format!(
            "all: {{children: {{postgres: {{hosts: {{n: }}}}, a: {{vars: {{repmgr_password: !vault {}}}, hosts: {{n: }}}}, b: {{vars: {{repmgr_password: !vault {}}}, hosts: {{n: }}}}}}}}",
            serde_json::json!(VAULT),
            serde_json::json!(second)
        )
    };
    let warnings = |second: &str| {
        let reading = Reading::read(&of(Form::Yaml, &text(second)));
        reading.unwrap().warnings.len()
    };
    assert_eq!((warnings(VAULT), warnings(&other)), (0, 1));
}
