"""The smallest class files that say what a test wants them to say (JVM specification 4)."""

from __future__ import annotations


def class_file(*names: str, literals: str = "") -> bytes:
    """The head of a class: texts for names, a long (it takes two places), texts with a string each."""
    texts = (*names, *filter(None, literals.split(";")))
    pool = [b"\x01" + len(word.encode()).to_bytes(2) + word.encode() for word in texts]
    strings = [b"\x08" + number.to_bytes(2) for number in range(len(names) + 1, len(texts) + 1)]
    entries = [*pool, b"\x05" + bytes(8), *strings]
    return b"\xca\xfe\xba\xbe\0\0\0\x3d" + (len(entries) + 2).to_bytes(2) + b"".join(entries)
