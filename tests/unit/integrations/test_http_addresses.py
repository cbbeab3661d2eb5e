"""Where HTTP tasks may go: what attackers write, and what operators list."""

import pytest

from expeditor.integrations.http_addresses import (
    Addresses,
    ForbiddenAddressError,
    Origin,
    allowed_hosts,
    is_public,
    target_of,
)
from expeditor.settings import SettingsError

LISTED = "api.example.com, api.example.com:8443, http://legacy.example.com, http://127.0.0.1:9000"

HOSTILE = [
    # Loopback and its spellings
    "https://127.0.0.1/",
    "http://127.0.0.1/",
    "http://127.0.0.1:9001/",
    "https://127.0.0.1:9000/",
    "http://127.1:9000/",
    "http://127.0.1:9000/",
    "http://2130706433:9000/",
    "http://0x7f000001:9000/",
    "http://0x7f.0.0.1:9000/",
    "http://0177.0.0.1:9000/",
    "http://017700000001:9000/",
    "http://127.000.000.001:9000/",
    "http://localhost:9000/",
    "http://localhost.:9000/",
    "http://0.0.0.0:9000/",
    "http://0:9000/",
    "http://[::1]:9000/",
    "http://[::]:9000/",
    "http://[::ffff:127.0.0.1]:9000/",
    "http://[::ffff:7f00:1]:9000/",
    "http://[0:0:0:0:0:ffff:127.0.0.1]:9000/",
    "http://[::127.0.0.1]:9000/",
    "http://[64:ff9b::7f00:1]:9000/",
    "http://[2002:7f00:1::]:9000/",
    "http://[fe80::1%25eth0]:9000/",
    "http://127.0.0.1.nip.io:9000/",
    "http://①②⑦.⓪.⓪.①:9000/",
    "http://127。0。0。1:9000/",
    "http://%31%32%37.0.0.1:9000/",
    # Metadata services and private networks
    "http://169.254.169.254/latest/meta-data/",
    "https://169.254.169.254/latest/api/token",
    "http://[fd00:ec2::254]/latest/meta-data/",
    "http://metadata.google.internal/computeMetadata/v1/",
    "http://169.254.170.2/v2/credentials",
    "http://100.100.100.200/latest/meta-data/",
    "http://10.0.0.1/",
    "http://172.16.0.1/",
    "http://192.168.0.1/",
    "http://100.64.0.1/",
    # Other schemes
    "file:///etc/passwd",
    "gopher://127.0.0.1:9000/_x",
    "dict://127.0.0.1:9000/",
    "ftp://api.example.com/",
    "ws://api.example.com/",
    "data:text/plain,x",
    "javascript:alert(1)",
    "//api.example.com/",
    "api.example.com/",
    "",
    # What two parsers read differently
    "https://api.example.com@127.0.0.1/",
    "https://127.0.0.1@api.example.com/",
    "https://api.example.com:8443@evil.example/",
    "https://api.example.com#@evil.example/ x",
    "https://api.example.com\\@evil.example/",
    "https://evil.example\\.api.example.com/",
    "https:\\\\api.example.com/",
    "https://api.example.com\t/",
    "https://api.example.com\r\nHost: evil/",
    "https://api.example.com\x00.evil.example/",
    " https://api.example.com/",
    "https://api.example.com /",
    "https://[api.example.com]/",
    "https://[::1/",
    "https://api.example.com:99999/",
    "https://api.example.com:abc/",
    "https://api.example.com:0/",
    "https://api..example.com/",
    "https://-api.example.com/",
    # Near misses of what is listed
    "https://api.example.com./",
    "https://api.example.com.evil.example/",
    "https://evil-api.example.com/",
    "https://example.com/",
    "https://sub.api.example.com/",
    "http://api.example.com/",
    "http://api.example.com:443/",
    "https://api.example.com:8444/",
    "https://legacy.example.com/",
    "https://\u0430pi.example.com/",
]


def nobody(host: str, port: int) -> list[str]:
    raise AssertionError(f"{host}:{port} was looked up")


@pytest.mark.parametrize("url", HOSTILE)
def test_url_that_is_not_listed_as_it_stands_is_refused_before_any_lookup(url: str) -> None:
    addresses = Addresses(allowed_hosts(LISTED), nobody)

    with pytest.raises(ForbiddenAddressError):
        addresses.address(target_of(url)[0])


def test_the_corpus_is_large() -> None:
    assert len(set(HOSTILE)) >= 60


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://api.example.com/v1?x=y#z", Origin("https", "api.example.com", 443)),
        ("HTTPS://API.Example.COM", Origin("https", "api.example.com", 443)),
        ("https://api.example.com:443/", Origin("https", "api.example.com", 443)),
        ("https://api.example.com:8443/", Origin("https", "api.example.com", 8443)),
        ("http://legacy.example.com/", Origin("http", "legacy.example.com", 80)),
    ],
)
def test_listed_hosts_are_called_at_a_public_address(url: str, origin: Origin) -> None:
    addresses = Addresses(allowed_hosts(LISTED), lambda *_: ["93.184.215.14"])

    assert target_of(url)[0] == origin
    assert addresses.address(origin) == "93.184.215.14"


@pytest.mark.parametrize(
    "found", [["127.0.0.1"], ["93.184.215.14", "10.0.0.1"], ["::1"], ["fe80::1%eth0"], ["nonsense"]]
)
def test_listed_name_that_leads_inside_is_refused(found: list[str]) -> None:
    addresses = Addresses(allowed_hosts("api.example.com"), lambda *_: found)

    with pytest.raises(ForbiddenAddressError, match=r"api\.example\.com:443 with its port in HTTP_TASK_ALLOW"):
        addresses.address(Origin("https", "api.example.com", 443))


def test_entry_with_a_port_vouches_for_a_private_address() -> None:
    addresses = Addresses(allowed_hosts("warehouse.internal:443 warehouse.internal"), lambda *_: ["10.0.0.7"])

    assert addresses.address(Origin("https", "warehouse.internal", 443)) == "10.0.0.7"


def test_name_without_an_address_cannot_be_called() -> None:
    with pytest.raises(OSError, match="has no address"):
        Addresses(allowed_hosts("a.example"), lambda *_: []).address(Origin("https", "a.example", 443))


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "10.1.2.3",
        "100.64.0.1",
        "127.0.0.1",
        "127.255.255.254",
        "169.254.169.254",
        "172.16.0.1",
        "192.0.0.1",
        "192.0.2.1",
        "192.168.1.1",
        "198.18.0.1",
        "203.0.113.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:93.184.215.14",
        "::127.0.0.1",
        "64:ff9b::a00:1",
        "100::1",
        "2001::1",
        "2001:db8::1",
        "2002:a00:1::",
        "fc00::1",
        "fe80::1",
        "fec0::1",
        "ff02::1",
    ],
)
def test_special_addresses_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["93.184.215.14", "1.1.1.1", "2606:4700:4700::1111"])
def test_ordinary_addresses_are_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("entry", ["ftp://a.example", "a.example/path", "https://", "u@a.example", "a b..c", "a:99999"])
def test_entry_that_is_no_host_is_refused_with_the_settings_name(entry: str) -> None:
    with pytest.raises(SettingsError, match="HTTP_TASK_ALLOW has"):
        allowed_hosts(entry)


def test_empty_list_allows_nothing() -> None:
    assert allowed_hosts("  ,  ") == ()
