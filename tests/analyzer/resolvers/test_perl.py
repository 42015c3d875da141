"""Perl over made trees. Values are perl 5.36's (`perl -V`, %INC at the end, a trace of its opens)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from analyzer.evidence import Evidence
from analyzer.image import ImageConfig
from analyzer.resolvers.closure import close
from analyzer.resolvers.perl import Perl, read_inc, read_perl
from tests.imagefs import File, Link, Node, view_of

CORE, ARCH, VENDOR = "/usr/share/perl/5.36", "/usr/lib/x86_64-linux-gnu/perl/5.36", "/usr/share/perl5"
BASE: dict[str, Node] = {
    "/usr/bin/perl": File(b"\x7fELF\0" + "\0".join((VENDOR, ARCH, CORE)).encode() + b"\0", 0o755),
    f"{CORE}/strict.pm": "",
    f"{CORE}/unicore/Name.pl": "",
    f"{ARCH}/Config.pm": "",
    f"{ARCH}/Config_heavy.pl": "",
    f"{ARCH}/POSIX.pm": "",
    f"{ARCH}/auto/POSIX/POSIX.so": b"\x7fELF",
    f"{VENDOR}/Foo/Bar.pm": "require Foo::Lazy;",
    f"{VENDOR}/Foo/Lazy.pm": "",
    f"{VENDOR}/Foo/Other.pm": "",
}


@dataclass(frozen=True)
class Case:
    tree: Mapping[str, Node]
    kept: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    replaces: str = ""  # folder of BASE that the case has as something else
    config: ImageConfig = field(default_factory=ImageConfig)


CASES: dict[str, Case] = {
    "what the interpreter loads by itself, with its libraries": Case(
        {"/app/a.pl": ""},
        kept=(f"{CORE}/strict.pm", f"{ARCH}/auto/POSIX/POSIX.so", f"{ARCH}/Config_heavy.pl"),
        gone=(f"{CORE}/unicore/Name.pl", f"{VENDOR}/Foo/Bar.pm"),
    ),
    "use, and require inside it": Case(
        {"/app/a.pl": "use strict; use Foo::Bar 1.0 qw(x);"},
        kept=(f"{VENDOR}/Foo/Bar.pm", f"{VENDOR}/Foo/Lazy.pm"),
        gone=(f"{VENDOR}/Foo/Other.pm",),
    ),
    "a file that the run chooses from a folder, as File::Spec does": Case(
        {"/app/a.pl": 'my $module = $own{$^O} || "Bar";\nrequire "Foo/$module.pm";'},
        kept=(f"{VENDOR}/Foo/Bar.pm", f"{VENDOR}/Foo/Other.pm"),
    ),
    "base classes": Case(
        {"/app/a.pl": "use parent -norequire, 'X';\nuse base qw(Foo::Other Foo::Bar);"},
        kept=(f"{VENDOR}/Foo/Other.pm", f"{VENDOR}/Foo/Bar.pm"),
    ),
    "neither comments nor documentation": Case(
        {"/app/a.pl": "# use Foo::Bar;\n=pod\n\n use Foo::Other;\n\n=cut\n1;\n__END__\nuse Foo::Lazy;"},
        gone=(f"{VENDOR}/Foo/Bar.pm", f"{VENDOR}/Foo/Other.pm", f"{VENDOR}/Foo/Lazy.pm"),
    ),
    "data of a distribution by its name": Case(
        {
            "/app/a.pl": "use File::ShareDir; File::ShareDir::dist_file( 'Date-Names', $code . '.pl' );",
            f"{VENDOR}/auto/share/dist/Date-Names/de.pl": "",
            f"{VENDOR}/auto/share/dist/Other/x": "",
        },
        kept=(f"{VENDOR}/auto/share/dist/Date-Names/de.pl",),
        gone=(f"{VENDOR}/auto/share/dist/Other",),
    ),
    "one of several implementations, by names that another module puts together": Case(
        {
            "/app/a.pl": "use Hooks;",
            f"{VENDOR}/Hooks.pm": "use Module::Implementation;\nbuild(implementations => [ 'XS', 'PP' ]);",
            f"{VENDOR}/Hooks/XS.pm": "use Foo::Other;",
            f"{VENDOR}/Hooks/PP.pm": "",
        },
        kept=(f"{VENDOR}/Hooks/XS.pm", f"{VENDOR}/Hooks/PP.pm", f"{VENDOR}/Foo/Other.pm"),
    ),
    "drivers of DBI with their libraries": Case(
        {
            "/app/a.pl": "use DBI;",
            f"{VENDOR}/DBI.pm": "",
            f"{VENDOR}/DBD/SQLite.pm": "",
            f"{VENDOR}/auto/DBD/SQLite/SQLite.so": b"",
        },
        kept=(f"{VENDOR}/DBD/SQLite.pm", f"{VENDOR}/auto/DBD/SQLite/SQLite.so"),
    ),
    "a module behind a link to its version's folder": Case(
        {
            "/app/a.pl": "use Encode;",
            CORE: Link("5.36.0"),
            f"{CORE}.0/Encode.pm": "eval { require $module }",
            f"{CORE}.0/Encode/JP.pm": "",
            f"{CORE}.0/auto/Encode/JP/JP.so": b"",
        },
        kept=(CORE, f"{CORE}.0/Encode/JP.pm", f"{CORE}.0/auto/Encode/JP/JP.so"),
        replaces=CORE,
    ),
    "named characters": Case(
        {"/app/a.pl": r'print "\N{GREEK SMALL LETTER ALPHA}";', f"{CORE}/_charnames.pm": ""},
        kept=(f"{CORE}/unicore/Name.pl",),
    ),
    "a path that the source adds": Case(
        {
            "/app/bin/a.pl": 'use FindBin; use lib "$FindBin::Bin/../modules"; use Mine;',
            "/app/a.pl": 'require "/app/bin/a.pl";',
            "/app/modules/Mine.pm": "",
        },
        kept=("/app/bin/a.pl", "/app/modules/Mine.pm"),
    ),
    "PERL5LIB": Case(
        {"/app/a.pl": "use Mine;", "/deps/Mine.pm": ""},
        config=ImageConfig(env=(("PERL5LIB", "/deps"),)),
        kept=("/deps/Mine.pm",),
    ),
    "modules that a library loads by name": Case(
        {
            "/app/a.pl": "use Plug;",
            f"{VENDOR}/Plug.pm": "sub load { eval \"require $_[0]\" }",
            f"{VENDOR}/Plug/One.pm": "use Foo::Other;",
        },
        kept=(f"{VENDOR}/Plug/One.pm", f"{VENDOR}/Foo/Other.pm"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_reaches(name: str) -> None:
    case = CASES[name]
    roots = [Evidence(path, "traced", "run", "opened") for path in ("/usr/bin/perl", "/app/a.pl")]
    base = {path: node for path, node in BASE.items() if not case.replaces or case.replaces not in path}
    closure = close(
        view_of({**base, **case.tree, "/usr/bin/perl": BASE["/usr/bin/perl"]}, config=case.config),
        roots,
        [Perl()],
    )
    kept = closure.evidence.keys()
    assert closure.unresolved == ()
    assert [path for path in case.kept if path not in kept] == []
    assert [path for path in case.gone if path in kept] == []


def test_says_what_it_cannot_follow() -> None:
    view = view_of({**BASE, "/app/a.pl": "require $module;"})
    roots = [Evidence(path, "traced", "run", "opened") for path in ("/usr/bin/perl", "/app/a.pl")]
    assert [item.path for item in close(view, roots, [Perl()]).unresolved] == ["/app/a.pl"]


@pytest.mark.parametrize("data", [b"", b"\xff\0", b"=pod", b"use"])
def test_readers_take_any_bytes(data: bytes) -> None:
    assert read_perl(data)["modules"] == []
    assert read_inc(data) == []
