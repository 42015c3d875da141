"""Requests out of OpenAPI descriptions."""

from __future__ import annotations

from typing import Any

import pytest

from analyzer.errors import ScratchifyError
from analyzer.openapi import base_url, load, targets

SERVED = "http://localhost:8000/api/openapi.json"

BASES: dict[str, tuple[dict[str, Any], str, str]] = {
    "no server: the root of where it came from": ({}, SERVED, "http://localhost:8000/"),
    "a relative server": ({"servers": [{"url": "/v1"}]}, SERVED, "http://localhost:8000/v1"),
    "a server beside the description": (
        {"servers": [{"url": "v1/"}]},
        SERVED,
        "http://localhost:8000/api/v1/",
    ),
    "an absolute server": ({"servers": [{"url": "https://a.test/v2"}]}, SERVED, "https://a.test/v2"),
    "a server with variables": (
        {"servers": [{"url": "http://{h}:{p}/", "variables": {"h": {"default": "a"}, "p": {"default": 80}}}]},
        "",
        "http://a:80/",
    ),
    "Swagger 2.0": (
        {"host": "a.test:81", "basePath": "/v1", "schemes": ["https"]},
        "",
        "https://a.test:81/v1",
    ),
    "Swagger 2.0 without a host": ({"basePath": "/v1"}, SERVED, "http://localhost:8000/v1"),
    "a file that names no server": ({}, "", ""),
    "a file with a relative server": ({"servers": [{"url": "/v1"}]}, "", ""),
}


@pytest.mark.parametrize(("document", "source", "base"), BASES.values(), ids=BASES.keys())
def test_bases(document: dict[str, Any], source: str, base: str) -> None:
    assert base_url(document, source) == base


def item(*parameters: dict[str, Any], method: str = "get") -> dict[str, Any]:
    return {method: {"parameters": list(parameters)}}


def path_parameter(**fields: Any) -> dict[str, Any]:
    return {"name": "id", "in": "path", "required": True, **fields}


PATHS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "nothing": ({}, []),
    "only what changes nothing": ({"/b": item(), "/a": item(method="post")}, ["/b"]),
    "sorted": ({"/b": item(), "/a": item()}, ["/a", "/b"]),
    "an example": ({"/{id}": item(path_parameter(example="x/y"))}, ["/x%2Fy"]),
    "an example of the schema": ({"/{id}": item(path_parameter(schema={"example": 7}))}, ["/7"]),
    "the first of several examples": (
        {"/{id}": item(path_parameter(examples={"one": {"value": "first"}, "two": {"value": "second"}}))},
        ["/first"],
    ),
    "a default": ({"/{id}": item(path_parameter(schema={"type": "boolean", "default": False}))}, ["/false"]),
    "an enumeration": ({"/{id}": item(path_parameter(schema={"enum": ["p", "q"]}))}, ["/p"]),
    "by type": ({"/{id}": item(path_parameter(schema={"type": "integer"}))}, ["/1"]),
    "by type, not under the minimum": (
        {"/{id}": item(path_parameter(schema={"type": "integer", "minimum": 100}))},
        ["/100"],
    ),
    "by format": (
        {"/{id}": item(path_parameter(schema={"type": "string", "format": "date"}))},
        ["/2000-01-01"],
    ),
    "Swagger 2.0 has the type in the parameter": ({"/{id}": item(path_parameter(type="integer"))}, ["/1"]),
    "a parameter of the whole path": (
        {"/{id}": {"parameters": [path_parameter(example="x")], "get": {}}},
        ["/x"],
    ),
    "a required query, not an optional one": (
        {
            "/": item(
                {"name": "q", "in": "query", "required": True, "example": "a b"},
                {"name": "r", "in": "query", "example": "c"},
            )
        },
        ["/?q=a+b"],
    ),
    "a reference": ({"/{id}": item({"$ref": "#/components/parameters/a~1b"})}, ["/shared"]),
    "a reference that leads nowhere": ({"/x": item({"$ref": "#/no/where"})}, ["/x"]),
    "a reference to itself": ({"/x": item({"$ref": "#/components/parameters/loop"})}, ["/x"]),
}
COMPONENTS = {
    "parameters": {
        "a/b": path_parameter(schema={"$ref": "#/components/schemas/s"}),
        "loop": {"$ref": "#/components/parameters/loop"},
    },
    "schemas": {"s": {"example": "shared"}},
}


@pytest.mark.parametrize(("paths", "found"), PATHS.values(), ids=PATHS.keys())
def test_targets(paths: dict[str, Any], found: list[str]) -> None:
    assert targets({"paths": paths, "components": COMPONENTS}) == found


def test_json_and_yaml_are_read() -> None:
    assert load('{"paths": {"/a": {}}}', "x") == load("paths:\n  /a: {}\n", "x") == {"paths": {"/a": {}}}


@pytest.mark.parametrize("text", ["<html>", "[1]", "a: [", '{"openapi": "3.0.0"}'])
def test_what_is_no_description(text: str) -> None:
    with pytest.raises(ScratchifyError, match=r"api\.json"):
        load(text, "api.json")
