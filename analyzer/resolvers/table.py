"""Every resolver, with the lowest coverage level at which it counts. To add one: a module and a line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from analyzer.resolvers.dotnet import Dotnet
from analyzer.resolvers.elf import Elf
from analyzer.resolvers.interface import Resolver
from analyzer.resolvers.java import Java
from analyzer.resolvers.languages import Languages
from analyzer.resolvers.libraries import Libraries
from analyzer.resolvers.literals import Literals
from analyzer.resolvers.node import Node
from analyzer.resolvers.packages import Packages, WholePackages
from analyzer.resolvers.perl import Perl
from analyzer.resolvers.php import Php
from analyzer.resolvers.python import Python
from analyzer.resolvers.ruby import Ruby
from analyzer.resolvers.script import Scripts
from analyzer.resolvers.services import Services
from analyzer.resolvers.shebang import Interpreters
from analyzer.resolvers.started import Started
from analyzer.resolvers.system import System
from analyzer.resolvers.traced import Traced

Coverage = Literal["traced", "balanced", "safe"]

# Each level has all of the one before it.
LEVELS: tuple[Coverage, ...] = ("traced", "balanced", "safe")

RESOLVERS: tuple[tuple[Callable[[], Resolver], Coverage], ...] = (
    (Traced, "traced"),
    (Elf, "traced"),
    (Python, "balanced"),
    (Node, "balanced"),
    (Java, "balanced"),
    (Dotnet, "balanced"),
    (Ruby, "balanced"),
    (Php, "balanced"),
    (Perl, "balanced"),
    (Languages, "balanced"),
    (Services, "balanced"),
    (Libraries, "traced"),
    (Interpreters, "traced"),
    (System, "traced"),
    (Scripts, "balanced"),
    (Started, "balanced"),
    (Packages, "balanced"),
    (Literals, "balanced"),
    (WholePackages, "safe"),
)


def resolvers_for(coverage: Coverage) -> list[Resolver]:
    """Fresh resolvers for one closure."""
    reach = LEVELS.index(coverage)
    return [make() for make, level in RESOLVERS if LEVELS.index(level) <= reach]
