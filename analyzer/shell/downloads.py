"""What a script fetches over the network by itself: curl, wget, git clone and their like."""

from __future__ import annotations

import re
from collections.abc import Iterator

from analyzer.shell.calls import Call, calls
from analyzer.shell.installs import unquoted
from analyzer.shell.model import Script, Word
from analyzer.values import frozen


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Options with a word of their own (curl(1), wget(1), git-clone(1), aria2c(1)). Curl's and wget's one-letter
# options may stand in a bundle (`-fsSLo FILE`), the last letter taking the word.
_CURL = _words(
    "-o --output -H --header -A --user-agent -e --referer -u --user -d --data --data-raw --data-binary "
    "--data-urlencode -F --form -X --request -x --proxy -m --max-time --connect-timeout --retry "
    "--retry-delay --retry-max-time -b --cookie -c --cookie-jar -E --cert --key --cacert --capath -T "
    "--upload-file -w --write-out -K --config --output-dir --resolve "
    "--interface -r --range -z --time-cond -C --continue-at "
    "--ciphers --tlsv --proto --proto-redir --proto-default -U --proxy-user --limit-rate -y --speed-time -Y "
    "--speed-limit --max-redirs --max-filesize --oauth2-bearer --url --dns-servers -D --dump-header --stderr "
    "--trace --unix-socket --create-file-mode --json --variable"
)
_WGET = _words(
    "-O --output-document -P --directory-prefix -o --output-file -a --append-output -i --input-file -t "
    "--tries -T --timeout -w --wait -U --user-agent --header --user --password --post-data --post-file "
    "--referer --ca-certificate --ca-directory --certificate --private-key -e "
    "--execute -A --accept -R --reject -D "
    "--domains -l --level -B --base --limit-rate --waitretry --dns-timeout --connect-timeout --read-timeout "
    "--load-cookies --save-cookies -Q --quota --progress --bind-address --http-user --http-password "
    "--secure-protocol --max-redirect --method --body-data"
)
_GIT_CLONE = _words(
    "-b --branch -o --origin -u --upload-pack --reference --depth -j --jobs -c --config --template "
    "--separate-git-dir --filter --shallow-since --shallow-exclude --bundle-uri --server-option"
)
_GIT = _words("-C -c --git-dir --work-tree --namespace --exec-path --config-env")
_ARIA = _words("-o --out -d --dir -x -s -j -k -i --checksum --header")

_TAKES = {"curl": _CURL, "wget": _WGET, "aria2c": _ARIA}
_OUTPUT = {
    "curl": ("-o", "--output"),
    "wget": ("-O", "--output-document"),
    "aria2c": ("-o", "--out"),
}
_ADDRESS = re.compile(r"^(?:[a-z][a-z0-9+.-]*://|git@)", re.I)


@frozen
class Download:
    """One address that is fetched. `output` is where it goes: a path, "-" for standard output, "" for a name
    that the address gives, None when only known at run time. `flags` are the other option words."""

    program: str
    address: Word
    output: str | None
    call: Call
    flags: tuple[str, ...] = ()

    @property
    def url(self) -> str:
        """The address without quotes, variables as they are written."""
        return unquoted(self.address)


def downloads(script: Script) -> Iterator[Download]:
    """Every address that a script fetches, in the order of the text."""
    for call in calls(script):
        if call.name in _TAKES:
            yield from _fetched(call)
        elif call.name == "git":
            yield from _cloned(call)


def _fetched(call: Call) -> Iterator[Download]:
    takes = _TAKES[call.name]
    flags: list[str] = []
    addresses: list[Word] = []
    outputs: list[str | None] = []
    rest = iter(call.arguments)
    for word in rest:
        value = word.value if word.value is not None else word.prefix
        if not value.startswith("-") or value == "-":
            addresses.append(word)
            continue
        name, attached, valued = _option(value, takes)
        flags.append(value)
        if call.name == "curl" and _remote_name(value):
            outputs.append("")
        if not valued:
            continue
        given = next(rest, None) if attached is None else None
        text = attached if attached is not None else (given.value if given is not None else "")
        if name == "--url" and given is not None:
            addresses.append(given)
        elif name in _OUTPUT[call.name]:
            outputs.append(text)
    default = "-" if call.name == "curl" else ""
    for index, address in enumerate(addresses):
        output = outputs[index] if index < len(outputs) else (outputs[-1] if outputs else default)
        yield Download(call.name, address, output, call, tuple(flags))


def _option(value: str, takes: frozenset[str]) -> tuple[str, str | None, bool]:
    """An option's name, the value written in the same word if there is one, and whether it has a value."""
    if value.startswith("--"):
        name, sign, attached = value.partition("=")
        return name, attached if sign else None, name in takes or bool(sign)
    for index, letter in enumerate(value[1:], 1):
        if f"-{letter}" in takes:
            return f"-{letter}", value[index + 1 :] or None, True
    return value, None, False


def _remote_name(flag: str) -> bool:
    return flag in ("--remote-name", "--remote-name-all") or bool(
        re.fullmatch(r"-[A-Za-z#]*O[A-Za-z#]*", flag)
    )


def _cloned(call: Call) -> Iterator[Download]:
    words = list(call.arguments)
    while words and (words[0].value or "").startswith("-"):
        words = words[2:] if words[0].value in _GIT else words[1:]
    if not words or words[0].value not in ("clone", "fetch", "pull", "submodule"):
        return
    verb = words.pop(0).value
    flags: list[str] = []
    operands: list[Word] = []
    rest = iter(words)
    for word in rest:
        value = word.value if word.value is not None else word.prefix
        if value.startswith("-"):
            flags.append(value)
            if value in _GIT_CLONE:
                next(rest, None)
        else:
            operands.append(word)
    if verb == "clone" and operands:
        output = operands[1].value if len(operands) > 1 else ""
        yield Download("git", operands[0], output, call, tuple(flags))
    elif verb in ("fetch", "pull") and operands and _ADDRESS.match(operands[0].prefix):
        yield Download("git", operands[0], "", call, tuple(flags))
