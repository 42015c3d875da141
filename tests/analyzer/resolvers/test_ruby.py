"""Ruby over made trees. Values are Ruby 3.1's (`ruby -e 'puts $:, $LOADED_FEATURES'`, `gem env`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from analyzer.evidence import Evidence
from analyzer.image import ImageConfig
from analyzer.resolvers.closure import close
from analyzer.resolvers.ruby import Ruby, read_lock, read_ruby, read_specification
from tests.imagefs import File, Node, view_of

LIB, VENDOR, GEMS = "/usr/lib/ruby/3.1.0", "/usr/lib/ruby/vendor_ruby", "/var/lib/gems/3.1.0"
BASE: dict[str, Node] = {
    "/usr/bin/ruby3.1": File(b"\x7fELF\0/usr/lib/ruby/vendor_ruby\0", 0o755),
    f"{LIB}/rubygems.rb": "require 'rbconfig'",
    f"{LIB}/rubygems/core_ext/kernel_require.rb": "",
    f"{LIB}/x86_64-linux-gnu/rbconfig.rb": "",
    f"{LIB}/x86_64-linux-gnu/enc/shift_jis.so": b"",
    f"{LIB}/yaml.rb": "require 'psych'",
    f"{LIB}/psych.rb": "autoload :Visitors, 'psych/visitors'",
    f"{LIB}/psych/visitors.rb": "",
    f"{LIB}/net/http.rb": "",
}


def gem(name: str, version: str, *files: str, needs: str = "", commands: str = "") -> dict[str, Node]:
    directory = f"{GEMS}/gems/{name}-{version}"
    tree: dict[str, Node] = {f"{directory}/{file}": "" for file in files}
    tree[f"{GEMS}/specifications/{name}-{version}.gemspec"] = 's.require_paths = ["lib".freeze]\n' + (
        f's.add_runtime_dependency(%q<{needs}>.freeze, ["> 1"])\n' if needs else ""
    )
    if commands:
        words = ", ".join(f'"{command}".freeze' for command in commands.split())
        tree[f"{GEMS}/specifications/{name}-{version}.gemspec"] += f"s.executables = [{words}]\n"
    return tree


@dataclass(frozen=True)
class Case:
    tree: Mapping[str, Node]
    kept: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    roots: tuple[str, ...] = ("/usr/bin/ruby3.1", "/app/a.rb")
    config: ImageConfig = field(default_factory=ImageConfig)


CASES: dict[str, Case] = {
    "what the interpreter requires by itself, and every encoding": Case(
        {"/app/a.rb": ""},
        kept=(f"{LIB}/rubygems.rb", f"{LIB}/rubygems/core_ext/kernel_require.rb",
              f"{LIB}/x86_64-linux-gnu/enc/shift_jis.so", f"{LIB}/x86_64-linux-gnu/rbconfig.rb"),
        gone=(f"{LIB}/yaml.rb", f"{LIB}/net/http.rb"),
    ),
    "a require in a block, and an autoload behind it": Case(
        {"/app/a.rb": "get('/') { require 'yaml' }"},
        kept=(f"{LIB}/yaml.rb", f"{LIB}/psych.rb", f"{LIB}/psych/visitors.rb"),
    ),
    "what an extension library requires": Case(
        {
            "/app/a.rb": "require 'fast.so'",
            f"{LIB}/x86_64-linux-gnu/fast.so": b"\x7fELF\0rb_require\0psych/visitors\0",
        },
        kept=(f"{LIB}/psych/visitors.rb",),
    ),
    "what one requires by calling the method, not the methods that another calls": Case(
        {
            "/app/a.rb": "require 'fast.so'\nrequire 'slow.so'",
            f"{LIB}/x86_64-linux-gnu/fast.so": b"\x7fELF\0rb_funcall\0require\0psych/visitors\0",
            f"{LIB}/x86_64-linux-gnu/slow.so": b"\x7fELF\0rb_funcall\0net/http\0",
        },
        kept=(f"{LIB}/psych/visitors.rb",),
        gone=(f"{LIB}/net/http.rb",),
    ),
    "relative files": Case(
        {"/app/a.rb": "require_relative 'lib/b'\nload './c.rb'\nrequire_relative \"plug/#{x}\"",
         "/app/lib/b.rb": "", "/app/c.rb": "", "/app/plug/d.rb": ""},
        kept=("/app/lib/b.rb", "/app/c.rb", "/app/plug/d.rb"),
    ),
    "a gem whole, without its tests, with what it depends on": Case(
        {
            "/app/a.rb": "require 'web/base'",
            **gem(
                "web", "1.0", "lib/web/base.rb", "lib/web/images/404.png", "test/t.rb", "views/x.erb",
                needs="rack",
            ),
            **gem("rack", "2.0", "lib/rack.rb"),
            **gem("other", "2.0", "lib/other.rb"),
        },
        kept=(f"{GEMS}/gems/web-1.0/lib/web/images/404.png", f"{GEMS}/gems/web-1.0/views/x.erb",
              f"{GEMS}/gems/rack-2.0/lib/rack.rb", f"{GEMS}/specifications/rack-2.0.gemspec"),
        gone=(f"{GEMS}/gems/web-1.0/test/t.rb", f"{GEMS}/gems/other-2.0/lib/other.rb"),
    ),
    "the commands of a kept gem, as RubyGems puts them beside its home": Case(
        {
            "/app/a.rb": "require 'web/base'",
            **gem("web", "1.0", "lib/web/base.rb", commands="web web-admin"),
            **gem("other", "2.0", "lib/other.rb", commands="other"),
            f"{GEMS}/bin/web": "#!/usr/bin/env ruby\n",
            "/usr/local/bin/web-admin": "#!/usr/bin/env ruby\n",
            f"{GEMS}/bin/other": "#!/usr/bin/env ruby\n",
        },
        kept=(f"{GEMS}/bin/web", "/usr/local/bin/web-admin"),
        gone=(f"{GEMS}/bin/other",),
    ),
    "all gems of a lock file": Case(
        {
            "/app/a.rb": "require 'bundler/setup'",
            "/app/Gemfile.lock": "GEM\n  specs:\n    other (2.0)\n      dep (> 1)\n",
            **gem("other", "2.0", "lib/other.rb"),
        },
        kept=("/app/Gemfile.lock", f"{GEMS}/gems/other-2.0/lib/other.rb"),
    ),
    "a gem's compiled parts": Case(
        {
            "/app/a.rb": "require 'fast'",
            **gem("fast", "1.0", "lib/fast.rb"),
            f"{GEMS}/extensions/x86_64-linux/3.1.0/fast-1.0/fast.so": b"",
        },
        kept=(f"{GEMS}/extensions/x86_64-linux/3.1.0/fast-1.0/fast.so",),
    ),
    "a library that a distribution's package installed": Case(
        {"/app/a.rb": "require 'web/base'", f"{VENDOR}/web/base.rb": "", f"{VENDOR}/web/images/404.png": ""},
        kept=(f"{VENDOR}/web/base.rb", f"{VENDOR}/web/images/404.png"),
    ),
    "RUBYLIB": Case(
        {"/app/a.rb": "require 'mine'", "/deps/mine.rb": ""},
        config=ImageConfig(env=(("RUBYLIB", "/deps"),)),
        kept=("/deps/mine.rb",),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_reaches(name: str) -> None:
    case = CASES[name]
    roots = [Evidence(path, "traced", "run", "opened") for path in case.roots]
    kept = close(view_of({**BASE, **case.tree}, config=case.config), roots, [Ruby()]).evidence.keys()
    assert [path for path in case.kept if path not in kept] == []
    assert [path for path in case.gone if path in kept] == []


@pytest.mark.parametrize("data", [b"", b"\xff\0", b"require", b"=begin"])
def test_readers_take_any_bytes(data: bytes) -> None:
    assert read_ruby(data)["loads"] == []
    assert read_specification(data)["needs"] == []
    assert read_lock(data) == []
