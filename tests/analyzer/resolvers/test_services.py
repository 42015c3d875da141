"""Services over made trees. Values are the servers' own (`nginx -T`, `apachectl -S`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from analyzer.evidence import Evidence
from analyzer.image import ImageConfig
from analyzer.resolvers.closure import close
from analyzer.resolvers.services import Services, read_built_in, read_directives, read_variables
from analyzer.resolvers.shebang import Interpreters
from tests.imagefs import Dir, File, Link, Node, view_of

BUILT = (
    b"\x7fELF\0--prefix=/usr/share/nginx --conf-path=/etc/nginx/nginx.conf"
    b" --http-proxy-temp-path=/var/lib/nginx/proxy\0"
)
HTTPD = b'\x7fELF\0 -D HTTPD_ROOT="/etc/apache2"\0'


def program(data: bytes = b"\x7fELF") -> File:
    return File(data, 0o755)


@dataclass(frozen=True)
class Case:
    root: str
    tree: Mapping[str, Node]
    kept: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    config: ImageConfig = field(default_factory=ImageConfig)


PASSWD = (
    "root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n"
    "joe:x:1000:1000::/srv/joe:\nann:x:1001:1001::/home/ann:/bin/zsh\n"
)
ACCOUNTS: dict[str, Node] = {
    "/etc/passwd": PASSWD,
    **{shell: program() for shell in ("/bin/bash", "/bin/sh", "/bin/zsh", "/bin/ksh", "/usr/sbin/nologin")},
    "/root/.ssh/authorized_keys": "",
    "/root/.cache/pip/x": "",
    "/srv/joe/upload/a": "",
    "/usr/sbin/other": program(),
}


CASES: dict[str, Case] = {
    "sshd: the accounts' shells, homes and keys, and the commands that it is told": Case(
        "/usr/sbin/sshd",
        {
            "/usr/sbin/sshd": program(),
            "/etc/ssh/sshd_config": "AuthorizedKeysCommand /usr/bin/keys %u\nMatch all\n ForceCommand menu",
            "/usr/bin/keys": program(b"#!/bin/sh\n"),
            "/usr/bin/menu": program(),
            **ACCOUNTS,
        },
        kept=("/bin/bash", "/bin/sh", "/bin/zsh", "/usr/sbin/nologin", "/root/.ssh/authorized_keys",
              "/srv/joe/upload/a", "/usr/bin/keys", "/usr/bin/menu"),
        gone=("/bin/ksh", "/root/.cache/pip/x", "/usr/sbin/other"),
    ),
    "Exim: homes of people and no shells": Case(
        "/usr/sbin/exim4",
        {"/usr/sbin/exim4": program(), **ACCOUNTS},
        kept=("/srv/joe/upload/a",),
        gone=("/bin/bash", "/bin/sh", "/root/.ssh/authorized_keys"),
    ),
    "su: the shells of others than root, who starts it": Case(
        "/bin/su",
        {"/bin/su": program(), **ACCOUNTS},
        kept=("/bin/sh", "/bin/zsh", "/srv/joe/upload/a"),
        gone=("/bin/bash", "/root/.ssh/authorized_keys"),
    ),
    "Squid: error pages of another package, which a link leads to": Case(
        "/usr/sbin/squid",
        {
            "/usr/sbin/squid": program(),
            "/usr/share/squid/errors": Link("../squid-langpack"),
            "/usr/share/squid-langpack/de/ERR_DENIED": "",
        },
        kept=("/usr/share/squid-langpack/de/ERR_DENIED",),
    ),
    "lighttpd: what it serves, and the programs below an alias": Case(
        "/usr/sbin/lighttpd",
        {
            "/usr/sbin/lighttpd": program(),
            "/etc/lighttpd/lighttpd.conf": 'server.document-root = "/srv/www"\n',
            "/etc/lighttpd/conf-enabled/10-cgi.conf": (
                '$HTTP["url"] =~ "^/cgi/" {\n\talias.url += ( "/cgi/" => "/usr/lib/cgi/" )\n}\n'
            ),
            "/srv/www/deep/a.css": "",
            "/usr/lib/cgi/a.sh": program(b"#!/bin/sh\n"),
            "/srv/other/a.css": "",
        },
        kept=("/srv/www/deep/a.css", "/usr/lib/cgi/a.sh"),
        gone=("/srv/other/a.css",),
    ),
    "nginx: includes seen from its configuration, modules from its prefix, what it serves": Case(
        "/usr/sbin/nginx",
        {
            "/usr/sbin/nginx": program(BUILT),
            "/etc/nginx/nginx.conf": (
                "include modules-enabled/*.conf;\nhttp {\n  include mime.types;\n"
                "  include /etc/nginx/sites/*;\n  access_log /var/log/app/a.log;\n}\n"
            ),
            "/etc/nginx/mime.types": "",
            "/etc/nginx/modules-enabled/a.conf": Link("../modules-available/a.conf"),
            "/etc/nginx/modules-available/a.conf": "load_module modules/a.so;\n",
            "/etc/nginx/modules-available/b.conf": "load_module modules/b.so;\n",
            "/usr/share/nginx/modules": Link("../../lib/nginx/modules"),
            "/usr/lib/nginx/modules/a.so": b"",
            "/usr/lib/nginx/modules/b.so": b"",
            "/etc/nginx/sites/x": (
                "server { root /srv/www; ssl_certificate /etc/ssl/x.pem; location /s { alias /srv/more; } }"
            ),
            "/srv/www/deep/index.html": "",
            "/srv/more/a.txt": "",
            "/etc/ssl/x.pem": "",
            "/var/log/app": Dir(),
            "/var/lib/nginx": Dir(),
        },
        kept=("/etc/nginx/mime.types", "/usr/lib/nginx/modules/a.so", "/srv/www/deep/index.html",
              "/srv/more/a.txt", "/etc/ssl/x.pem", "/var/log/app", "/var/lib/nginx"),
        gone=("/usr/lib/nginx/modules/b.so", "/etc/nginx/modules-available/b.conf"),
    ),
    "nginx: a configuration that the command names": Case(
        "/usr/sbin/nginx",
        {"/usr/sbin/nginx": program(), "/app/n.conf": "http { include extra.conf; }", "/app/extra.conf": ""},
        config=ImageConfig(cmd=("nginx", "-c", "/app/n.conf")),
        kept=("/app/n.conf", "/app/extra.conf"),
    ),
    "Apache: modules, sites, variables, icons": Case(
        "/usr/sbin/apache2",
        {
            "/usr/sbin/apache2": program(HTTPD),
            "/etc/apache2/apache2.conf": (
                "ErrorLog ${APACHE_LOG_DIR}/error.log\n"
                "IncludeOptional mods-enabled/*.load\nInclude ports.conf\n"
                "<Directory /srv/site>\n  Require all granted\n</Directory>\n"
                "DocumentRoot /srv/site\nAlias /icons/ \"/usr/share/icons/\"\n"
            ),
            "/etc/apache2/envvars": "export APACHE_LOG_DIR=/var/log/apache2$SUFFIX\n",
            "/etc/apache2/ports.conf": "Listen 80\n",
            "/etc/apache2/mods-enabled/a.load": Link("../mods-available/a.load"),
            "/etc/apache2/mods-available/a.load": "LoadModule a_module /usr/lib/apache2/modules/mod_a.so\n",
            "/usr/lib/apache2/modules/mod_a.so": b"",
            "/usr/lib/apache2/modules/mod_b.so": b"",
            "/usr/share/icons/x.png": b"",
            "/srv/site/.htaccess": "",
            "/var/log/apache2": Dir(),
        },
        kept=("/etc/apache2/ports.conf", "/usr/lib/apache2/modules/mod_a.so", "/usr/share/icons/x.png",
              "/srv/site/.htaccess", "/var/log/apache2", "/etc/apache2/envvars"),
        gone=("/usr/lib/apache2/modules/mod_b.so",),
    ),
    "Apache: modules relative to ServerRoot": Case(
        "/usr/local/apache2/bin/httpd",
        {
            "/usr/local/apache2/bin/httpd": program(),
            "/usr/local/apache2/conf/httpd.conf": (
                'ServerRoot "/usr/local/apache2"\nLoadModule b_module modules/mod_b.so\n'
                "#LoadModule c_module modules/mod_c.so\nInclude conf/extra/x.conf\n"
            ),
            "/usr/local/apache2/modules/mod_b.so": b"",
            "/usr/local/apache2/modules/mod_c.so": b"",
            "/usr/local/apache2/conf/extra/x.conf": "",
        },
        kept=("/usr/local/apache2/modules/mod_b.so", "/usr/local/apache2/conf/extra/x.conf"),
        gone=("/usr/local/apache2/modules/mod_c.so",),
    ),
    "supervisor: included files and the programs that they start": Case(
        "/usr/bin/supervisord",
        {
            "/usr/bin/supervisord": program(),
            "/etc/supervisor/supervisord.conf": "[include]\nfiles = /etc/supervisor/conf.d/*.conf\n",
            "/etc/supervisor/conf.d/a.conf": (
                "[program:a]\ncommand=worker --config /app/w.ini ; note\nstdout_logfile=/var/log/w/out.log\n"
            ),
            "/usr/bin/worker": program(),
            "/app/w.ini": "",
            "/var/log/w": Dir(),
        },
        kept=("/etc/supervisor/conf.d/a.conf", "/usr/bin/worker", "/app/w.ini", "/var/log/w"),
    ),
    "supervisor: what a shell of its runs": Case(
        "/usr/bin/supervisord",
        {
            "/usr/bin/supervisord": program(),
            "/etc/supervisord.conf": '[program:a]\ncommand=/bin/sh -c "feed 3 | sift; exec worker -v"\n',
            **{f"/usr/bin/{name}": program() for name in ("feed", "sift", "worker", "other")},
        },
        kept=("/usr/bin/feed", "/usr/bin/sift", "/usr/bin/worker"),
        gone=("/usr/bin/other",),
    ),
    "Net-SNMP: what it is extended with": Case(
        "/usr/sbin/snmpd",
        {
            "/usr/sbin/snmpd": program(),
            "/etc/snmp/snmpd.conf": "extend a feed -x\nextend-sh b echo 3 | sift\npass .1.3 /opt/p.sh\n",
            **{f"/usr/bin/{name}": program() for name in ("feed", "sift", "other")},
            "/opt/p.sh": program(b"#!/bin/sh\n"),
            "/bin/sh": program(),
        },
        kept=("/usr/bin/feed", "/usr/bin/sift", "/opt/p.sh", "/bin/sh"),
        gone=("/usr/bin/other",),
    ),
    "s6: the folders of services": Case(
        "/package/s6-svscan",
        {"/package/s6-svscan": program(), "/etc/services.d/web/run": File("#!/bin/sh\n", 0o755)},
        kept=("/etc/services.d/web/run",),
    ),
    "uWSGI: plugins that any of its configurations may name": Case(
        "/usr/bin/uwsgi-core",
        {"/usr/bin/uwsgi-core": program(), "/usr/lib/uwsgi/plugins/php_plugin.so": b""},
        kept=("/usr/lib/uwsgi/plugins/php_plugin.so",),
    ),
    "vsftpd: what it serves to anybody, and homes of those without a shell": Case(
        "/usr/sbin/vsftpd",
        {
            "/usr/sbin/vsftpd": program(),
            "/etc/passwd": "www:x:33:33::/var/www:/usr/sbin/nologin\nann:x:1001:1001::/srv/ann:/bin/false\n",
            "/etc/vsftpd.conf": "anon_root=/srv/pub\n",
            "/srv/pub/a/b": "",
            "/srv/ftp/x": "",
            "/srv/ann/y": "",
            "/var/www/z": "",
        },
        kept=("/srv/pub/a/b", "/srv/ftp/x", "/srv/ann/y"),
        gone=("/var/www/z",),
    ),
    "PostgreSQL: catalogs, time zone sets and extensions, no compiler": Case(
        "/usr/lib/postgresql/15/bin/postgres",
        {
            "/usr/lib/postgresql/15/bin/postgres": program(),
            "/usr/lib/postgresql/15/lib/hstore.so": b"",
            "/usr/lib/postgresql/15/lib/llvmjit.so": b"",
            "/usr/lib/postgresql/15/lib/bitcode/x.bc": b"",
            "/usr/share/postgresql/15/timezonesets/Default": "",
            "/usr/share/postgresql/15/extension/hstore.control": "",
            "/var/lib/postgresql": Dir(),
        },
        kept=("/usr/lib/postgresql/15/lib/hstore.so", "/usr/share/postgresql/15/timezonesets/Default",
              "/usr/share/postgresql/15/extension/hstore.control", "/var/lib/postgresql"),
        gone=("/usr/lib/postgresql/15/lib/llvmjit.so", "/usr/lib/postgresql/15/lib/bitcode/x.bc"),
    ),
    "a program that a configuration names is started": Case(
        "/usr/sbin/nginx",
        {
            "/usr/sbin/nginx": program(BUILT),
            "/etc/nginx/nginx.conf": "perl_helper /opt/help.sh;\n",
            "/opt/help.sh": program(b"#!/bin/sh\n"),
            "/bin/sh": program(),
        },
        kept=("/bin/sh",),
    ),
    "Redis: what its configuration includes and loads": Case(
        "/usr/bin/redis-server",
        {
            "/usr/bin/redis-server": program(),
            "/conf/redis.conf": "include /conf/more.conf\nloadmodule /mods/m.so\ndir /data/x\n",
            "/conf/more.conf": "aclfile /conf/users.acl\n",
            "/conf/users.acl": "",
            "/mods/m.so": b"",
            "/data/x": Dir(),
        },
        config=ImageConfig(cmd=("redis-server", "/conf/redis.conf")),
        kept=("/conf/more.conf", "/mods/m.so", "/data/x", "/conf/users.acl"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_reaches(name: str) -> None:
    case = CASES[name]
    view = view_of(case.tree, config=case.config)
    kept = close(
        view, [Evidence(case.root, "traced", "run", "ran")], [Services(), Interpreters()]
    ).evidence.keys()
    assert [path for path in case.kept if path not in kept] == []
    assert [path for path in case.gone if path in kept] == []


def test_what_apache_runs_is_a_script_and_not_only_served() -> None:
    tree = {
        "/usr/sbin/apache2": program(HTTPD),
        "/etc/apache2/apache2.conf": "ScriptAlias /cgi-bin/ /usr/lib/cgi-bin/\nDocumentRoot /srv/www\n",
        "/usr/lib/cgi-bin/hello": program(b"#!/bin/sh\n"),
        "/srv/www/run.sh": program(b"#!/bin/sh\n"),
    }
    kept = close(
        view_of(tree), [Evidence("/usr/sbin/apache2", "traced", "run", "ran")], [Services()]
    ).evidence
    places = ("/usr/lib/cgi-bin/hello", "/srv/www/run.sh")
    kinds = {path: {one.kind for one in kept[path]} for path in places}
    assert kinds == {"/usr/lib/cgi-bin/hello": {"script"}, "/srv/www/run.sh": {"imported"}}


@pytest.mark.parametrize("data", [b"", b"\0\xff", b"# x\n", b"[x]\n"])
def test_readers_take_any_bytes(data: bytes) -> None:
    assert read_directives(data) == []
    assert read_built_in(data) == {}
    assert read_variables(data) == {}
