"""Who may operate: programs with the operator's token, people with a session that the token opened."""

import hmac
from collections.abc import Mapping

from order_processing.clock import Clock
from order_processing.service.http import header
from order_processing.service.problems import Problem, ProblemError
from order_processing.service.router import Request
from order_processing.service.sessions import Seal, cookie, cookie_header

SESSION_SECONDS = 12 * 3_600
SESSION_COOKIE = "operator"
SESSION_PATH = "/operator"


class Operators:
    """Knows the operator's token; whoever reads its file may operate.

    Args:
        token: the secret.
        seal: signs sessions.
    """

    def __init__(self, token: bytes, seal: Seal, clock: Clock) -> None:
        self._token = token
        self._seal = seal
        self._clock = clock

    def demand_token(self, request: Request) -> None:
        """Asks a program for ``Authorization: Bearer TOKEN``.

        Raises:
            ProblemError: it has not got it.
        """
        given = header(request.scope, b"authorization")
        if not hmac.compare_digest(given, b"Bearer " + self._token):
            raise ProblemError(
                Problem.UNAUTHORIZED,
                "send Authorization: Bearer with the token in EXPEDITOR_HOME/secrets/operator.token",
                headers=((b"www-authenticate", b"Bearer"),),
            )

    def is_token(self, text: str) -> bool:
        """Whether *text* is the token, as a person pasted it."""
        return hmac.compare_digest(text.strip().encode(), self._token.strip())

    def opened_session(self, name: str) -> bytes:
        """The Set-Cookie header of a new session of the person who calls herself *name*."""
        content: Mapping[str, object] = {"name": name, "until": self._clock.now() + SESSION_SECONDS}
        return cookie_header(SESSION_COOKIE, self._seal.sealed(content), SESSION_PATH, SESSION_SECONDS)

    def closed_session(self) -> bytes:
        """The Set-Cookie header that ends a session."""
        return cookie_header(SESSION_COOKIE, "", SESSION_PATH, 0)

    def person(self, request: Request) -> str | None:
        """Whose session the browser's cookie is of; None: nobody's, or it has run out."""
        content = self._seal.opened(cookie(request.scope, SESSION_COOKIE))
        if content is None or content["until"] <= self._clock.now():
            return None
        return str(content["name"])
