"""Cases for ignore files: the unit tests and the builds of tests/e2e share them.

Each value is what builds with `COPY . /` on Docker 26.1 and 28.5 gave; where Docker 20.10 gave another, `old`
has it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Case:
    """A tree (`/` at the end: an empty directory), an ignore file, and what of the tree is sent. An empty
    directory stands with its `/`; the Dockerfile and the ignore file lie in every tree and are left out of
    `sent`. `old` is what Docker 20.10 sends where that differs, "error" where it fails."""

    rule: str
    ignore: str | None
    tree: tuple[str, ...]
    sent: tuple[str, ...]
    old: tuple[str, ...] | str | None = None


CASES: tuple[Case, ...] = (
    Case(
        "no ignore file: everything is sent",
        None,
        ("a", "b/c", ".hidden", "d/"),
        (".hidden", "a", "b/c", "d/"),
    ),
    Case("an empty ignore file keeps nothing back", "", ("a", "b/c"), ("a", "b/c")),
    Case("a plain name at the root", "a\n", ("a", "b"), ("b",)),
    Case("a plain name is anchored at the root", "a\n", ("a", "b/a"), ("b/a",)),
    Case("a directory takes all below it along", "d\n", ("d/x", "d/e/y", "x"), ("x",)),
    Case("a slash at the end is dropped", "d/\n", ("d/x", "e"), ("e",)),
    Case("a slash at the end also names a file", "a/\n", ("a", "b"), ("b",)),
    Case("a leading slash is the root", "/a\n", ("a", "b/a"), ("b/a",)),
    Case("two leading slashes", "//a\n", ("a", "b/a"), ("b/a",)),
    Case("./ in front is dropped", "./a\n", ("a", "b/a"), ("b/a",)),
    Case("inner . and .. are resolved", "b/./../a\n", ("a", "b/a"), ("b/a",)),
    Case("a path of two components", "b/a\n", ("a", "b/a", "c/b/a"), ("a", "b/", "c/b/a")),
    Case("a pattern that leads out of the context matches nothing", "../a\n", ("a",), ("a",)),
    Case("the root itself as a pattern keeps nothing back", ".\n", ("a", "b/c"), ("a", "b/c")),
    Case("a lone slash keeps nothing back", "/\n", ("a", "b/c"), ("a", "b/c")),
    Case("* stays in one component", "*.log\n", ("a.log", "b/a.log", "c"), ("b/a.log", "c")),
    Case("* matches the empty text", "a*\n", ("a", "ab", "b"), ("b",)),
    Case("* matches names with a dot in front", "*\n!x\n", (".a", "x", "b"), ("x",)),
    Case("* alone keeps all back, directories too", "*\n", ("a", "b/c"), ()),
    Case("*/ one level down", "*/a\n", ("a", "b/a", "b/c/a"), ("a", "b/c/a")),
    Case("* in the middle", "a*c\n", ("ac", "abc", "ab/c"), ("ab/c",)),
    Case("*/* keeps what lies in directories", "*/*\n", ("a", "b/c", "b/d/e"), ("a", "b/")),
    Case("? is one character", "?.txt\n", ("1.txt", "12.txt", "d/1.txt"), ("12.txt", "d/1.txt")),
    Case("? is one character, not one byte", "?\n", ("é", "ab"), ("ab",)),
    Case("? does not match a slash", "a?b\n", ("axb", "a/b"), ("a/b",)),
    Case("a class", "[ab].x\n", ("a.x", "b.x", "c.x"), ("c.x",)),
    Case("a range", "[a-c]x\n", ("ax", "bx", "cx", "dx"), ("dx",)),
    Case("a negated class", "[^a]x\n", ("ax", "bx"), ("ax",)),
    Case("! in a class is a character like any other", "[!a]x\n", ("ax", "!x", "bx"), ("bx",)),
    Case("a backslash takes the meaning away", "\\*\n", ("*", "a"), ("a",)),
    Case("a backslash before an ordinary character", "a\\.b\n", ("a.b", "axb"), ("axb",)),
    Case("a dot is a dot", "a.b\n", ("a.b", "axb"), ("axb",)),
    Case("a dot is a dot beside a wildcard", "*.b\n", ("x.b", "xb"), ("xb",)),
    Case(
        "characters of regular expressions mean nothing", "a+(b){1}|$\n", ("a+(b){1}|$", "aab"), ("aab",), ()
    ),
    Case("and beside a wildcard", "*+(b){1}|$\n", ("a+(b){1}|$", "aab"), ("aab",), "error"),
    Case("a caret outside a class, plain", "a^b\n", ("a^b", "ab"), ("ab",), ("a^b", "ab")),
    Case("a caret behind a wildcard", "*^b\n", ("a^b", "ab"), ("a^b", "ab")),
    Case("**/ at any depth, the root included", "**/a\n", ("a", "b/a", "b/c/a", "ab"), ("ab", "b/c/")),
    Case("**/ in front of a directory", "**/d\n", ("d/x", "b/d/y", "b/x"), ("b/x",)),
    Case("**/ with a wildcard", "**/*.bak\n", ("q.bak", "d/q.bak", "d/e/q.bak", "q"), ("d/e/", "q")),
    Case("/** all below, the directory itself as well", "x/**\n", ("x/1", "x/y/2", "z"), ("x/", "z")),
    Case("/** on an empty directory", "x/**\n", ("x/", "y/"), ("x/", "y/")),
    Case(
        "** in the middle, also for no component",
        "foo/**/bar\n",
        ("foo/bar", "foo/1/bar", "foo/1/2/bar", "foo/baz"),
        ("foo/1/2/", "foo/baz"),
    ),
    Case("** alone keeps all back", "**\n", ("a", "b/c"), ()),
    Case("**/ alone", "**/\n", ("a", "b/c"), ()),
    Case(
        "** joined to a name at the front",
        "**a\n",
        ("a", "xa", "b/xa", "ab"),
        ("ab", "b/"),
        ("ab", "b/xa", "xa"),
    ),
    Case("** joined to a name at the end", "a**\n", ("ab", "a/b", "c/a", "b"), ("b", "c/a")),
    Case(
        "** joined to a name with another wildcard",
        "**a*\n",
        ("a", "xa", "b/a", "b/xa", "ab"),
        ("b/xa", "xa"),
    ),
    Case("three stars", "a/***\n", ("a/b", "a/c/d", "e"), ("a/", "e")),
    Case("** twice", "**/b/**\n", ("b/x", "a/b/y", "a/b/c/z", "a/x"), ("a/b/", "a/x", "b/")),
    Case("** twice with names", "a/**/b/**/c\n", ("a/b/c", "a/1/b/2/c", "a/c"), ("a/1/b/2/", "a/b/", "a/c")),
    Case("**/*.x below a directory", "d/**/*.x\n", ("d/a.x", "d/e/b.x", "a.x"), ("a.x", "d/e/")),
    Case("an exception", "*.md\n!README.md\n", ("README.md", "NOTES.md"), ("README.md",)),
    Case(
        "an exception is anchored too",
        "**/*.md\n!README.md\n",
        ("README.md", "d/README.md"),
        ("README.md", "d/"),
    ),
    Case(
        "the last match decides",
        "*.md\n!README*.md\nREADME-secret.md\n",
        ("README.md", "README-secret.md", "NOTES.md"),
        ("README.md",),
    ),
    Case("an exception before the pattern does nothing", "!a\na\n", ("a", "b"), ("b",)),
    Case("an exception in a directory that is kept back", "d\n!d/x\n", ("d/x", "d/y"), ("d/x",)),
    Case("an exception two levels down", "d\n!d/e/x\n", ("d/e/x", "d/e/y", "d/z"), ("d/e/x",)),
    Case("an exception for a directory below one kept back", "d\n!d/e\n", ("d/e/x", "d/y"), ("d/e/x",)),
    Case("all but one directory", "*\n!src\n", ("src/a", "src/b/c", "other", "x"), ("src/a", "src/b/c")),
    Case(
        "all but one directory, less a part of it",
        "*\n!src\nsrc/b\n",
        ("src/a", "src/b/c", "other"),
        ("src/a",),
    ),
    Case("all but one file deep down", "**\n!a/b/c\n", ("a/b/c", "a/b/d", "a/e", "f"), ("a/b/c",)),
    Case("an exception with a wildcard", "*\n!*.py\n", ("a.py", "b.txt", "d/c.py"), ("a.py",)),
    Case(
        "an exception with **",
        "*\n!**/*.py\n",
        ("top.py", "top.txt", "pkg/a.py", "pkg/a.txt", "pkg/sub/b.py"),
        ("pkg/a.py", "pkg/sub/b.py", "top.py"),
        ("top.py",),
    ),
    Case(
        "an exception with ** below a directory",
        "x/**\n!x/y/**/z\n",
        ("x/1", "x/y/2", "x/y/w/z", "x/y/z"),
        ("x/y/w/z", "x/y/z"),
        ("x/y/z",),
    ),
    Case(
        "an exception with * as a directory", "*\n!*/keep\n", ("a/keep", "a/other", "keep"), ("a/keep",), ()
    ),
    Case("an exception that ends with /**", "d\n!d/e/**\n", ("d/e/x", "d/f"), ("d/e/x",)),
    Case("an exception that ends with /*", "d\n!d/*\n", ("d/x", "d/e/y"), ("d/e/y", "d/x")),
    Case(
        "an exception for the directory undoes it for all below",
        "d/*\n!d\n",
        ("d/x", "d/e/y"),
        ("d/",),
        ("d/e/y", "d/x"),
    ),
    Case("kept back again below an exception", "*\n!d\nd/*.o\n", ("d/a.o", "d/a.c", "x"), ("d/a.c",)),
    Case(
        "a directory kept back, its exception, kept back again",
        "a\n!a/b\na/b/c\n",
        ("a/b/c", "a/b/d", "a/e"),
        ("a/b/d",),
    ),
    Case(
        "an exception above a pattern below it",
        "foo/a/b\n!foo/a\n",
        ("foo/a/b", "foo/a/c"),
        ("foo/a/c",),
        ("foo/a/b", "foo/a/c"),
    ),
    Case("an exception of everything", "*.o\n!**\n", ("a.o", "b"), ("a.o", "b")),
    Case("a comment", "# a\na\n", ("a", "b"), ("b",)),
    Case("# after blanks is a pattern", "  #a\n", ("#a", "b"), ("b",)),
    Case("a backslash before #", "\\#a\n", ("#a", "b"), ("b",)),
    Case("# in the middle is no comment", "a #b\n", ("a",), ("a",)),
    Case("empty and blank lines", "\n  \n\t\na\n", ("a", "b"), ("b",)),
    Case("blanks around a pattern", "  a  \n", ("a", "b"), ("b",)),
    Case("blanks inside a pattern stay", "a b\n", ("a b", "a"), ("a",)),
    Case("a blank after !", "*\n! a\n", ("a", "b"), ("a",)),
    Case("tabs around", "\ta\t\n", ("a", "b"), ("b",)),
    Case("carriage returns", "a\r\n!b\r\n", ("a", "b"), ("b",)),
    Case("a byte order mark", "\ufeffa\n", ("a", "b"), ("b",)),
    Case("a byte order mark later on is part of a name", "a\n\ufeffb\n", ("a", "b"), ("b",), ()),
    Case("no line end at the end", "a", ("a", "b"), ("b",)),
    Case("a pattern twice", "a\na\n", ("a", "b"), ("b",)),
    Case("case counts", "A\n", ("a", "A"), ("a",)),
    Case(
        "the Dockerfile and the ignore file may be kept back", "Dockerfile\n.dockerignore\n", ("a",), ("a",)
    ),
    Case("a directory that becomes empty is sent", "d/*\n", ("d/x", "e"), ("d/", "e")),
    Case("an empty directory is sent", "x\n", ("x", "d/"), ("d/",)),
    Case("a name beyond ASCII", "é/*.ü\n", ("é/a.ü", "é/a.u"), ("é/a.u",)),
    Case("a letter class by backslash", "a\\d\n", ("a1", "ad"), ("ad",)),
    Case("a slash in a class matches one", "a[/]b\n", ("a/b", "axb"), ("a/", "axb")),
    Case("a closing bracket alone", "a]b\n", ("a]b", "axb"), ("axb",)),
    Case("an opening bracket inside a class", "a[[]b\n", ("a[b", "axb"), ("axb",)),
    Case("a bracket by backslash", "a\\[b]\n", ("a[b]", "ab"), ("ab",)),
    Case("a ! by backslash", "\\!a\n", ("!a", "a"), ("a",)),
    Case("two exclamation marks", "*\n!!a\n", ("a", "!a"), ("!a",)),
    Case("a directory's prefix is not the directory", "ab\n", ("ab", "abc", "abd/x"), ("abc", "abd/x")),
)

# What a build refuses, and a part of the message.
REFUSED: tuple[tuple[str, str, str], ...] = (
    ("an unclosed class", "a[b\n", "syntax error in pattern"),
    ("an empty class", "a[]b\n", "syntax error in pattern"),
    ("a range without an end", "[a-]\n", "syntax error in pattern"),
    ("a backslash at the end", "a\\\n", "syntax error in pattern"),
    ("a lone exclamation mark", "!\n", "illegal exclusion pattern"),
    ("an exception for the root", "!/\n", "illegal exclusion pattern"),
    ("a range the wrong way round", "*[c-a]\n", "syntax error in pattern"),
    ("an unknown escape", "a\\y\n", "syntax error in pattern"),
    ("a line of 64 KiB", "a" * 65536 + "\n", "too long"),
)
