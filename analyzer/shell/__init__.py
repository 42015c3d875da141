"""What a RUN body, a heredoc's body or a script calls.

`read` takes text and the shell that it runs under, and gives its commands: their words with constant values
where these are known, assignments, redirections, pipelines, and what is around each (branches, functions,
subshells, substitutions), all with byte spans. `calls` sees through wrappers such as `sudo` and `sh -c`;
`installs` and `downloads` say what is fetched. Grammar and parser are loaded by the first `read`.
"""

from __future__ import annotations

from analyzer.shell.dialect import POSIX, Dialect, Shell, options_of, shebang_of, shell_of
from analyzer.shell.model import (
    Assignment,
    Block,
    Command,
    Comment,
    Fault,
    Function,
    Part,
    Pipeline,
    Redirection,
    Script,
    Word,
)

__all__ = [
    "POSIX",
    "Assignment",
    "Block",
    "Command",
    "Comment",
    "Dialect",
    "Fault",
    "Function",
    "Part",
    "Pipeline",
    "Redirection",
    "Script",
    "Shell",
    "Word",
    "comments",
    "options_of",
    "read",
    "shebang_of",
    "shell_of",
]


def read(source: bytes | str, shell: Shell = POSIX) -> Script:
    """Read shell text. Never raises: text that is no shell text gives what could be read, with its fault.

    Spans count bytes of the UTF-8 text. Text of a shell that is none of sh's family comes back unread.
    """
    text = source.encode("utf-8", "surrogateescape") if isinstance(source, str) else source
    if not shell.readable:
        return Script(text, shell)
    try:
        return _read(text, shell)
    except RecursionError:
        return Script(text, shell, fault=Fault(0, "nested too deeply to read"), reader="partial")


def comments(source: bytes, shell: Shell = POSIX) -> tuple[Comment, ...]:
    """The comments of shell text in order, those of broken text among them; none for a shell that is left
    alone."""
    if not shell.readable or b"#" not in source:
        return ()
    from analyzer.shell import treesitter

    return treesitter.comments(source)


def _read(text: bytes, shell: Shell) -> Script:
    from analyzer.shell import treesitter

    script = treesitter.read(text, shell)
    if script is not None:
        return script
    from analyzer.shell import shfmt

    answer = shfmt.read(text, shell)
    if isinstance(answer, Script):
        return answer
    return treesitter.read_partly(text, shell, answer)
