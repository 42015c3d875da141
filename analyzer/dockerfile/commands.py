"""The typed instructions: what each one says, unexpanded, over its node."""

from __future__ import annotations

from analyzer.dockerfile.mounts import Mount
from analyzer.dockerfile.nodes import Instruction, Token
from analyzer.values import frozen


@frozen
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


@frozen
class SourceContent:
    """A file given as a heredoc of COPY or ADD: its name, its content with leading tabs off where asked."""

    path: str
    data: str
    expand: bool


@frozen
class From:
    """FROM. `name` is the stage name in lower case, as BuildKit stores it; None without AS."""

    node: Instruction
    base: Token
    name: str | None
    alias: Token | None
    platform: str | None


@frozen
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


@frozen
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


@frozen
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


@frozen
class Env:
    """ENV; `legacy` for the form without `=`."""

    node: Instruction
    pairs: tuple[Pair, ...]
    legacy: bool


@frozen
class Label:
    """LABEL; `legacy` for the form without `=`."""

    node: Instruction
    pairs: tuple[Pair, ...]
    legacy: bool


@frozen
class Arg:
    node: Instruction
    pairs: tuple[Pair, ...]


@frozen
class Expose:
    """EXPOSE; `ports` as written."""

    node: Instruction
    ports: tuple[Token, ...]


@frozen
class User:
    node: Instruction
    user: Token


@frozen
class Workdir:
    node: Instruction
    path: Token


@frozen
class Volume:
    node: Instruction
    paths: tuple[Token, ...]


@frozen
class Cmd:
    """CMD; `command` as in Run."""

    node: Instruction
    command: tuple[str, ...]

    @property
    def shell_form(self) -> bool:
        return not self.node.json


@frozen
class Entrypoint:
    """ENTRYPOINT; `command` as in Run."""

    node: Instruction
    command: tuple[str, ...]

    @property
    def shell_form(self) -> bool:
        return not self.node.json


@frozen
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


@frozen
class Shell:
    node: Instruction
    command: tuple[str, ...]


@frozen
class StopSignal:
    node: Instruction
    signal: Token


@frozen
class Onbuild:
    """ONBUILD. `expression` is what the image keeps; `inner` is None where that is no good instruction."""

    node: Instruction
    expression: str
    inner: Command | None


@frozen
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
