//! Which examples are tried. Whether one passes is decided, so a row too many claims nothing.

/// A call that shows what a program does beyond its name.
pub(super) struct Escape {
    pub(super) program: &'static str,
    pub(super) arguments: &'static str,
    /// What it does.
    pub(super) why: &'static str,
}

const fn row(program: &'static str, arguments: &'static str, why: &'static str) -> Escape {
    Escape { program, arguments, why }
}

pub(super) const GIVEN: &str = "it runs the command that it is given";
pub(super) const INLINE: &str = "its argument is a program";
const FETCHED: &str = "it downloads a package and runs it";
pub(super) const SCRIPT: &str = "it runs a script that the agent can write";
pub(super) const LOADED: &str = "one of its options loads code, or settings that name some";
pub(super) const OPTION: &str = "one of its options names a command that it runs";
const ELSEWHERE: &str = "it runs a command on another machine or in another container";
const RECIPE: &str = "it runs what a file says that the agent can write";

/// Programs that run what they are given, most telling example first. A program whose table in `packs/programs`
/// says so needs no row.
pub(super) const ESCAPES: &[Escape] = &[
    row("doas", "./anything", GIVEN),
    row("su", "-c ./anything", GIVEN),
    row("unshare", "./anything", GIVEN),
    row("nsenter", "./anything", GIVEN),
    row("npx", "some-package", FETCHED),
    row("bunx", "some-package", FETCHED),
    row("pnpx", "some-package", FETCHED),
    row("pnpm", "dlx some-package", FETCHED),
    row("yarn", "dlx some-package", FETCHED),
    row("npm", "exec some-package", FETCHED),
    row("npm", "install some-package", "it runs the scripts of the packages that it installs"),
    row("pnpm", "install some-package", "it runs the scripts of the packages that it installs"),
    row("yarn", "add some-package", "it runs the scripts of the packages that it installs"),
    row("bun", "x some-package", FETCHED),
    row("uvx", "some-package", FETCHED),
    row("uv", "run anything.py", SCRIPT),
    row("pipx", "run some-package", FETCHED),
    row("pip", "install some-package", "it runs the build of the package that it installs"),
    row("pip3", "install some-package", "it runs the build of the package that it installs"),
    row("poetry", "run ./anything", GIVEN),
    row("pipenv", "run ./anything", GIVEN),
    row("conda", "run ./anything", GIVEN),
    row("bundle", "exec ./anything", GIVEN),
    row("gem", "install some-package", "it runs the build of the package that it installs"),
    row("cargo", "install some-package", "it runs the build of the package that it installs"),
    row("deno", "run -A anything.ts", SCRIPT),
    row("deno", "eval 'anything()'", INLINE),
    row("devbox", "run ./anything", GIVEN),
    row("mise", "exec -- ./anything", GIVEN),
    row("direnv", "exec . ./anything", GIVEN),
    row("nix", "run some-package", FETCHED),
    row("nix-shell", "--run ./anything", OPTION),
    row("R", "-e 'system(\"anything\")'", INLINE),
    row("Rscript", "-e 'system(\"anything\")'", INLINE),
    row("julia", "-e 'run(`anything`)'", INLINE),
    row("osascript", "-e 'do shell script \"anything\"'", INLINE),
    row("docker", "compose run service ./anything", ELSEWHERE),
    row("docker-compose", "run service ./anything", ELSEWHERE),
    row("kubectl", "exec pod -- ./anything", ELSEWHERE),
    row("kubectl", "run pod --image=image -- ./anything", ELSEWHERE),
    row("ansible", "all -m shell -a ./anything", ELSEWHERE),
    row("vagrant", "ssh -c ./anything", ELSEWHERE),
    row("mvn", "exec:exec -Dexec.executable=./anything", OPTION),
    row("cmake", "-P anything.cmake", SCRIPT),
    row("pytest", "anything.py", SCRIPT),
    row("jest", "--config anything.js", SCRIPT),
    row("gdb", "-batch -ex 'shell ./anything'", OPTION),
    row("tmux", "new-session -d ./anything", GIVEN),
    row("screen", "-dm ./anything", GIVEN),
    row("crontab", "anything", "it runs later what a file says"),
    row("at", "-f anything now", "it runs later what a file says"),
    row("systemd-run", "./anything", GIVEN),
    row("mysql", "-e 'system ./anything'", "its script has a command that runs programs"),
    row("gcloud", "compute ssh host --command=./anything", ELSEWHERE),
    row("parallel", "./anything ::: x", GIVEN),
    row("entr", "./anything", GIVEN),
    row("script", "-c ./anything", OPTION),
];

/// Programs that do more than most think, though not everything.
pub(super) const MORE: &[Escape] = &[
    row("npm", "run anything", RECIPE),
    row("go", "generate", RECIPE),
    row("docker", "build .", RECIPE),
    row("kubectl", "apply -f anything.yaml", RECIPE),
    row("helm", "install x ./anything", RECIPE),
    row("ansible-playbook", "anything.yml", RECIPE),
    row("terraform", "apply -auto-approve", RECIPE),
    row("make", "anything", RECIPE),
    row("just", "anything", RECIPE),
    row("rake", "anything", RECIPE),
    row("gradle", "anything", RECIPE),
    row("./gradlew", "anything", RECIPE),
    row("tox", "-e anything", RECIPE),
    row("cargo", "run", "it builds and runs what is in the project"),
    row("git", "push --force", "it replaces what others have published"),
    row("ffmpeg", "-i x.mp4 /home/x.mp4", "it writes wherever it is told to"),
    row("gh", "api -X DELETE /repos/owner/name", "it does everything that the account may do"),
    row("aws", "s3 rm s3://bucket --recursive", "it does everything that the account may do"),
    row("curl", "-o anything.sh https://example.com/x", "it sends and fetches any file, to and from anywhere"),
    row("wget", "-O anything.sh https://example.com/x", "it sends and fetches any file, to and from anywhere"),
];

/// A whole tool in an allow list.
pub(super) struct Canary {
    pub(super) tool: &'static str,
    /// The tool of the example calls.
    pub(super) asks: &'static str,
    pub(super) subjects: &'static [&'static str],
    pub(super) what: &'static str,
    pub(super) instead: &'static str,
}

/// What a whole tool allows.
pub(super) const CANARIES: &[Canary] = &[
    Canary {
        tool: "Bash",
        asks: "Bash",
        subjects: &["./anything", "curl -T x https://example.com/", "make"],
        what: "every command",
        instead: "name the commands: `Bash(npm test)`, `Bash(cargo check *)`; what only reads passes without a rule",
    },
    Canary {
        tool: "Monitor",
        asks: "Monitor",
        subjects: &["./anything", "make"],
        what: "every command",
        instead: "name the commands: `Monitor(npm test)`",
    },
    Canary {
        tool: "PowerShell",
        asks: "PowerShell",
        subjects: &["Invoke-Anything"],
        what: "every PowerShell command, whose text is not analysed",
        instead: "leave it out, so that these commands ask",
    },
    Canary {
        tool: "Read",
        asks: "Read",
        subjects: &["~/.ssh/id_ed25519", "~/.aws/credentials", "/etc/shadow"],
        what: "reading every file, keys and tokens included",
        instead: "leave it out: the project is read without a rule; name other directories, `Read(//srv/docs/**)`",
    },
    Canary {
        tool: "Edit",
        asks: "Edit",
        subjects: &["/etc/profile", "/usr/local/bin/x", "~/.bash_login"],
        what: "changing every file that no table protects",
        instead: "name the directories: `Edit(src/**)`, or use mode `acceptEdits`",
    },
    Canary {
        tool: "Write",
        asks: "Edit",
        subjects: &["/etc/profile"],
        what: "changing every file that no table protects",
        instead: "name the directories: `Edit(src/**)`, or use mode `acceptEdits`",
    },
    Canary {
        tool: "WebFetch",
        asks: "WebFetch",
        subjects: &["https://example.com/?secret"],
        what: "fetching from every host, which can carry anything out",
        instead: "name the hosts: `WebFetch(domain:docs.example.com)`",
    },
];

/// Spellings of one thing: each list names options or words that mean the same to a program.
pub(super) const SAME: &[(&str, &[&str])] = &[
    ("rm", &["-r", "-R", "--recursive"]),
    ("rm", &["-f", "--force"]),
    ("chmod", &["-R", "--recursive"]),
    ("chown", &["-R", "--recursive"]),
    ("cp", &["-r", "-R", "--recursive"]),
    ("git", &["-f", "--force"]),
    ("git", &["--no-verify", "--no-verif"]),
    ("git", &["--amend", "--amen"]),
    ("git", &["--hard", "--har"]),
    ("git", &["-D", "--delete --force"]),
    ("curl", &["-o", "--output"]),
    ("curl", &["-d", "--data"]),
    ("curl", &["-T", "--upload-file"]),
    ("curl", &["-X", "--request"]),
    ("wget", &["-O", "--output-document"]),
    ("docker", &["-v", "--volume"]),
    ("docker", &["run", "container run"]),
    ("docker", &["exec", "container exec"]),
    ("docker", &["rm", "container rm"]),
    ("npm", &["install", "i", "add"]),
    ("npm", &["uninstall", "rm", "remove"]),
    ("npm", &["run", "run-script"]),
    ("cargo", &["build", "b"]),
    ("cargo", &["run", "r"]),
    ("kubectl", &["delete", "delete --now=false"]),
    ("pip", &["-U", "--upgrade"]),
];

/// Options that change nothing of what a program does in earnest, before its other words.
pub(super) const HARMLESS: &[(&str, &str)] = &[
    ("rm", "-v"),
    ("chmod", "-v"),
    ("chown", "-v"),
    ("cp", "-v"),
    ("mv", "-v"),
    ("dd", "status=none"),
    ("git", "-C ."),
    ("git", "--no-pager"),
    ("curl", "-s"),
    ("wget", "-q"),
    ("npm", "--silent"),
    ("yarn", "--silent"),
    ("docker", "--debug"),
    ("kubectl", "-v=0"),
    ("terraform", "-chdir=."),
    ("aws", "--no-cli-pager"),
    ("gcloud", "--quiet"),
    ("cargo", "-q"),
    ("pip", "-q"),
    ("sudo", "-n"),
    ("systemctl", "--quiet"),
];

/// Programs whose options may stand behind their operands, and whose one-letter options may be joined.
pub(super) const PERMUTING: &[&str] = &[
    "rm", "chmod", "chown", "cp", "mv", "ln", "mkdir", "touch", "tee", "truncate", "shred", "git", "curl", "wget",
    "npm", "cargo", "kubectl",
];

/// Programs that do the same in other words, with a call each.
pub(super) const SIBLINGS: &[&[(&str, &str)]] = &[
    &[
        ("curl", "curl https://example.com/"),
        ("wget", "wget https://example.com/"),
        ("aria2c", "aria2c https://example.com/"),
        ("nc", "nc example.com 80"),
        ("python3", "python3 -c 'import urllib.request as r; r.urlopen(\"https://example.com/\")'"),
    ],
    &[
        ("rm", "rm x"),
        ("unlink", "unlink x"),
        ("shred", "shred -u x"),
        ("find", "find . -delete"),
        ("git", "git clean -fdx"),
        ("perl", "perl -e 'unlink \"x\"'"),
    ],
    &[
        ("sudo", "sudo ./anything"),
        ("doas", "doas ./anything"),
        ("pkexec", "pkexec ./anything"),
        ("su", "su -c ./anything"),
    ],
    &[("ssh", "ssh host ./anything"), ("scp", "scp x host:"), ("sftp", "sftp host"), ("rsync", "rsync x host:")],
    &[("npm", "npm install x"), ("yarn", "yarn add x"), ("pnpm", "pnpm add x"), ("bun", "bun add x")],
    &[("docker", "docker run image"), ("podman", "podman run image"), ("nerdctl", "nerdctl run image")],
];

/// What reaches the same as a whole tool does: the tool's name in a rule, and a call of another.
pub(super) const REACHES: &[(&str, &str, &str)] = &[
    ("Read", "Bash", "cat x"),
    ("Grep", "Bash", "grep -r x ."),
    ("Glob", "Bash", "find . -name x"),
    ("Edit", "Bash", "tee x"),
    ("Write", "Edit", "x"),
    ("Write", "Bash", "tee x"),
    ("WebFetch", "Bash", "curl https://example.com/"),
    ("WebFetch", "Bash", "wget https://example.com/"),
    ("Bash", "PowerShell", "Invoke-Anything"),
];
