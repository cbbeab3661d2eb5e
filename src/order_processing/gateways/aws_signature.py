"""Signature Version 4 of a POST to ``/``. Source: IAM user guide, "AWS Signature Version 4 for API requests".

botocore's own signs any request there is, and takes as long for it as for all else that it does to a call.
"""

import hashlib
import hmac
import time
from collections.abc import Mapping
from dataclasses import dataclass

ALGORITHM = "AWS4-HMAC-SHA256"


@dataclass(frozen=True, slots=True)
class Keys:
    """Credentials at one moment; *token* is None unless they are temporary."""

    access_key: str
    secret_key: str
    token: str | None


class Signer:
    """Signs requests to one service in one region.

    Args:
        service: the name it signs with, such as ``states``.
    """

    def __init__(self, service: str, region: str) -> None:
        self._service = service
        self._region = region
        self._derived_from: tuple[str, str] | None = None
        self._derived = b""

    def headers(self, keys: Keys, at: float, headers: Mapping[str, str], body: bytes) -> dict[str, str]:
        """*headers*, which name the host, with date, token and signature; all of them are signed."""
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(at))
        sent = {**headers, "X-Amz-Date": stamp}
        if keys.token is not None:
            sent["X-Amz-Security-Token"] = keys.token
        fields = sorted((name.lower(), " ".join(value.split())) for name, value in sent.items())
        names = ";".join(name for name, _ in fields)
        lines = "".join(f"{name}:{value}\n" for name, value in fields)
        request = f"POST\n/\n\n{lines}\n{names}\n{hashlib.sha256(body).hexdigest()}"
        scope = f"{stamp[:8]}/{self._region}/{self._service}/aws4_request"
        to_sign = f"{ALGORITHM}\n{stamp}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
        signature = hmac.digest(self._key(keys.secret_key, stamp[:8]), to_sign.encode(), "sha256").hex()
        sent["Authorization"] = (
            f"{ALGORITHM} Credential={keys.access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
        )
        return sent

    def _key(self, secret_key: str, date: str) -> bytes:
        """The key of a day."""
        if self._derived_from != (secret_key, date):
            key = f"AWS4{secret_key}".encode()
            for part in (date, self._region, self._service, "aws4_request"):
                key = hmac.digest(key, part.encode(), "sha256")
            self._derived, self._derived_from = key, (secret_key, date)
        return self._derived
