#!/bin/sh
# Makes a stand-in for debian:bookworm-slim (or another suite) where no registry answers.
#
#   scripts/base_image.sh SUITE OUTPUT.tar
#
# Needs mmdebstrap and root. The tree is what the slim image has: the minimal variant, documentation
# and translations left out, apt's caches empty. One thing more: this machine's certificate authorities,
# because behind an intercepting proxy pip and npm in a build would trust nobody. They stand where
# update-ca-certificates keeps them, and in pip's and npm's own configuration files, so that the image's
# configuration is the real one's: CMD ["bash"] and a PATH.
set -eu

suite=$1
output=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM

host_bundle=/etc/ssl/certs/ca-certificates.crt

# The host's certificates that Debian's own bundle lacks, one file each.
cat >"$work/certificates.py" <<'PYTHON'
import re
import sys
from pathlib import Path

host, root = Path(sys.argv[1]), Path(sys.argv[2])
pattern = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.S)
known = {"".join(text.split()) for text in pattern.findall((root / "etc/ssl/certs/ca-certificates.crt").read_text())}
found = [text for text in pattern.findall(host.read_text()) if "".join(text.split()) not in known]
for number, text in enumerate(found):
    (root / f"usr/local/share/ca-certificates/host-{number}.crt").write_text(text + "\n")
PYTHON

cat >"$work/customize" <<EOF_HOOK
#!/bin/sh
set -eu
root=\$1
cat >"\$root/etc/apt/apt.conf.d/docker-clean" <<'CONF'
DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/archives/partial/*.deb /var/cache/apt/*.bin || true"; };
APT::Update::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/archives/partial/*.deb /var/cache/apt/*.bin || true"; };
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
CONF
echo 'Acquire::Languages "none";' >"\$root/etc/apt/apt.conf.d/docker-no-languages"
echo 'Apt::AutoRemove::SuggestsImportant "false";' >"\$root/etc/apt/apt.conf.d/docker-autoremove-suggests"
if [ -r $host_bundle ]; then
    mkdir -p "\$root/usr/local/share/ca-certificates"
    python3 "$work/certificates.py" $host_bundle "\$root"
    chroot "\$root" update-ca-certificates >/dev/null 2>&1
    printf '[global]\ncert = $host_bundle\n' >"\$root/etc/pip.conf"
    echo 'cafile=$host_bundle' >"\$root/etc/npmrc"
fi
rm -f "\$root"/var/cache/apt/*.bin "\$root"/var/log/dpkg.log "\$root"/var/log/bootstrap.log
rm -rf "\$root"/var/lib/apt/lists/* "\$root"/var/log/apt
mkdir -p "\$root/var/lib/apt/lists/partial"
find "\$root/usr/share/man" -type f -delete
EOF_HOOK
chmod +x "$work/customize"

# Without it usrmerge comes in, and all of Perl with it.
merged=/usr/share/mmdebstrap/hooks/merged-usr
[ -d "$merged" ] && set -- --include=usr-is-merged --hook-dir="$merged" || set --

mmdebstrap --quiet --variant=minbase --include=ca-certificates "$@" \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --dpkgopt='path-exclude=/usr/share/man/*/man*/*' \
    --customize-hook="$work/customize" "$suite" "$output.part.tar"
mv "$output.part.tar" "$output"
