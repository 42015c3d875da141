"""What is known of the interpreter and its standard library that no import statement spells."""

from __future__ import annotations

# What the interpreter's C code imports by name, and what `site` runs (Python/*.c, Objects/*.c, Modules/*.c of
# CPython 3.9 to 3.13: PyImport_Import…, _PyImport_GetModuleAttrString, the frozen getpath's landmarks).
# fmt: off
STARTUP = (
    "site", "sitecustomize", "usercustomize", "os", "io", "abc", "codecs", "stat", "posixpath",
    "genericpath", "_collections_abc", "_sitebuiltins", "_py_abc", "_weakrefset", "zipimport",
    "runpy", "encodings", "importlib", "importlib._bootstrap", "importlib._bootstrap_external",
    "importlib.util", "importlib.machinery", "importlib.abc", "threading", "warnings", "linecache",
    "traceback", "tokenize", "token", "copyreg", "_compat_pickle", "types", "collections",
    "collections.abc", "functools", "operator", "string", "_strptime", "datetime", "_pydatetime",
    "locale", "re", "contextlib", "inspect", "typing", "struct", "keyword", "heapq", "reprlib",
    "__future__", "enum", "signal", "pickle", "_apple_support", "_android_support",
)
# fmt: on
# What the standard library looks up by name: none of it is spelled in an import statement.
BY_NAME: dict[str, tuple[str, ...]] = {
    "encodings": ("encodings.*",),
    "dbm": ("dbm.*",),
    "sysconfig": ("_sysconfigdata*",),
    "xml.sax": ("xml.sax.expatreader",),
    "xml.dom.domreg": ("xml.dom.minidom",),
    "distutils.dist": ("distutils.command.*",),
    "distutils.ccompiler": ("distutils.*",),
    "hashlib": ("_blake2", "_sha3", "_md5", "_sha1", "_sha2", "_sha256", "_sha512"),
    "lib2to3": ("lib2to3.fixes.*", "lib2to3.pgen2.*"),
    "idlelib": ("idlelib.*",),
    "turtledemo": ("turtledemo.*",),
    "tkinter": ("tkinter.*",),
    "concurrent.futures": ("concurrent.futures.*",),
    "multiprocessing": ("multiprocessing.*",),
    "compression": ("compression.*",),
}
# What it looks up among the installed distributions (PEP 615: zones that the system lacks).
FROM_SITES: dict[str, tuple[str, ...]] = {"zoneinfo": ("tzdata",)}
# Packages of the standard library with files that are no modules.
WITH_DATA = frozenset(("lib2to3", "ensurepip", "pydoc_data", "idlelib", "turtledemo", "venv", "distutils"))
# Imports for a person at a prompt (help(), line editing) and for the standard library's own tests: a module
# and the top-level module that it takes there.
NOT_FOLLOWED = frozenset(
    (
        ("site", "readline"),
        ("site", "rlcompleter"),
        ("site", "_pyrepl"),
        ("_sitebuiltins", "pydoc"),
        ("code", "readline"),
        ("cmd", "readline"),
        ("pdb", "readline"),
        ("pdb", "rlcompleter"),
        ("pdb", "pydoc"),
        ("bdb", "pydoc"),
        ("pydoc", "pydoc_data"),
        ("multiprocessing.util", "test"),
        ("difflib", "doctest"),
        ("pickle", "doctest"),
        ("pickletools", "doctest"),
    )
)
# What it falls back on where the interpreter was built without a module in C: a module and what it takes
# there, to the module in C.
WITHOUT = {("decimal", "_pydecimal"): "_decimal"}
# Too large to be brought in by a word that merely looks like its name.
BY_IMPORT_ONLY = frozenset(
    ["test", "idlelib", "tkinter", "turtledemo", "turtle", "lib2to3", "ensurepip", "distutils", "pydoc_data"]
)
