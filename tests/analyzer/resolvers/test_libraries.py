"""What libraries load or read that nothing links."""

from __future__ import annotations

import struct

import pytest

from analyzer.evidence import Evidence
from analyzer.image import ImageConfig
from analyzer.resolvers.closure import close
from analyzer.resolvers.elf import Elf
from analyzer.resolvers.libraries import TABLE, Libraries, read_locales, read_modules, read_services
from tests.analyzer.resolvers.elfimage import elf
from tests.imagefs import File, Node, view_of

T = "/usr/lib/x86_64-linux-gnu"


def program(*uses: str) -> File:
    return File(elf(uses=uses), mode=0o755)


def typelib(libraries: str) -> bytes:
    """A typelib with nothing but its header and the names of its libraries."""
    names = libraries.encode() + b"\0"
    head = b"GOBJ\nMETADATA\r\n\x1a" + bytes(24) + struct.pack("<4I", 56 + len(names), 0, 0, 56)
    return head + names


CATALOG = '<catalog xmlns="urn:oasis:names:tc:entity:xmlns:xml:catalog"><{}/></catalog>'
DTD = "/usr/share/xml/book/dtd"

CASES: dict[str, tuple[str, dict[str, Node], set[str], set[str]]] = {
    "what XML catalogues name, from one to the next": (
        f"{T}/libxml2.so.2",
        {
            f"{T}/libxml2.so.2": elf(soname="libxml2.so.2"),
            "/etc/xml/catalog": CATALOG.format(f'delegateSystem catalog="file://{DTD}/catalog.xml"'),
            f"{DTD}/catalog.xml": CATALOG.format('public publicId="-//X//Y" uri="book.dtd"'),
            f"{DTD}/book.dtd": "x",
            f"{DTD}/ent/latin.ent": "x",
            "/usr/share/xml/other/other.dtd": "x",
        },
        {f"{DTD}/catalog.xml", f"{DTD}/book.dtd", f"{DTD}/ent/latin.ent"},
        {"/usr/share/xml/other"},
    ),
    "libraries beside a program that opens some": (
        "/usr/lib/packer/pack",
        {
            "/usr/lib/packer/pack": File(elf(uses=["dlopen"], interp="/lib/ld.so"), mode=0o755),
            "/usr/lib/packer/codec.so": elf(),
            "/usr/lib/packer/readme": "x",
        },
        {"/usr/lib/packer/codec.so"},
        {"/usr/lib/packer/readme"},
    ),
    "none beside a program that opens none": (
        "/usr/lib/packer/pack",
        {
            "/usr/lib/packer/pack": File(elf(interp="/lib/ld.so"), mode=0o755),
            "/usr/lib/packer/codec.so": elf(),
        },
        set(),
        {"/usr/lib/packer/codec.so"},
    ),
    "plugins in a folder with a version": (
        f"{T}/libgegl-0.4.so.0",
        {
            f"{T}/libgegl-0.4.so.0": elf(),
            f"{T}/gegl-0.4/blur.so": elf(),
            f"{T}/other-0.4/blur.so": elf(),
        },
        {f"{T}/gegl-0.4/blur.so"},
        {f"{T}/other-0.4/blur.so"},
    ),
    "what typelibs describe": (
        f"{T}/libgirepository-1.0.so.1",
        {
            f"{T}/libgirepository-1.0.so.1": elf(soname="libgirepository-1.0.so.1"),
            f"{T}/girepository-1.0/Pango-1.0.typelib": typelib("libpango-1.0.so.0,libgone.so.1"),
            f"{T}/girepository-1.0/GLib-2.0.typelib": b"torn",
            f"{T}/libpango-1.0.so.0": elf(),
            f"{T}/libother.so.0": elf(),
        },
        {f"{T}/girepository-1.0/Pango-1.0.typelib", f"{T}/libpango-1.0.so.0"},
        {f"{T}/libother.so.0"},
    ),
    "Qt's plugins": (
        f"{T}/libQt5Core.so.5",
        {
            f"{T}/libQt5Core.so.5": elf(soname="libQt5Core.so.5"),
            f"{T}/qt5/plugins/platforms/libqoffscreen.so": elf(needed=["libfont.so.1"]),
            f"{T}/qt5/qml/x/libx.so": elf(),
            f"{T}/libfont.so.1": elf(),
        },
        {f"{T}/qt5/plugins/platforms/libqoffscreen.so", f"{T}/libfont.so.1"},
        {f"{T}/qt5/qml/x/libx.so"},
    ),
    "sox's formats": (
        f"{T}/libsox.so.3",
        {f"{T}/libsox.so.3": elf(), f"{T}/sox/libsox_fmt_vorbis.so": elf()},
        {f"{T}/sox/libsox_fmt_vorbis.so"},
        set(),
    ),
    "graphviz's plugins and their list": (
        f"{T}/libgvc.so.6.0.0",
        {
            f"{T}/libgvc.so.6.0.0": elf(),
            f"{T}/graphviz/config6a": "x",
            f"{T}/graphviz/libgvplugin_core.so.6": elf(),
        },
        {f"{T}/graphviz/config6a", f"{T}/graphviz/libgvplugin_core.so.6"},
        set(),
    ),
    "gconv for what converts character sets that it is given": (
        "/bin/app",
        {"/bin/app": program("iconv_open"), f"{T}/gconv/UTF-16.so": elf(), f"{T}/gconv/gconv-modules": "x"},
        {f"{T}/gconv/UTF-16.so", f"{T}/gconv/gconv-modules"},
        set(),
    ),
    "gconv for what names a character set": (
        "/bin/app",
        {
            "/bin/app": File(
                elf(uses=["iconv_open", "nl_langinfo"], constants=["UTF-8", "Shift_JIS"]), mode=0o755
            ),
            f"{T}/gconv/SJIS.so": elf(),
        },
        {f"{T}/gconv/SJIS.so"},
        set(),
    ),
    "no gconv for what converts from the locale's own set": (
        "/bin/app",
        {
            "/bin/app": File(elf(uses=["iconv_open", "nl_langinfo"], constants=["UTF-8"]), mode=0o755),
            f"{T}/gconv/SJIS.so": elf(),
        },
        set(),
        {f"{T}/gconv"},
    ),
    "gconv for the converters' own program": (
        "/bin/iconv",
        {"/bin/iconv": program("__gconv_open", "iconv_open", "nl_langinfo"), f"{T}/gconv/SJIS.so": elf()},
        {f"{T}/gconv/SJIS.so"},
        set(),
    ),
    "a library that converts what its callers name: for callers that do": (
        "/bin/app",
        {
            "/bin/app": File(elf(needed=["libglib-2.0.so.0"], uses=["g_free"]), mode=0o755),
            f"{T}/libglib-2.0.so.0": elf(soname="libglib-2.0.so.0", uses=["iconv_open"]),
            f"{T}/gconv/SJIS.so": elf(),
        },
        {f"{T}/libglib-2.0.so.0"},
        {f"{T}/gconv"},
    ),
    "the same of GIO, which converts names of files and offers a converter": (
        "/bin/app",
        {
            "/bin/app": File(elf(needed=["libgio-2.0.so.0"], uses=["g_free"]), mode=0o755),
            f"{T}/libgio-2.0.so.0": elf(soname="libgio-2.0.so.0", uses=["g_convert"]),
            f"{T}/gconv/SJIS.so": elf(),
        },
        {f"{T}/libgio-2.0.so.0"},
        {f"{T}/gconv"},
    ),
    "gconv for who makes a converter of GIO's": (
        "/bin/app",
        {"/bin/app": program("g_charset_converter_new"), f"{T}/gconv/SJIS.so": elf()},
        {f"{T}/gconv/SJIS.so"},
        set(),
    ),
    "no gconv for what does not": (
        "/bin/app",
        {"/bin/app": program("getpwnam"), f"{T}/gconv/UTF-16.so": elf()},
        set(),
        {f"{T}/gconv"},
    ),
    "name service modules that nsswitch.conf names, with their libraries": (
        "/bin/app",
        {
            "/bin/app": program("getpwnam"),
            "/etc/nsswitch.conf": "passwd: files [NOTFOUND=return] ldap # sss\nhosts: mdns4_minimal dns\n",
            f"{T}/libnss_ldap.so.2": elf(needed=["libldap.so"]),
            f"{T}/libldap.so": elf(),
            f"{T}/libnss_mdns4_minimal.so.2": elf(),
            f"{T}/libnss_files.so.2": elf(),
            f"{T}/libnss_sss.so.2": elf(),
        },
        {
            f"{T}/libnss_ldap.so.2",
            f"{T}/libldap.so",
            f"{T}/libnss_mdns4_minimal.so.2",
            f"{T}/libnss_files.so.2",
        },
        {f"{T}/libnss_sss.so.2"},
    ),
    "PAM: the modules that its files name": (
        f"{T}/libpam.so.0",
        {
            f"{T}/libpam.so.0": elf(),
            "/etc/pam.d/su": "auth sufficient pam_rootok.so #pam_no.so\naccount required /opt/pam_mine.so\n",
            f"{T}/security/pam_rootok.so": elf(),
            f"{T}/security/pam_no.so": elf(),
            "/opt/pam_mine.so": elf(),
        },
        {"/etc/pam.d/su", f"{T}/security/pam_rootok.so", "/opt/pam_mine.so"},
        {f"{T}/security/pam_no.so"},
    ),
    "OpenSSL: providers, engines, configuration": (
        f"{T}/libcrypto.so.3",
        {
            f"{T}/libcrypto.so.3": elf(),
            f"{T}/ossl-modules/legacy.so": elf(),
            f"{T}/engines-3/afalg.so": elf(),
            "/etc/ssl/openssl.cnf": "x",
        },
        {f"{T}/ossl-modules/legacy.so", f"{T}/engines-3/afalg.so", "/etc/ssl/openssl.cnf"},
        set(),
    ),
    "a library outside the system's directories: what lies beside it": (
        "/opt/conda/lib/libcrypto.so.3",
        {"/opt/conda/lib/libcrypto.so.3": elf(), "/opt/conda/lib/ossl-modules/legacy.so": elf()},
        {"/opt/conda/lib/ossl-modules/legacy.so"},
        set(),
    ),
    "a wheel's own copy, named by a digest": (
        "/venv/pkg.libs/libfontconfig-0fc6a5ce.so.1.12.0",
        {"/venv/pkg.libs/libfontconfig-0fc6a5ce.so.1.12.0": elf(), "/etc/fonts/fonts.conf": "x"},
        {"/etc/fonts/fonts.conf"},
        set(),
    ),
    "a name that only begins alike": (
        f"{T}/libgsl.so.27",
        {f"{T}/libgsl.so.27": elf(), "/usr/share/ghostscript/init.ps": "x"},
        set(),
        {"/usr/share/ghostscript"},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_a_library_brings(case: str) -> None:
    root, tree, kept, gone = CASES[case]
    closure = close(view_of(tree), [Evidence(root, "asked", "test", "")], [Libraries(), Elf()])
    assert kept <= set(closure.evidence)
    assert not gone & set(closure.evidence)


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("libX11.so.6", "X's locales and messages"),
        ("libMagickCore-6.Q16.so.6", "image coders and their policy"),
        ("libtcl8.6.so", "Tcl's own scripts"),
        ("libgtk-3.so.0", "GTK's modules and icons"),
        ("libldap-2.5.so.0", "LDAP's defaults"),
        ("libaprutil-1.so.0", "database drivers"),
        ("libmariadb.so.3", "the client's authentication plugins and options"),
        ("libpango-1.0.so.0", "text layout modules"),
        ("libicudata.so.72", "ICU's data"),
        ("libgio-2.0.so.0", "GIO's modules, settings and types of files"),
        ("libnetsnmp.so.40", "names of SNMP's objects, and its configuration"),
        ("libudunits2.so.0", "units"),
        ("libgegl-0.4.so.0", "operations and formats"),
        ("libwebkit2gtk-4.1.so.0", "the browser's processes"),
        ("libgphoto2_port.so.12", "camera drivers"),
        ("libgstreamer-1.0.so.0", "media plugins"),
        ("libespeak-ng.so.1", "voices"),
        ("libQt6Qml.so.6", "modules of QML"),
        ("libGLX_mesa.so.0", "graphics drivers and who provides them"),
    ],
)
def test_libraries_are_known_by_their_names(name: str, row: str) -> None:
    assert [need.reason for need in TABLE if need.files.search(f"/usr/lib/{name}")] == [row]


def test_files_that_name_modules() -> None:
    assert read_services(
        b"passwd: compat systemd\n# hosts: nis\nhosts:\tfiles dns [!UNAVAIL=return] x\n"
    ) == [
        "compat",
        "dns",
        "files",
        "systemd",
        "x",
    ]
    assert read_modules(b"auth [success=1 default=ignore] pam_unix.so nullok\n@include common\n") == [
        "pam_unix.so"
    ]


def test_gconv_for_a_locale_that_is_not_utf_8() -> None:
    tree = {"/bin/app": program("iconv_open", "nl_langinfo"), f"{T}/gconv/ISO8859-1.so": elf()}
    view = view_of(tree, config=ImageConfig(env=(("LANG", "de_DE.ISO-8859-1"),)))
    kept = close(view, [Evidence("/bin/app", "asked", "test", "")], [Libraries()]).evidence
    assert f"{T}/gconv/ISO8859-1.so" in kept


def archive(*names: str) -> bytes:
    """A locale-archive of glibc with nothing but its header and its names."""
    text = b"".join(name.encode() + b"\0" for name in names)
    return struct.pack("<8I", 0xDE020109, 1, 56, 0, 0, 56, len(text), len(text)).ljust(56, b"\0") + text


@pytest.mark.parametrize(
    ("uses", "locales", "kept"),
    [
        (["setlocale"], {"locale-archive": archive("de_DE.utf8", "fr_FR", "fr_FR.iso88591")}, True),
        (["newlocale"], {"de_DE.iso885915@euro/LC_CTYPE": "x"}, True),
        (["setlocale"], {"de_DE/LC_CTYPE": "x"}, True),
        (["setlocale"], {"locale-archive": archive("de_DE.utf8", "sr_RS.utf8@latin")}, False),
        (["setlocale"], {"C.utf8/LC_CTYPE": "x", "de_DE.UTF-8/LC_CTYPE": "x"}, False),
        (["setlocale"], {"locale-archive": b"torn"}, False),
        (["getpwnam"], {"locale-archive": archive("fr_FR.iso88591")}, False),
    ],
    ids=[
        "an archive with another set",
        "a folder with another set",
        "a folder that names none",
        "UTF-8 alone in an archive",
        "UTF-8 alone in folders",
        "no archive",
        "nobody asks",
    ],
)
def test_gconv_for_a_program_that_may_ask_for_a_locale_that_is_not_utf_8(
    uses: list[str], locales: dict[str, Node], kept: bool
) -> None:
    tree = {f"/usr/lib/locale/{name}": node for name, node in locales.items()}
    tree |= {"/bin/app": program(*uses), f"{T}/gconv/ISO8859-1.so": elf()}
    closure = close(view_of(tree), [Evidence("/bin/app", "asked", "test", "")], [Libraries()])
    assert (f"{T}/gconv/ISO8859-1.so" in closure.evidence) is kept


def test_the_names_of_a_locale_archive() -> None:
    assert read_locales(archive("fr_FR", "de_DE.utf8")) == ["de_DE.utf8", "fr_FR"]
    assert read_locales(b"") == []
