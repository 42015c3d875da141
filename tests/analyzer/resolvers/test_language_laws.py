"""Laws of every resolver that follows a language or a service: the order in which paths arrive makes no
difference, and more kept paths never keep less."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from analyzer.evidence import Evidence
from analyzer.filesystem import ancestors
from analyzer.image import ImageConfig
from analyzer.resolvers.dotnet import Dotnet
from analyzer.resolvers.interface import Resolver, View
from analyzer.resolvers.java import Java
from analyzer.resolvers.node import Node
from analyzer.resolvers.perl import Perl
from analyzer.resolvers.php import Php
from analyzer.resolvers.python import Python
from analyzer.resolvers.ruby import Ruby
from analyzer.resolvers.services import Services
from tests.analyzer.resolvers import (
    test_dotnet,
    test_java,
    test_node,
    test_perl,
    test_php,
    test_python,
    test_ruby,
    test_services,
)
from tests.imagefs import Node as Entry
from tests.imagefs import view_of

Kept = frozenset[str]


def arrive(resolver: Resolver, view: View, roots: list[str], *, last_first: bool, one_by_one: bool) -> Kept:
    """What is kept when paths reach the resolver in this order."""
    kept: dict[str, list[Evidence]] = {}
    pending: list[str] = []

    def place(evidence: Evidence) -> None:
        found = view.fs.resolve(evidence.path)
        if found.missing:
            return
        below = [entry.path for entry in view.fs.below(found.path)] if evidence.tree else []
        for path in (*found.via, found.path, *below):
            for here in (path, *ancestors(path)):
                if here not in kept:
                    kept[here] = []
                    pending.append(here)
            kept[path].append(evidence)

    for root in roots:
        place(Evidence(root, "traced", "run", "opened"))
    first = True
    while pending or first:
        first = False
        pending.sort(reverse=last_first)
        batch = [pending.pop(0)] if one_by_one and pending else sorted(pending)
        if not one_by_one:
            pending.clear()
        for item in list(resolver.resolve(view, batch, kept)):
            if isinstance(item, Evidence):
                place(item)
    return frozenset(kept)


Made = tuple[Callable[[], Resolver], Mapping[str, Entry], ImageConfig, tuple[str, ...]]


def cases() -> dict[str, Made]:
    made: dict[str, Made] = {}
    for name, case in test_python.CASES.items():
        tree = {**test_python.BASE, **{test_python.absolute(path): node for path, node in case.tree.items()}}
        made[f"python: {name}"] = (Python, tree, case.config, ("/usr/bin/python3", *case.roots))
    for name, case in test_node.CASES.items():
        made[f"node: {name}"] = (
            Node, {**test_node.BASE, **case.tree}, case.config, ("/usr/bin/node", *case.roots)
        )  # fmt: skip
    for name, case in test_java.CASES.items():
        made[f"java: {name}"] = (Java, {**test_java.BASE, **case.tree}, case.config, case.roots)
    for name, case in test_dotnet.CASES.items():
        made[f"dotnet: {name}"] = (Dotnet, {**test_dotnet.BASE, **case.tree}, case.config, case.roots)
    for name, case in test_ruby.CASES.items():
        made[f"ruby: {name}"] = (Ruby, {**test_ruby.BASE, **case.tree}, case.config, case.roots)
    for name, case in test_php.CASES.items():
        made[f"php: {name}"] = (Php, {**test_php.BASE, **case.tree}, ImageConfig(), case.roots)
    for name, case in test_perl.CASES.items():
        if not case.replaces:
            tree = {**test_perl.BASE, **case.tree}
            made[f"perl: {name}"] = (Perl, tree, case.config, ("/usr/bin/perl", "/app/a.pl"))
    for name, case in test_services.CASES.items():
        made[f"services: {name}"] = (Services, case.tree, case.config, (case.root,))
    return made


CASES = cases()


@pytest.mark.parametrize("name", CASES)
def test_order_makes_no_difference(name: str) -> None:
    make, tree, config, roots = CASES[name]
    view = view_of(tree, config=config)
    results = {
        arrive(make(), view, order, last_first=last_first, one_by_one=one_by_one)
        for order in (list(roots), list(roots)[::-1])
        for last_first in (False, True)
        for one_by_one in (False, True)
    }
    assert len(results) == 1


@pytest.mark.parametrize("name", CASES)
def test_more_never_keeps_less(name: str) -> None:
    make, tree, config, roots = CASES[name]
    view = view_of(tree, config=config)
    full = arrive(make(), view, list(roots), last_first=False, one_by_one=False)
    for left_out in roots:
        some = [root for root in roots if root != left_out]
        assert arrive(make(), view, some, last_first=False, one_by_one=False) <= full
