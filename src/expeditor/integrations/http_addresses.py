"""Where HTTP tasks may connect to: a list of hosts, and for most of them public addresses only."""

import ipaddress
import re
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import SplitResult, urlsplit

from expeditor.errors import ExpeditorError
from expeditor.settings import SettingsError

SETTING = "HTTP_TASK_ALLOW"
PORTS = {"https": 443, "http": 80}

_HOST = re.compile(r"[a-z0-9]([a-z0-9_.-]*[a-z0-9])?|[0-9a-f:.]*:[0-9a-f:.]*")
_UNSAFE = re.compile(r"[^\x21-\x7e]|\\")
_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")

Resolve: TypeAlias = Callable[[str, int], Sequence[str]]
"""The addresses of a host. Blocks; raises OSError."""


class ForbiddenAddressError(ExpeditorError):
    """An HTTP task wants to go where it may not."""


@dataclass(frozen=True, slots=True)
class Origin:
    """One server: where an HTTP task connects to."""

    scheme: str
    host: str
    port: int

    @property
    def authority(self) -> str:
        """The ``Host`` header: without the scheme's own port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class AllowedHost:
    """One entry of the list.

    Attributes:
        is_exact: the entry names its port, which vouches for private addresses too.
    """

    origin: Origin
    is_exact: bool


def allowed_hosts(text: str) -> tuple[AllowedHost, ...]:
    """The entries of ``HTTP_TASK_ALLOW``: ``[http://]host[:port]``, separated by commas or blanks.

    Raises:
        SettingsError: an entry is no host.
    """
    return tuple(_allowed(entry) for entry in re.split(r"[\s,]+", text) if entry)


def _allowed(entry: str) -> AllowedHost:
    url = entry if "://" in entry else f"https://{entry}"
    try:
        parts = urlsplit(url)
        origin = _origin(parts)
        is_exact = parts.port is not None
    except (ValueError, ForbiddenAddressError) as error:
        raise SettingsError(
            f"{SETTING} has {entry!r}; give hosts such as api.example.com or http://host:port"
        ) from error
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise SettingsError(f"{SETTING} has {entry!r}; leave the path out, hosts are allowed as a whole")
    return AllowedHost(origin, is_exact)


def target_of(url: str) -> tuple[Origin, SplitResult]:
    """The server that a URL names, and the URL's parts.

    Raises:
        ForbiddenAddressError: not a plain absolute http or https URL. URLs that two parsers might read differently
            are refused rather than repaired.
    """
    if _UNSAFE.search(url):
        raise ForbiddenAddressError(f"ApiEndpoint {url!r:.200} has characters that a URL must have percent-encoded")
    try:
        parts = urlsplit(url)
        return _origin(parts), parts
    except ValueError as error:
        raise ForbiddenAddressError(f"ApiEndpoint {url!r:.200} is not a URL: {error}") from error


def _origin(parts: SplitResult) -> Origin:
    if parts.scheme not in PORTS:
        raise ForbiddenAddressError(f"an HTTP task calls https:// URLs, not {parts.scheme or 'relative'} ones")
    if "@" in parts.netloc:
        raise ForbiddenAddressError("ApiEndpoint has a user name in it; give credentials in a connection")
    host = (parts.hostname or "").lower()
    if not _HOST.fullmatch(host) or ".." in host:
        raise ForbiddenAddressError(f"{host!r:.200} is no host name; write it in ASCII, without a dot at its end")
    port = PORTS[parts.scheme] if parts.port is None else parts.port
    if port == 0:
        raise ForbiddenAddressError("port 0 is no port")
    return Origin(parts.scheme, host, port)


class Addresses:
    """Decides where a request goes: the host has to be listed, and is looked up once."""

    def __init__(self, allowed: Sequence[AllowedHost], resolve: Resolve | None = None) -> None:
        self._allowed = {each.origin: each for each in sorted(allowed, key=lambda each: each.is_exact)}
        self._resolve = resolve or _addresses

    def address(self, origin: Origin) -> str:
        """The IP address to connect to. Blocks while the name is looked up.

        Raises:
            ForbiddenAddressError: the host is not listed, or one of its addresses is not public.
            OSError: the name cannot be looked up.
        """
        entry = self._allowed.get(origin)
        if entry is None:
            raise ForbiddenAddressError(
                f"{origin.scheme}://{origin.authority} may not be called; the node's {SETTING} does not list it"
            )
        found = self._resolve(origin.host, origin.port)
        private = [] if entry.is_exact else [address for address in found if not is_public(address)]
        if private:
            raise ForbiddenAddressError(
                f"{origin.authority} has the address {private[0]}, which is not public; if that is meant, list"
                f" {origin.scheme}://{origin.host}:{origin.port} with its port in {SETTING}"
            )
        if not found:
            raise OSError(f"{origin.host} has no address")
        return found[0]


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public internet: neither private nor local nor a way to such a one.

    Source: IANA special-purpose address registries (RFC 6890); RFC 4291, 3056, 4380 and 6052 for IPv4 inside IPv6.
    """
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv4Address):
        return ip.is_global and not ip.is_multicast and not ip.is_reserved
    is_tunnel = ip.ipv4_mapped is not None or ip.sixtofour is not None or ip.teredo is not None
    return ip in _GLOBAL_UNICAST and ip.is_global and not is_tunnel


def _addresses(host: str, port: int) -> Sequence[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(each[4][0]) for each in found))
