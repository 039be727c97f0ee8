//! The recipes of `docs/recipes/`, line by line: each inventory of `inventories/recipe-*` on bare hosts, and on a cluster that was
//! built by hand as the recipe says.

mod by_hand;
pub mod r000;
pub mod r002;
pub mod r003;
pub mod r004;

use std::fs;
use std::path::Path;

use crate::lab::{Hosts, Lab};

/// A lab whose inventory is a recipe's. Hosts go by the names that they have there.
pub struct Recipe {
    pub lab: Lab,
    /// The recipe's name of a host, and the lab's.
    names: Vec<(String, String)>,
}

/// The addresses that stand in a recipe's inventory, or the names where there are none, beside the names of hosts.
type Known<'a> = &'a [(&'a str, &'a str)];

impl Recipe {
    /// Bare hosts, and the inventory with their addresses and logins in the place of its own: nothing else is different.
    pub fn up(folder: &str, nodes: u8, poolers: u8, known: Known<'_>) -> Self {
        let lab = Lab::up(Hosts {
            nodes,
            poolers,
            ..Hosts::default()
        });
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("inventories")
            .join(folder)
            .join("inventory.yml");
        let mut text = fs::read_to_string(shipped).unwrap();
        let own = (1..=nodes).map(|number| format!("node{number}"));
        let own = own.chain((1..=poolers).map(|number| format!("pooler{number}")));
        let mut names = Vec::new();
        for ((name, address), host) in known.iter().zip(own) {
            let there = lab.address(&host);
            text = match address.is_empty() {
                // What DNS would say: pgha is told here, hosts by /etc/hosts.
                true => text.replace(
                    &format!("        {name}:\n"),
                    &format!("        {name}: {{ ansible_ssh_extra_args: -o HostName={there} -o HostKeyAlias={there} }}\n"),
                ),
                false => text.replace(&format!("{address} }}"), &format!("{there} }}")),
            };
            names.push(((*name).to_owned(), host));
        }
        let login = "    ansible_user: root\n    ansible_ssh_private_key_file: id_ed25519\n    ansible_ssh_common_args: -o UserKnownHostsFile=known_hosts\n";
        let text = text.replacen("    ansible_user: root\n", login, 1);
        fs::write(lab.inventory(), text).unwrap();
        let recipe = Self { lab, names };
        recipe.name_hosts();
        recipe
    }

    /// The hosts know each other by name, as by DNS.
    fn name_hosts(&self) {
        let lines = self.names.iter().map(|(name, host)| {
            let address = self.lab.address(host);
            format!("echo '{address} {name}' >>/etc/hosts")
        });
        let lines: Vec<String> = lines.collect();
        for (_, host) in &self.names {
            self.lab.on(host, &lines.join("\n"));
        }
    }

    /// The lab's name of a host.
    pub fn host(&self, name: &str) -> &str {
        let found = self.names.iter().find(|(known, _)| known == name);
        &found.unwrap_or_else(|| panic!("no host {name}")).1
    }

    pub fn address(&self, name: &str) -> String {
        self.lab.address(self.host(name))
    }

    pub fn on(&self, name: &str, script: &str) -> String {
        self.lab.on(self.host(name), script)
    }

    pub fn try_on(&self, name: &str, script: &str) -> crate::lab::Ran {
        self.lab.try_on(self.host(name), script)
    }

    pub fn as_postgres(&self, name: &str, script: &str) -> String {
        self.lab.as_postgres(self.host(name), script)
    }

    pub fn sql(&self, name: &str, database: &str, statement: &str) -> String {
        let port = self.on(
            name,
            "ls -a /var/run/postgresql | sed -n 's/^.s.PGSQL.\\([0-9]*\\)$/\\1/p' | head -n 1",
        );
        let command = format!(
            "psql -XAtq -v ON_ERROR_STOP=1 -p {port} -d {database} <<'PGHA_SQL'\n{statement}\nPGHA_SQL"
        );
        self.as_postgres(name, &command)
    }

    /// Waits until a statement gives that; for no more than a minute.
    pub fn until(&self, name: &str, database: &str, statement: &str, expected: &str) {
        crate::failover::until(|| (self.sql(name, database, statement) == expected).then_some(()));
    }

    /// `pgha VERB`, which must succeed; what it printed.
    pub fn pgha(&self, verb: &str, arguments: &[&str]) -> String {
        let ran = self.lab.pgha(verb, arguments).exits(0);
        ran.stdout + &ran.stderr
    }

    /// One apply, nothing left to do, and healthy.
    pub fn applied(&self) -> String {
        let told = self.pgha("apply", &["--allow-restart-primary"]);
        self.lab.assert_converged();
        self.lab.assert_healthy();
        told
    }
}
