"""Our Signature Version 4 against botocore's."""

from datetime import UTC, datetime

import pytest
from botocore import auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from order_processing.gateways.aws_signature import Keys, Signer

AT = datetime(2026, 11, 23, 12, 34, 56, tzinfo=UTC)

words = st.text("abcXYZ019/+=-_ ", min_size=1, max_size=20).filter(lambda text: text.strip() == text)
tokens = st.none() | st.text("abcXYZ019", min_size=1, max_size=20)


def by_botocore(keys: Keys, service: str, headers: dict[str, str], body: bytes) -> dict[str, str]:
    request = AWSRequest("POST", "http://127.0.0.1:8081/", headers, body)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(auth, "get_current_datetime", lambda: AT)
        credentials = Credentials(keys.access_key, keys.secret_key, keys.token)
        auth.SigV4Auth(credentials, service, "eu-central-1").add_auth(request)
    return dict(request.headers.items())


@given(secret=words, token=tokens, target=words, body=st.binary(max_size=200))
def test_a_request_is_signed_as_botocore_signs_it(secret: str, token: str | None, target: str, body: bytes) -> None:
    keys = Keys("AKID", secret, token)
    headers = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": target}

    signed = Signer("states", "eu-central-1").headers(keys, AT.timestamp(), {**headers, "Host": "127.0.0.1:8081"}, body)

    expected = by_botocore(keys, "states", headers, body)
    assert {name: signed[name] for name in expected} == expected


def test_the_key_of_a_day_is_not_taken_for_another_day_or_secret() -> None:
    signer = Signer("sns", "eu-central-1")
    used = [("one", 0), ("two", 0), ("one", 86_400), ("one", 0)]

    signatures = [
        signer.headers(Keys("AKID", secret, None), AT.timestamp() + later, {"Host": "a"}, b"")["Authorization"]
        for secret, later in used
    ]

    assert signatures[0] == signatures[3]
    assert len(set(signatures)) == 3
