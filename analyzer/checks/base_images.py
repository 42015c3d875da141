"""What is known of public base images without a look at them: the names that their environment has.

BuildKit knows the environment of a base image because it pulls it. We know PATH of all of them, and for the
images here the names that their maintainers' Dockerfiles set. Of any other image we cannot say that it does
not set a name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from analyzer.reference import Reference, ReferenceFormatError, parse

_JAVA = "JAVA_HOME JAVA_VERSION LANG LANGUAGE LC_ALL"

_OFFICIAL: Mapping[str, str] = {
    "almalinux": "",
    "alpine": "",
    "amazonlinux": "",
    "archlinux": "LANG",
    "buildpack-deps": "",
    "busybox": "",
    "centos": "",
    "debian": "",
    "fedora": "DISTTAG FGC FBR container",
    "opensuse/leap": "",
    "oraclelinux": "",
    "photon": "",
    "rockylinux": "",
    "ubuntu": "",
    "amazoncorretto": "JAVA_HOME LANG",
    "eclipse-temurin": _JAVA,
    "openjdk": f"{_JAVA} JAVA_DEBIAN_VERSION JAVA_ALPINE_VERSION CA_CERTIFICATES_JAVA_VERSION",
    "gradle": f"{_JAVA} GRADLE_HOME GRADLE_VERSION",
    "maven": f"{_JAVA} MAVEN_HOME MAVEN_CONFIG MAVEN_VERSION",
    "tomcat": f"{_JAVA} CATALINA_HOME TOMCAT_NATIVE_LIBDIR LD_LIBRARY_PATH GPG_KEYS "
    "TOMCAT_MAJOR TOMCAT_VERSION TOMCAT_SHA512",
    "golang": "GOLANG_VERSION GOTOOLCHAIN GOPATH",
    "node": "NODE_VERSION YARN_VERSION",
    "perl": "PERL_VERSION",
    "php": "PHPIZE_DEPS PHP_INI_DIR PHP_CFLAGS PHP_CPPFLAGS PHP_LDFLAGS GPG_KEYS PHP_VERSION PHP_URL "
    "PHP_ASC_URL PHP_SHA256 PHP_MD5 PHP_EXTRA_CONFIGURE_ARGS PHP_EXTRA_BUILD_DEPS APACHE_CONFDIR "
    "APACHE_ENVVARS",
    "python": "LANG GPG_KEY PYTHON_VERSION PYTHON_SHA256 PYTHON_PIP_VERSION PYTHON_SETUPTOOLS_VERSION "
    "PYTHON_GET_PIP_URL PYTHON_GET_PIP_SHA256",
    "pypy": "LANG PYPY_VERSION PYTHON_PIP_VERSION PYTHON_SETUPTOOLS_VERSION PYTHON_GET_PIP_URL "
    "PYTHON_GET_PIP_SHA256",
    "ruby": "LANG RUBY_VERSION RUBY_MAJOR RUBY_DOWNLOAD_URL RUBY_DOWNLOAD_SHA256 RUBYGEMS_VERSION "
    "GEM_HOME GEM_PATH BUNDLE_SILENCE_ROOT_WARNING BUNDLE_APP_CONFIG BUNDLE_PATH BUNDLE_BIN BUNDLER_VERSION",
    "rust": "RUSTUP_HOME CARGO_HOME RUST_VERSION",
    "swift": "SWIFT_SIGNING_KEY SWIFT_PLATFORM SWIFT_BRANCH SWIFT_VERSION SWIFT_WEBROOT SWIFT_PREFIX",
    "httpd": "HTTPD_PREFIX HTTPD_VERSION HTTPD_SHA256 HTTPD_PATCHES",
    "nginx": "NGINX_VERSION NJS_VERSION NJS_RELEASE PKG_RELEASE DYNPKG_RELEASE ACME_VERSION",
    "postgres": "GOSU_VERSION LANG PG_MAJOR PG_VERSION PG_SHA256 PGDATA DOCKER_PG_LLVM_DEPS",
    "redis": "GOSU_VERSION REDIS_VERSION REDIS_DOWNLOAD_URL REDIS_DOWNLOAD_SHA",
}

_NAMES: dict[str, frozenset[str]] = {name: frozenset(text.split()) for name, text in _OFFICIAL.items()}


def reference_of(image: str) -> Reference | None:
    """An image name, taken apart; None for what is none."""
    try:
        return parse(image)
    except ReferenceFormatError:
        return None


def official_name(image: str) -> str:
    """The short name of one of Docker's official images, tag aside; "" for others."""
    reference = reference_of(image)
    if reference is None or reference.domain != "docker.io" or "/" in reference.name:
        return ""
    return reference.name


def environment_names(image: str) -> frozenset[str] | None:
    """The names, PATH aside, that the environment of an image has; None where that is not known."""
    reference = reference_of(image)
    if reference is None:
        return None
    if re.match(r"gcr\.io/distroless/(static|base|cc)", image):
        return frozenset({"SSL_CERT_FILE"})
    return _NAMES.get(reference.name) if reference.domain == "docker.io" else None
