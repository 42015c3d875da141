"""Which links of a page are followed."""

from __future__ import annotations

import pytest

from analyzer.crawling import leads

URL = "http://site:8000/docs/a.html"

PAGES: dict[str, tuple[str, list[str]]] = {
    "no links": ("<p>href='/x'", []),
    "beside the page": ('<a href="b.html">', ["http://site:8000/docs/b.html"]),
    "from the root": ('<a href="/b">', ["http://site:8000/b"]),
    "up and down": ('<a href="../c/?q=1&amp;r=2">', ["http://site:8000/c/?q=1&r=2"]),
    "without its fragment, once": (
        '<a href="#top"><a href="b#1"><a href="b#2">',
        [URL, "http://site:8000/docs/b"],
    ),
    "another site, port, scheme": (
        '<a href="http://other/"><a href="http://site/"><a href="//site:8000/ok"><a href="mailto:a@b">',
        ["http://site:8000/ok"],
    ),
    "what a page loads": (
        '<link href=s.css><script src=j.js></script><img src="i.png"><iframe src=f></iframe>',
        [f"http://site:8000/docs/{name}" for name in ("s.css", "j.js", "i.png", "f")],
    ),
    "a base": ('<base href="/base/"><a href="x">', ["http://site:8000/base/x"]),
    "odd markup": ('<a href><a href=""><a href=" /x "><A HREF=/y', ["http://site:8000/x"]),
    "an address that is none": ('<a href="http://[x/"><a href="/y">', ["http://site:8000/y"]),
}


@pytest.mark.parametrize(("page", "found"), PAGES.values(), ids=PAGES.keys())
def test_links(page: str, found: list[str]) -> None:
    assert leads(page, "", URL) == found


REDIRECTS: dict[str, tuple[str, list[str]]] = {
    "to a path": ("/login?next=/", ["http://site:8000/login?next=/"]),
    "to a whole URL": ("http://site:8000/x#top", ["http://site:8000/x"]),
    "to another site": ("https://site:8000/", []),
}


@pytest.mark.parametrize(("location", "found"), REDIRECTS.values(), ids=REDIRECTS.keys())
def test_redirects(location: str, found: list[str]) -> None:
    assert leads("", location, URL) == found
