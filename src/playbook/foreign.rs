//! Words of Ansible that pgha does not have, and what to write instead.

/// What to do instead of a play's key of Ansible.
pub(super) fn play_hint(key: &str) -> Option<&'static str> {
    Some(match key {
        "tasks" | "pre_tasks" | "post_tasks" => "pgha calls them `steps`",
        "roles" => "pgha has no roles: write the steps out, or split files with `import_playbook`",
        "handlers" => {
            "pgha has no handlers: whether a service must reload or restart is observed, and planned"
        }
        "gather_facts" => "remove it: pgha looks at what it needs by itself",
        "become" | "become_user" | "remote_user" => {
            "each resource knows whom it runs as; set `ansible_become` in the inventory"
        }
        "vars_files" => "put variables into `group_vars/` or pass `--extra-vars @file`",
        "any_errors_fatal" | "max_fail_percentage" | "strategy" => {
            "remove it: a failure on any host stops the run"
        }
        "tags" => "pgha has no tags: a second run changes nothing that already holds",
        "environment" | "collections" | "connection" => "remove it: pgha has no use for it",
        _ => return None,
    })
}

/// What to do instead of a step's key of Ansible.
pub(super) fn step_hint(key: &str) -> Option<&'static str> {
    Some(match key {
        "register" => "steps do not hand on results: use facts in `when` and templates",
        "notify" | "listen" => {
            "pgha has no handlers: whether a service must reload or restart is observed, and planned"
        }
        "become" | "become_user" => {
            "each resource knows whom it runs as; set `ansible_become` in the inventory"
        }
        "tags" => "pgha has no tags: a second run changes nothing that already holds",
        "with_items" | "with_list" | "with_dict" | "with_sequence" | "with_fileglob"
        | "loop_control" => "use `loop` with a list; each turn is `item`",
        "changed_when" | "failed_when" | "ignore_errors" => {
            "remove it: each resource compares what holds with what is declared"
        }
        "check_mode" | "diff" => "remove it: `pgha plan` shows what `pgha apply` would do",
        "until" | "retries" | "delay" | "async" | "poll" => {
            "remove it: resources wait for what they need by themselves"
        }
        "delegate_to" | "run_once" | "local_action" => {
            "write a play with the `hosts` that the step is for"
        }
        "block" | "rescue" | "always" => "write the steps out, each with its own `when`",
        "vars" => "put variables into the play's `vars` or the inventory",
        "args" => "put the arguments below the resource's name",
        "no_log" => "remove it: secrets are never shown",
        "environment" => "remove it: pgha has no use for it",
        "include_tasks" | "import_tasks" | "include_role" | "import_role" | "include_vars" => {
            "split playbooks with `- import_playbook: file.yml` beside the plays"
        }
        "set_fact" => "put variables into the play's `vars` or the inventory",
        _ => return None,
    })
}

/// The resource that does what a module of Ansible does.
pub(super) fn resource_for(module: &str) -> Option<&'static str> {
    Some(match module {
        "apt" | "yum" | "dnf" => "package",
        "systemd" | "systemd_service" => "service",
        "copy" | "blockinfile" | "lineinfile" => "file",
        "shell" | "raw" | "script" => "command",
        "postgresql_user" => "postgresql_role",
        "postgresql_db" => "postgresql_database",
        _ => return None,
    })
}
