"""What libraries load or read that nothing links: plugin directories, modules named in configuration, data.

The table names a library by its documented file name and says what its documentation says it reads. Paths are
those of Debian, Fedora and Alpine; what an image lacks costs nothing.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from analyzer.evidence import Evidence
from analyzer.filesystem import join, name_of, parent_of
from analyzer.image import ImageConfig
from analyzer.resolvers.elf import may_be_elf
from analyzer.resolvers.elfreader import ELF
from analyzer.resolvers.hierarchy import SHARED_DIRECTORIES
from analyzer.resolvers.interface import Extractor, Finding, View
from analyzer.resolvers.loader import Needer, Search, needer_of
from analyzer.resolvers.needs import Need, library_directories, told, why
from analyzer.resolvers.system import HOSTS, LOCALES, SERVICES, USERS


def _library(names: str, reason: str, *, paths: str = "", trees: str = "") -> Need:
    # Behind the name a version; in wheels, a digest that tells the copy from the system's.
    files = re.compile(rf"/lib({names})(-?\d[\w.]*|-[0-9a-f]{{6,}})?\.so[.\d]*$")
    return Need("libraries", reason, tuple(paths.split()), tuple(trees.split()), files=files)


TABLE: tuple[Need, ...] = (
    _library(
        "crypto",
        "OpenSSL's configuration, providers and engines",
        paths="/etc/ssl/openssl.cnf /usr/lib/ssl/openssl.cnf /etc/pki/tls/openssl.cnf",
        trees="{lib}/ossl-modules {lib}/engines-* /etc/crypto-policies /etc/pki/tls/openssl.d",
    ),
    _library("gnutls", "GnuTLS's configuration", trees="/etc/gnutls /etc/crypto-policies"),
    _library(
        "p11-kit",
        "PKCS#11 modules and their configuration",
        trees="{lib}/pkcs11 /etc/pkcs11 /usr/share/p11-kit",
    ),
    _library(
        "nss3",
        "NSS's own modules",
        paths="{lib}/libsoftokn3* {lib}/libfreebl* {lib}/libnssckbi.so {lib}/libnssdbm3*",
        trees="{lib}/nss",
    ),
    _library(
        "pam", "PAM's configuration", paths="/etc/pam.conf /etc/environment", trees="/etc/pam.d /etc/security"
    ),
    _library(
        "krb5",
        "Kerberos's configuration and plugins",
        paths="/etc/krb5.conf",
        trees="/etc/krb5.conf.d {lib}/krb5",
    ),
    _library("gssapi", "GSSAPI mechanisms", trees="/etc/gss {lib}/gss"),
    _library("sasl2", "SASL mechanisms", trees="{lib}/sasl2 /etc/sasl2"),
    _library("ldap(_r)?", "LDAP's defaults", trees="/etc/ldap /etc/openldap"),
    _library(
        "odbc", "ODBC's drivers and sources", paths="/etc/odbc.ini /etc/odbcinst.ini", trees="{lib}/odbc"
    ),
    _library("(sybdb|ct|tdsodbc)", "FreeTDS's configuration", trees="/etc/freetds"),
    _library(
        "(mariadb|mysqlclient)",
        "the client's authentication plugins and options",
        paths="/etc/my.cnf",
        trees="{lib}/libmariadb3 {lib}/mariadb /etc/mysql /etc/my.cnf.d",
    ),
    _library(
        "fontconfig",
        "fonts and where they are",
        trees="/etc/fonts /usr/share/fontconfig /usr/share/xml/fontconfig /usr/share/fonts"
        " /usr/local/share/fonts /var/cache/fontconfig",
    ),
    _library("pango", "text layout modules", trees="{lib}/pango /etc/pango"),
    _library("gdk_pixbuf", "image loaders", trees="{lib}/gdk-pixbuf-2.0 /usr/share/mime"),
    _library(
        "gio",
        "GIO's modules, settings and types of files",
        trees="{lib}/gio /usr/share/glib-2.0/schemas /usr/share/mime",
    ),
    _library(
        "gtk",
        "GTK's modules and icons",
        trees="{lib}/gtk-3.0 {lib}/gtk-4.0 /etc/gtk-3.0 /etc/gtk-4.0 /usr/share/icons/hicolor"
        " /usr/share/icons/Adwaita /usr/share/themes",
    ),
    _library(
        "X11",
        "X's locales and messages",
        paths="/usr/share/X11/XErrorDB /usr/share/X11/rgb.txt",
        trees="/usr/share/X11/locale",
    ),
    _library(
        "Qt[56]Core",
        "Qt's plugins: platforms, formats of images, databases, printing",
        trees="{lib}/qt5/plugins {lib}/qt6/plugins",
    ),
    _library("Qt[56]Qml", "modules of QML", trees="{lib}/qt5/qml {lib}/qt6/qml"),
    _library(
        "Qt[56]WebEngineCore",
        "Qt's browser: its process, resources and locales",
        trees="{lib}/qt5/libexec {lib}/qt6/libexec /usr/lib/qt5/libexec /usr/lib/qt6/libexec"
        " /usr/share/qt5/resources /usr/share/qt6/resources"
        " /usr/share/qt5/translations/qtwebengine_locales /usr/share/qt6/translations/qtwebengine_locales",
    ),
    _library("girepository", "typelibs", trees="{lib}/girepository-1.0 /usr/local/lib/girepository-1.0"),
    _library(
        "espeak(-ng)?",
        "voices",
        trees="{lib}/espeak-ng-data {lib}/espeak-data /usr/share/espeak-ng-data /usr/share/espeak-data",
    ),
    _library("xkbcommon", "keyboard layouts", trees="/usr/share/X11/xkb"),
    _library(
        "((EGL|GLX)(_mesa)?|GLdispatch|gbm)",
        "graphics drivers and who provides them",
        trees="{lib}/dri {lib}/gbm /usr/share/glvnd /etc/glvnd /usr/share/drirc.d",
    ),
    _library("vulkan", "Vulkan drivers", trees="/usr/share/vulkan /etc/vulkan"),
    _library("OpenCL", "OpenCL drivers", trees="/etc/OpenCL"),
    _library("va", "video drivers", trees="{lib}/dri"),
    _library("asound", "sound configuration and plugins", trees="/usr/share/alsa /etc/alsa {lib}/alsa-lib"),
    _library("sox", "formats of sound files", trees="{lib}/sox"),
    _library("gstreamer", "media plugins", trees="{lib}/gstreamer-1.0 {lib}/gstreamer1.0"),
    _library(
        "MagickCore",
        "image coders and their policy",
        trees="{lib}/ImageMagick-* /etc/ImageMagick-6 /etc/ImageMagick-7 /usr/share/ImageMagick-6"
        " /usr/share/ImageMagick-7",
    ),
    _library("GraphicsMagick", "image coders", trees="{lib}/GraphicsMagick-* /usr/share/GraphicsMagick-*"),
    _library("heif", "image codecs", trees="{lib}/libheif"),
    _library("vips", "image modules", trees="{lib}/vips-modules-*"),
    _library(
        "magic",
        "the table of file types",
        paths="/etc/magic /etc/magic.mime /usr/share/misc/magic*",
        trees="/usr/lib/file /usr/share/file",
    ),
    _library(
        "gs",
        "PostScript's own files and fonts",
        trees="/usr/share/ghostscript /usr/share/color/icc /usr/share/fonts"
        " /etc/ghostscript /var/lib/ghostscript",
    ),
    _library("poppler", "character maps", trees="/usr/share/poppler"),
    _library("proj", "projections", trees="/usr/share/proj"),
    _library("gdal", "GDAL's tables and plugins", trees="/usr/share/gdal {lib}/gdalplugins"),
    _library("tesseract", "language data", trees="/usr/share/tesseract-ocr /usr/share/tessdata"),
    _library("hunspell", "dictionaries", trees="/usr/share/hunspell /usr/share/myspell"),
    _library(
        "aspell", "dictionaries", trees="{lib}/aspell /usr/lib/aspell /var/lib/aspell /usr/share/aspell"
    ),
    _library("enchant", "spelling providers", trees="{lib}/enchant-2 /usr/share/enchant-2"),
    _library("hyphen", "hyphenation patterns", trees="/usr/share/hyphen"),
    _library("opencc", "tables of characters", trees="/usr/share/opencc"),
    _library(
        "mecab",
        "dictionaries",
        paths="/etc/mecabrc /usr/local/etc/mecabrc",
        trees="/var/lib/mecab /usr/share/mecab {lib}/mecab /usr/local/lib/mecab",
    ),
    _library(
        "netsnmp",
        "names of SNMP's objects, and its configuration",
        trees="/usr/share/snmp /usr/share/mibs /var/lib/mibs /etc/snmp",
    ),
    _library("(maxminddb|GeoIP)", "tables of places", trees="/usr/share/GeoIP /var/lib/GeoIP"),
    _library("clamav", "signatures", trees="/var/lib/clamav /etc/clamav"),
    _library("eccodes", "definitions of formats", trees="/usr/share/eccodes"),
    _library("udunits", "units", trees="/usr/share/xml/udunits /usr/share/udunits"),
    _library("wireshark", "dissectors", trees="{lib}/wireshark /usr/share/wireshark /etc/wireshark"),
    _library("(gegl|babl)", "operations and formats", trees="{lib}/gegl-* {lib}/babl-*"),
    _library("vlccore", "media plugins", trees="{lib}/vlc"),
    _library("gphoto2(_port)?", "camera drivers", trees="{lib}/libgphoto2 {lib}/libgphoto2_port"),
    _library("sane", "scanner drivers", trees="{lib}/sane /etc/sane.d"),
    _library("webkit(2)?gtk", "the browser's processes", trees="{lib}/webkit2gtk-* {lib}/webkitgtk-*"),
    _library("xml2", "XML catalogues", trees="/etc/xml"),
    _library("gvc", "layouts and formats, and the list of them", trees="{lib}/graphviz"),
    _library("aprutil", "database drivers", trees="{lib}/apr-util-1"),
    _library("tcl", "Tcl's own scripts", trees="/usr/share/tcltk /usr/lib/tcltk {lib}/tcltk"),
    _library("tk", "Tk's own scripts", trees="/usr/share/tcltk"),
    _library(
        "(mpi|open-pal)",
        "MPI's components",
        trees="{lib}/openmpi /usr/share/openmpi /etc/openmpi {lib}/pmix2",
    ),
    _library("hwloc", "hardware plugins", trees="{lib}/hwloc"),
    _library("audit", "the audit library's configuration", paths="/etc/libaudit.conf"),
    _library("pci", "names of devices", paths="/usr/share/misc/pci.ids"),
    _library("dbus", "the message bus's configuration", trees="/etc/dbus-1 /usr/share/dbus-1"),
    _library("(icudata|icuuc)", "ICU's data", trees="/usr/share/icu {lib}/icu"),
)


def read_services(data: bytes) -> list[str]:
    """The services that nsswitch.conf(5) names for any database, sorted."""
    names: set[str] = set()
    for line in data.decode("utf-8", "replace").splitlines():
        _, _, services = line.partition("#")[0].partition(":")
        names.update(re.findall(r"[\w-]+", re.sub(r"\[[^\]]*\]", " ", services)))
    return sorted(names)


def read_modules(data: bytes) -> list[str]:
    """Modules that a file of pam.d(5) names: a name, or a path."""
    lines = (line.partition("#")[0] for line in data.decode("utf-8", "replace").splitlines())
    return sorted({word for line in lines for word in line.split() if word.endswith(".so")})


def read_catalog(data: bytes) -> list[str]:
    """Files that an XML catalogue (OASIS XML Catalogs 1.1) names for others: absolute, or seen from its own
    folder; sorted. Nothing for any other file."""
    if b"urn:oasis:names:tc:entity:xmlns:xml:catalog" not in data:
        return []
    found = re.findall(rb"""\b(?:catalog|uri)\s*=\s*["'](?:file://)?([^"':]+)["']""", data)
    return sorted({name.decode("utf-8", "replace") for name in found})


def read_locales(data: bytes) -> list[str]:
    """The names in a locale-archive (glibc, locale/locarchive.h), sorted; nothing for any other file."""
    if len(data) < 32 or data[:4] not in (b"\x09\x01\x02\xde", b"\xde\x02\x01\x09"):
        return []
    order = "<" if data[0] == 9 else ">"
    start, used = struct.unpack_from(f"{order}II", data, 20)
    names = data[start : start + used].split(b"\0")
    return sorted({name.decode("utf-8", "replace") for name in names if name})


def read_typelib(data: bytes) -> list[str]:
    """The shared objects that a typelib describes (girepository's gitypelib-internal.h), in its order;
    nothing for any other file."""
    if not data.startswith(b"GOBJ\nMETADATA\r\n\x1a") or len(data) < 56:
        return []
    order = "<" if struct.unpack_from("<I", data, 40)[0] == len(data) else ">"
    (start,) = struct.unpack_from(f"{order}I", data, 52)
    names = data[start : data.find(b"\0", start)] if 0 < start < len(data) else b""
    return [name for name in names.decode("utf-8", "replace").split(",") if name]


TYPELIB = Extractor("typelib", 1, read_typelib)
LOCALE_ARCHIVE = Extractor("locale-archive", 1, read_locales)
CATALOG = Extractor("xml.catalog", 1, read_catalog, 1 << 20)
_OPENERS = frozenset(("dlopen", "dlmopen"))
NSSWITCH = Extractor("nsswitch.conf", 1, read_services)
PAM_FILE = Extractor("pam.d", 1, read_modules, 65536)

# Without the file, or for a database that it leaves out (nsswitch.conf(5), nss/nsswitch.c).
_NSS_DEFAULTS = ("files", "dns")


# Functions that convert what their caller names.
_CONVERTERS = frozenset(
    "__gconv_open g_charset_converter_new g_convert g_convert_with_fallback g_iconv_open"
    " u8_conv_from_encoding u8_conv_to_encoding"
    " u8_strconv_from_encoding u8_strconv_to_encoding".split()
)

# Libraries that offer these, or (libidn2) convert only from the locale's set.
_FOR_CALLERS = ("libgio-2.0.so", "libglib-2.0.so", "libunistring.so", "libidn2.so")


class Libraries:
    """Keeps what the table says for each kept library, name service modules and PAM modules."""

    name = "libraries"

    def __init__(self) -> None:
        self._search: Search | None = None
        self._reader: Needer | None = None  # what opens the libraries of typelibs
        self._typelibs: list[str] = []

    def resolve(
        self, view: View, new: Sequence[str], kept: Mapping[str, Sequence[Evidence]]
    ) -> Iterator[Finding]:
        programs = [path for path in new if may_be_elf(view.fs.entries[path])]
        for path, facts in view.facts.get_many(ELF, programs).items():
            if facts is None:
                continue
            for need in TABLE:
                made = why(need, path, facts)
                if made:
                    yield from told(view, need, "linked", path, f"{need.reason} ({made})")
            if not _OPENERS.isdisjoint(facts.get("uses", ())) and facts.get("interp"):
                yield from _beside(view, path)
            converts = _converts(facts, view.config) or _speaks(view, facts)
            if converts:
                for directory in library_directories(view, path):
                    yield Evidence(f"{directory}/gconv", "linked", path, f"it {converts}", tree=True)
            uses = sorted((USERS | HOSTS | SERVICES).intersection(facts.get("uses", ())))
            if uses:
                yield from _name_services(view, path, uses[0])
        yield from self._described(view, new)
        for path in new:
            if path.startswith("/etc/pam.d/") and view.fs.entries[path].kind == "file":
                yield from _pam_modules(view, path)
        catalogs = [path for path in new if _may_be_catalog(view, path)]
        for path, names in view.facts.get_many(CATALOG, catalogs).items():
            for name in names or ():
                yield from _catalogued(path, join(parent_of(path), name))

    def _described(self, view: View, new: Sequence[str]) -> Iterator[Evidence]:
        """The libraries of kept typelibs, found as the one that reads typelibs finds them."""
        self._typelibs += [path for path in new if path.endswith(".typelib")]
        if self._reader is None:
            reader = next((path for path in new if name_of(path).startswith("libgirepository-")), None)
            facts = view.facts.get(ELF, reader) if reader is not None else None
            if reader is None or facts is None:
                return
            self._search, self._reader = Search(view), needer_of(reader, facts, "glibc")
        assert self._search is not None
        typelibs, self._typelibs = self._typelibs, []
        for path, names in view.facts.get_many(TYPELIB, typelibs).items():
            for name in names or ():
                for hit in self._search.find(name, self._reader):
                    yield Evidence(hit, "linked", path, f"it describes {name}")


def _beside(view: View, program: str) -> Iterator[Evidence]:
    """Libraries in a program's own folder: names that it builds from where it is."""
    folder = parent_of(program)
    if folder in SHARED_DIRECTORIES or name_of(folder) in ("bin", "sbin"):
        return
    for path in view.fs.children(folder):
        if view.fs.entries[path].kind == "file" and path.endswith(".so"):
            yield Evidence(path, "linked", program, "it opens libraries, and this one is beside it")


def _may_be_catalog(view: View, path: str) -> bool:
    named = path.startswith("/etc/xml/") or name_of(path) in ("catalog", "catalog.xml")
    return named and view.fs.entries[path].kind == "file"


def _catalogued(source: str, named: str) -> Iterator[Evidence]:
    """What a catalogue names; a further catalogue with its folder, where the parts of its schemas are."""
    yield Evidence(named, "linked", source, f"it names {named}")
    folder = parent_of(named)
    if name_of(named).startswith("catalog") and folder not in SHARED_DIRECTORIES and folder != "/etc/xml":
        yield Evidence(folder, "linked", source, f"it names the catalogue {named}", tree=True)


def _converts(facts: Mapping[str, Any], config: ImageConfig) -> str:
    """Why a file may ask the C library to convert any character set; "" when it does not.

    Most importers of iconv_open convert between UTF-8 and the locale's own set, which nl_langinfo tells them
    and which the C library does itself when that is ASCII or UTF-8. The others name further sets, take the
    set from elsewhere, or look into the converters.
    """
    if any(facts.get("soname", "").startswith(name) for name in _FOR_CALLERS):
        return ""
    uses = set(facts.get("uses", ()))
    soname = facts.get("soname", "")
    if any(soname.startswith(name) for name in _FOR_CALLERS):
        return ""
    asked = uses & _CONVERTERS
    if asked:
        return f"calls {min(asked)}"
    if "iconv_open" not in uses:
        return ""
    if facts.get("charsets"):
        return "calls iconv_open and names a character set"
    if "nl_langinfo" not in uses:
        return "calls iconv_open with character sets that it is given"
    locales = (config.variable(name) for name in ("LC_ALL", "LC_CTYPE", "LANG"))
    if any(re.search(r"\.(?!utf-?8)", locale, re.IGNORECASE) for locale in locales):
        return "calls iconv_open, and the image's locale is not UTF-8"
    return ""


def _speaks(view: View, facts: Mapping[str, Any]) -> str:
    """Why the C library itself converts for a program: a locale that it may ask for is not in UTF-8."""
    asked = sorted(LOCALES.intersection(facts.get("uses", ())))
    if not asked:
        return ""
    base = "/usr/lib/locale"
    names = [name for name in view.fs.names(base) if view.fs.names(f"{base}/{name}")]
    if f"{base}/locale-archive" in view.fs:
        # Beside the name that was asked for, the archive has one with the character set in it.
        archived = view.facts.get(LOCALE_ARCHIVE, f"{base}/locale-archive") or ()
        names += [name for name in archived if "." in name]
    for name in sorted(names):
        if name not in ("C", "POSIX") and not re.search(r"\.utf-?8(@|$)", name, re.IGNORECASE):
            return f"calls {asked[0]}, and the locale {name} is not in UTF-8"
    return ""


def _name_services(view: View, source: str, function: str) -> Iterator[Evidence]:
    for name in (*_NSS_DEFAULTS, *(view.facts.get(NSSWITCH, "/etc/nsswitch.conf") or ())):
        for directory in library_directories(view, source):
            path = f"{directory}/libnss_{name}.so.2"
            if path in view.fs:
                yield Evidence(path, "linked", source, f"nsswitch.conf names {name}, and it calls {function}")


def _pam_modules(view: View, source: str) -> Iterator[Evidence]:
    for name in view.facts.get(PAM_FILE, source) or ():
        if name.startswith("/"):
            yield Evidence(name, "linked", source, f"it names {name_of(name)}")
            continue
        for directory in library_directories(view, source):
            path = f"{directory}/security/{name}"
            if view.fs.lookup(path) is not None:
                yield Evidence(path, "linked", source, f"it names {name}")
