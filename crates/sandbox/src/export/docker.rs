//! An image, and a script that runs a command in it.

use policy::AbsPath;
use policy::controls::limits::Resource;

use super::loss::{Loss, comments, kernel_calls, of_all, pins, stricter, weaker};
use super::quote::{Inexpressible, mount, shell};
use super::view::View;
use super::{Export, File};

const FORM: &str = "dockerfile";

const DOCKERFILE: &str = r#"FROM debian:stable-slim
ARG USER_ID=1000
RUN apt-get update \
 && apt-get install --yes --no-install-recommends bash ca-certificates git \
 && rm -rf /var/lib/apt/lists/*
RUN useradd --create-home --uid "$USER_ID" --shell /bin/bash dev
USER dev
CMD ["bash"]
"#;

pub(super) fn export(view: &View<'_>) -> Result<Export, Inexpressible> {
    let mut losses = of_all(view);
    losses.extend(of_containers(view));
    losses.push(weaker("root", "what root starts is root inside, without its capabilities: start it as another user"));
    losses.extend(view.no_hosts());
    let mut options: Vec<String> = [
        "--rm --init --interactive",
        "--user \"$(id -u):$(id -g)\" --env HOME=/home/dev",
        "--read-only --tmpfs /tmp:exec --tmpfs /var/tmp:exec --tmpfs /home/dev:exec,mode=1777",
        "--cap-drop ALL --security-opt no-new-privileges",
        "--network none",
    ]
    .map(str::to_owned)
    .to_vec();
    options.extend(limits(view).into_iter().map(|(name, value)| format!("{name} {value}")));
    let mut lines: Vec<String> = options.iter().map(|option| format!("  {option} \\\n")).collect();
    for mount in mounts(FORM, view, &|path| (path.to_string(), path.to_string()))? {
        lines.push(format!("  --mount {} \\\n", shell(&mount)));
    }
    if view.cwd.as_str().chars().any(char::is_control) {
        return Err(Inexpressible::new(FORM, view.cwd.as_str(), "a directory with a control character is no line"));
    }
    lines.push(format!("  --workdir {} \\\n", shell(view.cwd.as_str())));
    let lost = comments("#", &losses);
    let image = format!(
        "# Written by `palisade sandbox export dockerfile`: add what your builds need, and keep `USER dev`.\n# Build it with: docker \
         build --build-arg USER_ID=$(id -u) -t palisade-sandbox .\n# Run a command with: ./run.sh palisade-sandbox COMMAND\n{DOCKERFILE}"
    );
    let script = format!(
        "#!/bin/sh\n# Written by `palisade sandbox export dockerfile`: do not edit, export again.\n#\n# What is lost:\n{lost}\
         set -eu\nimage=${{1:?the image, and a command}}\nshift\nexec docker run \\\n{}  \"$image\" \"$@\"\n",
        lines.concat()
    );
    Ok(Export { files: vec![File::plain("Dockerfile", image), File::program("run.sh", script)], losses })
}

/// Returns what every container loses.
pub(super) fn of_containers(view: &View<'_>) -> Vec<Loss> {
    let mut losses = vec![
        stricter("host-files", "the machine's programs and files are not there: the image has its own"),
        weaker("daemon", "who may talk to Docker's daemon is as good as root on the machine"),
        kernel_calls(),
    ];
    losses.push(weaker("own-home", "the home directory is the container's own, and can be written"));
    if view.hidden().next().is_some() {
        losses.push(weaker("hidden-writes", "what is written to a hidden file seems to be written, and is lost"));
    }
    if view.has_held() {
        losses.push(pins());
    }
    let of_processes = [Resource::OpenFiles, Resource::FileSize].into_iter();
    let written = of_processes.filter(|resource| view.written_limit(*resource).is_some());
    let held: Vec<Resource> =
        [Resource::Memory, Resource::Processes, Resource::Cpu].into_iter().chain(written).collect();
    let mut limits = view.limits_but(&held);
    if view.limit(Resource::Memory).is_some() {
        limits.retain(|name| *name != "memory");
    }
    if !limits.is_empty() {
        losses.push(weaker("limits", format!("nothing holds the limits on {}", limits.join(", "))));
    }
    losses
}

/// Returns the limits that a container holds, as options of `docker run`.
pub(super) fn limits(view: &View<'_>) -> Vec<(&'static str, String)> {
    let options = [
        ("--memory", view.limit(Resource::Memory).map(|bytes| bytes.to_string())),
        ("--pids-limit", view.limit(Resource::Processes).map(|count| count.to_string())),
        ("--cpus", view.limit(Resource::Cpu).map(|value| format!("{}.{:03}", value / 1000, value % 1000))),
        ("--ulimit", view.written_limit(Resource::OpenFiles).map(|count| format!("nofile={count}:{count}"))),
        ("--ulimit", view.written_limit(Resource::FileSize).map(|bytes| format!("fsize={bytes}:{bytes}"))),
    ];
    options.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

/// Returns the mounts in the order in which they are made. `place` says what a path of the host's is called outside and inside.
pub(super) fn mounts(
    form: &'static str,
    view: &View<'_>,
    place: &dyn Fn(&AbsPath) -> (String, String),
) -> Result<Vec<String>, Inexpressible> {
    let bind = |path: &AbsPath, is_read_only: bool| {
        let (source, target) = place(path);
        let mut fields = vec![("type", "bind"), ("source", source.as_str()), ("target", target.as_str())];
        fields.extend(is_read_only.then_some(("readonly", "")));
        mount(form, &fields)
    };
    let mut mounts = Vec::new();
    for path in view.writable() {
        mounts.push(bind(path, false)?);
    }
    let is_seen = |path: &AbsPath| view.writable().any(|root| path.is_within(root));
    for (path, _) in view.read_only().filter(|(path, _)| is_seen(path)) {
        mounts.push(bind(path, true)?);
    }
    for (path, parts, _) in view.hidden().filter(|(path, _, _)| is_seen(path)) {
        let (_, target) = place(path);
        // What has parts that are seen must be walked through.
        let mode = if parts.is_empty() { "0000" } else { "0111" };
        let fields: &[(&str, &str)] = if view.is_directory(path) {
            &[("type", "tmpfs"), ("target", &target), ("tmpfs-mode", mode)]
        } else {
            &[("type", "bind"), ("source", "/dev/null"), ("target", &target), ("readonly", "")]
        };
        mounts.push(mount(form, fields)?);
        for part in parts {
            mounts.push(bind(part, true)?);
        }
    }
    Ok(mounts)
}
