"""Which requests an OpenAPI description makes possible without changing anything: its GET operations.

OpenAPI 3 (servers, parameters with schema and example) and Swagger 2.0 (host, basePath, typed parameters).
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode, urljoin, urlsplit

from analyzer.errors import ScratchifyError

# A value of each type, where a required parameter has neither example, default nor enumeration.
_BY_TYPE: dict[str, Any] = {"integer": 1, "number": 1, "boolean": True, "array": "a", "string": "a"}
_BY_FORMAT = {
    "uuid": "00000000-0000-0000-0000-000000000000",
    "date": "2000-01-01",
    "date-time": "2000-01-01T00:00:00Z",
    "email": "a@example.com",
}
_MOST_REFERENCES = 20


def load(text: str, source: str) -> dict[str, Any]:
    """A description in JSON or YAML. Raises ScratchifyError for what is none; `source` names it there."""
    import yaml  # only this probe and structure tests need it

    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ScratchifyError(f"{source} is neither JSON nor YAML: {error}") from error
    if not isinstance(document, dict) or not isinstance(document.get("paths"), dict):
        raise ScratchifyError(
            f"{source} is no OpenAPI description: it has no `paths`",
            hint="openapi takes the JSON or YAML document itself, not the page that shows it",
        )
    return document


def base_url(document: dict[str, Any], source: str) -> str:
    """Where the description's paths begin: an absolute URL, or "" where it names no server.

    `source` is the URL that the description came from, "" for a file.
    """
    servers = document.get("servers")
    if isinstance(servers, list) and servers and isinstance(servers[0], dict):
        url = str(servers[0].get("url", "/"))
        for name, variable in (servers[0].get("variables") or {}).items():
            url = url.replace(f"{{{name}}}", str(variable.get("default", "")))
    else:
        url = str(document.get("basePath") or "/")
        if document.get("host"):
            scheme = (document.get("schemes") or ["http"])[0]
            url = f"{scheme}://{document['host']}{url}"
    absolute = urljoin(source, url) if source else url
    return absolute if urlsplit(absolute).scheme in ("http", "https") else ""


def targets(document: dict[str, Any]) -> list[str]:
    """Paths with queries of the GET operations, below the base, parameters filled in; sorted."""
    found = []
    for path, item in document["paths"].items():
        item = _resolved(document, item)
        operation = item.get("get")
        if not isinstance(operation, dict):
            continue
        parameters = [
            _resolved(document, parameter)
            for parameter in [*(item.get("parameters") or []), *(operation.get("parameters") or [])]
        ]
        query = []
        for parameter in parameters:
            name, value = str(parameter.get("name")), _value(document, parameter)
            if parameter.get("in") == "path":
                path = path.replace(f"{{{name}}}", quote(value, safe=""))
            elif parameter.get("in") == "query" and parameter.get("required"):
                query.append((name, value))
        found.append(path + (f"?{urlencode(query)}" if query else ""))
    return sorted(found)


def _value(document: dict[str, Any], parameter: dict[str, Any]) -> str:
    """An example of a parameter, as the description gives it or by its type."""
    schema = _resolved(document, parameter.get("schema") or parameter)
    for holder in (parameter, schema):
        for key in ("example", "default"):
            if key in holder:
                return _text(holder[key])
        examples = holder.get("examples")
        if isinstance(examples, list) and examples:
            return _text(examples[0])
        if isinstance(examples, dict) and examples:
            first = _resolved(document, next(iter(examples.values())))
            return _text(first.get("value", ""))
        if holder.get("enum"):
            return _text(holder["enum"][0])
    kind = schema.get("type", "string")
    value = _BY_FORMAT.get(schema.get("format", ""), _BY_TYPE.get(str(kind), "a"))
    least = schema.get("minimum")
    return _text(least if isinstance(least, int) and least > 1 and kind in ("integer", "number") else value)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _resolved(document: dict[str, Any], value: Any) -> dict[str, Any]:
    """What a `$ref` into the same document stands for (RFC 6901 pointers)."""
    for _ in range(_MOST_REFERENCES):
        reference = value.get("$ref") if isinstance(value, dict) else None
        if not isinstance(reference, str) or not reference.startswith("#/"):
            break
        value = document
        for part in reference[2:].split("/"):
            part = part.replace("~1", "/").replace("~0", "~")
            value = value.get(part, {}) if isinstance(value, dict) else {}
    return value if isinstance(value, dict) else {}
