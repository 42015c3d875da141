"""The face of dockerfile-parse: its `DockerfileParser`, reading from our nodes.

Code written for that library gets the right answers where the library's own parser does not give them:
heredocs, escape directives, expansion, `--platform`, and what a stage inherits from the stage that it is
based on. The setters are the library's and are not used here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from dockerfile_parse import DockerfileParser as StockParser
from dockerfile_parse.constants import COMMENT_INSTRUCTION
from dockerfile_parse.parser import Args, Envs, Labels
from dockerfile_parse.util import Context

from analyzer.dockerfile.imageconfig import ImageConfig
from analyzer.dockerfile.instructions import Arg, Cmd, Entrypoint, Env, Label, Pair, type_instructions
from analyzer.dockerfile.nodes import Comment, Directive, Dockerfile, Instruction
from analyzer.dockerfile.patterns import WordError
from analyzer.dockerfile.scope import BuildInputs, Evaluation, Expanded, Stage, evaluate
from analyzer.dockerfile.syntax import parse
from analyzer.dockerfile.words import Lexing, lex


class DockerfileParser(StockParser):  # type: ignore[misc]
    """As the library's; `labels`, `envs`, `args` and `cmd` are those of the last stage with all it
    inherits.
    """

    @property
    def structure(self) -> list[dict[str, Any]]:
        """One dictionary an instruction or comment, as the library gives it; comments stand before the
        instruction that they are inside of. `content` has every line of an instruction, heredocs included."""
        dockerfile = self._dockerfile()
        found: list[dict[str, Any]] = []
        for item in dockerfile.items:
            if isinstance(item, Comment | Directive):
                found.append(_comment(dockerfile, item))
            elif isinstance(item, Instruction):
                found += (_comment(dockerfile, comment) for comment in item.comments)
                found.append(_described(dockerfile, item))
        return found

    @property
    def parent_images(self) -> list[str]:
        """The image or stage name of every FROM, expanded."""
        return [stage.base for stage in self._evaluation().stages]

    @property
    def baseimage(self) -> str | None:
        """The image or stage name of the last FROM, expanded; None without one."""
        images = self.parent_images
        return images[-1] if images else None

    @property
    def cmd(self) -> str | None:
        """The CMD of the image as it is written, inherited ones included; an ENTRYPOINT below it drops it."""
        for stage in reversed(self._lineage()):
            commands = [each.command for each in (*stage.triggers, *stage.instructions)]
            written = [command for command in commands if isinstance(command, Cmd)]
            if written:
                return written[-1].node.arguments.text
            if any(isinstance(command, Entrypoint) for command in commands):
                return None
        return None

    @property
    def labels(self) -> Labels:
        return Labels(self._pairs(Label), self)

    @property
    def envs(self) -> Envs:
        return Envs(self._pairs(Env), self)

    @property
    def args(self) -> Args:
        return Args(self._pairs(Arg), self)

    @property
    def context_structure(self) -> list[Context]:
        """For every entry of `structure` the ARGs, ENVs and LABELs that hold after it, and its own."""
        evaluation = self._evaluation()
        stages = {stage.start.node.start_line: stage for stage in evaluation.stages}
        lines = {each.node.start_line: each for each in _every(evaluation)}
        contexts: list[Context] = []
        held: dict[type, dict[str, str]] = {Arg: {}, Env: {}, Label: {}}
        ends: list[dict[type, dict[str, str]]] = []
        for entry in self.structure:
            line = entry["startline"] + 1
            stage = stages.get(line) if entry["instruction"] == "FROM" else None
            if stage is not None:
                if stage.index:
                    ends.append(held)
                held = self._start(stage, ends)
            context = Context(args=dict(held[Arg]), envs=dict(held[Env]), labels=dict(held[Label]))
            each = lines.get(line)
            if each is not None and entry["instruction"] in ("ARG", "ENV", "LABEL"):
                own = self._own(each)
                held[type(each.command)].update(own)
                context.set_line_value(context_type=entry["instruction"], value=own)
            contexts.append(context)
        return contexts

    def _start(self, stage: Stage, ends: list[dict[type, dict[str, str]]]) -> dict[type, dict[str, str]]:
        if stage.parent is not None:
            return {kind: dict(names) for kind, names in ends[stage.parent].items()}
        return {Arg: {}, Env: dict(self.parent_env), Label: {}}

    def _dockerfile(self, above: str = "") -> Dockerfile:
        return _parsed(above + self.content)

    def _evaluation(self, above: str = "") -> Evaluation:
        bases = _SameForAll(ImageConfig(env=dict(self.parent_env)) if self.parent_env else None)
        program = type_instructions(self._dockerfile(above))
        return evaluate(program, BuildInputs(args=self.build_args, bases=bases))

    def _lineage(self) -> list[Stage]:
        """The last stage after those that it is based on; a piece without FROM counts as one stage."""
        stages = self._evaluation().stages or self._evaluation("FROM scratch\n").stages
        found: list[Stage] = []
        index = len(stages) - 1 if stages else None
        while index is not None:
            found.append(stages[index])
            index = stages[index].parent
        return found[::-1]

    def _pairs(self, kind: type) -> dict[str, str]:
        names: dict[str, str] = {}
        for stage in self._lineage():
            for each in (*stage.triggers, *stage.instructions):
                if isinstance(each.command, kind):
                    names.update(self._own(each))
        return names

    def _own(self, each: Expanded) -> dict[str, str]:
        """The names that one ARG, ENV or LABEL sets."""
        command = each.command
        assert isinstance(command, Arg | Env | Label)
        if not self.env_replace:
            escape = self._dockerfile().escape
            return dict(_unexpanded(pair, escape) for pair in command.pairs)
        if isinstance(command, Arg):
            return dict(word.partition("=")[::2] for word in each.words)
        return dict(zip(each.words[::2], each.words[1::2], strict=True))


class _SameForAll(Mapping[str, ImageConfig]):
    """The configuration of every image but scratch."""

    def __init__(self, config: ImageConfig | None) -> None:
        self._config = config

    def __getitem__(self, name: str) -> ImageConfig:
        if self._config is None or name == "scratch":
            raise KeyError(name)
        return self._config

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


@lru_cache(maxsize=8)
def _parsed(content: str) -> Dockerfile:
    return parse(content.encode())


def _every(evaluation: Evaluation) -> Iterator[Expanded]:
    yield from evaluation.globals
    for stage in evaluation.stages:
        yield from stage.instructions


def _comment(dockerfile: Dockerfile, item: Comment | Directive) -> dict[str, Any]:
    text = dockerfile.source.data[item.span.start : item.span.end].decode()
    value = text.removeprefix("\ufeff").strip().removeprefix("#").strip()
    return _entry(COMMENT_INSTRUCTION, item.line, item.line, text, value)


def _described(dockerfile: Dockerfile, node: Instruction) -> dict[str, Any]:
    text = dockerfile.source.data[node.span.start : node.span.end].decode()
    value = node.text[node.name.end :].strip()
    return _entry(node.keyword, node.start_line, node.end_line, text, value)


def _entry(instruction: str, first: int, last: int, content: str, value: str) -> dict[str, Any]:
    return {
        "instruction": instruction,
        "startline": first - 1,
        "endline": last - 1,
        "content": content,
        "value": value,
    }


def _unexpanded(pair: Pair, escape: str) -> tuple[str, str]:
    def plain(text: str) -> str:
        try:
            return lex(text, {}, Lexing(escape, keep_undefined=True)).text
        except WordError:
            return text

    return plain(pair.key), plain(pair.text)
