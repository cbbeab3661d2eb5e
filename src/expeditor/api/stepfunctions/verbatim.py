"""Values that TestState hands on unchanged keep the spacing of the text they came in, as AWS's do."""

from collections.abc import Iterable, Iterator
from itertools import islice

import msgspec

from expeditor.payloads import JSONValue, decode, encode

PARTS_MAX = 64
"""Of one source so many parts are looked at, so that no input makes it slow."""

_members = msgspec.json.Decoder(dict[str, msgspec.Raw])


def text_of(value: JSONValue, sources: Iterable[str]) -> str:
    """*value* as JSON text: as written in one of *sources*, as a whole or as a member of its objects, else compact."""
    if isinstance(value, dict | list):
        for source in sources:
            for text in islice(_parts(source.encode()), PARTS_MAX):
                if decode(text) == value:
                    return text.decode()
    return encode(value).decode()


def _parts(text: bytes) -> Iterator[bytes]:
    """*text* and what its objects hold, outer parts before inner ones; nothing inside arrays."""
    pending = [text.strip()]
    for part in pending:
        yield part
        if part.startswith(b"{"):
            pending.extend(bytes(inner) for inner in _members.decode(part).values() if bytes(inner)[:1] in b"{[")
