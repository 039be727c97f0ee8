//! Plans to show.

use pgha::plan::{
    Action, Before, Change, Check, Condition, Field, FileDiff, Guard, Held, Op, Plan,
    ServiceAction, Shown, Stage, Warning,
};
use pgha::secret::{Form, Text, marker};

pub fn change(host: &str, action: Action, resource: &str, subject: &str, step: &str) -> Change {
    Change {
        host: host.into(),
        step: step.into(),
        resource: resource.into(),
        subject: subject.into(),
        action,
        fields: vec![],
        diff: None,
        guards: vec![],
        ops: vec![],
        after: vec![],
        undo: vec![],
        decides: false,
    }
}

pub fn stage(changes: Vec<Change>) -> Stage {
    let mut stage = Stage::default();
    for change in changes {
        stage
            .hosts
            .entry(change.host.clone())
            .or_default()
            .push(change);
    }
    stage
}

pub fn field(name: &str, before: Shown, after: Shown) -> Field {
    Field {
        name: name.into(),
        before,
        after,
    }
}

pub fn value(value: &str) -> Shown {
    Shown::Value(value.into())
}

pub fn words(argv: &[&str]) -> Vec<String> {
    argv.iter().map(|word| (*word).into()).collect()
}

pub fn run(argv: &[&str], user: &str) -> Op {
    Op::Run {
        argv: words(argv),
        user: user.into(),
        stdin: None,
        environment: vec![],
    }
}

pub fn write(path: &str, content: &str) -> Op {
    Op::WriteFile {
        path: path.into(),
        content: Text::from(content),
        mode: "0640".into(),
        owner: "postgres".into(),
        group: "postgres".into(),
        validate: None,
    }
}

pub fn file(host: &str, path: &str, before: Before, content: &str) -> Change {
    let action = match before {
        Before::Absent => Action::Create,
        _ => Action::Update,
    };
    Change {
        diff: Some(FileDiff {
            path: path.into(),
            before,
            after: content.into(),
            shipped: None,
        }),
        ops: vec![write(path, content)],
        ..change(host, action, "file", path, "write the configuration")
    }
}

pub fn install(host: &str) -> Change {
    Change {
        fields: vec![
            field("version", Shown::Absent, value("17.2-1")),
            field("repository", Shown::Absent, value("apt.postgresql.org")),
        ],
        ops: vec![run(
            &["apt-get", "install", "-y", "postgresql-17=17.2-1"],
            "root",
        )],
        ..change(
            host,
            Action::Create,
            "package",
            "postgresql-17",
            "install PostgreSQL",
        )
    }
}

/// Every operation, condition, guard, action and kind of value at least once.
pub fn everything() -> Plan {
    let secret = marker("app", Form::Scram);
    let conf = "listen_addresses = '*'\nport = 5432\nwal_level = 'replica'\n";
    let first = stage(vec![
        install("node1"),
        Change {
            guards: vec![Guard::PathAbsent {
                path: "/etc/sudoers.d/repmgr".into(),
            }],
            ops: vec![Op::WriteFile {
                path: "/etc/sudoers.d/repmgr".into(),
                content: "postgres ALL = NOPASSWD: /bin/systemctl\n".into(),
                mode: "0440".into(),
                owner: "root".into(),
                group: "root".into(),
                validate: Some(Check::Command(words(&["visudo", "-cf", "%s"]))),
            }],
            ..change(
                "node1",
                Action::Create,
                "file",
                "/etc/sudoers.d/repmgr",
                "let repmgr restart PostgreSQL",
            )
        },
        install("node2"),
        install("node3"),
    ]);
    let mut conf_change = file(
        "node1",
        "/etc/postgresql/17/main/postgresql.conf",
        Before::Content(conf.into()),
        &conf.replace("replica", "logical"),
    );
    conf_change.guards = vec![Guard::FileIs {
        path: "/etc/postgresql/17/main/postgresql.conf".into(),
        sha256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".into(),
    }];
    let mut pgpass = file(
        "node1",
        "/var/lib/postgresql/.pgpass",
        Before::Hidden,
        &format!("*:*:*:app:{secret}\n"),
    );
    pgpass.guards = vec![Guard::FileUntouched {
        path: "/var/lib/postgresql/.pgpass".into(),
        witness: "131 42 1733000000.123456789".into(),
    }];
    let second = stage(vec![
        conf_change,
        pgpass,
        file("node1", "/etc/pgha/marker", Before::Absent, "no line end"),
        Change {
            fields: vec![
                field("mode", value("0755"), value("0700")),
                field("owner", value("root"), value("postgres")),
                field("acl", value("user:app:r"), Shown::Absent),
            ],
            ops: vec![
                Op::MakeDirectory {
                    path: "/srv/wal".into(),
                    mode: "0700".into(),
                    owner: "postgres".into(),
                    group: "postgres".into(),
                },
                Op::SetAttributes {
                    path: "/srv/wal".into(),
                    mode: "0700".into(),
                    owner: "postgres".into(),
                    group: "postgres".into(),
                },
                Op::Rename {
                    from: "/srv/old".into(),
                    to: "/srv/old.2026-01-01".into(),
                },
                Op::RemoveFile {
                    path: "/srv/junk".into(),
                },
            ],
            ..change(
                "node1",
                Action::Update,
                "directory",
                "/srv/wal",
                "make room for WAL",
            )
        },
        Change {
            fields: vec![
                field("password", Shown::Secret, Shown::Secret),
                field("token", Shown::Absent, Shown::Secret),
                field(
                    "system_identifier",
                    Shown::Absent,
                    Shown::Unknown("initdb".into()),
                ),
            ],
            guards: vec![
                Guard::IsPrimary {
                    port: 5432,
                    system_identifier: Some("7300000000000000001".into()),
                },
                Guard::IsPrimary {
                    port: 5432,
                    system_identifier: None,
                },
            ],
            ops: vec![
                Op::Sql {
                    port: 5432,
                    database: "postgres".into(),
                    statement: format!("ALTER ROLE app PASSWORD '{secret}'").into(),
                },
                Op::Sql {
                    port: 5432,
                    database: "app".into(),
                    statement: "CREATE VIEW v AS\n  SELECT 1\n  FROM pg_database;\n".into(),
                },
            ],
            ..change(
                "node1",
                Action::Update,
                "postgresql_role",
                "app",
                "create the roles",
            )
        },
        Change {
            guards: vec![Guard::IsStandby { port: 5432 }],
            ops: vec![
                Op::Run {
                    argv: words(&["sh", "-c", "echo \"it's\" > /tmp/x"]),
                    user: "postgres".into(),
                    stdin: Some(format!("{secret}\n").into()),
                    environment: vec![
                        ("PGOPTIONS".into(), "-c a=b".into()),
                        ("LC_ALL".into(), "C".into()),
                    ],
                },
                Op::Run {
                    argv: words(&["psql", "-d", "app"]),
                    user: "postgres".into(),
                    stdin: Some("select 1;\nselect 'two';\n".into()),
                    environment: vec![],
                },
            ],
            ..change(
                "node2",
                Action::AlwaysRuns,
                "command",
                "warm the caches",
                "warm the caches",
            )
        },
        Change {
            ops: vec![Op::RemoveFile {
                path: "/etc/cron.d/old".into(),
            }],
            ..change(
                "node2",
                Action::Remove,
                "file",
                "/etc/cron.d/old",
                "tidy up",
            )
        },
    ]);
    let service = |action, verb, host: &str| Change {
        guards: vec![Guard::MainPid {
            unit: "pgbouncer".into(),
            pid: if host == "node2" { 812 } else { 977 },
        }],
        ops: vec![Op::Service {
            unit: "pgbouncer".into(),
            action: verb,
        }],
        ..change(host, action, "service", "pgbouncer", "run pgbouncer")
    };
    let wait = |until| Op::Wait {
        until,
        timeout_seconds: 60,
    };
    let third = stage(vec![
        service(Action::Restart, ServiceAction::Restart, "node2"),
        service(Action::Restart, ServiceAction::Restart, "node3"),
        service(Action::Reload, ServiceAction::Reload, "node3"),
        service(Action::Start, ServiceAction::Start, "node3"),
        service(Action::Stop, ServiceAction::Stop, "node3"),
        Change {
            ops: vec![
                Op::ReloadUnits,
                Op::Service {
                    unit: "postgresql@17-main".into(),
                    action: ServiceAction::Enable,
                },
                Op::Service {
                    unit: "old".into(),
                    action: ServiceAction::Disable,
                },
                Op::Pooler {
                    port: 6432,
                    command: "PAUSE app".into(),
                },
            ],
            ..change(
                "node3",
                Action::Update,
                "service",
                "postgresql@17-main",
                "enable PostgreSQL",
            )
        },
        Change {
            ops: vec![
                wait(Condition::Sql {
                    port: 5432,
                    database: "postgres".into(),
                    query: "select not pg_is_in_recovery()".into(),
                }),
                wait(Condition::Port {
                    host: "10.0.0.3".into(),
                    port: 5432,
                }),
                wait(Condition::PathExists {
                    path: "/run/postgresql/.s.PGSQL.5432".into(),
                }),
                wait(Condition::Command {
                    argv: words(&["pg_isready", "-q"]),
                    user: "postgres".into(),
                }),
            ],
            ..change(
                "node3",
                Action::Wait,
                "wait",
                "PostgreSQL answers",
                "wait for PostgreSQL",
            )
        },
    ]);
    Plan {
        cluster: "main".into(),
        playbook: "site.yml".into(),
        primary: "node1".into(),
        bootstrap: false,
        leaderless: false,
        new_secrets: vec!["app".into()],
        kept_passwords: Vec::new(),
        stages: vec![first, second, third],
        held: vec![Held {
            host: "node1".into(),
            what: "`shared_buffers` waits for a restart (128MB → 4GB)".into(),
            hint: "allow it with `--allow-restart`".into(),
        }],
        unfinished: false,
        warnings: Vec::new(),
        always: Vec::new(),
    }
}

/// A plan with a way back, and an end that comes in any case.
pub fn transaction() -> Plan {
    let program = |verb: &str| run(&["/usr/local/lib/pgha/member", verb], "root");
    let pause = |host: &str| Change {
        ops: vec![program("pause")],
        undo: vec![program("resume")],
        ..change(
            host,
            Action::Stop,
            "pgbouncer_pause",
            "clients",
            "clients wait",
        )
    };
    let stop = Change {
        ops: vec![program("stop")],
        undo: vec![program("start-again"), program("look")],
        ..change(
            "node1",
            Action::Stop,
            "primary_stop",
            "PostgreSQL",
            "it stops",
        )
    };
    let promote = Change {
        fields: vec![field("role", value("standby"), value("primary"))],
        ops: vec![program("promote")],
        decides: true,
        ..change(
            "node2",
            Action::Update,
            "standby_promotion",
            "PostgreSQL",
            "it is promoted",
        )
    };
    let disarm = |host: &str| Change {
        ops: vec![program("disarm")],
        ..change(host, Action::Stop, "dead_man", "pgha-dead-man", "no timer")
    };
    Plan {
        cluster: "main".into(),
        playbook: "switchover.yml".into(),
        primary: "node1".into(),
        stages: vec![
            stage(vec![pause("pooler1"), pause("pooler2"), stop]),
            stage(vec![promote]),
        ],
        always: vec![stage(vec![disarm("node1"), disarm("node2")])],
        warnings: vec![Warning {
            host: "node1".into(),
            what:
                "2 sessions of `app` in `app` from 10.0.0.9 do not go through a pooler and are cut"
                    .into(),
        }],
        ..Plan::default()
    }
}
