//! `palisade run`: what the closed profile lets be read, and where package managers keep what they fetch and build.
#![expect(
    clippy::disallowed_methods,
    reason = "the world around the program is played here: its files, processes and servers"
)]

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::{Scene, each_user};

#[test]
fn the_closed_profile_reads_the_project_and_what_rules_name() {
    each_user(|scene| {
        scene.write("home/docs/page", "page\n");
        scene.write("home/notes", "notes\n");
        scene.write("project/a", "in the project\n");
        scene.settings(&json!({"permissions": {"allow": ["Read(~/docs/**)"]}}));
        let look = "cat a ~/docs/page ~/notes; ls /home /root /var/log; echo made > made; echo x > ~/docs/page";
        let open = scene.palisade(["run", "--quiet", "--", "bash", "-c", look]).run();
        assert!(open.stdout.starts_with("in the project\npage\nnotes\n"), "{open:#?}");

        let report = "report.json";
        let options = ["run", "--quiet", "--profile", "closed", "--report", report, "--", "bash", "-c", look];
        let closed = scene.palisade(options).run();
        assert_eq!(closed.stdout, "in the project\npage\n", "{closed:#?}");
        for missing in ["home/notes: No such file", "'/home': No such file", "/var/log': No such file"] {
            assert!(closed.stderr.contains(missing), "{missing}: {closed:#?}");
        }
        assert_eq!((scene.read("project/made"), scene.read("home/docs/page")), ("made\n".into(), "page\n".into()));
        let report: Value = serde_json::from_str(&scene.read("project/report.json")).unwrap();
        assert_eq!(report["held"]["profile"], "closed");
        let readable = report["held"]["readable"].as_array().unwrap();
        assert!(readable.contains(&json!({"path": scene.text("home/docs"), "why": "Read(~/docs/**)"})), "{report}");
    });
}

#[test]
fn programs_work_in_the_closed_profile() {
    each_user(|scene| {
        scene.write("project/a.c", "#include <stdio.h>\nint main(void) { puts(\"built\"); return 0; }\n");
        for (program, line, expected) in [
            ("sh", "sh -c 'echo sh'", "sh\n"),
            ("perl", "perl -e 'print \"perl\\n\"'", "perl\n"),
            ("cc", "cc a.c -o a.out && ./a.out", "built\n"),
            ("git", "git status --short a.c", "?? a.c\n"),
        ] {
            if !is_there(program) {
                println!("{program} is not installed");
                continue;
            }
            let finished = scene.palisade(["run", "--quiet", "--profile", "closed", "--", "bash", "-c", line]).run();
            assert_eq!((finished.code, finished.stdout.as_str()), (0, expected), "{program}: {finished:#?}");
        }
    });
}

#[test]
fn each_project_has_caches_of_its_own() {
    each_user(|scene| {
        let show = "echo $XDG_CACHE_HOME; mkdir -p $XDG_CACHE_HOME; cat $XDG_CACHE_HOME/kept; echo kept > $XDG_CACHE_HOME/kept";
        let run = |directory: &str, options: &[&str]| {
            let options = [&["run", "--quiet"], options, &["--", "bash", "-c", show]].concat();
            scene.palisade(options).cwd(scene.directory(directory)).run()
        };
        let first = run("project", &[]);
        let place = PathBuf::from(first.stdout.trim());
        assert!(place.starts_with(scene.path("home/.cache/palisade/projects")), "{first:#?}");
        assert_eq!(std::fs::read_to_string(place.join("kept")).unwrap(), "kept\n");
        assert_eq!(run("project", &[]).stdout, format!("{}\nkept\n", place.display()));
        assert_eq!(run("project", &["--profile", "closed"]).stdout, format!("{}\nkept\n", place.display()));
        let other = run("other", &[]);
        assert_ne!(other.stdout.trim(), place.to_str().unwrap(), "{other:#?}");

        let without = run("project", &["--no-caches"]);
        assert_eq!(without.stdout, "\n", "{without:#?}");
        // Whoever put a cache into the project has it there.
        let own = scene.palisade(["run", "--quiet", "--", "bash", "-c", "echo $CARGO_HOME $npm_config_cache"]);
        let own = own.env("CARGO_HOME", scene.path("project/.own")).run();
        let npm = place.with_file_name("npm");
        assert_eq!(own.stdout, format!("{} {}\n", scene.text("project/.own"), npm.display()));
    });
}

#[test]
fn package_managers_change_nothing_outside() {
    each_user(|scene| {
        scene.write("home/.cargo/registry/kept", "kept\n");
        for (name, text) in WITHHELD {
            scene.write(&format!("home/{name}"), text);
        }
        let before = tree(&scene.path("home"));
        for (name, program, script) in tools(scene) {
            let Some(program) = program else {
                println!("NOT TESTED: there is no {name} that user {} can start", scene.uid());
                continue;
            };
            let directory = program.parent().unwrap().display();
            let line = format!("export PATH={directory}:$PATH; {script}");
            let finished = scene.palisade(["run", "--quiet", "--", "bash", "-c", &line]).run();
            assert_eq!(finished.code, 0, "{}: {finished:#?}", program.display());
            assert!(finished.stdout.ends_with("works\n"), "{}: {finished:#?}", program.display());
        }
        assert_eq!(tree(&scene.path("home")), before);
        for (name, text) in WITHHELD {
            let hidden = scene.confined(&format!("cat ~/{name}; echo more > ~/{name}")).run();
            assert!(!hidden.stdout.contains("secret"), "{hidden:#?}");
            assert_eq!((scene.read(&format!("home/{name}")).as_str(), hidden.code), (*text, 1), "{hidden:#?}");
            let control = scene.bash(&format!("cat ~/{name}")).run();
            assert!(control.stdout.contains("secret"), "{control:#?}");
        }
    });
}

/// Returns package managers, where they are here and the user can start them, with what they do.
fn tools(scene: &Scene) -> Vec<(&'static str, Option<PathBuf>, &'static str)> {
    packages(scene);
    let is_own = scene.uid() == rustix::process::geteuid().as_raw();
    // Toolchains of root's own are nothing that others can start.
    let path = std::env::var("PATH").ok().filter(|_| is_own);
    let places: Vec<PathBuf> = crate::support::SEARCH
        .split(':')
        .chain(path.iter().flat_map(|path| path.split(':')))
        .map(PathBuf::from)
        .collect();
    let installed = |name: &str| places.iter().map(|place| place.join(name)).find(|path| path.exists());
    let cargo = Some(PathBuf::from(env!("CARGO"))).filter(|path| is_own && path.exists());
    vec![
        ("cargo", cargo, "cd crate && cargo run --offline --target-dir target"),
        ("npm", installed("npm"), "cd node && npm install --offline && node -p 'require(\"b\")'"),
        (
            "pip",
            installed("pip3"),
            "python3 wheel.py && pip3 install --no-index --target t b-0.1-py3-none-any.whl && pip3 cache dir && \
             PYTHONPATH=t python3 -c 'import b; print(b.TEXT)'",
        ),
        (
            "go",
            installed("go"),
            "cd go && export GOPROXY=file://$PWD/proxy GOSUMDB=off GOFLAGS=-mod=mod && go run ./pack && go build -o app . && go vet . && \
             go install . && test -n \"$(ls $GOPATH/bin $GOCACHE)\" && test -d $GOMODCACHE/example.com/b@v1.0.0 && ./app",
        ),
        ("maven", installed("mvn"), "cd maven && mvn -q -o validate && echo works"),
        ("gradle", installed("gradle"), "cd gradle && gradle --no-daemon --offline -q say && ls $GRADLE_USER_HOME >&2"),
        (
            "bundler",
            installed("bundle"),
            "cd ruby/b && gem build -q b.gemspec && gem install -q --local --no-document b-0.1.gem && test -d $GEM_HOME/gems/b-0.1 && \
             cd .. && bundle install --local && bundle exec ruby -e 'require \"b\"'",
        ),
        ("composer", installed("composer"), "cd php && composer install -q && test -d $COMPOSER_HOME && php main.php"),
        ("yarn", installed("yarnpkg"), "cd node && yarnpkg install --offline && node -p 'require(\"b\")'"),
    ]
}

/// What holds secrets in a home directory, beside package managers that end when there is what they may not read.
const WITHHELD: &[(&str, &str)] = &[
    (".npmrc", "//registry.example.com/:_authToken=secret\n"),
    (".yarnrc.yml", "npmAuthToken: secret\n"),
    (".cargo/credentials.toml", "[registry]\ntoken = \"secret\"\n"),
    (".m2/settings.xml", "<settings><!-- secret --></settings>\n"),
    (".config/composer/auth.json", "{\"bearer\": {\"example.com\": \"secret\"}}\n"),
    (".config/pypoetry/auth.toml", "secret = \"secret\"\n"),
    (".gradle/gradle.properties", "password=secret\n"),
];

/// Makes a package for each, which needs another one.
fn packages(scene: &Scene) {
    scene.write(
        "project/crate/Cargo.toml",
        "[workspace]\n\n[package]\nname = \"a\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n[dependencies]\nb = { path = \"b\" }\n",
    );
    scene.write("project/crate/src/main.rs", "fn main() { println!(\"{}\", b::TEXT); }\n");
    scene.write("project/crate/b/Cargo.toml", "[package]\nname = \"b\"\nversion = \"0.1.0\"\nedition = \"2021\"\n");
    scene.write("project/crate/b/src/lib.rs", "pub const TEXT: &str = \"works\";\n");
    scene.write("project/node/package.json", r#"{"name": "a", "version": "1.0.0", "dependencies": {"b": "file:./b"}}"#);
    scene.write("project/node/b/package.json", r#"{"name": "b", "version": "1.0.0", "main": "b.js"}"#);
    scene.write("project/node/b/b.js", "module.exports = 'works';\n");
    for name in ["project/crate/src", "project/crate/b/src", "project/crate", "project/node", "project/node/b"] {
        scene.directory(name);
    }
    scene.write("project/wheel.py", WHEEL);
    scene.write("project/go/go.mod", "module example.com/a\ngo 1.18\nrequire example.com/b v1.0.0\n");
    let main = "package main\n\nimport (\n\t\"fmt\"\n\n\t\"example.com/b\"\n)\n\nfunc main() { fmt.Println(b.Text) }\n";
    scene.write("project/go/main.go", main);
    let module = "module example.com/b\ngo 1.18\n";
    let served = "project/go/proxy/example.com/b/@v";
    scene.write(&format!("{served}/list"), "v1.0.0\n");
    scene.write(&format!("{served}/v1.0.0.info"), r#"{"Version": "v1.0.0", "Time": "2020-01-01T00:00:00Z"}"#);
    scene.write(&format!("{served}/v1.0.0.mod"), module);
    scene.write("project/go/pack/main.go", GO_PACK);
    let pom = "<project><modelVersion>4.0.0</modelVersion><groupId>a</groupId><artifactId>a</artifactId><version>1</version></project>\n";
    scene.write("project/maven/pom.xml", pom);
    scene.write("project/gradle/settings.gradle", "rootProject.name = 'a'\n");
    scene.write("project/gradle/build.gradle", "task say { doLast { println 'works' } }\n");
    scene.write("project/ruby/Gemfile", "source 'https://example.com' do\nend\ngem 'b', path: 'b'\n");
    let gem = "Gem::Specification.new { |s| s.name = 'b'; s.version = '0.1'; s.summary = 's'; s.authors = ['a']; s.files = ['lib/b.rb'] }\n";
    scene.write("project/ruby/b/b.gemspec", gem);
    scene.write("project/ruby/b/lib/b.rb", "puts 'works'\n");
    let library = r#"{"name": "a/b", "version": "1.0.0", "autoload": {"files": ["b.php"]}}"#;
    scene.write("project/php/b/composer.json", library);
    scene.write("project/php/b/b.php", "<?php function text() { return \"works\\n\"; }\n");
    let main = "<?php require 'vendor/autoload.php'; echo text();\n";
    scene.write("project/php/main.php", main);
    let needs = r#"{"name": "a/a", "repositories": [{"type": "path", "url": "./b", "options": {"symlink": false}}, {"packagist.org": false}], "require": {"a/b": "1.0.0"}}"#;
    scene.write("project/php/composer.json", needs);
    for directory in [
        "go",
        "go/proxy/example.com/b/@v",
        "go/pack",
        "maven",
        "gradle",
        "ruby",
        "ruby/b",
        "ruby/b/lib",
        "php",
        "php/b",
    ] {
        scene.directory(&format!("project/{directory}"));
    }
}

/// Makes a module as a proxy serves it.
const GO_PACK: &str = "\
package main

import (
	\"archive/zip\"
	\"os\"
)

func main() {
	file, _ := os.Create(\"proxy/example.com/b/@v/v1.0.0.zip\")
	archive := zip.NewWriter(file)
	for name, text := range map[string]string{
		\"go.mod\": \"module example.com/b\\ngo 1.18\\n\",
		\"b.go\":   \"package b\\n\\nconst Text = \\\"works\\\"\\n\",
	} {
		entry, _ := archive.Create(\"example.com/b@v1.0.0/\" + name)
		entry.Write([]byte(text))
	}
	archive.Close()
}
";

/// Makes a package as pip installs it.
const WHEEL: &str = "\
import zipfile
with zipfile.ZipFile('b-0.1-py3-none-any.whl', 'w') as wheel:
    wheel.writestr('b/__init__.py', 'TEXT = \"works\"\\n')
    wheel.writestr('b-0.1.dist-info/METADATA', 'Metadata-Version: 2.1\\nName: b\\nVersion: 0.1\\n')
    wheel.writestr('b-0.1.dist-info/WHEEL', 'Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')
    wheel.writestr('b-0.1.dist-info/RECORD', '')
";

/// Returns every file below a directory with its text, but for the private caches and the journal.
fn tree(directory: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut open = vec![directory.to_path_buf()];
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            if path.ends_with(".cache/palisade") || path.ends_with(".local/state/palisade") {
                continue;
            }
            match path.is_dir() {
                true => open.push(path),
                false => found.push((path.clone(), std::fs::read_to_string(&path).unwrap())),
            }
        }
    }
    found.sort();
    found
}

fn is_there(program: &str) -> bool {
    crate::support::SEARCH.split(':').any(|directory| Path::new(directory).join(program).exists())
}
