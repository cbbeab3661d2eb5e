"""A Lambda handler: what it returns becomes the task's result."""

from typing import Any


class UnknownLanguageError(Exception):
    """The state machine catches it by this name."""


GREETINGS = {"en": "Hello", "fr": "Bonjour", "de": "Guten Tag"}


def handler(event: dict[str, Any], _context: object) -> dict[str, str]:
    """Greets ``event["name"]`` in ``event["language"]``."""
    language = event.get("language", "en")
    if language not in GREETINGS:
        raise UnknownLanguageError(language)
    print(f"greeting {event['name']}")
    return {"text": f"{GREETINGS[language]}, {event['name']}"}
