"""The host of .NET over made trees: its documents on probing, version resolution and finding itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from analyzer.evidence import Evidence
from analyzer.image import ImageConfig
from analyzer.resolvers.closure import close
from analyzer.resolvers.dotnet import Dotnet
from analyzer.resolvers.dotnet_files import (
    chosen,
    read_assembly,
    read_cultures,
    read_dependencies,
    read_installed,
    read_runtime_config,
)
from tests.analyzer.resolvers.elfimage import elf
from tests.imagefs import File, Link, Node, view_of

ROOT = "/usr/share/dotnet"
CORE = f"{ROOT}/shared/Microsoft.NETCore.App"
WEB = f"{ROOT}/shared/Microsoft.AspNetCore.App"
LIB = "/usr/lib/x86_64-linux-gnu"


def config(*frameworks: str, **options: Any) -> str:
    """A runtimeconfig.json: "NAME VERSION" for each framework."""
    named = [dict(zip(("name", "version"), one.split(), strict=True)) for one in frameworks]
    return json.dumps({"runtimeOptions": {"tfm": "net8.0", "frameworks": named, **options}})


def program(*libraries: str) -> File:
    return File(elf(uses=("dlopen",), constants=libraries, interp="/lib64/ld-linux-x86-64.so.2"), 0o755)


def assembly(*names: str, literals: tuple[str, ...] = ()) -> bytes:
    """The metadata root of an assembly with nothing but its two heaps of texts (ECMA-335 II.24.2)."""
    strings = b"\0" + b"".join(name.encode() + b"\0" for name in names)
    user = b"\0"
    for text in literals:
        size = 2 * len(text) + 1
        user += (
            (size.to_bytes() if size < 0x80 else (0x8000 + size).to_bytes(2))
            + text.encode("utf-16-le")
            + b"\0"
        )
    head = b"BSJB\x01\x00\x01\x00" + bytes(4) + (4).to_bytes(4, "little") + b"v4.0" + b"\0\0\x02\0"
    at = len(head) + 32
    for heap, name in ((strings, b"#Strings\0\0\0\0"), (user, b"#US\0")):
        head += at.to_bytes(4, "little") + len(heap).to_bytes(4, "little") + name
        at += len(heap)
    return b"MZ" + head + strings + user


BASE: dict[str, Node] = {
    "/usr/bin/dotnet": Link(f"{ROOT}/dotnet"),
    f"{ROOT}/dotnet": program(),
    f"{ROOT}/host/fxr/8.0.9/libhostfxr.so": program(),
    f"{ROOT}/host/fxr/8.0.11/libhostfxr.so": program(),
    f"{ROOT}/sdk/8.0.400/dotnet.dll": "",
    f"{CORE}/8.0.9/libcoreclr.so": program(),
    f"{CORE}/8.0.11/libcoreclr.so": program(),
    f"{CORE}/8.0.11/System.Net.Http.dll": "",
    f"{CORE}/8.0.11/Microsoft.NETCore.App.deps.json": "{}",
    f"{CORE}/8.0.11/libSystem.Globalization.Native.so": program(),
    f"{CORE}/6.0.36/libcoreclr.so": program(),
    f"{WEB}/8.0.11/Microsoft.AspNetCore.dll": "",
    f"{WEB}/8.0.11/Microsoft.AspNetCore.App.runtimeconfig.json": config("Microsoft.NETCore.App 8.0.11"),
    f"{LIB}/libicuuc.so.72": Link("libicuuc.so.72.1"),
    f"{LIB}/libicuuc.so.72.1": b"",
    f"{LIB}/libicui18n.so.72": b"",
    f"{LIB}/libicuio.so.72": b"",
}
APP: dict[str, Node] = {
    "/app/shop.dll": "",
    "/app/shop.runtimeconfig.json": config("Microsoft.NETCore.App 8.0.0"),
    "/app/shop.deps.json": "{}",
}
RUNS = ImageConfig(workdir="/app", entrypoint=("dotnet", "shop.dll"))


@dataclass(frozen=True)
class Case:
    tree: Mapping[str, Node]
    kept: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    roots: tuple[str, ...] = ("/usr/bin/dotnet",)
    config: ImageConfig = field(default_factory=lambda: RUNS)


def environment(**values: str) -> ImageConfig:
    return ImageConfig(workdir="/app", entrypoint=("dotnet", "shop.dll"), env=tuple(values.items()))


CASES: dict[str, Case] = {
    "the newest host, by number and not by letter, and the newest patch of the framework, whole": Case(
        APP,
        kept=(f"{ROOT}/host/fxr/8.0.11/libhostfxr.so", f"{CORE}/8.0.11/libcoreclr.so",
              f"{CORE}/8.0.11/System.Net.Http.dll", "/app/shop.deps.json"),
        gone=(f"{ROOT}/host/fxr/8.0.9/libhostfxr.so", f"{CORE}/8.0.9/libcoreclr.so",
              f"{CORE}/6.0.36/libcoreclr.so", f"{ROOT}/sdk/8.0.400/dotnet.dll",
              f"{WEB}/8.0.11/Microsoft.AspNetCore.dll"),
    ),
    "a framework that asks for another": Case(
        {**APP, "/app/shop.runtimeconfig.json": config("Microsoft.AspNetCore.App 8.0.0")},
        kept=(f"{WEB}/8.0.11/Microsoft.AspNetCore.dll", f"{CORE}/8.0.11/libcoreclr.so"),
    ),
    "a published folder: satellites, native parts by machine, settings, the web root": Case(
        {**APP, "/app/fi/shop.resources.dll": "", "/app/runtimes/linux-x64/native/libe_sqlite3.so": b"",
         "/app/appsettings.Production.json": "{}", "/app/wwwroot/css/a.css": "", "/app/Other.dll": ""},
        kept=("/app/fi/shop.resources.dll", "/app/runtimes/linux-x64/native/libe_sqlite3.so",
              "/app/appsettings.Production.json", "/app/wwwroot/css/a.css", "/app/Other.dll"),
    ),
    "options before the application": Case(
        APP,
        config=ImageConfig(workdir="/", cmd=("dotnet", "exec", "--roll-forward", "Major", "app/shop.dll")),
        kept=("/app/shop.dll", f"{CORE}/8.0.11/libcoreclr.so"),
    ),
    "a program beside its assembly finds the usual installation": Case(
        {**APP, "/app/shop": program()},
        roots=("/app/shop",),
        config=ImageConfig(entrypoint=("/app/shop",)),
        kept=(f"{CORE}/8.0.11/libcoreclr.so", f"{ROOT}/host/fxr/8.0.11/libhostfxr.so"),
        gone=(f"{ROOT}/dotnet",),
    ),
    "a program whose installation a file names": Case(
        {**APP, "/app/shop": program(), "/etc/dotnet/install_location": "/opt/net\n",
         "/opt/net/host/fxr/8.0.1/libhostfxr.so": program(),
         "/opt/net/shared/Microsoft.NETCore.App/8.0.1/libcoreclr.so": program()},
        roots=("/app/shop",),
        config=ImageConfig(entrypoint=("/app/shop",)),
        kept=("/opt/net/host/fxr/8.0.1/libhostfxr.so", "/etc/dotnet/install_location",
              "/opt/net/shared/Microsoft.NETCore.App/8.0.1/libcoreclr.so"),
        gone=(f"{CORE}/8.0.11/libcoreclr.so",),
    ),
    "a program whose installation DOTNET_ROOT names": Case(
        {**APP, "/app/shop": program(), "/net": Link("/opt/net"),
         "/opt/net/host/fxr/8.0.1/libhostfxr.so": program(),
         "/opt/net/shared/Microsoft.NETCore.App/8.0.1/libcoreclr.so": program()},
        roots=("/app/shop",),
        config=ImageConfig(entrypoint=("/app/shop",), env=(("DOTNET_ROOT", "/net"),)),
        kept=("/net", "/opt/net/shared/Microsoft.NETCore.App/8.0.1/libcoreclr.so"),
        gone=(f"{CORE}/8.0.11/libcoreclr.so",),
    ),
    "an application that brings its framework needs no installation": Case(
        {**APP, "/app/shop": program(), "/app/libhostfxr.so": program(), "/app/libcoreclr.so": program(),
         "/app/shop.runtimeconfig.json": config(
             includedFrameworks=[{"name": "Microsoft.NETCore.App", "version": "8.0.9"}])},
        roots=("/app/shop",),
        config=ImageConfig(entrypoint=("/app/shop",)),
        kept=("/app/libhostfxr.so", "/app/libcoreclr.so"),
        gone=(f"{CORE}/8.0.11/libcoreclr.so", f"{ROOT}/host/fxr/8.0.11/libhostfxr.so"),
    ),
    "ICU by the version that is there": Case(
        APP,
        kept=(f"{LIB}/libicuuc.so.72", f"{LIB}/libicuuc.so.72.1", f"{LIB}/libicui18n.so.72"),
        gone=(f"{LIB}/libicuio.so.72",),
    ),
    "ICU for the shim by its earlier name": Case(
        {"/app/shop.dll": "", "/app/shop.runtimeconfig.json": config("Microsoft.NETCore.App 3.1.0"),
         f"{CORE}/3.1.23/System.Globalization.Native.so": program("libicuuc.so")},
        kept=(f"{LIB}/libicuuc.so.72", f"{LIB}/libicui18n.so.72"),
    ),
    "no ICU where the configuration says that cultures are invariant": Case(
        {**APP, "/app/shop.runtimeconfig.json": config(
            "Microsoft.NETCore.App 8.0.0", configProperties={"System.Globalization.Invariant": True})},
        gone=(f"{LIB}/libicuuc.so.72", f"{LIB}/libicui18n.so.72"),
    ),
    "no ICU where the environment says so": Case(
        APP,
        config=environment(DOTNET_SYSTEM_GLOBALIZATION_INVARIANT="true"),
        gone=(f"{LIB}/libicuuc.so.72",),
    ),
    "ICU for a program of a single file": Case(
        {"/app/one": program("libssl.so.3", "libssl.so.1.0.2", "libicuuc")},
        roots=("/app/one",),
        config=ImageConfig(entrypoint=("/app/one",)),
        kept=(f"{LIB}/libicuuc.so.72",),
    ),
    "assets in a probing path": Case(
        {**APP,
         "/app/shop.runtimeconfig.dev.json": json.dumps(
             {"runtimeOptions": {"additionalProbingPaths": ["/store/|arch|/|tfm|", "/packages"]}}),
         "/app/shop.deps.json": json.dumps(
             {"targets": {".NETCoreApp,Version=v8.0": {
                 "Words/1.2.0": {"runtime": {"lib/net8.0/Words.dll": {}},
                                 "resources": {"lib/net8.0/fi/Words.resources.dll": {"locale": "fi"}},
                                 "runtimeTargets": {"runtimes/linux-x64/native/libw.so": {}}}}},
              "libraries": {"Words/1.2.0": {"type": "package", "path": "words/1.2.0"}}}),
         "/packages/words/1.2.0/lib/net8.0/Words.dll": "",
         "/packages/words/1.2.0/lib/net8.0/fi/Words.resources.dll": "",
         "/packages/words/1.2.0/runtimes/linux-x64/native/libw.so": b"",
         "/packages/words/1.2.0/lib/net6.0/Words.dll": ""},
        kept=("/packages/words/1.2.0/lib/net8.0/Words.dll",
              "/packages/words/1.2.0/lib/net8.0/fi/Words.resources.dll",
              "/packages/words/1.2.0/runtimes/linux-x64/native/libw.so"),
        gone=("/packages/words/1.2.0/lib/net6.0/Words.dll",),
    ),
    "a native library that an assembly imports from the system": Case(
        {**APP, "/app/Paint.dll": assembly("libgdiplus", "GdipCreate"), f"{LIB}/libgdiplus.so": b"",
         f"{LIB}/libother.so": b""},
        kept=(f"{LIB}/libgdiplus.so",),
        gone=(f"{LIB}/libother.so",),
    ),
    "a program that an assembly starts, not what one names that starts none": Case(
        {**APP,
         "/app/Run.dll": assembly("ProcessStartInfo", literals=("x" * 90, "convert -v", "no such")),
         "/app/Say.dll": assembly("Console", literals=("sort",)),
         **{f"/usr/bin/{name}": program() for name in ("convert", "sort")}},
        kept=("/usr/bin/convert",),
        gone=("/usr/bin/sort",),
    ),
    "a folder that is called as an assembly": Case(
        {**APP, "/app/Folder.dll/x": ""},
        kept=("/app/Folder.dll/x",),
    ),
    "a startup hook with what is beside it": Case(
        {**APP, "/hook/Hook.dll": "", "/hook/Dep.dll": ""},
        config=environment(DOTNET_STARTUP_HOOKS="/hook/Hook.dll"),
        kept=("/hook/Hook.dll", "/hook/Dep.dll"),
    ),
    "a command of the SDK builds: all of it": Case(
        {"/src/a.csproj": "", "/src/obj/project.assets.json": "{}", "/root/.nuget/packages/x/x.dll": ""},
        config=ImageConfig(workdir="/src", cmd=("dotnet", "run")),
        kept=(f"{ROOT}/sdk/8.0.400/dotnet.dll", "/src/obj/project.assets.json",
              "/root/.nuget/packages/x/x.dll"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_reaches(name: str) -> None:
    case = CASES[name]
    roots = [Evidence(path, "traced", "run", "opened") for path in case.roots]
    kept = close(view_of({**BASE, **case.tree}, config=case.config), roots, [Dotnet()]).evidence.keys()
    assert [path for path in case.kept if path not in kept] == []
    assert [path for path in case.gone if path in kept] == []


def test_says_which_framework_is_missing() -> None:
    tree = {**BASE, **APP, "/app/shop.runtimeconfig.json": config("Microsoft.NETCore.App 9.0.0")}
    found = close(
        view_of(tree, config=RUNS), [Evidence("/usr/bin/dotnet", "traced", "run", "opened")], [Dotnet()]
    )
    assert [item.path for item in found.unresolved] == ["/app/shop.runtimeconfig.json"]


# The document's own examples of framework version resolution, and the words of the policies.
VERSIONS: dict[str, tuple[str, str, str, str]] = {
    "the newest patch": ("1.0.0 1.0.1 1.0.2 1.0.3 1.1.0 1.1.1 2.0.1", "1.0.1", "Minor", "1.0.3"),
    "the nearest minor where its own is missing": ("1.0.0 1.1.0 1.1.4 1.2.0", "1.0.1", "Minor", "1.1.4"),
    "a release before a preview": ("1.0.0 1.1.0-preview1-x 1.2.0 1.2.1-rc1", "1.0.1", "Minor", "1.2.0"),
    "a preview where there is no release": (
        "1.0.0 1.1.0-preview1-x 1.1.0-preview2-x 1.2.0-preview1-x", "1.0.1", "Minor", "1.1.0-preview2-x"),
    "never another major unless told": ("1.0.0 2.0.0", "1.0.1", "Minor", ""),
    "the next major": ("1.0.0 2.1.3 2.1.4 3.0.0", "1.0.1", "Major", "2.1.4"),
    "the last minor": ("8.0.1 8.1.0 8.2.5 9.0.0", "8.0.0", "LatestMinor", "8.2.5"),
    "the last major": ("8.0.1 9.0.0 10.0.1", "8.0.0", "LatestMajor", "10.0.1"),
    "only patches": ("8.1.0", "8.0.0", "LatestPatch", ""),
    "exactly this": ("8.0.1 8.0.2", "8.0.1", "disable", "8.0.1"),
    "a preview that is asked for": ("8.0.0-rc.2.1 8.0.0-rc.10.1", "8.0.0-rc.1.1", "Minor", "8.0.0-rc.10.1"),
    "none of an unreadable version": ("8.0.1", "latest", "Minor", ""),
}  # fmt: skip


@pytest.mark.parametrize("name", VERSIONS)
def test_chooses_a_version(name: str) -> None:
    installed, wanted, policy, expected = VERSIONS[name]
    assert chosen(installed.split(), wanted, policy) == expected


@pytest.mark.parametrize(
    "data", [b"", b"\xff", b"[]", b'{"runtimeOptions": 1}', b'{"targets": [1]}', b"BSJB"]
)
def test_readers_take_any_bytes(data: bytes) -> None:
    assert read_runtime_config(data) is None
    assert read_dependencies(data) == []
    assert read_assembly(data) == {}
    assert read_cultures(data) is False
    assert isinstance(read_installed(data), str)
