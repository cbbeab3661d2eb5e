"""Orders as the shop tells them to operators."""

import http.client
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

import msgspec

from expeditor.errors import ExpeditorError
from expeditor.settings import HOST, Settings

REQUEST_SECONDS_MAX = 5.0


class ShopSilentError(ExpeditorError):
    """The shop does not tell what became of orders."""


def fetch_orders(settings: Settings, query: Mapping[str, object]) -> Sequence[Mapping[str, Any]]:
    """Rows of ``GET /operator/orders``; blocks.

    Raises:
        ShopSilentError: nobody answers, or the token of operators is not taken.
    """
    connection = http.client.HTTPConnection(HOST, settings.shop_port, timeout=REQUEST_SECONDS_MAX)
    try:
        token = settings.operator_token_file.read_text().strip()
        headers = {"Accept": "application/json", "Authorization": f"Bearer {token}"}
        connection.request("GET", f"/operator/orders?{urlencode(query)}", None, headers)
        response = connection.getresponse()
        content = response.read()
    except (OSError, http.client.HTTPException) as error:
        raise ShopSilentError(f"the shop at port {settings.shop_port} does not answer ({error})") from error
    finally:
        connection.close()
    if response.status != 200:
        raise ShopSilentError(f"the shop at port {settings.shop_port} answered {response.status} to an operator")
    rows: Sequence[Mapping[str, Any]] = msgspec.json.decode(content)
    return rows
