//! Shells over real connections.

use std::time::{Duration, Instant};

use pgha::inventory::{BecomePassword, Connection};
use pgha::transport::{Endpoint, Sessions, Shell};
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;

use super::server::Server;
use super::{bounded, exchange, given, run, script};

fn sessions(connection: &Connection) -> Sessions {
    Sessions::new([("db1", connection)].into_iter()).expect("sessions")
}

#[test]
fn an_exchange_over_ssh_is_as_one_here() {
    bounded(async {
        let server = Server::start();
        let connection = server.connection();
        let sessions = sessions(&connection);
        let folder = sessions.folder().to_owned();
        let mut shell = Shell::open("db1", &connection, &sessions)
            .await
            .expect("a shell");
        let bodies = [
            "echo out; echo err >&2; exit 3",
            "exit 127",
            "exit 255",
            "printf x",
        ];
        let steps = run(&mut shell, &bodies).await;
        assert_eq!(steps[0], given(&["out"], &["err"], 3));
        assert_eq!(steps[1].code, Some(127));
        assert_eq!(steps[2].code, Some(255));
        assert_eq!(steps[3], given(&["x"], &[], 0));

        let payload = format!("{}\n", "y".repeat(99)).repeat(10_000);
        let body = format!("cat <<'EOF'\n{payload}EOF");
        assert_eq!(run(&mut shell, &[&body]).await[0].out.len(), 10_000);
        assert_eq!(shell.exchanges(), 2);
        shell.close().await;
        drop(sessions);
        assert!(!folder.exists());
    });
}

/// A sudo that asks, as the real one does with `-S`: for one line of its input.
const ASKS: &str = r#"
[ "$1" = -n ] && { echo 'sudo: a password is required' >&2; exit 1; }
IFS= read -r given
[ "$given" = 's3cret $(x)' ] || { echo 'Sorry, try again.' >&2; exit 1; }
shift 7; exec "$@""#;

#[test]
fn sudo_is_told_its_password_over_its_input() {
    bounded(async {
        let server = Server::start();
        server.command("sudo", ASKS);
        let with = |text: &str| Connection {
            become_user: Some("somebody".into()),
            become_password: Some(BecomePassword::new(text).expect("a line")),
            ..server.connection()
        };
        let connection = with("s3cret $(x)");
        let shared = sessions(&connection);
        let mut shell = Shell::open("db1", &connection, &shared)
            .await
            .expect("a shell");
        let steps = run(&mut shell, &["echo here"]).await;
        assert_eq!(steps, [given(&["here"], &[], 0)]);
        shell.close().await;

        let wrong = with("other");
        let problem = Shell::open("db1", &wrong, &shared)
            .await
            .err()
            .expect("refused");
        assert_eq!(
            problem.what,
            "sudo does not take the password to become `somebody`"
        );
        assert!(!format!("{problem:?} {wrong:?}").contains("other"));

        // Where nobody asks, the line is not left for the shell.
        server.command("sudo", "shift 5; exec \"$@\"");
        let mut shell = Shell::open("db1", &connection, &shared)
            .await
            .expect("a shell");
        let steps = run(&mut shell, &["echo here"]).await;
        assert_eq!(steps, [given(&["here"], &[], 0)]);
        shell.close().await;
    });
}

#[test]
fn two_shells_on_a_host_share_its_connection() {
    bounded(async {
        let server = Server::start();
        server.command("sudo", "shift 5; exec \"$@\"");
        let connection = server.connection();
        let other = Connection {
            become_user: Some("somebody".into()),
            ..connection.clone()
        };
        let sessions = sessions(&connection);
        let mut first = Shell::open("db1", &connection, &sessions)
            .await
            .expect("a shell");
        let start = Instant::now();
        let mut second = Shell::open("db1", &other, &sessions)
            .await
            .expect("a shell");
        eprintln!("second shell on the same connection: {:?}", start.elapsed());
        let masters = std::fs::read_dir(sessions.folder()).expect("a folder");
        let masters = masters.flatten().filter(|entry| entry.path().is_dir());
        assert_eq!(masters.count(), 1);
        first.close().await;
        first = Shell::open("db1", &connection, &sessions)
            .await
            .expect("a shell");
        assert_eq!(
            run(&mut second, &["echo 2"]).await[0],
            given(&["2"], &[], 0)
        );
        assert_eq!(run(&mut first, &["echo 1"]).await[0], given(&["1"], &[], 0));
        first.close().await;
        second.close().await;
    });
}

#[test]
fn a_login_shell_may_be_noisy() {
    bounded(async {
        let server = Server::with(
            "Match all\nForceCommand echo noise; echo more >&2; eval \"$SSH_ORIGINAL_COMMAND\"",
        );
        let connection = server.connection();
        let sessions = sessions(&connection);
        let mut shell = Shell::open("db1", &connection, &sessions)
            .await
            .expect("a shell");
        assert_eq!(run(&mut shell, &["echo 1"]).await, [given(&["1"], &[], 0)]);
        shell.close().await;
    });
}

#[test]
fn a_link_that_drops_says_which_step_ran() {
    bounded(async {
        let mut server = Server::start();
        let connection = server.connection();
        let sessions = sessions(&connection);
        let mut shell = Shell::open("db1", &connection, &sessions)
            .await
            .expect("a shell");
        let never = server.path("never");
        let (sender, receiver) = std::sync::mpsc::channel();
        let dropping = std::thread::spawn(move || {
            let _ = receiver.recv();
            server.stop();
            server
        });
        let asked = script(&[
            "true",
            "echo begun; sleep 2",
            &format!("touch {}", never.display()),
        ]);
        let mut on_frame = |frame| {
            if matches!(frame, pgha::transport::Frame::Line { .. }) {
                let _ = sender.send(());
            }
        };
        let problem = shell
            .exchange(&asked, &mut on_frame)
            .await
            .expect_err("a problem");
        assert_eq!(problem.kind.exit_code(), 4);
        assert_eq!(problem.what, "lost the connection while step 2 was running");
        assert_eq!(problem.host.as_deref(), Some("db1"));
        let server = dropping.join().expect("a server");
        // Nor did the host begin the next step: it had nobody left to tell.
        tokio::time::sleep(Duration::from_secs(3)).await;
        assert!(!never.exists() && server.path("log").exists());
        shell.close().await;
    });
}

#[test]
fn a_shell_that_ends_is_told_from_a_lost_link() {
    bounded(async {
        let server = Server::start();
        let connection = server.connection();
        let sessions = sessions(&connection);
        let mut shell = Shell::open("db1", &connection, &sessions)
            .await
            .expect("a shell");
        let problem = exchange(&mut shell, &script(&["kill -9 0"])).await;
        assert_eq!(
            problem.expect_err("a problem").what,
            "the shell ended while step 1 was running"
        );
        let mut again = Shell::open("db1", &connection, &sessions)
            .await
            .expect("a shell");
        assert_eq!(run(&mut again, &["echo 1"]).await, [given(&["1"], &[], 0)]);
        again.close().await;
        shell.close().await;
    });
}

#[test]
fn forwards_lead_to_sockets_and_ports_of_the_host() {
    bounded(async {
        let server = Server::start();
        let connection = server.connection();
        let sessions = sessions(&connection);
        let shell = Shell::open("db1", &connection, &sessions)
            .await
            .expect("a shell");
        let path = server.path("there");
        let unix = tokio::net::UnixListener::bind(&path).expect("a socket");
        let tcp = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let port = tcp.local_addr().expect("an address").port();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = unix.accept().await {
                let _ = stream.write_all(b"unix").await;
            }
        });
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = tcp.accept().await {
                let _ = stream.write_all(b"tcp").await;
            }
        });
        let cases = [
            (Endpoint::Unix(path), "unix"),
            (Endpoint::Tcp("127.0.0.1".into(), port), "tcp"),
        ];
        for (remote, expected) in cases {
            let local = shell.forward(&remote).await.expect("a forward");
            let Endpoint::Unix(local) = local else {
                panic!("not a socket: {local}");
            };
            let mut stream = tokio::net::UnixStream::connect(local)
                .await
                .expect("a stream");
            let mut text = String::new();
            stream.read_to_string(&mut text).await.expect("text");
            assert_eq!(text, expected);
        }
        shell.close().await;
    });
}

/// With OpenSSH's own limit, which drops some of so many at once.
#[test]
fn twenty_hosts_behind_one_address_all_get_through() {
    bounded(async {
        let server = Server::with("MaxStartups 10:30:100");
        let connection = server.connection();
        let names: Vec<String> = (0..20).map(|index| format!("db{index}")).collect();
        let hosts = names.iter().map(|name| (name.as_str(), &connection));
        let sessions = Sessions::new(hosts).expect("sessions");
        let opening = names
            .iter()
            .map(|name| Shell::open(name, &connection, &sessions));
        let shells = futures_util::future::join_all(opening).await;
        for shell in shells {
            shell.expect("a shell").close().await;
        }
    });
}

/// Prints what an exchange costs; asserts only that it is not absurd.
#[test]
fn fifty_steps_cost_one_exchange() {
    bounded(async {
        let server = Server::start();
        let connection = server.connection();
        let sessions = sessions(&connection);
        let start = Instant::now();
        let mut shell = Shell::open("db1", &connection, &sessions)
            .await
            .expect("a shell");
        eprintln!("connection and shell: {:?}", start.elapsed());
        for (name, count) in [("no step", 0), ("1 step", 1), ("50 steps", 50)] {
            let asked = script(&vec![":"; count]);
            let mut took: Vec<Duration> = Vec::new();
            for _ in 0..20 {
                let start = Instant::now();
                exchange(&mut shell, &asked).await.expect("an exchange");
                took.push(start.elapsed());
            }
            took.sort();
            eprintln!("{name}: median {:?}, worst {:?}", took[10], took[19]);
            assert!(took[10] < Duration::from_secs(2));
        }
        shell.close().await;
    });
}
