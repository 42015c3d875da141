"""Options that several commands share, and how they join with the settings of the file's folder."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, cast

import typer

from analyzer import settings
from analyzer.errors import ScratchifyError
from analyzer.probes import Probe
from analyzer.probes import parse as parse_probes
from analyzer.settings import COVERAGES, Settings
from rewriters.block import is_rewritten
from rewriters.request import STDIN, BuildSettings, Coverage, KeepSettings, Request

DockerfileArgument = Annotated[
    Path | None,
    typer.Argument(
        metavar="[DOCKERFILE]",
        help="The Dockerfile; by default ./Dockerfile, then ./Containerfile. `-` reads standard input.",
        show_default=False,
    ),
]
ContextOption = Annotated[
    Path | None, typer.Option("--context", help="The build context. [default: the Dockerfile's folder]")
]
TargetOption = Annotated[str | None, typer.Option("--target", metavar="STAGE", help="The stage to slim.")]
ProbeOption = Annotated[
    list[str] | None,
    typer.Option(
        "--probe", metavar="TEXT", help="How to exercise the app, such as 'http http://localhost:8000/'."
    ),
]
ProbesOption = Annotated[
    list[Path] | None, typer.Option("--probes", metavar="FILE", help="A file of probes, one a line.")
]
CoverageOption = Annotated[
    str | None,
    typer.Option("--coverage", metavar="|".join(COVERAGES), help="How much is kept. [default: balanced]"),
]
KeepOption = Annotated[
    list[str] | None,
    typer.Option("--keep", metavar="PATTERN", help="Keep these paths too; patterns as in .gitignore."),
]
KeepPackageOption = Annotated[
    list[str] | None, typer.Option("--keep-package", metavar="NAME", help="Keep this package whole.")
]
DropOption = Annotated[
    list[str] | None,
    typer.Option("--drop", metavar="PATTERN", help="Leave these paths out, whatever needs them."),
]
NoSystemOption = Annotated[
    list[str] | None,
    typer.Option("--no-system", metavar="NEED", help="Switch a system need off, such as tzdata."),
]
ScannersOption = Annotated[
    bool,
    typer.Option(
        "--scanners/--no-scanners",
        help="Entries of package databases for vulnerability scanners, the only new files.",
    ),
]
RecordingOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--recording", metavar="FILE", help="Plan from a recording of `trace`; no engine is needed."
    ),
]
EngineOption = Annotated[
    str | None, typer.Option("--engine", metavar="auto|docker|podman|buildah", help="The container engine.")
]
BuildArgOption = Annotated[
    list[str] | None, typer.Option("--build-arg", metavar="K=V", help="As docker build's.")
]
SecretOption = Annotated[list[str] | None, typer.Option("--secret", help="As docker build's.")]
SshOption = Annotated[list[str] | None, typer.Option("--ssh", help="As docker build's.")]
PlatformOption = Annotated[str | None, typer.Option("--platform", help="As docker build's.")]
BuildOptOption = Annotated[
    list[str] | None,
    typer.Option(
        "--build-opt", metavar="OPT", help="Any other option of the engine's build, such as --network=host."
    ),
]
RunOptOption = Annotated[
    list[str] | None,
    typer.Option("--run-opt", metavar="OPT", help="Any option of the engine's run, such as --env=KEY=value."),
]
TimeoutOption = Annotated[
    float | None,
    typer.Option(
        "--timeout", metavar="S", help="Seconds that a probe waits for what it needs. [default: 60]"
    ),
]
FormatOption = Annotated[str, typer.Option("--format", metavar="text|json", help="What is printed.")]

# With `=` a blank is the value's own: `--env=A=b c`.
_OPTION_AND_VALUE = re.compile(r"-(?:[A-Za-z]|-[a-z][a-z-]*)[ \t]")


def find_dockerfile(given: Path | None) -> Path:
    """The Dockerfile that a command works on. Raises ScratchifyError where there is none."""
    if given is not None:
        if given != STDIN and given.is_dir():
            raise ScratchifyError(
                f"{given} is a folder, not a Dockerfile", hint=f"name the file: {given / 'Dockerfile'}"
            )
        if given != STDIN and not given.is_file():
            raise ScratchifyError(f"there is no file {given}", hint="check the path, or run where it is")
        return given
    for name in ("Dockerfile", "Containerfile"):
        if Path(name).is_file():
            return Path(name)
    raise ScratchifyError(
        f"neither Dockerfile nor Containerfile is in {Path.cwd()}",
        hint="name the file: scratchify rewrite path/to/Dockerfile",
    )


def find_rewritten(given: Path | None) -> Path:
    """The rewritten file that a command works on. Raises ScratchifyError where there is none."""
    if given is not None:
        return find_dockerfile(given)
    for name in ("Dockerfile.slim", "Containerfile.slim", "Dockerfile", "Containerfile"):
        if Path(name).is_file() and is_rewritten(Path(name)):
            return Path(name)
    raise ScratchifyError(
        f"no rewritten Dockerfile is in {Path.cwd()}", hint="make one: scratchify rewrite, or name the file"
    )


def join_recorded(dockerfile: Path, found: Settings, recordings: Sequence[Path]) -> Request:
    """A request that plans from recordings, with everything else as the settings have it."""
    return join_request(
        dockerfile,
        found,
        context=None,
        target=None,
        probe=None,
        probes=None,
        build_arg=None,
        secret=None,
        ssh=None,
        platform=None,
        build_opt=None,
        run_opt=None,
        timeout=None,
        recording=recordings,
    )


def load_settings(dockerfile: Path) -> Settings:
    return settings.load(Path.cwd() / "Dockerfile" if dockerfile == STDIN else dockerfile)


def check_choice(name: str, value: str, choices: Sequence[str]) -> str:
    if value not in choices:
        raise ScratchifyError(
            f"--{name} {value} is not one of {', '.join(choices)}", hint=f"use --{name} {choices[0]}"
        )
    return value


def join_probes(
    texts: Sequence[str] | None, files: Sequence[Path] | None, found: Settings
) -> tuple[Probe, ...]:
    """Probes of the flags, else those of the settings; files after texts."""
    if not texts and not files:
        texts, files = found.probes, found.probe_files
    probes = [probe for text in texts or () for probe in parse_probes(text)]
    for file in files or ():
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ScratchifyError(f"cannot read the probes {file}: {error}") from error
        probes += parse_probes(text, str(file), file.parent)
    return tuple(probes)


def join_request(
    dockerfile: Path,
    found: Settings,
    *,
    context: Path | None,
    target: str | None,
    probe: Sequence[str] | None,
    probes: Sequence[Path] | None,
    build_arg: Sequence[str] | None,
    secret: Sequence[str] | None,
    ssh: Sequence[str] | None,
    platform: str | None,
    build_opt: Sequence[str] | None,
    run_opt: Sequence[str] | None,
    timeout: float | None,
    coverage: str | None = None,
    keep: Sequence[str] | None = None,
    keep_package: Sequence[str] | None = None,
    drop: Sequence[str] | None = None,
    no_system: Sequence[str] | None = None,
    scanners: bool = True,
    recording: Sequence[Path] | None = None,
    tag: str | None = None,
    output: Path | None = None,
) -> Request:
    """Flags before settings before defaults."""
    level = check_choice("coverage", coverage or found.coverage or "balanced", ("balanced", "traced", "safe"))
    folder = Path() if dockerfile == STDIN else dockerfile.parent
    context = context or found.context or folder
    if not context.is_dir():
        raise ScratchifyError(f"the build context {context} is no folder", hint="name it with --context DIR")
    return Request(
        dockerfile=dockerfile,
        context=context,
        target=target or found.target or "",
        probes=join_probes(probe, probes, found),
        recordings=tuple(recording or found.recordings),
        keeping=KeepSettings(
            cast(Coverage, level),
            tuple(keep or found.keep),
            tuple(keep_package or found.keep_packages),
            tuple(drop or found.drop),
            tuple(no_system or ()),
            scanners,
        ),
        build=BuildSettings(
            tuple(build_arg or (f"{name}={value}" for name, value in found.build_args.items())),
            tuple(secret or found.secrets),
            tuple(ssh or found.ssh),
            platform or found.platform or "",
            _option_words(build_opt or found.build_opts),
        ),
        run_options=_run_words(run_opt or found.run_opts),
        timeout=timeout or found.timeout or 60.0,
        tag=tag or found.tag or f"{_image_name(context)}:slim",
        output=output,
    )


# Pasted from a `docker run`: every container is started in the background and taken away, by ourselves.
_OURS = frozenset(("--rm", "--rm=true", "-d", "--detach", "--detach=true"))


def _run_words(texts: Sequence[str]) -> tuple[str, ...]:
    return tuple(word for word in _option_words(texts) if word not in _OURS)


def _option_words(texts: Sequence[str]) -> tuple[str, ...]:
    """The engine's words. An option and its value may be one text, as they stand in a shell: `-e A=b`.

    Raises ScratchifyError for a quotation that does not end.
    """
    words: list[str] = []
    for text in texts:
        if not _OPTION_AND_VALUE.match(text):
            words.append(text)
            continue
        try:
            words += shlex.split(text)
        except ValueError as error:
            raise ScratchifyError(
                f"cannot read the option {text}: {error}", hint="write it as --option=VALUE"
            ) from error
    return tuple(words)


def _image_name(context: Path) -> str:
    """The folder's name as a repository name: lower case, only what one may hold."""
    kept = [
        char if char.isascii() and (char.isalnum() or char in "._-") else "-"
        for char in context.resolve().name.lower()
    ]
    return "".join(kept).strip("._-") or "app"
