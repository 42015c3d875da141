"""Which other pages of the same site a page leads to."""

from __future__ import annotations

from html.parser import HTMLParser
from urllib.parse import urldefrag, urljoin, urlsplit

# Element to the attribute that names what a browser loads or goes to (HTML standard, "Attributes").
_LINKING = {
    "a": "href",
    "area": "href",
    "link": "href",
    "img": "src",
    "script": "src",
    "iframe": "src",
    "source": "src",
    "audio": "src",
    "video": "src",
    "embed": "src",
    "track": "src",
    "object": "data",
}


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.base = ""
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "base" and not self.base:
            self.base = values.get("href") or ""
        target = values.get(_LINKING.get(tag, ""))
        if target:
            self.found.append(target.strip())


def leads(page: str, location: str, url: str) -> list[str]:
    """URLs of the same origin that a page leads to, by its Location header or as HTML.

    Absolute, without fragments, in order, each once.
    """
    reader = _Reader()
    reader.found += [location] if location else []
    reader.feed(page)
    base = urljoin(url, reader.base)
    origin = urlsplit(url)[:2]
    found: dict[str, None] = {}
    for target in reader.found:
        try:
            absolute = urldefrag(urljoin(base, target)).url
        except ValueError:
            continue
        if urlsplit(absolute)[:2] == origin:
            found[absolute] = None
    return list(found)
