//! Clients for `benches/switchover.sh` and `benches/failover.sh`: each inserts row after row, one transaction each, until stdin
//! ends, and connects again whenever its connection is gone. Prints the longest gap in milliseconds between two
//! acknowledgements of any of them, the number of errors, and when that gap ended, in milliseconds since 1970.
//!
//! `clients CONNINFO COUNT`

use std::io::Read as _;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use tokio_postgres::NoTls;

/// Between an acknowledgement and the next insert.
const PAUSE: Duration = Duration::from_millis(5);

/// What one client saw.
struct Seen {
    last: Option<Instant>,
    longest: Duration,
    longest_ended: SystemTime,
    errors: usize,
}

impl Seen {
    fn new() -> Self {
        Self {
            last: None,
            longest: Duration::ZERO,
            longest_ended: SystemTime::UNIX_EPOCH,
            errors: 0,
        }
    }

    fn acknowledged(&mut self) {
        self.gap_ends();
        self.last = Some(Instant::now());
    }

    fn gap_ends(&mut self) {
        let gap = self.last.map_or(Duration::ZERO, |last| last.elapsed());
        if gap > self.longest {
            self.longest = gap;
            self.longest_ended = SystemTime::now();
        }
    }
}

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let conninfo = arguments.next().expect("a connection string");
    let count: usize = arguments.next().expect("a count").parse().expect("a count");
    let clients: Vec<_> = (0..count)
        .map(|_| Arc::new(Mutex::new(Seen::new())))
        .collect();
    for seen in &clients {
        tokio::spawn(client(conninfo.clone(), Arc::clone(seen)));
    }
    let end = || std::io::stdin().read_to_end(&mut Vec::new());
    let _ = tokio::task::spawn_blocking(end).await;
    // One that waits for an answer is not waited for: its gap is open, and counts.
    let (mut longest, mut ended, mut errors) = (Duration::ZERO, SystemTime::UNIX_EPOCH, 0);
    for seen in clients {
        let mut seen = seen.lock().expect("no client panics");
        assert!(seen.last.is_some(), "a client never wrote");
        seen.gap_ends();
        errors += seen.errors;
        if seen.longest > longest {
            (longest, ended) = (seen.longest, seen.longest_ended);
        }
    }
    let ended = ended.duration_since(SystemTime::UNIX_EPOCH);
    let ended = ended.expect("a clock after 1970").as_millis();
    println!("{} {errors} {ended}", longest.as_millis());
    // Its connections end with it.
    std::process::exit(0);
}

async fn client(conninfo: String, seen: Arc<Mutex<Seen>>) {
    let note = |what: fn(&mut Seen)| what(&mut seen.lock().expect("no client panics"));
    loop {
        let Ok((client, connection)) = tokio_postgres::connect(&conninfo, NoTls).await else {
            note(|seen| seen.errors += 1);
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        tokio::spawn(connection);
        while !client.is_closed() {
            match client
                .simple_query("insert into stall default values")
                .await
            {
                Ok(_) => note(Seen::acknowledged),
                Err(_) => note(|seen| seen.errors += 1),
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}
