"""What is kept for a package's sake."""

from __future__ import annotations

import pytest

from analyzer.evidence import Evidence
from analyzer.image import ImageConfig
from analyzer.resolvers.closure import close
from analyzer.resolvers.interface import Resolver
from analyzer.resolvers.packagedb import read_database
from analyzer.resolvers.packages import Packages, WholePackages, package_roots
from tests.imagefs import Dir, File, Link, Node, view_of

PACKAGES = {
    "webd": ["/usr/sbin/webd", "/usr/share/webd/errors/404.html", "/etc/webd/webd.conf", "/etc/init.d/webd",
             "/var/log/webd", "/var/log", "/usr/share/locale/de/webd.mo", "/usr/share/webd/unused.dat"],
    "libweb": ["/usr/lib/libweb.so.1", "/usr/lib/libweb-extra.so.1"],
    "apache2": ["/usr/sbin/apache2", "/usr/lib/apache2/modules/mod_x.so", "/usr/share/apache2/error/x"],
    "bash": ["/usr/bin/bash", "/usr/share/bash/extra"],
    "postgresql": ["/usr/lib/postgresql/15/bin/postgres", "/usr/lib/postgresql/15/lib/llvmjit.so",
                   "/usr/lib/postgresql/15/lib/plpgsql.so"],
}  # fmt: skip


def image() -> dict[str, Node]:
    tree: dict[str, Node] = {}
    status = ""
    for name, paths in PACKAGES.items():
        status += f"Package: {name}\nStatus: install ok installed\nArchitecture: amd64\n"
        status += "Essential: yes\n" if name == "bash" else ""
        conffiles = [path for path in paths if path.startswith("/etc")]
        status += "Conffiles:\n" + "".join(f" {path} 0\n" for path in conffiles) if conffiles else ""
        status += "\n"
        tree[f"/var/lib/dpkg/info/{name}.list"] = "".join(f"{path}\n" for path in paths)
        tree.update({path: File(path, mode=0o755) for path in paths if not path.startswith("/var/log")})
        tree[f"/usr/share/doc/{name}/copyright"] = name
    return {
        **tree,
        "/var/lib/dpkg/status": status,
        "/var/log/webd": Dir(),
        "/usr/bin/webd-link": Link("/usr/sbin/webd"),
    }


CASES: dict[str, tuple[Resolver, str, ImageConfig, set[str], set[str]]] = {
    "licence, configuration and data directories of a package with a kept file": (
        Packages(), "/usr/sbin/webd", ImageConfig(),
        {"/usr/share/doc/webd/copyright", "/etc/webd/webd.conf", "/var/log/webd"},
        {"/etc/init.d/webd", "/usr/share/webd/errors/404.html"},
    ),
    "nothing for a licence alone": (
        Packages(), "/usr/share/doc/webd/copyright", ImageConfig(), set(), {"/etc/webd/webd.conf"},
    ),
    "the main program's package whole, but for what is for people": (
        Packages(), "/usr/sbin/webd", ImageConfig(cmd=("/usr/sbin/webd", "-f")),
        {"/usr/share/webd/errors/404.html", "/usr/share/webd/unused.dat"},
        {"/usr/share/locale/de/webd.mo", "/etc/init.d/webd"},
    ),
    "the main program behind a shell": (
        Packages(), "/usr/bin/bash", ImageConfig(cmd=("/usr/bin/bash", "-c", "exec /usr/sbin/webd")),
        {"/usr/share/webd/unused.dat"}, {"/usr/share/bash/extra"},
    ),
    "an optional part that costs more than the rest": (
        Packages(), "/usr/lib/postgresql/15/bin/postgres",
        ImageConfig(cmd=("/usr/lib/postgresql/15/bin/postgres",)),
        {"/usr/lib/postgresql/15/lib/plpgsql.so"}, {"/usr/lib/postgresql/15/lib/llvmjit.so"},
    ),
    "modules of a web server, which configuration names": (
        Packages(), "/usr/sbin/apache2", ImageConfig(cmd=("/usr/sbin/apache2",)),
        {"/usr/share/apache2/error/x"}, {"/usr/lib/apache2/modules/mod_x.so"},
    ),
    "a link of another package's: the package of the link": (
        Packages(), "/usr/bin/webd-link", ImageConfig(cmd=("/usr/bin/webd-link",)),
        {"/usr/share/doc/webd/copyright"}, {"/usr/share/webd/unused.dat"},
    ),
    "at the level safe every package that is reached": (
        WholePackages(), "/usr/lib/libweb.so.1", ImageConfig(), {"/usr/lib/libweb-extra.so.1"},
        {"/usr/sbin/webd"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_a_package_brings(case: str) -> None:
    resolver, root, config, kept, gone = CASES[case]
    view = view_of(image(), config=config)
    evidence = close(view, [Evidence(root, "traced", "test", "")], [resolver]).evidence
    assert kept <= set(evidence)
    assert not gone & set(evidence)


def test_a_package_that_the_user_names() -> None:
    view = view_of(image())
    database = read_database(view.fs, view.facts)
    roots = list(package_roots(database, ["libweb"]))
    assert [one.path for one in roots] == PACKAGES["libweb"]
    assert {(one.kind, one.reason) for one in roots} == {("asked", "--keep-package libweb")}
