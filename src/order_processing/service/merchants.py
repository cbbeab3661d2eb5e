"""Who may redeem: the merchants' tokens, of which only hashes are kept, and the sessions they open."""

import hashlib
from pathlib import Path

import msgspec

from order_processing.clock import Clock
from order_processing.domain import MerchantUser
from order_processing.errors import TransientError
from order_processing.service.http import header
from order_processing.service.problems import Problem, ProblemError
from order_processing.service.router import Request
from order_processing.service.sessions import Seal, cookie, cookie_header
from order_processing.service.throttle import Throttle, source_of

SESSION_SECONDS = 12 * 3_600
SESSION_COOKIE = "merchant"
SESSION_PATH = "/merchant"
_decoder = msgspec.json.Decoder(dict[str, dict[str, str]])


class MerchantsFileError(TransientError):
    """The file of the merchants' tokens cannot be read, so nobody can redeem."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path} cannot be read ({reason}); `expeditor voucher merchant-token` writes it")
        self.path = path


class Merchants:
    """The file ``{merchant: {user: SHA-256 of the token, hexadecimal}}``; read again whenever it changes.

    Tokens are 256 random bits, so their hash needs no salt. Taking one out of the file ends its sessions too.
    """

    def __init__(self, path: Path, seal: Seal, clock: Clock, throttle: Throttle) -> None:
        self._path = path
        self._seal = seal
        self._clock = clock
        self._throttle = throttle
        self._stamp: tuple[int, int] | None = None
        self._users: dict[str, MerchantUser] = {}

    def with_bearer(self, request: Request) -> MerchantUser:
        """Whose token a program sent.

        Raises:
            ProblemError: nobody's, or its address was wrong too often.
        """
        scheme, _, token = header(request.scope, b"authorization").decode("latin-1").partition(" ")
        user = self.with_token(request, token if scheme == "Bearer" else "")
        if user is None:
            detail = "send Authorization: Bearer with a merchant's token; the shop's operator gives them out"
            raise ProblemError(Problem.MERCHANT_TOKEN, detail, headers=((b"www-authenticate", b"Bearer"),))
        return user

    def with_token(self, request: Request, token: str) -> MerchantUser | None:
        """Whose *token* it is; wrong ones count against the address they come from.

        Raises:
            ProblemError: the address was wrong too often.
        """
        source = f"token from {source_of(request.scope)}"
        self._throttle.demand(source)
        user = self._known().get(_hash(token))
        if user is None:
            self._throttle.wrong(source)
        return user

    def in_session(self, request: Request) -> MerchantUser | None:
        """Whose session the browser's cookie is of; None: nobody's, or it has run out."""
        content = self._seal.opened(cookie(request.scope, SESSION_COOKIE))
        if content is None or content["until"] <= self._clock.now():
            return None
        return self._known().get(content["token_hash"])

    def opened_session(self, token: str) -> bytes:
        """The Set-Cookie header of a new session of whoever has *token*."""
        content = {"token_hash": _hash(token), "until": self._clock.now() + SESSION_SECONDS}
        return cookie_header(SESSION_COOKIE, self._seal.sealed(content), SESSION_PATH, SESSION_SECONDS)

    def closed_session(self) -> bytes:
        """The Set-Cookie header that ends a session."""
        return cookie_header(SESSION_COOKIE, "", SESSION_PATH, 0)

    def _known(self) -> dict[str, MerchantUser]:
        try:
            status = self._path.stat()
            stamp = (status.st_mtime_ns, status.st_ino)
            if stamp != self._stamp:
                self._users = _users(self._path.read_bytes())
                self._stamp = stamp
        except FileNotFoundError:
            self._stamp, self._users = None, {}
        except (OSError, msgspec.DecodeError) as error:
            raise MerchantsFileError(self._path, str(error)) from error
        return self._users


def _users(content: bytes) -> dict[str, MerchantUser]:
    return {
        token_hash: MerchantUser(merchant, user)
        for merchant, users in _decoder.decode(content).items()
        for user, token_hash in users.items()
    }


def _hash(token: str) -> str:
    return hashlib.sha256(token.strip().encode()).hexdigest()
