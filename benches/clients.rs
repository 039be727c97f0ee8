//! Clients of a pooler for `benches/switchover.sh`: each inserts row after row, one transaction each, until stdin ends, and
//! connects again whenever its connection is gone. Prints the longest gap in milliseconds between two acknowledgements of
//! any of them, and the number of errors.
//!
//! `clients CONNINFO COUNT`

use std::io::Read as _;
use std::time::{Duration, Instant};

use tokio_postgres::NoTls;

/// Between an acknowledgement and the next insert.
const PAUSE: Duration = Duration::from_millis(5);

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let conninfo = arguments.next().expect("a connection string");
    let count: usize = arguments.next().expect("a count").parse().expect("a count");
    let clients: Vec<_> = (0..count)
        .map(|_| tokio::spawn(client(conninfo.clone())))
        .collect();
    let end = || std::io::stdin().read_to_end(&mut Vec::new());
    let _ = tokio::task::spawn_blocking(end).await;
    STOP.store(true, std::sync::atomic::Ordering::Relaxed);
    let (mut longest, mut errors) = (Duration::ZERO, 0);
    for client in clients {
        let (gap, failed) = client.await.expect("it does not panic");
        longest = longest.max(gap);
        errors += failed;
    }
    println!("{} {errors}", longest.as_millis());
}

static STOP: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);

/// The longest gap, and how many errors there were.
async fn client(conninfo: String) -> (Duration, usize) {
    let (mut longest, mut errors) = (Duration::ZERO, 0);
    let mut last: Option<Instant> = None;
    while !STOP.load(std::sync::atomic::Ordering::Relaxed) {
        let Ok((client, connection)) = tokio_postgres::connect(&conninfo, NoTls).await else {
            errors += 1;
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        tokio::spawn(connection);
        while !client.is_closed() && !STOP.load(std::sync::atomic::Ordering::Relaxed) {
            match client
                .simple_query("insert into stall default values")
                .await
            {
                Ok(_) => {
                    longest = longest.max(last.map_or(Duration::ZERO, |last| last.elapsed()));
                    last = Some(Instant::now());
                }
                Err(_) => errors += 1,
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
    // The gap that is still open.
    (
        longest.max(last.map_or(Duration::MAX, |last| last.elapsed())),
        errors,
    )
}
