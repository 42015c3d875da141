"""What a command really calls: through `sudo`, `env`, `exec`, `xargs`, `gosu` and their like, and `sh -c`.

The table says of each wrapper which of its options take a word of their own, and how many words stand
before the command that it runs (the manuals of GNU coreutils, util-linux, findutils, sudo, gosu, tini).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from analyzer.shell import read
from analyzer.shell.dialect import Shell, shell_of
from analyzer.shell.model import Command, Script, Word
from analyzer.values import frozen

# `sh -c "sh -c …"` goes this deep at most.
_DEPTH = 4


@frozen
class _Wrapper:
    takes: frozenset[str] = frozenset()  # options with a word of their own
    skip: int = 0  # words before the command
    assigns: bool = False  # NAME=value words may stand before the command


def _wrapper(takes: str = "", skip: int = 0, assigns: bool = False) -> _Wrapper:
    return _Wrapper(frozenset(takes.split()), skip, assigns)


_WRAPPERS: dict[str, _Wrapper] = {
    "builtin": _wrapper(),
    "catchsegv": _wrapper(),
    "chpst": _wrapper("-u -U -b -e -/ -n -l -L -m -d -o -p -f -c -r -t"),
    "chroot": _wrapper("", 1),
    "chrt": _wrapper("-T -P -D -p", 1),
    "command": _wrapper(),
    "doas": _wrapper("-C -u"),
    "dumb-init": _wrapper("-r --rewrite"),
    "eatmydata": _wrapper(),
    "env": _wrapper("-u --unset -C --chdir -S --split-string", assigns=True),
    "exec": _wrapper("-a"),
    "fakeroot": _wrapper("-l --lib -f --faked -i -s -b"),
    "flock": _wrapper("-w --wait --timeout -E --conflict-exit-code", 1),
    "gosu": _wrapper("", 1),
    "ionice": _wrapper("-c --class -n --classdata -p --pid"),
    "linux32": _wrapper(),
    "linux64": _wrapper(),
    "nice": _wrapper("-n --adjustment"),
    "nocache": _wrapper("-n"),
    "nohup": _wrapper(),
    "nsenter": _wrapper("-t --target -S -G"),
    "pid1": _wrapper(),
    "proxychains4": _wrapper("-f"),
    "runuser": _wrapper("-u --user -g --group -G --supp-group"),
    "s6-setuidgid": _wrapper("", 1),
    "setarch": _wrapper("", 1),
    "setpriv": _wrapper(
        "--reuid --regid --groups --inh-caps --ambient-caps --bounding-set --securebits --pdeathsig "
        "--selinux-label --apparmor-profile"
    ),
    "setsid": _wrapper(),
    "stdbuf": _wrapper("-i --input -o --output -e --error"),
    "su-exec": _wrapper("", 1),
    "sudo": _wrapper(
        "-u --user -g --group -h --host -p --prompt -C --close-from -D --chdir -R --chroot -r --role -t "
        "--type -T --command-timeout -U --other-user",
        assigns=True,
    ),
    "taskset": _wrapper("-p --pid", 1),
    "time": _wrapper("-f --format -o --output"),
    "timeout": _wrapper("-s --signal -k --kill-after", 1),
    "tini": _wrapper("-p -e"),
    "tini-static": _wrapper("-p -e"),
    "unbuffer": _wrapper(),
    "unshare": _wrapper("--map-user --map-group --propagation --root --wd -S -G -R -w"),
    "xargs": _wrapper(
        "-a --arg-file -d --delimiter -E -I -L --max-lines -n --max-args -P --max-procs -s --max-chars "
        "--process-slot-var"
    ),
    "xvfb-run": _wrapper(
        "-e --error-file -f --auth-file -n --server-num -p --xauth-protocol -s --server-args -w"
    ),
}

_SHELLS = frozenset({"sh", "bash", "dash", "ash", "ksh", "mksh", "zsh", "busybox"})
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")


@frozen
class Call:
    """A program that runs: its words, name first. `command` is the command in the text that it comes from,
    `through` the names of the wrappers around it, outermost first. A call out of `sh -c "…"` has words whose
    spans are right in the text where that is quoted plainly, and else the span of the quoted word."""

    words: tuple[Word, ...]
    command: Command
    through: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The program's constant name without its directory; "" where it is known only at run time."""
        return (self.words[0].value or "").rpartition("/")[2]

    @property
    def values(self) -> tuple[str | None, ...]:
        return tuple(word.value for word in self.words)

    @property
    def arguments(self) -> tuple[Word, ...]:
        return self.words[1:]


def calls(script: Script) -> Iterator[Call]:
    """Every program that a script calls, wrappers first, then what they run."""
    for command in script.commands:
        if command.words:
            yield from _unwrap(command.words, command, (), _DEPTH)


def calls_of(command: Command) -> tuple[Call, ...]:
    """The command itself, then what it runs if it is a wrapper."""
    return tuple(_unwrap(command.words, command, (), _DEPTH)) if command.words else ()


def inner_script(words: Sequence[Word]) -> tuple[str, Word, Shell] | None:
    """The text, its word and the shell of `sh -c TEXT`, `su -c TEXT` or `eval TEXT`; None for other words
    and for text that is known only at run time."""
    name = (words[0].value or "").rpartition("/")[2] if words else ""
    if name == "eval" and len(words) == 2:
        return _constant(words[1], shell_of(["sh"]))
    if name in ("su", "runuser"):
        for word, following in pairwise(words):
            if word.value in ("-c", "--command"):
                return _constant(following, shell_of(["sh"]))
    if name not in _SHELLS:
        return None
    rest = list(words[1:])
    if name == "busybox":
        rest = rest[1:]
    options: list[str] = []
    while rest and (rest[0].value or "").startswith(("-", "+")):
        option = rest.pop(0).value or ""
        options.append(option)
        if option.endswith("o") and not option.startswith("--") and rest:
            options.append(rest.pop(0).value or "")
        elif re.fullmatch(r"-[a-z]*c[a-z]*", option) and rest:
            break
    if not any(re.fullmatch(r"-[a-z]*c[a-z]*", option) for option in options) or not rest:
        return None
    while rest and (rest[0].value or "") in ("-", "--"):
        rest.pop(0)
    return _constant(rest[0], shell_of([words[0].value or "sh", *options])) if rest else None


def _constant(word: Word, shell: Shell) -> tuple[str, Word, Shell] | None:
    value = word.value
    return (value, word, shell) if value is not None else None


def _unwrap(words: Sequence[Word], command: Command, through: tuple[str, ...], depth: int) -> Iterator[Call]:
    call = Call(tuple(words), command, through)
    yield call
    if not depth:
        return
    name = call.name
    inner = inner_script(words)
    if inner is not None:
        text, word, shell = inner
        for found in read(text, shell).commands:
            if found.words:
                moved = tuple(_moved(item, word) for item in found.words)
                yield from _unwrap(moved, command, (*through, name), depth - 1)
        return
    for rest in _wrapped(name, words):
        if rest:
            yield from _unwrap(rest, command, (*through, name), depth)


def _wrapped(name: str, words: Sequence[Word]) -> Iterator[Sequence[Word]]:
    """The words of what a wrapper runs: once for most, once for each `-exec` of find."""
    if name == "find":
        yield from _find_actions(words)
        return
    if name == "busybox" and len(words) > 1:
        yield words[1:]
        return
    wrapper = _WRAPPERS.get(name)
    if wrapper is None or (name == "command" and len(words) > 1 and words[1].value in ("-v", "-V")):
        return
    index, skip = 1, wrapper.skip
    while index < len(words):
        value = words[index].value or ""
        if value == "--":
            index += 1
            break
        if value.startswith("-") and value != "-":
            index += 2 if value in wrapper.takes else 1
        elif wrapper.assigns and _ASSIGNMENT.match(words[index].prefix):
            index += 1
        elif skip:
            skip -= 1
            index += 1
        else:
            break
    yield words[index + skip if skip and index < len(words) else index :]


def _find_actions(words: Sequence[Word]) -> Iterator[Sequence[Word]]:
    start = 0
    for index, word in enumerate(words):
        if word.value in ("-exec", "-execdir", "-ok", "-okdir"):
            start = index + 1
        elif start and (word.value == ";" or (word.value == "+" and words[index - 1].value == "{}")):
            yield words[start:index]
            start = 0
    if start:
        yield words[start:]


def _moved(inner: Word, outer: Word) -> Word:
    """A word of a nested text with its place in the outer one, or the outer word's place."""
    whole = outer.parts[0] if len(outer.parts) == 1 else None
    if whole and len(whole.text.encode("utf-8", "surrogateescape")) == whole.end - whole.start:
        start = whole.start
        return Word(inner.text, inner.parts, start + inner.start, start + inner.end, inner.pattern)
    return Word(inner.text, inner.parts, outer.start, outer.end, inner.pattern)
