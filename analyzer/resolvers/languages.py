"""Languages that no resolver reads: an interpreter that is kept keeps its whole search path.

Each row follows the language's own documentation of where it looks for modules, in the layouts of its release
and of distributions; what an image lacks costs nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from analyzer.evidence import Evidence, Unresolved
from analyzer.resolvers.elf import may_be_elf
from analyzer.resolvers.interface import Finding, View
from analyzer.resolvers.needs import Need, told


def _language(name: str, programs: str, trees: str, *, libraries: str = "(?!)") -> Need:
    """`programs` and `libraries` are names of what runs the language; a version may follow."""
    files = re.compile(rf"/(?:(?:{programs})(?:-?\d[\w.]*)?|lib(?:{libraries})(?:-?\d[\w.-]*)?\.so[.\d]*)$")
    return Need(name, f"{name}'s modules", trees=tuple(trees.split()), files=files)


LANGUAGES: tuple[Need, ...] = (
    _language(
        "Lua",
        "lua|luajit|texlua|luatex|resty",
        "/usr/share/lua {lib}/lua /usr/local/share/lua /usr/local/lib/lua /usr/share/luajit-*"
        " /usr/local/share/luajit-* /usr/local/openresty/lualib",
        libraries="lua|luajit",
    ),
    _language(
        "Tcl",
        "tclsh|wish|expect",
        "/usr/share/tcltk /usr/lib/tcltk {lib}/tcltk /usr/share/tcl* /usr/local/lib/tcl*",
        libraries="tcl",
    ),
    _language(
        "R",
        "R|Rscript",
        "/usr/lib/R /usr/share/R /usr/local/lib/R /etc/R /usr/lib64/R",
        libraries="R",
    ),
    _language(
        "Guile",
        "guile",
        "/usr/share/guile {lib}/guile /usr/local/share/guile /usr/local/lib/guile",
        libraries="guile",
    ),
    _language(
        "Common Lisp",
        "sbcl|ecl|clisp",
        "/usr/lib/sbcl /usr/local/lib/sbcl /usr/share/common-lisp /usr/share/cl-quicklisp /etc/common-lisp"
        " {lib}/ecl-* /usr/lib/clisp-*",
        libraries="ecl",
    ),
    _language(
        "Scheme",
        "racket|csi|gosh|chez",
        "/usr/share/racket /usr/lib/racket /etc/racket"
        " {lib}/chicken /usr/lib/csv* {lib}/gauche-* /usr/share/gauche-*",
    ),
    _language(
        "OCaml",
        "ocaml|ocamlrun|utop",
        "/usr/lib/ocaml /usr/local/lib/ocaml",
    ),
    _language("Elixir", "elixir|iex|mix", "/usr/lib/elixir /usr/local/lib/elixir"),
    _language(
        "Octave",
        "octave|octave-cli|octave-gui",
        "/usr/share/octave {lib}/octave /usr/local/share/octave /usr/local/lib/octave",
        libraries="octinterp",
    ),
    _language("Prolog", "swipl|gprolog", "/usr/lib/swi-prolog /usr/lib/gprolog", libraries="swipl"),
    _language("awk", "gawk", "/usr/share/awk {lib}/gawk /usr/local/share/awk /usr/local/lib/gawk"),
    _language("jq", "jq", "/usr/lib/jq /usr/local/lib/jq"),
    _language("Julia", "julia", "/usr/share/julia {lib}/julia /etc/julia"),
    _language("Mono", "mono|mono-sgen", "/usr/lib/mono /etc/mono", libraries="monosgen|mono"),
    _language("Forth", "gforth", "/usr/share/gforth /usr/lib/gforth {lib}/gforth"),
    _language("Smalltalk", "gst", "/usr/share/gnu-smalltalk /usr/lib/gnu-smalltalk {lib}/gnu-smalltalk"),
    _language(
        "TeX",
        "tex|pdftex|pdflatex|latex|xetex|xelatex|luatex|lualatex|luahbtex|etex|bibtex|dvips",
        "/usr/share/texlive /usr/share/texmf /usr/share/texmf-dist /usr/local/share/texmf /etc/texmf"
        " /var/lib/texmf /usr/local/texlive",
    ),
    _language("gnuplot", "gnuplot|gnuplot-nox|gnuplot-qt|gnuplot-x11", "/usr/share/gnuplot {lib}/gnuplot"),
)


class Languages:
    """Keeps the search path of an interpreter whole, right rather than small, and says so."""

    name = "languages"

    def __init__(self) -> None:
        self._said: set[str] = set()

    def resolve(
        self, view: View, new: Sequence[str], kept: Mapping[str, Sequence[Evidence]]
    ) -> Iterator[Finding]:
        for path in new:
            if may_be_elf(view.fs.entries[path]):
                for need in LANGUAGES:
                    if need.files.search(path):
                        yield from self._whole(view, need, path)

    def _whole(self, view: View, need: Need, path: str) -> Iterator[Finding]:
        reason = f"{need.reason}, whole: no resolver reads {need.name}"
        there = [one for one in told(view, need, "imported", path, reason) if view.fs.lookup(one.path)]
        yield from there
        if there and need.name not in self._said:
            self._said.add(need.name)
            yield Unresolved(path, self.name, f"no resolver reads {need.name}: its modules are kept whole")
