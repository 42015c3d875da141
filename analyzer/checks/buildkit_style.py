"""BuildKit's checks of how a Dockerfile is written: letter case, continuation lines, old forms, EXPOSE."""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.checks.interface import Edit, Example, Finding, Fix, Rule
from analyzer.checks.subject import Subject
from analyzer.dockerfile.arguments import quoted_words
from analyzer.dockerfile.instructions import Arg, Env, Expose, From, Label, Maintainer, Pair
from analyzer.dockerfile.nodes import Instruction, Token
from analyzer.dockerfile.source import Span

URL = "https://docs.docker.com/go/dockerfile/rule"


def _stage_name_casing(subject: Subject) -> Iterator[Finding]:
    for stage in subject.of(From):
        alias = stage.alias
        if alias is not None and alias.text != alias.text.lower():
            span = stage.node.span_of(alias)
            # BuildKit stores the name in lower case, so whatever refers to the stage already does so.
            fix = Fix((Edit(span, alias.text.lower()),), "write the stage name in lower case")
            message = f"Stage name '{alias.text}' should be lowercase"
            yield Finding(STAGE_NAME_CASING.name, message, span, fix)


STAGE_NAME_CASING = Rule(
    name="StageNameCasing",
    severity="warning",
    summary="A stage name has upper case letters.",
    why="Stage names are lower case to the builder: `FROM Base` does not find the stage named `Base`.",
    remedy="Write the name in lower case.",
    url=f"{URL}/stage-name-casing/",
    check=_stage_name_casing,
    bad=(Example("FROM alpine:3.20 AS BuilderBase\nRUN true\n", lines=(1,)),),
    good=(Example("FROM alpine:3.20 AS builder-base\nRUN true\n"),),
    fix="safe",
)


def _as_word(stage: From) -> Token | None:
    words = stage.node.words
    return words[1] if len(words) == 3 else None


def _in_case_of(keyword: str, word: str) -> str:
    return word.lower() if keyword == keyword.lower() else word.upper()


def _from_as_casing(subject: Subject) -> Iterator[Finding]:
    for stage in subject.of(From):
        keyword, word = stage.node.name.text, _as_word(stage)
        # A keyword that mixes its own letters is the finding of ConsistentInstructionCasing.
        if word is None or keyword not in (keyword.lower(), keyword.upper()):
            continue
        right = _in_case_of(keyword, word.text)
        if word.text != right:
            span = stage.node.span_of(word)
            fix = Fix((Edit(span, right),), f"write `{right}`")
            message = f"'{word.text}' and '{keyword}' keywords' casing do not match"
            yield Finding(FROM_AS_CASING.name, message, span, fix)


FROM_AS_CASING = Rule(
    name="FromAsCasing",
    severity="warning",
    summary="`FROM` and its `AS` are in different letter case.",
    why="One line in two styles reads as two kinds of words; they are one instruction.",
    remedy="Write both in upper case, or both in lower case.",
    url=f"{URL}/from-as-casing/",
    check=_from_as_casing,
    bad=(
        Example("FROM debian:12 as builder\n", lines=(1,)),
        Example("from debian:12 AS builder\n", lines=(1,)),
    ),
    good=(Example("FROM debian:12 AS builder\n"), Example("from debian:12 as builder\n")),
    fix="safe",
)


def _no_empty_continuation(subject: Subject) -> Iterator[Finding]:
    source = subject.dockerfile.source
    for node in subject.dockerfile.instructions:
        if not node.empty_lines:
            continue
        spans = []
        for line in node.empty_lines:
            start = source.line_starts[line - 1]
            end = source.line_starts[line] if line < len(source.line_starts) else len(source.text)
            spans.append(source.span(start, end))
        fix = Fix(tuple(Edit(span, "") for span in spans), "take the empty lines out")
        yield Finding(NO_EMPTY_CONTINUATION.name, "Empty continuation line", spans[0], fix)


NO_EMPTY_CONTINUATION = Rule(
    name="NoEmptyContinuation",
    severity="warning",
    summary="An empty line stands inside a continued instruction.",
    why="It looks like the end of the instruction and is none; a later builder will refuse it.",
    remedy="Take the empty line out, or put a comment there.",
    url=f"{URL}/no-empty-continuation/",
    check=_no_empty_continuation,
    bad=(Example('FROM alpine:3.20\nEXPOSE \\\n\n80\nCMD ["true"]\n', lines=(2,)),),
    good=(
        Example("FROM alpine:3.20\nEXPOSE \\\n# the web server\n80\n"),
        Example("FROM alpine:3.20\nEXPOSE \\\n80\n"),
    ),
    fix="safe",
)


def _consistent_instruction_casing(subject: Subject) -> Iterator[Finding]:
    # ARG before the first FROM belongs to no stage, and BuildKit counts the stages' instructions.
    nodes = [command.node for command in subject.program.commands]
    first = next((index for index, node in enumerate(nodes) if node.keyword == "FROM"), len(nodes))
    nodes = nodes[first:]
    lower = sum(node.name.text == node.name.text.lower() for node in nodes)
    upper = sum(node.name.text == node.name.text.upper() for node in nodes)
    style = "lowercase" if lower > upper else "uppercase"
    for node in nodes:
        keyword = node.name.text
        right = keyword.lower() if style == "lowercase" else keyword.upper()
        if keyword != right:
            message = f"Command '{keyword}' should match the case of the command majority ({style})"
            span = node.span_of(node.name)
            yield Finding(CONSISTENT_INSTRUCTION_CASING.name, message, span, _case_fix(node, right))


def _case_fix(node: Instruction, right: str) -> Fix:
    edits = [Edit(node.span_of(node.name), right)]
    if node.keyword == "FROM" and len(node.words) == 3:
        # AS goes along, or the next finding would be FromAsCasing; that rule's own fix has to wait for this.
        word = node.words[1]
        edits.append(Edit(node.span_of(word), _in_case_of(right, word.text)))
    return Fix(tuple(edits), f"write `{right}`")


CONSISTENT_INSTRUCTION_CASING = Rule(
    name="ConsistentInstructionCasing",
    severity="warning",
    summary="An instruction's letter case differs from that of most instructions in the file.",
    why="Mixed case hides instructions from a reader who scans for one of the two styles.",
    remedy="Write all instructions in upper case (the custom), or all in lower case.",
    url=f"{URL}/consistent-instruction-casing/",
    check=_consistent_instruction_casing,
    bad=(
        Example('From alpine:3.20\nRun echo hello > /greeting.txt\nEntRYpOiNt ["cat", "/greeting.txt"]\n'),
        Example("FROM alpine:3.20\nrun true\nRUN true\n", lines=(2,)),
        Example("from alpine:3.20\nrun true\nRUN true\n", lines=(3,)),
    ),
    good=(
        Example('FROM alpine:3.20\nRUN echo hello > /greeting.txt\nENTRYPOINT ["cat", "/greeting.txt"]\n'),
        Example('from alpine:3.20\nrun echo hello > /greeting.txt\nentrypoint ["cat", "/greeting.txt"]\n'),
        Example("arg V=3.20\nFROM alpine:${V}\nRUN true\n", note="ARG before the first FROM does not count."),
    ),
    fix="safe",
)


def _maintainer_deprecated(subject: Subject) -> Iterator[Finding]:
    for command in subject.of(Maintainer):
        node = command.node
        fix = None
        text = command.maintainer.text
        if not set(text) & set("\"$'\\`"):
            keyword = _in_case_of(node.name.text, "LABEL")
            title = "write a label; the image's author field stays empty then"
            edits = (
                Edit(node.span_of(node.name), keyword),
                Edit(node.span_of(command.maintainer), f'org.opencontainers.image.authors="{text}"'),
            )
            fix = Fix(edits, title, safe=False)
        message = "Maintainer instruction is deprecated in favor of using label"
        yield Finding(MAINTAINER_DEPRECATED.name, message, node.span_of(node.name), fix)


MAINTAINER_DEPRECATED = Rule(
    name="MaintainerDeprecated",
    severity="warning",
    summary="MAINTAINER is deprecated.",
    why="It sets a field that hardly any tool shows; every tool shows labels.",
    remedy="Use `LABEL org.opencontainers.image.authors=…`.",
    url=f"{URL}/maintainer-deprecated/",
    check=_maintainer_deprecated,
    bad=(Example("FROM alpine:3.20\nMAINTAINER somebody@example.org\n", lines=(2,)),),
    good=(Example('FROM alpine:3.20\nLABEL org.opencontainers.image.authors="somebody@example.org"\n'),),
    fix="unsafe",
)


def _legacy_key_value_format(subject: Subject) -> Iterator[Finding]:
    commands: tuple[Env | Label, ...] = (*subject.of(Env), *subject.of(Label))
    for command in commands:
        if command.legacy:
            node, pair = command.node, command.pairs[0]
            keyword = node.name.text
            message = f'"{keyword} key=value" should be used instead of legacy "{keyword} key value" format'
            fix = _key_value_fix(node, pair, subject.dockerfile.escape)
            yield Finding(LEGACY_KEY_VALUE_FORMAT.name, message, node.span_of(node.arguments), fix)


def _key_value_fix(node: Instruction, pair: Pair, escape: str) -> Fix | None:
    value = pair.value
    if value is None or not value.text:
        return None
    gap = node.joined.span(pair.name.end, value.start)
    edits = [Edit(gap, "=")]
    words = quoted_words(value.text, 0, len(value.text), escape)
    if [word.text for word in words] != [value.text]:
        if set(value.text) & {'"', "'", escape}:
            # Quotes inside the value: each blank outside them would need an escape of its own.
            return None
        start, end = node.joined.char(value.start), node.joined.char(value.end - 1) + 1
        source = node.joined.source
        edits = [
            Edit(Span(gap.start, source.byte_offset(start)), '="'),
            Edit(source.span(end, end), '"'),
        ]
    return Fix(tuple(edits), "write `key=value`")


LEGACY_KEY_VALUE_FORMAT = Rule(
    name="LegacyKeyValueFormat",
    severity="warning",
    summary="ENV or LABEL separates name and value by a blank.",
    why="The old form takes the whole rest of the line as one value, so a second pair is swallowed silently.",
    remedy="Write `name=value`, with quotes where the value has blanks.",
    url=f"{URL}/legacy-key-value-format/",
    check=_legacy_key_value_format,
    bad=(
        Example("FROM alpine:3.20\nENV LANG C.UTF-8\n", lines=(2,)),
        Example("FROM alpine:3.20\nLABEL vendor Example and Company\n", lines=(2,)),
        Example("FROM alpine:3.20\nENV DEPS \\\n    curl \\\n    git\n", lines=(2,)),
    ),
    good=(
        Example("FROM alpine:3.20\nENV LANG=C.UTF-8 TZ=UTC\n"),
        Example('FROM alpine:3.20\nENV DEPS="\\\n    curl \\\n    git"\n'),
    ),
    fix="safe",
)


def _split_port(port: str) -> tuple[str, str]:
    """What stands before the container's port, with its colon, and the container's port with its protocol."""
    head, colon, tail = port.rpartition(":")
    return head + colon, tail


def _expose_proto_casing(subject: Subject) -> Iterator[Finding]:
    for command in subject.of(Expose):
        for token, ports in subject.ports(command):
            for port in ports:
                proto = port.rpartition("/")[2] if "/" in port else ""
                if proto == proto.lower():
                    continue
                span = command.node.span_of(token)
                number, _, written = token.text.rpartition("/")
                fix = None
                if written == proto:
                    fix = Fix((Edit(span, f"{number}/{proto.lower()}"),), "write the protocol in lower case")
                message = f"Defined protocol '{port}' in EXPOSE instruction should be lowercase"
                yield Finding(EXPOSE_PROTO_CASING.name, message, span, fix)


EXPOSE_PROTO_CASING = Rule(
    name="ExposeProtoCasing",
    severity="warning",
    summary="A protocol in EXPOSE has upper case letters.",
    why="The image keeps it in lower case; a search for what is written finds nothing.",
    remedy="Write `tcp`, `udp` or `sctp`.",
    url=f"{URL}/expose-proto-casing/",
    check=_expose_proto_casing,
    bad=(Example("FROM alpine:3.20\nEXPOSE 80/TcP\n", lines=(2,)),),
    good=(Example("FROM alpine:3.20\nEXPOSE 80/tcp 53/udp\n"),),
    fix="safe",
)


def _expose_invalid_format(subject: Subject) -> Iterator[Finding]:
    for command in subject.of(Expose):
        for token, ports in subject.ports(command):
            for port in ports:
                if not _split_port(port)[0].strip(":"):
                    continue
                span = command.node.span_of(token)
                fix = None
                if token.text == port:
                    fix = Fix((Edit(span, _split_port(port)[1]),), "keep the container's port alone")
                message = (
                    f"EXPOSE instruction should not define an IP address or host-port mapping, found '{port}'"
                )
                yield Finding(EXPOSE_INVALID_FORMAT.name, message, span, fix)


EXPOSE_INVALID_FORMAT = Rule(
    name="ExposeInvalidFormat",
    severity="warning",
    summary="EXPOSE names an address or a port of the host.",
    why="EXPOSE only says where the container listens; the rest is dropped, and will become an error.",
    remedy="Write the container's port alone; publish it with `docker run -p`.",
    url=f"{URL}/expose-invalid-format/",
    check=_expose_invalid_format,
    bad=(
        Example("FROM alpine:3.20\nEXPOSE 127.0.0.1:80:80\n", lines=(2,)),
        Example("FROM alpine:3.20\nEXPOSE 5000:5000\n", lines=(2,)),
    ),
    good=(Example("FROM alpine:3.20\nEXPOSE 80\n"), Example("FROM alpine:3.20\nEXPOSE :80\n")),
    fix="safe",
)


def _invalid_definition_description(subject: Subject) -> Iterator[Finding]:
    source = subject.dockerfile.source
    comments = {comment.line for comment in subject.dockerfile.comments}
    for command in subject.program.commands:
        if isinstance(command, From):
            keys = [command.alias.text.lower()] if command.alias else []
        elif isinstance(command, Arg):
            keys = [pair.key for pair in command.pairs]
        else:
            continue
        node = command.node
        if not keys or not node.description or node.start_line - 1 not in comments:
            continue
        if node.description[-1].split(" ")[0] in keys:
            continue
        name = keys[0] if len(keys) == 1 else "<arg_key>"
        message = f"Comment for {node.keyword} should follow the format: `# {name} <description>`"
        start = source.line_starts[node.start_line - 1]
        fix = Fix((Edit(source.span(start, start), subject.dockerfile.newline),), "put an empty line between")
        comment = source.line_starts[node.start_line - 2]
        yield Finding(INVALID_DEFINITION_DESCRIPTION.name, message, _line_span(subject, comment), fix)


def _line_span(subject: Subject, char: int) -> Span:
    source = subject.dockerfile.source
    end = source.text.find("\n", char)
    text = source.text[char : len(source.text) if end < 0 else end].rstrip("\r")
    return source.span(char, char + len(text))


INVALID_DEFINITION_DESCRIPTION = Rule(
    name="InvalidDefinitionDescription",
    severity="warning",
    summary="The comment right above an ARG or a named stage does not describe it.",
    why="`docker build --call=outline` and `--call=targets` show that comment as the description.",
    remedy="Begin it with the argument's or the stage's name, or put an empty line between.",
    url=f"{URL}/invalid-definition-description/",
    check=_invalid_definition_description,
    bad=(
        Example("# something else\nFROM scratch AS base\n"),
        Example("FROM scratch AS base\n# something else\nARG VERSION=1\n"),
    ),
    good=(
        Example(
            "# base compiles the sources\nFROM scratch AS base\n# VERSION of the release\nARG VERSION=1\n"
        ),
        Example("# something else\n\nFROM scratch AS base\n\n# something else\n\nARG VERSION=1\n"),
    ),
    default=False,
    fix="safe",
)

RULES: tuple[Rule, ...] = (
    STAGE_NAME_CASING,
    FROM_AS_CASING,
    NO_EMPTY_CONTINUATION,
    CONSISTENT_INSTRUCTION_CASING,
    MAINTAINER_DEPRECATED,
    LEGACY_KEY_VALUE_FORMAT,
    INVALID_DEFINITION_DESCRIPTION,
    EXPOSE_PROTO_CASING,
    EXPOSE_INVALID_FORMAT,
)
