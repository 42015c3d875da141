"""Rules whose findings the runner makes itself: files that cannot be read, and comments about findings."""

from __future__ import annotations

from analyzer.checks.interface import Example, Rule, nothing

DOCS = "https://github.com/scratchify/scratchify/blob/main/docs/rules"

UNREADABLE = Rule(
    name="SLIM001",
    severity="error",
    summary="The file cannot be read: it is not there, not permitted, not text, or too large.",
    why="Nothing in it was checked.",
    remedy="Check the path, its mode and its encoding (UTF-8), or leave the file out with `exclude`.",
    url=f"{DOCS}/SLIM001.md",
    check=nothing,
    bad=(Example("FROM debian:12\nRUN true \x00\n", note="A NUL byte: this is no text."),),
    good=(Example("FROM debian:12\nRUN true\n"),),
)

REFUSED = Rule(
    name="SLIM002",
    severity="error",
    summary="BuildKit refuses this instruction or file.",
    why="The build stops before its first step.",
    remedy="Correct the instruction as the message says.",
    url=f"{DOCS}/SLIM002.md",
    check=nothing,
    bad=(
        Example("FROM debian:12\nRUNN true\n", lines=(2,)),
        Example("FROM debian:12\nCOPY --form=build /a /b\n", lines=(2,)),
        Example("# check=skip\nFROM scratch\n", lines=(1,)),
    ),
    good=(Example("FROM debian:12\nRUN true\n"), Example("# check=skip=all\nFROM scratch\n")),
)

UNUSED_IGNORE = Rule(
    name="SLIM003",
    severity="style",
    summary="A comment ignores a rule that finds nothing there.",
    why="It reads as if something were wrong, and hides the next real finding.",
    remedy="Take the rule out of the comment.",
    url=f"{DOCS}/SLIM003.md",
    check=nothing,
    bad=(Example("FROM scratch\n# scratchify ignore=StageNameCasing: a habit\nCOPY a /a\n", lines=(2,)),),
    good=(Example("# scratchify ignore=StageNameCasing: a habit\nFROM debian:12 AS Base\n"),),
    default=False,
)

NO_REASON = Rule(
    name="SLIM004",
    severity="style",
    summary="A comment ignores a rule and does not say why.",
    why="The next reader cannot tell a decision from a leftover.",
    remedy="Write the reason after a colon: `# scratchify ignore=RULE: reason`.",
    url=f"{DOCS}/SLIM004.md",
    check=nothing,
    bad=(Example("# scratchify ignore=StageNameCasing\nFROM debian:12 AS Base\n", lines=(1,)),),
    good=(Example("# scratchify ignore=StageNameCasing: scripts use it\nFROM debian:12 AS Base\n"),),
)

RULES: tuple[Rule, ...] = (UNREADABLE, REFUSED, UNUSED_IGNORE, NO_REASON)
