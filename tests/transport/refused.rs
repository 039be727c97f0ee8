//! What a user is told when there is no connection, or no shell.

use pgha::inventory::{Connection, Way};
use pgha::problem::Problem;
use pgha::transport::{Sessions, Shell};

use super::server::{Server, free_port, user};
use super::{bounded, given, run};

async fn refusal(connection: &Connection) -> Problem {
    let sessions = Sessions::new([("db1", connection)].into_iter()).expect("sessions");
    let opened = Shell::open("db1", connection, &sessions).await;
    let problem = opened.map(|_| ()).expect_err("a problem");
    eprintln!(
        "{problem}\nhint: {}\n",
        problem.hint.as_deref().unwrap_or("none")
    );
    assert_eq!(problem.kind.exit_code(), 4, "{problem}");
    assert_eq!(problem.host.as_deref(), Some("db1"));
    problem
}

fn says(part: Option<&String>, words: &str) {
    assert!(
        part.is_some_and(|text| text.contains(words)),
        "`{words}` is not in {part:?}"
    );
}

fn alter(connection: &mut Connection, address: Option<&str>, to: Option<u16>, key: Option<&str>) {
    let Way::Ssh {
        address: old,
        port,
        private_key,
        ..
    } = &mut connection.way
    else {
        panic!("not over ssh");
    };
    if let Some(address) = address {
        *old = address.into();
    }
    *port = to.or(*port);
    if let Some(key) = key {
        *private_key = Some(key.into());
    }
}

#[test]
fn host_keys_are_checked() {
    bounded(async {
        let server = Server::start();
        let known_hosts = server.path("known_hosts").display().to_string();
        let name = format!("[127.0.0.1]:{}", server.port);

        server.record_another();
        let problem = refusal(&server.connection()).await;
        assert_eq!(
            problem.what,
            format!("the host key of `{name}` is not the one that `{known_hosts}` records")
        );
        says(
            problem.hint.as_ref(),
            &format!("ssh-keygen -f '{known_hosts}' -R '{name}'"),
        );
        says(
            problem.cause.as_ref(),
            "REMOTE HOST IDENTIFICATION HAS CHANGED",
        );

        std::fs::write(&known_hosts, "").expect("known hosts");
        let problem = refusal(&server.connection()).await;
        assert_eq!(
            problem.what,
            format!("the host key of `{name}` is not known")
        );
        says(
            problem.hint.as_ref(),
            &format!("ssh-keyscan -p {} 127.0.0.1 >> {known_hosts}", server.port),
        );

        // The user's own option wins.
        let mut connection = server.connection();
        let Way::Ssh { options, .. } = &mut connection.way else {
            panic!("not over ssh");
        };
        options.push(("StrictHostKeyChecking".into(), "accept-new".into()));
        let sessions = Sessions::new([("db1", &connection)].into_iter()).expect("sessions");
        let shell = Shell::open("db1", &connection, &sessions)
            .await
            .expect("a shell");
        shell.close().await;
        assert!(std::fs::read_to_string(&known_hosts).is_ok_and(|text| !text.is_empty()));
    });
}

#[test]
fn logins_and_keys() {
    bounded(async {
        let server = Server::start();
        let other = server.path("other").display().to_string();
        let mut connection = server.connection();
        alter(&mut connection, None, None, Some(&other));
        let problem = refusal(&connection).await;
        assert_eq!(
            problem.what,
            format!("the login as user `{}` was refused", user())
        );
        says(problem.hint.as_ref(), &format!("tried key `{other}`"));
        says(problem.cause.as_ref(), "Permission denied (publickey)");

        alter(&mut connection, None, None, Some("/nonexistent/key"));
        let problem = refusal(&connection).await;
        assert_eq!(
            problem.what,
            "cannot read the private key `/nonexistent/key`"
        );

        let mine = server.path("user").display().to_string();
        let chmod = std::process::Command::new("chmod")
            .args(["0644", &mine])
            .status();
        assert!(chmod.is_ok_and(|status| status.success()));
        alter(&mut connection, None, None, Some(&mine));
        let problem = refusal(&connection).await;
        says(Some(&problem.what), "can be read by others");
        says(problem.hint.as_ref(), "chmod 600");
    });
}

#[test]
fn addresses() {
    bounded(async {
        let server = Server::start();
        let mut connection = server.connection();
        let closed = free_port();
        alter(&mut connection, None, Some(closed), None);
        let problem = refusal(&connection).await;
        assert_eq!(
            problem.what,
            format!("`127.0.0.1` refuses connections to port {closed}")
        );

        alter(&mut connection, Some("no-such-host.invalid"), None, None);
        let problem = refusal(&connection).await;
        assert_eq!(
            problem.what,
            "the name `no-such-host.invalid` cannot be resolved"
        );

        alter(&mut connection, Some("-oProxyCommand=true"), None, None);
        let sessions = Sessions::new([("db1", &connection)].into_iter());
        assert_eq!(
            sessions
                .map(|_| ())
                .map_err(|problem| problem.kind.exit_code()),
            Err(2)
        );
    });
}

/// A jump host's key is checked too, though the host's own options are not for it.
#[test]
fn jump_hosts() {
    bounded(async {
        let (jump, server) = (Server::start(), Server::start());
        let mut connection = server.connection();
        let add = |connection: &mut Connection, key: &str, value: String| {
            let Way::Ssh { options, .. } = &mut connection.way else {
                panic!("not over ssh");
            };
            options.push((key.into(), value));
        };
        let mut unknown = connection.clone();
        add(
            &mut unknown,
            "ProxyJump",
            format!("{}@localhost:{}", user(), jump.port),
        );
        let problem = refusal(&unknown).await;
        let name = format!("[localhost]:{}", jump.port);
        assert_eq!(
            problem.what,
            format!("the host key of `{name}` is not known")
        );
        says(problem.hint.as_ref(), ">> ~/.ssh/known_hosts");

        let (at, user) = (jump.folder.path().display(), user());
        let command = format!(
            "ssh -F none -o BatchMode=yes -o UserKnownHostsFile={at}/known_hosts -i {at}/user \
             -p {} -W %h:%p {user}@127.0.0.1",
            jump.port
        );
        add(&mut connection, "ProxyCommand", command);
        let sessions = Sessions::new([("db1", &connection)].into_iter()).expect("sessions");
        let mut shell = Shell::open("db1", &connection, &sessions)
            .await
            .expect("a shell");
        assert_eq!(run(&mut shell, &["echo 1"]).await, [given(&["1"], &[], 0)]);
        shell.close().await;
    });
}

#[test]
fn a_server_that_says_nothing_times_out() {
    bounded(async {
        let server = Server::start();
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let port = silent.local_addr().expect("an address").port();
        let mut connection = server.connection();
        alter(&mut connection, None, Some(port), None);
        let Way::Ssh { options, .. } = &mut connection.way else {
            panic!("not over ssh");
        };
        options.push(("ConnectTimeout".into(), "1".into()));
        let problem = refusal(&connection).await;
        assert_eq!(
            problem.what,
            format!("`127.0.0.1` does not answer on port {port}")
        );
    });
}

#[test]
fn sudo() {
    bounded(async {
        let server = Server::start();
        let mut connection = server.connection();
        connection.become_user = Some("somebody".into());
        let cases = [
            (
                "sudo: a password is required",
                "sudo asks for a password to become `somebody`",
                "NOPASSWD",
            ),
            (
                "sudo: sorry, you must have a tty to run sudo",
                "sudo wants a terminal",
                "requiretty",
            ),
            (
                "me is not in the sudoers file.",
                "sudo does not let the login user become `somebody`",
                "sudoers.d",
            ),
            (
                "sudo: unknown user somebody",
                "there is no user `somebody` to become",
                "ansible_become_user",
            ),
            (
                "sh: 1: exec: sudo: not found",
                "there is no `sudo` on the host",
                "install it",
            ),
            ("sudo: strange", "cannot become `somebody`", "sudo -n"),
        ];
        for (text, what, hint) in cases {
            server.command("sudo", &format!("echo '{text}' >&2; exit 1"));
            let problem = refusal(&connection).await;
            assert_eq!(problem.what, what);
            assert_eq!(problem.cause.as_deref(), Some(text));
            says(problem.hint.as_ref(), hint);
        }

        server.command("sudo", "echo \"$*\" >&2; exit 1");
        let problem = refusal(&connection).await;
        assert_eq!(
            problem.cause.as_deref(),
            Some("-n -H -u somebody -- /bin/sh")
        );

        // Whoever is that user already needs no sudo.
        connection.become_user = Some(user());
        let sessions = Sessions::new([("db1", &connection)].into_iter()).expect("sessions");
        let mut shell = Shell::open("db1", &connection, &sessions)
            .await
            .expect("a shell");
        let steps = run(&mut shell, &["id -un"]).await;
        assert_eq!(steps, [given(&[&user()], &[], 0)]);
        shell.close().await;
    });
}
