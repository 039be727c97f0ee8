//! Images of bare hosts that have the cluster's packages already, so that only the scenarios about that download them.

use std::fs::File;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use crate::lab::{Hosts, Lab, docker};
use crate::moment;

/// The images' name; their tag tells release and contents.
const NAME: &str = "pgha-scenarios";

/// Databases lie on a volume, that is on the machine's own file system, as they would on a host: the engine's own may be an
/// overlay in user space, which is many times slower.
const VOLUME: &str = "VOLUME /var/lib/postgresql";

/// Installs the packages and leaves the host as bare as it was but for them: no cluster, no service that runs; PostgreSQL's
/// clusters start at boot, as Debian has it.
fn install(version: u8) -> String {
    format!(
        "set -e
export DEBIAN_FRONTEND=noninteractive
mkdir -p /etc/postgresql-common/createcluster.d
echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.d/pgha.conf
apt-get -q update
apt-get -qy install --no-install-recommends postgresql-{version} postgresql-{version}-repmgr pgbouncer postgresql-client sudo
rm -r /etc/postgresql-common/createcluster.d
systemctl disable --now pgbouncer repmgrd || :
systemctl stop postgresql || :
rm -rf /var/log/postgresql/* /etc/postgresql/{version} /var/lib/postgresql/{version}/*
apt-get clean"
    )
}

/// Makes all that scenarios start from, where it is not there.
pub fn make() {
    std::thread::scope(|scope| {
        for os in ["debian-12", "debian-11", "debian-13"] {
            scope.spawn(move || match os {
                // Only bare hosts have this release.
                "debian-11" if !moment::is_whole() => base(os),
                _ => _ = of(os),
            });
        }
    });
}

/// Makes the bare image of a release.
fn base(os: &'static str) {
    if id(&format!("pgha-lab:{os}")).is_none() {
        drop(bare(os));
    }
}

/// A host as it is when it is new.
fn bare(os: &'static str) -> Lab {
    let hosts = Hosts {
        nodes: 1,
        poolers: 0,
        os,
        bare: true,
        ..Hosts::default()
    };
    Lab::boot(hosts, None)
}

/// The image for a release; made first if there is none.
pub fn of(os: &'static str) -> String {
    let version = match os {
        "debian-11" => 13,
        "debian-12" => 15,
        "debian-13" => 17,
        other => panic!("no release {other}"),
    };
    let lock = std::env::temp_dir().join(format!("{NAME}-{os}.lock"));
    let lock = File::create(lock).unwrap();
    lock.lock().unwrap();
    if let Some(image) = named(os, version).filter(|image| id(image).is_some()) {
        return image;
    }
    let lab = bare(os);
    lab.on("node1", &install(version));
    let image = named(os, version).expect("the lab's base image is there");
    let container = lab.container("node1");
    docker(&["commit", "--change", VOLUME, &container, &image]).exits(0);
    image
}

/// The image's name, which depends on everything that it is made of; none while there is no base image.
fn named(os: &str, version: u8) -> Option<String> {
    let mut hasher = DefaultHasher::new();
    (id(&format!("pgha-lab:{os}"))?, install(version), VOLUME).hash(&mut hasher);
    Some(format!("{NAME}:{os}-{:016x}", hasher.finish()))
}

fn id(image: &str) -> Option<String> {
    let inspected = docker(&["image", "inspect", "-f", "{{.Id}}", image]);
    (inspected.code == 0).then(|| inspected.line())
}
