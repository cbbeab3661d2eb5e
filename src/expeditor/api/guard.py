"""Who may call: what is checked of a request before its body is read."""

from collections.abc import Iterable

from expeditor.api.errors import AccessDeniedError, HeadersTooLargeError
from expeditor.api.protocol import HttpRequest

HEADER_BYTES_MAX = 32_768
"""AWS's clients send some 2 KB; a session token adds 2 more."""

_OTHER_SITES = frozenset({"cross-site", "same-site"})
"""A page on another port of this machine is "same-site". Source: W3C Fetch Metadata Request Headers."""

LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "[::1]"})


class Guard:
    """Lets in what names the node by one of its own hosts.

    A page of another site can make a browser send requests here: by a host name of its own that resolves to loopback,
    or by a plain form or image. The first is seen by its Host, the others by what browsers add to them, Origin and
    Sec-Fetch-Site; AWS's clients send neither.

    Credentials are not looked at: who reaches a loopback socket is let in. A check of signatures against a list of
    access keys belongs in ``check``, as it sees every request first.
    """

    def __init__(self, hosts: Iterable[str] = ()) -> None:
        self._hosts = LOOPBACK_HOSTS | {host.lower() for host in hosts}

    def check(self, request: HttpRequest) -> None:
        """Returns if the request may go on.

        Raises:
            AccessDeniedError: the Host is not the node's, or a page of another site sent it.
            HeadersTooLargeError: the head is too long.
        """
        headers = request.headers
        size = len(request.path) + len(request.query) + sum(map(len, headers)) + sum(map(len, headers.values()))
        if size > HEADER_BYTES_MAX:
            raise HeadersTooLargeError(HEADER_BYTES_MAX)
        host = headers.get("host", "")
        if not self._is_ours(host):
            raise AccessDeniedError(
                f"the host {host[:256]!r} is not a name of this node; call it as 127.0.0.1 or localhost, "
                "or add the name to its allowed hosts"
            )
        origin = headers.get("origin")
        if origin is not None and not self._is_ours(origin.partition("://")[2]):
            raise AccessDeniedError(f"pages of {origin[:256]!r} may not call this node")
        if headers.get("sec-fetch-site", "none") in _OTHER_SITES:
            raise AccessDeniedError("pages of other sites may not call this node")

    def _is_ours(self, host: str) -> bool:
        """Whether a Host names the node; some operations are called with ``sync-`` in front of it."""
        name = host.lower().removeprefix("sync-")
        name = name if name.endswith("]") else name.rpartition(":")[0] or name
        return name in self._hosts or name.endswith(".localhost")
