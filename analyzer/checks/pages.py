"""The page of a rule, in Markdown: what `--explain` prints and docs/rules holds."""

from __future__ import annotations

from analyzer.checks.interface import Example, Rule
from analyzer.checks.selection import group_of

_ORIGIN = {
    "buildkit": "BuildKit's check of that name",
    "hadolint": "hadolint's rule of that code",
    "shellcheck": "ShellCheck's rule of that code",
    "slim": "scratchify's own",
}
_FIX = {
    "none": "no",
    "safe": "yes, safe",
    "unsafe": "with `--unsafe-fixes`",
    "sometimes": "where the meaning stays",
}


def page(rule: Rule) -> str:
    """One rule's page."""
    default = "" if rule.default else " Switched off until it is asked for by name."
    lines = [
        f"# {rule.name}",
        "",
        rule.summary,
        "",
        f"{rule.why} {rule.remedy}",
        "",
        f"- Origin: {_ORIGIN[group_of(rule.name)]} ([documentation]({rule.url}))",
        f"- Severity: {rule.severity}.{default}",
        f"- Fix: {_FIX[rule.fix]}",
        "",
    ]
    for title, examples in (("Bad", rule.bad), ("Good", rule.good)):
        for example in examples:
            lines += [f"## {title}", "", *_shown(example)]
    return "\n".join(lines).rstrip("\n") + "\n"


def _shown(example: Example) -> list[str]:
    lines = [example.note, ""] if example.note else []
    for name, text in example.files.items():
        lines += [f"`{name}`:", "", "```text", *text.rstrip("\n").split("\n"), "```", ""]
    for name, target in example.links.items():
        lines += [f"`{name}`: a link to `{target}`", ""]
    shown = example.text.replace("\x00", "␀")
    return [*lines, "```dockerfile", *shown.rstrip("\n").split("\n"), "```", ""]


def index(rules: tuple[Rule, ...]) -> str:
    """The list of all rules."""
    lines = [
        "# Rules",
        "",
        "Written by `make docs` from the table of rules. `scratchify lint --explain RULE` prints a page.",
        "[differences.md](differences.md) says where the DL rules differ from hadolint's, and why.",
        "",
        "| rule | severity | on | fix | what it finds |",
        "| --- | --- | --- | --- | --- |",
    ]
    for rule in sorted(rules, key=lambda each: (group_of(each.name), each.name)):
        on = "yes" if rule.default else "no"
        summary = rule.summary.replace("|", "\\|")
        lines.append(
            f"| [{rule.name}]({rule.name}.md) | {rule.severity} | {on} | {_FIX[rule.fix]} | {summary} |"
        )
    return "\n".join(lines) + "\n"
