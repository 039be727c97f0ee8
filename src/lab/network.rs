//! A network of its own for each lab: `172.30.K.0/24`.

use std::net::Ipv4Addr;

use super::Labels;
use super::engine::Engine;
use crate::problem::Problem;

/// Below this, addresses are left to whoever else uses `172.30.0.0/16`.
const FIRST: u8 = 7;

/// The network `172.30.K.0/24`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subnet(u8);

impl Subnet {
    /// The address of the host with the given number, from 0: `.11` and upward.
    pub fn host(self, number: u8) -> Ipv4Addr {
        Ipv4Addr::new(172, 30, self.0, 11 + number)
    }

    /// What all addresses in it begin with: `172.30.7.`.
    pub fn beginning(self) -> String {
        format!("172.30.{}.", self.0)
    }

    /// In the notation `172.30.7.0/24`.
    pub fn cidr(self) -> String {
        format!("172.30.{}.0/24", self.0)
    }

    fn overlaps(self, other: &Range) -> bool {
        let own = Range::new(Ipv4Addr::new(172, 30, self.0, 0), 24);
        own.first <= other.last && other.first <= own.last
    }
}

/// A range of IPv4 addresses, both ends included.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Range {
    first: u32,
    last: u32,
}

impl Range {
    fn new(address: Ipv4Addr, bits: u32) -> Self {
        let wild = u32::MAX.checked_shr(bits).unwrap_or(0);
        let first = address.to_bits() & !wild;
        Self {
            first,
            last: first | wild,
        }
    }

    /// From `172.17.0.0/16`; `None` for what is not IPv4.
    fn parse(cidr: &str) -> Option<Self> {
        let (address, bits) = cidr.split_once('/')?;
        let bits = bits.parse().ok().filter(|bits| *bits <= 32)?;
        Some(Self::new(address.parse().ok()?, bits))
    }
}

/// The routes of this machine in the form of Linux' `/proc/net/route`, without the default route.
fn routes(table: &str) -> Vec<Range> {
    let hexadecimal = |word: &str| u32::from_str_radix(word, 16).ok().map(u32::swap_bytes);
    table
        .lines()
        .skip(1)
        .filter_map(|line| {
            let mut words = line.split_whitespace().skip(1);
            let destination = hexadecimal(words.next()?)?;
            let mask = hexadecimal(words.nth(5)?)?;
            (mask != 0).then(|| Range::new(Ipv4Addr::from_bits(destination), mask.leading_ones()))
        })
        .collect()
}

/// The first network that overlaps none of `used`.
fn free(used: &[Range]) -> Option<Subnet> {
    (FIRST..=u8::MAX)
        .map(Subnet)
        .find(|subnet| !used.iter().any(|range| subnet.overlaps(range)))
}

/// Creates the bridge network of a lab on the first free subnet.
///
/// Two labs may look at the same time and choose the same subnet: the engine refuses the later one, which then takes
/// the next.
pub async fn create(engine: &Engine, labels: &Labels) -> Result<Subnet, Problem> {
    let mut used = used(engine).await?;
    if let Ok(table) = tokio::fs::read_to_string("/proc/net/route").await {
        used.extend(routes(&table));
    }
    loop {
        let subnet = free(&used).ok_or_else(|| {
            Problem::failed("no free network in `172.30.0.0/16`")
                .hint("`pgha lab list` shows the labs that are up")
        })?;
        let cidr = subnet.cidr();
        let mut arguments = vec!["network", "create", "--driver", "bridge", "--subnet", &cidr];
        let flags = labels.flags();
        arguments.extend(flags.iter().map(String::as_str));
        let name = labels.network();
        arguments.push(&name);
        match engine.act(arguments).await {
            Ok(_) => return Ok(subnet),
            Err(problem) if is_taken(&problem) => used.extend(Range::parse(&cidr)),
            Err(problem) => return Err(problem),
        }
    }
}

/// Whether the engine refused since another network has the addresses.
fn is_taken(problem: &Problem) -> bool {
    problem.cause.as_deref().is_some_and(|cause| {
        let cause = cause.to_lowercase();
        cause.contains("overlap") || cause.contains("conflicts with network")
    })
}

/// The subnets of all networks that the engine has.
async fn used(engine: &Engine) -> Result<Vec<Range>, Problem> {
    let mut used = Vec::new();
    for id in engine.ask(["network", "ls", "-q"]).await?.lines() {
        let format = "{{range .IPAM.Config}}{{println .Subnet}}{{end}}";
        // One at a time, and a failure says nothing: a network may vanish after it was listed.
        let subnets = engine.ask(["network", "inspect", "-f", format, id]).await;
        used.extend(
            subnets
                .unwrap_or_default()
                .split_whitespace()
                .filter_map(Range::parse),
        );
    }
    Ok(used)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranges(cidrs: &[&str]) -> Vec<Range> {
        cidrs.iter().filter_map(|cidr| Range::parse(cidr)).collect()
    }

    #[test]
    fn the_first_free_subnet_is_taken() {
        assert_eq!(
            free(&ranges(&["172.17.0.0/16", "fd00::/64"])),
            Some(Subnet(7))
        );
        assert_eq!(
            free(&ranges(&[
                "172.30.7.0/24",
                "172.30.8.128/25",
                "172.30.10.0/24"
            ])),
            Some(Subnet(9))
        );
    }

    #[test]
    fn a_wider_network_takes_all_of_it() {
        assert_eq!(free(&ranges(&["172.30.0.0/18"])), Some(Subnet(64)));
        assert_eq!(free(&ranges(&["172.16.0.0/12"])), None);
    }

    #[test]
    fn addresses_start_at_eleven() {
        assert_eq!(Subnet(7).host(0).to_string(), "172.30.7.11");
        assert_eq!(Subnet(7).cidr(), "172.30.7.0/24");
    }

    #[test]
    fn routes_count_but_the_default_route_does_not() {
        let table = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n\
                     eth0\t00000000\t010011AC\t0003\t0\t0\t0\t00000000\t0\t0\t0\n\
                     tun0\t00071EAC\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n";
        assert_eq!(routes(table), ranges(&["172.30.7.0/24"]));
    }
}
