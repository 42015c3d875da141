"""Docker over its own command line: from 20.10, whose client has BuildKit inside, to clients with buildx.

Contexts, DOCKER_HOST, credentials and proxies are the client's business, so everything that works in the
user's own shell works here. Containers, and images built without a tag, carry the label `scratchify.session`:
such an image is never one that the user had before, even where its layers are the same, so that taking it
away again is exact.
"""

from __future__ import annotations

import json
import math
import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from analyzer.engines.failures import build_failure, daemon_failure
from analyzer.engines.interface import BuildRequest, ContainerRequest
from analyzer.errors import ScratchifyError, WrongPlatformError
from analyzer.image import SESSION_LABEL
from analyzer.process import Completed, run, stream

# Names the client to use; without it every `docker` on PATH is tried in order.
CLIENT_VARIABLE = "SCRATCHIFY_DOCKER"

# From this version on the client builds with BuildKit only through the buildx plugin.
_FIRST_WITH_BUILDX = 23

# Architectures that a daemon's machine runs without an emulator.
_ALSO_RUNS = {"amd64": frozenset({"386"}), "arm64": frozenset({"arm"})}


@dataclass(slots=True)
class DockerEngine:
    """A client that reaches a Linux daemon and can build with BuildKit there."""

    binary: str
    architecture: str
    loads: bool  # the client's build is buildx: it has --load
    name: str = "docker"
    session: str = field(default_factory=lambda: secrets.token_hex(6))

    def build(self, request: BuildRequest, on_line: Callable[[str], None]) -> str:
        """Build and return the image's id; without a tag the image is labelled as this session's own."""
        with tempfile.TemporaryDirectory(prefix="scratchify-") as folder:
            id_file = Path(folder) / "id"
            argv = self._build_command(request, id_file)
            code, last = stream(argv, on_line, env=_environment())
            if code:
                raise build_failure(argv, code, last)
            built = id_file.read_text().strip()
        document = self.inspect(built)
        if document is None:
            raise ScratchifyError(
                f"docker built {request.dockerfile} as {built}, but the daemon has no such image",
                hint="choose a builder that loads its result into the daemon: docker buildx use default",
                detail="\n".join(last),
            )
        return str(document["Id"])

    def inspect(self, image: str) -> dict[str, Any] | None:
        done = self._run("image", "inspect", image)
        if done.code == 0:
            documents = json.loads(done.stdout)
            return dict(documents[0]) if documents else None
        if b"No such image" in done.stderr:
            return None
        raise self._failure(done, f"look at the image {image}")

    def save(self, image: str, archive: Path) -> None:
        # Through our own standard output: a confined client (snap) may not write where we may.
        self._demand(
            run([self.binary, "image", "save", image], stdout=archive, env=_environment()),
            f"save the image {image} to {archive}",
        )

    def tag(self, image: str, name: str) -> None:
        self._demand(self._run("image", "tag", image, name), f"tag the image {image} as {name}")

    def temporary_name(self, word: str) -> str:
        """A name for an image of this session. A FROM line needs one: BuildKit takes no image ids there."""
        return f"scratchify-{self.session}:{word}"

    def remove_image(self, image: str) -> None:
        """Take away a name, or an image of this session by its id; what is gone already is fine.

        An id whose image the user has, under a name or without our label, stays.
        """
        if image.startswith("sha256:"):
            document = self.inspect(image)
            if document is None or not self._is_ours(document):
                return
            done = self._run("image", "rm", "--force", image)
        else:
            done = self._run("image", "rm", image)
        if b"No such image" not in done.stderr:
            self._demand(done, f"remove the image {image}")

    def create(self, request: ContainerRequest) -> str:
        document = self.inspect(request.image)
        if document is None:
            raise ScratchifyError(f"docker has no image {request.image}")
        self._require_runnable(request.image, document)
        argv = ["container", "create", "--pull", "never", "--label", f"{SESSION_LABEL}={self.session}"]
        if request.user is not None:
            argv += ["--user", request.user]
        for port in request.publish:
            argv += ["--publish", port]
        for capability in request.capabilities:
            argv += ["--cap-add", capability]
        for name, value in request.environment.items():
            argv += ["--env", name if value is None else f"{name}={value}"]
        if not request.healthcheck:
            argv.append("--no-healthcheck")
        argv += [*request.options, *_command(request, document)]
        # A bare name takes the variable away, unless the client itself has one of that name to hand over.
        own = {name: value for name, value in _environment().items() if name not in request.environment}
        done = run([self.binary, *argv], env=own)
        return self._demand(done, f"create a container of {request.image}").text.strip()

    def copy_in(self, container: str, tar: bytes | Path, directory: str = "/") -> None:
        # Without --archive: with it the daemon gives every file to the container's user.
        done = run([self.binary, "cp", "-", f"{container}:{directory}"], stdin=tar, env=_environment())
        self._demand(done, f"copy files into the container {container[:12]}")

    def copy_out(self, container: str, path: str, archive: Path) -> None:
        done = run([self.binary, "cp", f"{container}:{path}", "-"], stdout=archive, env=_environment())
        self._demand(done, f"copy {path} out of the container {container[:12]}")

    def start(self, container: str) -> None:
        self._demand(self._run("container", "start", container), f"start the container {container[:12]}")

    def state(self, container: str) -> dict[str, Any]:
        return dict(self._container(container, "{{json .State}}"))

    def ports(self, container: str) -> dict[str, int]:
        published = self._container(container, "{{json .NetworkSettings.Ports}}") or {}
        return {port: int(bindings[0]["HostPort"]) for port, bindings in published.items() if bindings}

    def logs(self, container: str) -> tuple[bytes, bytes]:
        done = self._demand(self._run("container", "logs", container), f"read the log of {container[:12]}")
        return done.stdout, done.stderr

    def exec(
        self, container: str, command: Sequence[str], *, user: str | None = None, timeout: float | None = None
    ) -> Completed:
        """Run a command in a running container: the exit code is the command's, 126 and 127 docker's own."""
        chosen = [] if user is None else ["--user", user]
        return self._run("container", "exec", *chosen, container, *command, timeout=timeout)

    def stop(self, container: str, timeout: float = 10) -> None:
        self._demand(
            self._run("container", "stop", "-t", str(math.ceil(timeout)), container),
            f"stop the container {container[:12]}",
        )

    def wait(self, container: str, timeout: float | None = None) -> int:
        done = self._run("container", "wait", container, timeout=timeout)
        if done.code is None:
            raise ScratchifyError(f"the container {container[:12]} did not end within {timeout:g} s")
        return int(self._demand(done, f"wait for the container {container[:12]}").text)

    def remove(self, container: str) -> None:
        """Take away a container and its anonymous volumes; one that is gone already is fine."""
        done = self._run("container", "rm", "--force", "--volumes", container)
        if b"No such container" not in done.stderr:
            self._demand(done, f"remove the container {container[:12]}")

    def close(self) -> None:
        """Take away what is left of this session: containers first, then images."""
        mine = f"label={SESSION_LABEL}={self.session}"
        containers = self._run("container", "ls", "--all", "--quiet", "--no-trunc", "--filter", mine)
        for container in containers.text.split():
            self.remove(container)
        names = self._run("image", "ls", "--format", "{{.Repository}}:{{.Tag}}", f"scratchify-{self.session}")
        for name in names.text.split():
            self.remove_image(name)
        images = self._run("image", "ls", "--quiet", "--no-trunc", "--filter", mine)
        for image in dict.fromkeys(images.text.split()):
            self.remove_image(image)

    def _build_command(self, request: BuildRequest, id_file: Path) -> list[str]:
        argv = [self.binary, "build", "--progress", "plain", "--iidfile", str(id_file)]
        argv += ["--file", str(request.dockerfile)]
        if self.loads:
            argv.append("--load")
        if request.tag:
            argv += ["--tag", request.tag]
        else:
            argv += ["--label", f"{SESSION_LABEL}={self.session}"]
        for flag, values in (
            ("--target", (request.target,)),
            ("--platform", (request.platform,)),
            ("--build-arg", request.build_args),
            ("--secret", request.secrets),
            ("--ssh", request.ssh),
        ):
            for value in values:
                argv += [flag, value] if value else []
        return [*argv, *request.options, str(request.context)]

    def _is_ours(self, document: Mapping[str, Any]) -> bool:
        labels = (document.get("Config") or {}).get("Labels") or {}
        names = document.get("RepoTags") or ()
        prefix = self.temporary_name("")
        return labels.get(SESSION_LABEL) == self.session and all(name.startswith(prefix) for name in names)

    def _require_runnable(self, image: str, document: Mapping[str, Any]) -> None:
        system, architecture = document.get("Os", ""), document.get("Architecture", "")
        if system != "linux":
            raise WrongPlatformError(
                f"the image {image} is for {system}; scratchify rewrites Linux images",
                hint="build it for Linux: --platform linux/" + self.architecture,
            )
        if architecture != self.architecture and architecture not in _ALSO_RUNS.get(self.architecture, ()):
            raise WrongPlatformError(
                f"the image {image} is for linux/{architecture}, the engine's machine is {self.architecture}:"
                " it cannot be run and traced there",
                hint=f"build with --platform linux/{self.architecture}, or use an engine on {architecture}",
            )

    def _container(self, container: str, template: str) -> Any:
        done = self._run("container", "inspect", "--format", template, container)
        return json.loads(self._demand(done, f"look at the container {container[:12]}").stdout)

    def _run(self, *words: str, timeout: float | None = None) -> Completed:
        return run([self.binary, *words], env=_environment(), timeout=timeout)

    def _demand(self, done: Completed, what: str) -> Completed:
        if done.code != 0:
            raise self._failure(done, what)
        return done

    def _failure(self, done: Completed, what: str) -> ScratchifyError:
        return daemon_failure(f"docker could not {what}", done)


def find_docker() -> DockerEngine:
    """The first docker client that reaches a Linux daemon and can build with BuildKit.

    Raises ScratchifyError that tells what each client said when there is none.
    """
    found = _clients()
    if not found:
        raise ScratchifyError(
            "no container engine: there is no `docker` on PATH",
            hint="install Docker (https://docs.docker.com/engine/install/), or name the client in"
            f" {CLIENT_VARIABLE}",
        )
    refusals = []
    for binary in found:
        answer = _ask(binary)
        if isinstance(answer, DockerEngine):
            return answer
        refusals.append(answer)
    raise refusals[0]


def _clients() -> list[str]:
    """Paths of the clients to try, each program once."""
    named = os.environ.get(CLIENT_VARIABLE)
    if named:
        path = shutil.which(named)
        return [path] if path else []
    found: dict[Path, str] = {}
    for folder in os.get_exec_path():
        path = shutil.which("docker", path=folder)
        if path:
            found.setdefault(Path(path).resolve(), path)
    return list(found.values())


def _ask(binary: str) -> DockerEngine | ScratchifyError:
    """The engine behind a client, or why it will not do."""
    done = run([binary, "version", "--format", "{{json .}}"], env=_environment(), timeout=30)
    try:
        document = json.loads(done.stdout)
    except ValueError:
        document = {}
    server = document.get("Server")
    if done.code != 0 or not server:
        return daemon_failure(f"no container engine answers: `{binary} version` failed", done)
    if server.get("Os") != "linux":
        return ScratchifyError(
            f"the docker daemon runs {server.get('Os')} containers; scratchify rewrites Linux images",
            hint="switch Docker Desktop to Linux containers, or point DOCKER_HOST at a Linux daemon",
        )
    usage = run([binary, "build", "--help"], env=_environment(), timeout=30).stdout
    loads = b"--load" in usage
    if not loads and _major(document["Client"].get("Version", "")) >= _FIRST_WITH_BUILDX:
        return ScratchifyError(
            f"{binary} cannot build with BuildKit: its buildx plugin is missing",
            hint="install the package docker-buildx (docker-buildx-plugin in Docker's own repositories)",
        )
    return DockerEngine(binary=binary, architecture=str(server.get("Arch", "")), loads=loads)


def _major(version: str) -> int:
    head = version.partition(".")[0]
    return int(head) if head.isdigit() else 0


def _environment() -> dict[str, str]:
    return {
        **os.environ,
        "DOCKER_BUILDKIT": "1",
        # An attestation would make the result an index of two manifests, and its id the index's.
        "BUILDX_NO_DEFAULT_ATTESTATIONS": "1",
        "DOCKER_CLI_HINTS": "false",
    }


def _command(request: ContainerRequest, document: Mapping[str, Any]) -> list[str]:
    """Image and words for `docker create`, preceded by --entrypoint where the request sets words of its own.

    The client takes one word as entrypoint and drops the image's CMD with it, so the image's own half is
    spelled out where the request replaces only the other.
    """
    config = document.get("Config") or {}
    if request.entrypoint is None and request.command is None:
        return [request.image]
    entrypoint = config.get("Entrypoint") if request.entrypoint is None else request.entrypoint
    command = config.get("Cmd") if request.command is None else request.command
    words = [*(entrypoint or ()), *(command or ())]
    if not words:
        raise ScratchifyError(f"nothing to run in {request.image}: no entrypoint and no command")
    return ["--entrypoint", words[0], request.image, *words[1:]]
