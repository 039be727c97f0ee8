//! Asks the programs that pgha leaves on hosts, as they are shipped (`asked.bash`), and remembers what they said.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use tempfile::TempDir;

/// A program with its words, and all that it can see.
#[derive(Debug)]
pub struct Question {
    pub words: String,
    /// Shell that sets what its host and the others would say.
    pub values: String,
    /// The host's files by name: `kept/replaced`.
    pub files: BTreeMap<String, String>,
}

/// What came of it.
#[derive(Debug)]
pub struct Answer {
    pub code: i32,
    /// The host's files by then.
    pub files: BTreeMap<String, String>,
    /// What it would have done to the host, in order: `stop`, `start`, `promote`, `lead NAME`.
    pub did: Vec<String>,
    /// What it said on stderr.
    pub said: String,
}

/// The folders of a host that programs keep files in.
const FOLDERS: [&str; 3] = ["data", "kept", "run"];

pub struct Asked {
    root: TempDir,
    shell: Child,
    questions: ChildStdin,
    codes: BufReader<ChildStdout>,
}

impl Asked {
    pub fn new() -> Self {
        // Where files cost nothing.
        let memory = Path::new("/dev/shm");
        let root = match memory.is_dir() {
            true => tempfile::tempdir_in(memory),
            false => tempfile::tempdir(),
        }
        .expect("a folder for a host");
        let of = |name: &str| root.path().join(name);
        let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
        fs::create_dir(of("lib")).unwrap();
        symlink(repository.join("programs"), of("programs")).unwrap();
        // They are read once, before all questions.
        for library in [
            "common", "owner", "control", "server", "peers", "quorum", "contest", "asking",
        ] {
            fs::write(of(&format!("lib/{library}.sh")), "").unwrap();
        }
        for library in ["console", "role"] {
            let from = of(&format!("programs/{library}.sh"));
            symlink(from, of(&format!("lib/{library}.sh"))).unwrap();
        }
        let pooler = ". \"$root/programs/pooler.sh\"\npgbouncer_is_played\n";
        fs::write(of("lib/pooler.sh"), pooler).unwrap();
        fs::write(of("lib/host.conf"), "").unwrap();
        symlink(repository.join("tests/model/asked.bash"), of("lib/asked")).unwrap();
        let mut shell = Command::new("bash")
            .arg(of("lib/asked"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("`bash` starts");
        let questions = shell.stdin.take().unwrap();
        let codes = BufReader::new(shell.stdout.take().unwrap());
        Self {
            root,
            shell,
            questions,
            codes,
        }
    }

    fn host(&self, name: &str) -> PathBuf {
        self.root.path().join("host").join(name)
    }

    /// What a program says and does, as it is shipped.
    pub fn ask(&mut self, question: &Question) -> Answer {
        let _ = fs::remove_dir_all(self.host(""));
        for folder in FOLDERS {
            fs::create_dir_all(self.host(folder)).unwrap();
        }
        fs::create_dir(self.host("data/global")).unwrap();
        fs::write(self.host("data/global/pg_control"), "").unwrap();
        for (name, text) in &question.files {
            fs::write(self.host(name), text).unwrap();
        }
        fs::write(self.host("values"), &question.values).unwrap();
        writeln!(self.questions, "{}", question.words).expect("the shell listens");
        let mut code = String::new();
        self.codes.read_line(&mut code).expect("the shell answers");
        let read = |name: &str| fs::read_to_string(self.host(name)).unwrap_or_default();
        let said = read("err");
        let code = code
            .trim()
            .parse()
            .unwrap_or_else(|_| panic!("{question:?}: {code}\n{said}"));
        // A word that is not known to this shell would be one that the model does not play.
        assert!(
            code != 127
                && !said.contains("command not found")
                && !said.contains("unbound variable"),
            "{question:?}: {said}"
        );
        let mut files = BTreeMap::new();
        for folder in FOLDERS {
            for file in fs::read_dir(self.host(folder)).unwrap() {
                let name = file.unwrap().file_name().into_string().unwrap();
                let name = format!("{folder}/{name}");
                files.insert(name.clone(), read(&name));
            }
        }
        files.retain(|_, text| text != "removed\n");
        let did = read("log").lines().map(str::to_owned).collect();
        Answer {
            code,
            files,
            did,
            said,
        }
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        let _ = self.shell.kill();
        let _ = self.shell.wait();
    }
}
