"""Java over made trees. Values are OpenJDK 17's (`-verbose:class`, `-Xlog:library`, a trace of its opens)."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from analyzer.evidence import Evidence
from analyzer.image import ImageConfig
from analyzer.resolvers.closure import close
from analyzer.resolvers.jars import read_class, read_class_paths, read_jar
from analyzer.resolvers.java import Java
from tests.analyzer.resolvers.classfile import class_file
from tests.analyzer.resolvers.elfimage import elf
from tests.imagefs import File, Link, Node, view_of

HOME = "/usr/lib/jvm/java-17"
BASE: dict[str, Node] = {
    "/usr/bin/java": Link("/etc/alternatives/java"),
    "/etc/alternatives/java": Link(f"{HOME}/bin/java"),
    f"{HOME}/bin/java": File(b"\x7fELF", 0o755),
    f"{HOME}/bin/keytool": File(b"\x7fELF", 0o755),
    f"{HOME}/lib/modules": b"jimage",
    f"{HOME}/lib/tzdb.dat": "",
    f"{HOME}/lib/libnio.so": b"",
    f"{HOME}/lib/libfontmanager.so": b"",
    f"{HOME}/lib/libawt_xawt.so": b"",
    f"{HOME}/lib/src.zip": "",
    f"{HOME}/lib/server/libjvm.so": b"",
    f"{HOME}/lib/server/classes_nocoops.jsa": b"",
    f"{HOME}/lib/security/cacerts": Link("/etc/ssl/certs/java/cacerts"),
    f"{HOME}/conf/security": Link("/etc/java-17/security"),
    f"{HOME}/jmods/java.base.jmod": b"",
    "/etc/ssl/certs/java/cacerts": b"",
    "/etc/java-17/security/java.security": "",
}


def jar(**members: bytes | str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name.replace("__", "/"), data)
    return buffer.getvalue()


def with_manifest(text: str) -> bytes:
    return jar(**{"META-INF__MANIFEST.MF": text})


DRAWS = b"\xca\xfe\xba\xbe\0java/awt/Graphics2D\0"
EVENTS = b"\xca\xfe\xba\xbe\0java/awt/event/KeyEvent\0"


@dataclass(frozen=True)
class Case:
    tree: Mapping[str, Node]
    kept: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    roots: tuple[str, ...] = ("/usr/bin/java",)
    config: ImageConfig = field(default_factory=ImageConfig)


CASES: dict[str, Case] = {
    "libraries that the machine loads late, its configuration, the store that its link leads to": Case(
        {},
        kept=(f"{HOME}/lib/libnio.so", f"{HOME}/lib/modules", f"{HOME}/lib/tzdb.dat",
              "/etc/ssl/certs/java/cacerts", f"{HOME}/conf/security", "/etc/java-17/security/java.security"),
        gone=(f"{HOME}/lib/src.zip", f"{HOME}/jmods/java.base.jmod", f"{HOME}/bin/keytool",
              f"{HOME}/lib/server/classes_nocoops.jsa", f"{HOME}/lib/libawt_xawt.so"),
    ),
    "no fonts where nothing draws": Case(
        {"/app/a.jar": jar(A_class=b"", B__C_class=EVENTS)},
        config=ImageConfig(cmd=("java", "-jar", "/app/a.jar")),
        kept=("/app/a.jar",),
        gone=(f"{HOME}/lib/libfontmanager.so",),
    ),
    "what a display needs, where an option says that there is one": Case(
        {},
        config=ImageConfig(cmd=("sh", "-c", "xvfb-run java -Djava.awt.headless=false -jar a.jar")),
        kept=(f"{HOME}/lib/libawt_xawt.so",),
    ),
    "fonts where a class draws": Case(
        {"/app/Main.class": DRAWS},
        config=ImageConfig(workdir="/app", cmd=("java", "Main")),
        kept=("/app/Main.class", f"{HOME}/lib/libfontmanager.so"),
    ),
    "fonts where a class of a nested jar draws": Case(
        {"/app/a.jar": jar(**{"BOOT-INF__lib__b.jar": jar(**{"B.class": DRAWS})})},
        config=ImageConfig(cmd=("java", "-jar", "/app/a.jar")),
        kept=(f"{HOME}/lib/libfontmanager.so",),
    ),
    "the manifest's Class-Path, broken over lines": Case(
        {
            "/app/a.jar": with_manifest("Main-Class: A\r\nClass-Path: lib/b.jar li\r\n b/c.jar\r\n"),
            "/app/lib/b.jar": jar(),
            "/app/lib/c.jar": jar(),
        },
        config=ImageConfig(workdir="/app", cmd=("java", "-jar", "a.jar")),
        kept=("/app/lib/b.jar", "/app/lib/c.jar"),
    ),
    "a wildcard and a folder of classes": Case(
        {
            "/app/lib/b.jar": jar(),
            "/app/lib/c.txt": "",
            "/app/classes/x/A.class": b"",
            "/app/classes/x.xml": "",
        },
        config=ImageConfig(workdir="/app", cmd=("java", "-cp", "classes:lib/*", "x.A")),
        kept=("/app/lib/b.jar", "/app/classes/x/A.class", "/app/classes/x.xml"),
        gone=("/app/lib/c.txt",),
    ),
    "a servlet container's base, without a jar in it, by variable and by option": Case(
        {
            "/base/webapps/ROOT/index.html": "",
            "/base/conf": Link("/etc/server"),
            "/etc/server/server.xml": "",
            "/base/work/x": "",
            "/second/webapps/a/b.html": "",
            "/no/data/x": "",
        },
        config=ImageConfig(
            env=(("CATALINA_BASE", "/base"), ("NO_HOME", "/no")),
            cmd=("java", "-Dcatalina.base=/second", "Main"),
        ),
        kept=("/base/webapps/ROOT/index.html", "/etc/server/server.xml", "/second/webapps/a/b.html"),
        gone=("/base/work/x", "/no/data/x"),
    ),
    "native libraries that classes load by name, not other texts of the class": Case(
        {
            "/app/Main.class": class_file("loadLibrary", literals="fast;hello"),
            "/app/Other.class": class_file("println", literals="slow"),
            "/app/a.jar": jar(**{"B.class": class_file("com/sun/jna/Native", literals="magic")}),
            "/opt/native/libfast.so": b"",
            "/usr/lib/jni/libmagic.so.1": b"",
            "/usr/lib/libslow.so": b"",
        },
        config=ImageConfig(
            workdir="/app", cmd=("java", "-Djava.library.path=/opt/native", "-cp", ".:a.jar", "Main")
        ),
        kept=("/opt/native/libfast.so", "/usr/lib/jni/libmagic.so.1"),
        gone=("/usr/lib/libslow.so",),
    ),
    "a folder that is called as a class or a jar": Case(
        {"/app/x.class/a": "", "/app/y.jar/b": "", "/app/Main.class": class_file()},
        config=ImageConfig(workdir="/app", cmd=("java", "Main")),
        kept=("/app/x.class/a", "/app/y.jar/b"),
    ),
    "an argument file": Case(
        {"/app/args": "-cp lib/b.jar\nx.A\n", "/app/lib/b.jar": jar()},
        config=ImageConfig(workdir="/app", cmd=("java", "@args")),
        kept=("/app/args", "/app/lib/b.jar"),
    ),
    "CLASSPATH, agents and files that options name": Case(
        {"/x/a.jar": jar(), "/x/agent.jar": jar(), "/x/log.xml": "", "/x/trust.jks": b""},
        config=ImageConfig(
            env=(
                ("CLASSPATH", "/x/a.jar"),
                ("JAVA_TOOL_OPTIONS", "-javaagent:/x/agent.jar=p=1 -Dlogback.configurationFile=/x/log.xml"),
            ),
            cmd=("java", "-Djavax.net.ssl.trustStore=/x/trust.jks", "A"),
        ),
        kept=("/x/a.jar", "/x/agent.jar", "/x/log.xml", "/x/trust.jks"),
    ),
    "a start script's class path": Case(
        {
            "/opt/app/bin/run": File(
                '#!/bin/sh\nexec java -cp "$APP_HOME/lib/a.jar:$APP_HOME/lib/b.jar" A', 0o755
            ),
            "/opt/app/lib/a.jar": jar(),
            "/opt/app/lib/b.jar": jar(),
        },
        roots=("/usr/bin/java", "/opt/app/bin/run"),
        kept=("/opt/app/lib/a.jar", "/opt/app/lib/b.jar"),
    ),
    "an unpacked archive in the working directory": Case(
        {"/app/BOOT-INF/classes/A.class": b"", "/app/org/Launcher.class": b"", "/app/META-INF/x": ""},
        config=ImageConfig(workdir="/app", cmd=("java", "org.Launcher")),
        kept=("/app/BOOT-INF/classes/A.class", "/app/META-INF/x"),
    ),
    "an application server's folders": Case(
        {
            "/opt/server/bin/boot.jar": jar(),
            "/opt/server/lib/core.jar": jar(),
            "/opt/server/conf/server.xml": "",
            "/opt/server/docs/x.html": "",
        },
        config=ImageConfig(
            env=(("CATALINA_HOME", "/opt/server"),), cmd=("java", "-jar", "/opt/server/bin/boot.jar")
        ),
        kept=("/opt/server/lib/core.jar", "/opt/server/conf/server.xml"),
        gone=("/opt/server/docs/x.html",),
    ),
    "what native code inside a jar is linked with": Case(
        {
            "/app/a.jar": jar(**{"native__libx.so": elf(needed=("libz.so.1",))}),
            "/usr/lib/libz.so.1": File(elf(), 0o644),
        },
        config=ImageConfig(cmd=("java", "-jar", "/app/a.jar")),
        kept=("/usr/lib/libz.so.1",),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_reaches(name: str) -> None:
    case = CASES[name]
    evidence = [Evidence(path, "traced", "run", "opened") for path in case.roots]
    kept = close(view_of({**BASE, **case.tree}, config=case.config), evidence, [Java()]).evidence.keys()
    assert [path for path in case.kept if path not in kept] == []
    assert [path for path in case.gone if path in kept] == []


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"\xca\xfe\xba\xbe", b"\0" * 100])
def test_readers_take_any_bytes(data: bytes) -> None:
    assert read_jar(data) is None
    assert read_class(data) == {}
    assert read_class_paths(data) == []
