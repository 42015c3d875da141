"""One Dockerfile under checks: its instructions and what follows from them, computed when first asked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from analyzer import ignorefile
from analyzer.checks.body import Body, body_of
from analyzer.dockerfile.imageconfig import DEFAULT_SHELL
from analyzer.dockerfile.instructions import (
    Arg,
    Cmd,
    Command,
    Entrypoint,
    Expose,
    From,
    Healthcheck,
    Onbuild,
    Program,
    Run,
)
from analyzer.dockerfile.nodes import Dockerfile, Token
from analyzer.dockerfile.scope import BuildInputs, Evaluation, Expanded, Stage, evaluate
from analyzer.dockerfile.words import WordError, expand
from analyzer.errors import InputError, Problem
from analyzer.ignorefile import IgnoreFile
from analyzer.settings import LintSettings
from analyzer.shell import Shell, shell_of
from analyzer.stages import StageTable, table_of
from analyzer.values import frozen

C = TypeVar("C", bound=Command)

_NO_ARGS: Mapping[str, str] = MappingProxyType({})
_SHELL_COMMENT = re.compile(r"hadolint[ \t]+shell[ \t]*=[ \t]*(\S+)[ \t]*(?:#.*)?")
_WINDOWS = ("windows/", "nanoserver", "windowsservercore")


@frozen
class Surroundings:
    """What is known around a Dockerfile.

    context: the folder of the build context, None where there is none (standard input). dockerfile: the file
    itself, whose ignore file goes before the context's. hadolint_comments: are hadolint's comments obeyed?
    """

    context: Path | None = None
    dockerfile: Path | None = None
    target: str | None = None
    build_args: Mapping[str, str] = field(default_factory=lambda: _NO_ARGS)
    lint: LintSettings = field(default_factory=LintSettings)
    hadolint_comments: bool = True


class Subject:
    """A Dockerfile and the questions that checks ask of it."""

    def __init__(self, program: Program, around: Surroundings | None = None) -> None:
        self.program = program
        self.around = around or Surroundings()
        self._bodies: dict[int, Body] = {}

    @property
    def dockerfile(self) -> Dockerfile:
        return self.program.dockerfile

    @property
    def lint(self) -> LintSettings:
        return self.around.lint

    @cached_property
    def commands(self) -> tuple[Command, ...]:
        """The instructions in order, without those below a first FROM that was refused: no stage has them."""
        found = self.program.commands
        first = next((at for at, each in enumerate(found) if isinstance(each, From)), len(found))
        return (*(each for each in found[:first] if isinstance(each, Arg)), *found[first:])

    @cached_property
    def _by_kind(self) -> dict[type, list[Command]]:
        found: dict[type, list[Command]] = {}
        for command in self.commands:
            found.setdefault(type(command), []).append(command)
        return found

    def of(self, kind: type[C]) -> tuple[C, ...]:
        """The instructions of one kind, in order; those inside ONBUILD are not among them."""
        return tuple(self._by_kind.get(kind, ()))  # type: ignore[arg-type]

    @cached_property
    def everywhere(self) -> tuple[Command, ...]:
        """Every instruction, and behind each ONBUILD the one that it holds."""
        found: list[Command] = []
        for command in self.commands:
            found.append(command)
            if isinstance(command, Onbuild) and command.inner is not None:
                found.append(command.inner)
        return tuple(found)

    def all_of(self, kind: type[C]) -> tuple[C, ...]:
        """The instructions of one kind, in order, those inside ONBUILD among them."""
        return tuple(command for command in self.everywhere if isinstance(command, kind))

    @cached_property
    def evaluation(self) -> Evaluation:
        """Every instruction expanded in its scope, by stages."""
        return evaluate(self.program, BuildInputs(self.around.build_args, target=self.around.target or ""))

    @property
    def stages(self) -> tuple[Stage, ...]:
        return self.evaluation.stages

    @cached_property
    def table(self) -> StageTable:
        """What the stages use of each other and of images."""
        return table_of(self.program, self.evaluation)

    @cached_property
    def final(self) -> Stage | None:
        """The stage that is built: the target, else the last one. None where the file has no such stage."""
        target = self.around.target or ""
        if not self.stages or (target and target.lower() not in self.table.names):
            return None
        return self.stages[self.table.find(target)] if target else self.stages[-1]

    @cached_property
    def built(self) -> tuple[Stage, ...]:
        """The stages that the target needs, itself among them; all of them where no target is chosen."""
        if not self.around.target or self.final is None:
            return self.stages
        return tuple(self.stages[index] for index in self.table.needed(self.final.index))

    @cached_property
    def _reaching(self) -> frozenset[int]:
        final = self.final or (self.stages[-1] if self.stages else None)
        bases = {stage.parent for stage in self.stages if stage.parent is not None}
        used = {use.source.stage for use in self.table.uses}
        # Without a target, a stage that has a name and no use is there to be built for itself.
        targets = {
            stage.index
            for stage in self.stages
            if stage.name and stage.index not in used and not self.around.target
        }
        return frozenset(bases | targets | ({final.index} if final is not None else set()))

    def reaches_image(self, command: Command) -> bool:
        """Do the layers of an instruction's stage become part of an image: the built one, or a base here?"""
        stage = self.stage_of(command)
        return stage is not None and stage.index in self._reaching

    @cached_property
    def problems(self) -> tuple[Problem, ...]:
        """What BuildKit refuses. Where a name was replaced, another build argument might make it right."""
        replaced = {each.node.start_line for each, _ in self._expanded.values() if each.lookups}
        stage = self.final.name if self.final is not None and self.final.name else ""
        found = self.table.problems_of(stage) if self.stages else self.program.problems
        known = set(self.program.problems)
        return tuple(each for each in found if each in known or each.line not in replaced)

    @cached_property
    def ignore_file(self) -> IgnoreFile | None:
        """The ignore file of the build; None without a context, or where it cannot be read."""
        if self.around.context is None:
            return None
        try:
            return ignorefile.load(self.around.context, self.around.dockerfile)
        except (InputError, OSError):
            return None

    @cached_property
    def _expanded(self) -> dict[int, tuple[Expanded, Stage | None]]:
        found: dict[int, tuple[Expanded, Stage | None]] = {}
        for each in self.evaluation.globals:
            found[id(each.command)] = each, None
        for stage in self.stages:
            for each in (stage.start, *stage.instructions):
                found[id(each.command)] = each, stage
                if isinstance(each.command, Onbuild) and each.command.inner is not None:
                    found[id(each.command.inner)] = each, stage
        return found

    def expanded(self, command: Command) -> Expanded:
        """An instruction as the builder sees it; for one inside ONBUILD, that ONBUILD."""
        return self._expanded[id(command)][0]

    def stage_of(self, command: Command) -> Stage | None:
        """The stage that an instruction stands in; None before the first FROM."""
        return self._expanded[id(command)][1]

    def shell(self, command: Command) -> Shell:
        """The shell that holds at an instruction: SHELL's, else sh, or cmd on a base that is Windows."""
        words = self.expanded(command).shell
        stage = self.stage_of(command)
        while stage is not None and stage.parent is not None:
            stage = self.stages[stage.parent]
        if words == DEFAULT_SHELL:
            named = self._named_shell(command)
            if named:
                return shell_of((named,))
            if stage is not None and any(mark in stage.base for mark in _WINDOWS):
                return shell_of(("cmd", "/S", "/C"))
        return shell_of(words)

    def _named_shell(self, command: Command) -> str:
        """What hadolint's comment `# hadolint shell=NAME` above says of the base image's shell, in the same
        stage; "" where nothing does."""
        line = command.node.start_line
        stage = self.stage_of(command)
        first = stage.start.node.start_line if stage is not None else 0
        return next((name for at, name in reversed(self._shell_comments) if first <= at < line), "")

    @cached_property
    def _shell_comments(self) -> tuple[tuple[int, str], ...]:
        if b"shell" not in self.dockerfile.source.data:
            return ()
        found = ((each.line, _SHELL_COMMENT.fullmatch(each.text)) for each in self.dockerfile.comments)
        return tuple((line, match[1]) for line, match in found if match)

    def body(self, command: Run | Cmd | Entrypoint | Healthcheck) -> Body:
        """The shell text of an instruction; empty where it has none (HEALTHCHECK NONE)."""
        found = self._bodies.get(id(command))
        if found is None:
            node = command.node
            words = node.words[1:] if isinstance(command, Healthcheck) else node.words
            found = self._bodies[id(command)] = body_of(node, words, self.shell(command))
        return found

    @cached_property
    def runs(self) -> tuple[tuple[Run, Body], ...]:
        """Every RUN with its text, those inside ONBUILD among them."""
        return tuple((run, self.body(run)) for run in self.all_of(Run))

    def ports(self, command: Expose) -> list[tuple[Token, tuple[str, ...]]]:
        """Each word of EXPOSE with the ports that it stands for, names replaced."""
        environment = self.expanded(command).environment
        found = []
        for token in command.ports:
            try:
                found.append((token, expand(token.text, environment, self.dockerfile.escape).words))
            except WordError:
                continue
        return found
