"""The typed instructions: what each one says, unexpanded, over its node."""

from __future__ import annotations

from dataclasses import dataclass

from analyzer.dockerfile.mounts import Mount
from analyzer.dockerfile.nodes import Instruction, Token


@dataclass(frozen=True, slots=True)
class Pair:
    """A name with its value, unexpanded and with its quotes; `value` is None for `ARG name`."""

    name: Token
    value: Token | None

    @property
    def key(self) -> str:
        return self.name.text

    @property
    def text(self) -> str:
        return self.value.text if self.value else ""


@dataclass(frozen=True, slots=True)
class SourceContent:
    """A file given as a heredoc of COPY or ADD: its name, its content with leading tabs off where asked."""

    path: str
    data: str
    expand: bool


@dataclass(frozen=True, slots=True)
class From:
    """FROM. `name` is the stage name in lower case, as BuildKit stores it; None without AS."""

    node: Instruction
    base: Token
    name: str | None
    alias: Token | None
    platform: str | None


@dataclass(frozen=True, slots=True)
class Run:
    """RUN. `command` is one string in shell form (never expanded by the builder), the strings of a JSON
    form.
    """

    node: Instruction
    command: tuple[str, ...]
    mounts: tuple[Mount, ...]
    network: str
    security: str
    devices: tuple[str, ...]

    @property
    def shell_form(self) -> bool:
        return not self.node.json


@dataclass(frozen=True, slots=True)
class Copy:
    """COPY. `sources` are paths; heredocs among the sources are in `contents`."""

    node: Instruction
    sources: tuple[Token, ...]
    contents: tuple[SourceContent, ...]
    destination: Token
    from_: str | None
    chown: str | None
    chmod: str | None
    link: bool
    parents: bool
    exclude: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Add:
    """ADD. `unpack` is None where the flag is absent: local archives are unpacked, downloads are not."""

    node: Instruction
    sources: tuple[Token, ...]
    contents: tuple[SourceContent, ...]
    destination: Token
    chown: str | None
    chmod: str | None
    link: bool
    keep_git_dir: bool
    checksum: str | None
    unpack: bool | None
    exclude: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Env:
    """ENV; `legacy` for the form without `=`."""

    node: Instruction
    pairs: tuple[Pair, ...]
    legacy: bool


@dataclass(frozen=True, slots=True)
class Label:
    """LABEL; `legacy` for the form without `=`."""

    node: Instruction
    pairs: tuple[Pair, ...]
    legacy: bool


@dataclass(frozen=True, slots=True)
class Arg:
    node: Instruction
    pairs: tuple[Pair, ...]


@dataclass(frozen=True, slots=True)
class Expose:
    """EXPOSE; `ports` as written."""

    node: Instruction
    ports: tuple[Token, ...]


@dataclass(frozen=True, slots=True)
class User:
    node: Instruction
    user: Token


@dataclass(frozen=True, slots=True)
class Workdir:
    node: Instruction
    path: Token


@dataclass(frozen=True, slots=True)
class Volume:
    node: Instruction
    paths: tuple[Token, ...]


@dataclass(frozen=True, slots=True)
class Cmd:
    """CMD; `command` as in Run."""

    node: Instruction
    command: tuple[str, ...]

    @property
    def shell_form(self) -> bool:
        return not self.node.json


@dataclass(frozen=True, slots=True)
class Entrypoint:
    """ENTRYPOINT; `command` as in Run."""

    node: Instruction
    command: tuple[str, ...]

    @property
    def shell_form(self) -> bool:
        return not self.node.json


@dataclass(frozen=True, slots=True)
class Healthcheck:
    """HEALTHCHECK. `test` as the image keeps it: NONE, CMD or CMD-SHELL first. Durations in nanoseconds, 0:
    default.
    """

    node: Instruction
    test: tuple[str, ...]
    interval: int = 0
    timeout: int = 0
    start_period: int = 0
    start_interval: int = 0
    retries: int = 0


@dataclass(frozen=True, slots=True)
class Shell:
    node: Instruction
    command: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StopSignal:
    node: Instruction
    signal: Token


@dataclass(frozen=True, slots=True)
class Onbuild:
    """ONBUILD. `expression` is what the image keeps; `inner` is None where that is no good instruction."""

    node: Instruction
    expression: str
    inner: Command | None


@dataclass(frozen=True, slots=True)
class Maintainer:
    node: Instruction
    maintainer: Token


Command = (
    Add
    | Arg
    | Cmd
    | Copy
    | Entrypoint
    | Env
    | Expose
    | From
    | Healthcheck
    | Label
    | Maintainer
    | Onbuild
    | Run
    | Shell
    | StopSignal
    | User
    | Volume
    | Workdir
)
