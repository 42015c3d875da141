"""Services by the name of their program: their configuration, what its directives mean, what they read.

Each row follows the service's own documentation and its default layout in distributions and official images.
"""

from __future__ import annotations

from dataclasses import dataclass


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


@dataclass(frozen=True, slots=True)
class Service:
    """`configs` are read first (patterns within one folder); `includes` name more of them, `trees` folders
    whose files are served by name, `started` folders whose programs it runs, `commands` programs that are
    started, `relative` files that are seen from `base` (a folder, or "" for the folder of the first
    configuration)."""

    name: str
    programs: frozenset[str]
    configs: tuple[str, ...]
    base: str
    includes: frozenset[str]
    trees: frozenset[str]
    started: frozenset[str]
    commands: frozenset[str]
    relative: frozenset[str]
    folders: tuple[str, ...]  # kept with all below them
    places: tuple[str, ...]  # files, and directories that are written to
    scripts: tuple[str, ...]  # programs, or folders of them, that it starts
    without: frozenset[str]  # names below `folders` that are no part of the service
    logins: str  # whose login shells it starts, in their homes: "all" accounts, or "others" than root;
    # "homes": it only looks into those of people


def _service(
    name: str,
    programs: str = "",
    *,
    configs: str = "",
    base: str = "",
    includes: str = "",
    trees: str = "",
    started: str = "",
    commands: str = "",
    relative: str = "",
    folders: str = "",
    places: str = "",
    scripts: str = "",
    without: str = "",
    logins: str = "",
) -> Service:
    return Service(
        name,
        _words(programs or name),
        tuple(configs.split()),
        base,
        _words(includes),
        _words(trees),
        _words(started),
        _words(commands),
        _words(relative),
        tuple(folders.split()),
        tuple(places.split()),
        tuple(scripts.split()),
        _words(without),
        logins,
    )


SERVICES: tuple[Service, ...] = (
    _service(
        "nginx",
        "nginx openresty angie",
        configs="/etc/nginx/nginx.conf /usr/local/nginx/conf/nginx.conf"
        " /usr/local/openresty/nginx/conf/nginx.conf /etc/openresty/nginx.conf",
        includes="include",
        trees="root alias",
        relative="load_module js_import js_include ssl_certificate ssl_certificate_key auth_basic_user_file",
        places="/var/log/nginx /var/cache/nginx /var/lib/nginx /run/nginx /etc/nginx/mime.types",
    ),
    _service(
        "Apache",
        "apache2 httpd",
        configs="/etc/apache2/apache2.conf /usr/local/apache2/conf/httpd.conf /etc/httpd/conf/httpd.conf"
        " /etc/apache2/httpd.conf",
        includes="include includeoptional",
        trees="documentroot alias aliasmatch",
        started="scriptalias scriptaliasmatch",
        relative="loadmodule typesconfig mimemagicfile loadfile sslcertificatefile sslcertificatekeyfile",
        places="/etc/apache2/envvars /var/log/apache2 /var/cache/apache2 /var/lib/apache2 /run/apache2 "
        "/run/lock"
        " /usr/local/apache2/logs /etc/apache2/magic /var/www /var/cache/apache2/mod_cache_disk",
    ),
    _service(
        "lighttpd",
        "lighttpd lighttpd-angel",
        configs="/etc/lighttpd/lighttpd.conf /etc/lighttpd/conf-enabled/*",
        includes="include",
        trees="server.document-root",
        started="alias.url",
        folders="/etc/lighttpd /usr/share/lighttpd",
        places="/var/log/lighttpd /var/cache/lighttpd /run/lighttpd",
    ),
    _service(
        "supervisor",
        "supervisord",
        configs="/etc/supervisor/supervisord.conf /etc/supervisord.conf /etc/supervisord/supervisord.conf",
        includes="files",
        commands="command",
        places="/var/log/supervisor",
    ),
    _service(
        "s6",
        "s6-svscan s6-overlay-suexec s6-rc s6-supervise",
        scripts="/etc/s6-overlay /etc/services.d /etc/cont-init.d /etc/cont-finish.d /etc/s6 /etc/s6-rc "
        "/package"
        " /command /init",
        folders="/etc/fix-attrs.d /etc/s6-linux-init",
    ),
    _service("runit", "runsvdir runsv runit", scripts="/etc/service /etc/sv /etc/runit /service"),
    _service(
        "cron",
        "cron crond anacron busybox-crond supercronic",
        configs="/etc/crontab /etc/cron.d/* /var/spool/cron/crontabs/* /var/spool/cron/* /etc/crontabs/*",
        places="/var/spool/cron /var/spool/cron/crontabs /etc/default/cron /etc/environment",
    ),
    _service("uWSGI", "uwsgi uwsgi-core", folders="/usr/lib/uwsgi/plugins"),
    _service(
        "Redis",
        "redis-server redis-sentinel valkey-server keydb-server",
        configs="/etc/redis/redis.conf /etc/redis.conf /usr/local/etc/redis/redis.conf "
        "/etc/valkey/valkey.conf"
        " /etc/redis/sentinel.conf",
        includes="include",
        relative="loadmodule aclfile",
        places="/var/lib/redis /var/log/redis /run/redis /data",
    ),
    _service(
        "HAProxy",
        "haproxy",
        configs="/etc/haproxy/haproxy.cfg /usr/local/etc/haproxy/haproxy.cfg",
        trees="crt-base ca-base",
        folders="/etc/haproxy /usr/local/etc/haproxy",
        places="/run/haproxy /var/lib/haproxy",
    ),
    _service(
        "MySQL",
        "mysqld mariadbd mysqld_safe mariadbd-safe",
        configs="/etc/my.cnf /etc/mysql/my.cnf /etc/mysql/conf.d/* /etc/mysql/mariadb.conf.d/* "
        "/etc/my.cnf.d/*",
        includes="!include !includedir",
        folders="/etc/mysql /etc/my.cnf.d /usr/share/mysql /usr/share/mysql-8.0 /usr/share/mariadb "
        "/usr/lib/mysql"
        " /usr/lib64/mysql",
        places="/etc/my.cnf /var/lib/mysql /var/lib/mysql-files /run/mysqld /var/log/mysql",
        without="mysql-test bench test man doc",
    ),
    _service(
        "sshd",
        configs="/etc/ssh/sshd_config /etc/ssh/sshd_config.d/*",
        includes="include",
        commands="forcecommand authorizedkeyscommand authorizedprincipalscommand",
        logins="all",
        folders="/etc/ssh",
        places="/run/sshd /usr/lib/openssh/sftp-server /usr/lib/ssh/sftp-server /var/empty",
    ),
    _service(
        "ssh", "ssh scp sftp", folders="/etc/ssh/ssh_config.d", places="/etc/ssh/ssh_config /usr/bin/ssh"
    ),
    _service(
        "vsftpd",
        configs="/etc/vsftpd.conf /etc/vsftpd/vsftpd.conf",
        trees="anon_root local_root user_config_dir",
        folders="/etc/vsftpd /srv/ftp /var/ftp /var/lib/ftp",
        logins="all",
    ),
    _service("ProFTPD", "proftpd", folders="/etc/proftpd /usr/lib/proftpd /srv/ftp", logins="all"),
    _service("Pure-FTPd", "pure-ftpd", folders="/etc/pure-ftpd /srv/ftp", logins="all"),
    _service("dropbear", folders="/etc/dropbear", logins="all"),
    _service("login", "login su", logins="others"),
    _service(
        "sudo",
        "sudo",
        folders="/etc/sudoers.d /usr/libexec/sudo /usr/lib/sudo",
        places="/etc/sudoers /etc/sudo.conf",
    ),
    _service(
        "Postfix",
        "postfix master postfix-script",
        logins="homes",
        folders="/etc/postfix /usr/share/postfix /var/spool/postfix /usr/lib/postfix",
        scripts="/usr/lib/postfix/sbin /usr/libexec/postfix /usr/sbin/postconf /usr/sbin/postdrop "
        "/usr/sbin/postqueue",
    ),
    _service("Exim", "exim exim4", folders="/etc/exim4 /etc/exim", logins="homes", places="/var/mail"),
    _service(
        "Dovecot",
        "dovecot",
        logins="homes",
        folders="/etc/dovecot /usr/share/dovecot /usr/lib/dovecot/modules",
        scripts="/usr/lib/dovecot /usr/libexec/dovecot",
    ),
    _service("BIND", "named", folders="/etc/bind /usr/share/dns", places="/var/cache/bind /run/named"),
    _service("Unbound", "unbound", folders="/etc/unbound /usr/share/dns", places="/var/lib/unbound"),
    _service("dnsmasq", folders="/etc/dnsmasq.d", places="/etc/dnsmasq.conf /var/lib/misc"),
    _service(
        "Squid", "squid", folders="/etc/squid /usr/share/squid /usr/lib/squid", places="/var/spool/squid"
    ),
    _service("OpenLDAP", "slapd", folders="/etc/ldap /usr/lib/ldap", places="/var/lib/ldap /run/slapd"),
    _service(
        "Samba",
        "smbd nmbd winbindd",
        scripts="/usr/libexec/samba /usr/lib/samba /usr/lib64/samba",
        folders="/etc/samba /usr/share/samba",
        logins="homes",
        places="/var/lib/samba /run/samba",
    ),
    _service(
        "D-Bus", "dbus-daemon", folders="/etc/dbus-1 /usr/share/dbus-1", places="/run/dbus /etc/machine-id"
    ),
    _service(
        "Net-SNMP",
        "snmpd snmptrapd",
        configs="/etc/snmp/snmpd.conf /etc/snmp/snmptrapd.conf /etc/snmp/snmpd.conf.d/*",
        includes="includefile includedir",
        commands="extend extend-sh exec sh pass pass_persist traphandle",
        folders="/usr/share/snmp/mibs /etc/snmp",
    ),
    _service("rsyslog", "rsyslogd", configs="/etc/rsyslog.conf", folders="/etc/rsyslog.d /usr/lib/rsyslog"),
    _service(
        "Erlang",
        "beam.smp erlexec erl",
        folders="/usr/lib/erlang /usr/local/lib/erlang",
        without="doc man src examples include emacs c_src internal_doc",
    ),
    _service(
        "RabbitMQ",
        "rabbitmq-server",
        folders="/usr/lib/rabbitmq /etc/rabbitmq /opt/rabbitmq",
        places="/var/lib/rabbitmq /var/log/rabbitmq",
    ),
    _service(
        "git",
        folders="/usr/share/git-core/templates /usr/lib/git-core /usr/libexec/git-core",
        places="/etc/gitconfig",
        scripts="/usr/lib/git-core/git-submodule /usr/lib/git-core/git-sh-setup /usr/lib/git-core/git-sh-i18n"
        " /usr/lib/git-core/git-merge-octopus /usr/lib/git-core/git-merge-one-file"
        " /usr/lib/git-core/git-merge-resolve /usr/lib/git-core/git-remote-https /usr/bin/ssh",
    ),
    _service(
        "GnuPG",
        "gpg gpg2",
        scripts="/usr/bin/gpg-agent /usr/bin/gpgconf /usr/bin/dirmngr /usr/lib/gnupg /usr/libexec/gpg-agent",
        folders="/usr/share/gnupg /etc/gnupg",
    ),
    _service("tar", "tar", scripts="/bin/gzip /bin/bzip2 /usr/bin/xz /usr/bin/zstd"),
    _service("rsync", "rsync", scripts="/usr/bin/ssh", configs="/etc/rsyncd.conf"),
    _service(
        "logrotate", configs="/etc/logrotate.conf /etc/logrotate.d/*", scripts="/bin/gzip", includes="include"
    ),
)

BY_PROGRAM: dict[str, Service] = {program: service for service in SERVICES for program in service.programs}
