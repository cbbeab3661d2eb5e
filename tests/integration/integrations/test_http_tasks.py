"""HTTP tasks over the wire."""

import asyncio
import datetime
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from expeditor.clock import ManualClock
from expeditor.integrations import (
    CallPool,
    Clients,
    Endpoints,
    Failed,
    HttpSettings,
    HttpTasks,
    Integrations,
    Outcome,
    Outside,
)
from expeditor.integrations.http_addresses import allowed_hosts
from tests.integration.integrations.standins import Answer, Asked, stand_in
from tests.integration.integrations.tasks import NoFunctions, request_for

pytestmark = pytest.mark.anyio

CONNECTION = "arn:aws:events:us-east-1:000000000000:connection/stripe/81210c42"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "secrets").mkdir()
    return tmp_path


def describe_connections(home: Path, table: object, mode: int = 0o600) -> None:
    path = home / "secrets" / "connections.json"
    path.write_text(table if isinstance(table, str) else json.dumps(table))
    path.chmod(mode)


async def outcome_of(parameters: object, settings: HttpSettings) -> Outcome:
    pool = CallPool(threads=1)
    outside = Outside(Clients(Endpoints({})), HttpTasks(settings, pool), pool)
    integrations = Integrations(NoFunctions(), ManualClock(), outside=outside)
    reported: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
    integrations.start(request_for("http:invoke", parameters), reported.set_result)
    try:
        return await asyncio.wait_for(reported, 20)
    finally:
        integrations.close()


def settings_for(home: Path, *urls: str) -> HttpSettings:
    return HttpSettings.from_environment({"HTTP_TASK_ALLOW": ",".join(urls)}, home)


def json_answer(body: object, status: int = 200) -> Answer:
    return Answer(body, status, {"Content-Type": "application/json; charset=utf-8"})


async def test_answer_is_read_with_its_status_and_headers(home: Path) -> None:
    with stand_in(lambda _: json_answer({"paid": True}, 201)) as api:
        outcome = await outcome_of(
            {
                "ApiEndpoint": f"{api.url}/v1/charges?a=b",
                "Method": "POST",
                "Headers": {"X-Request": "r-1", "X-Many": ["a", "b"], "X-Count": 3},
                "QueryParameters": {"expand": ["card", "user"], "note": "zwölf & mehr"},
                "RequestBody": {"amount": 4900},
            },
            settings_for(home, api.url),
        )

    (asked,) = api.asked
    assert (asked.method, asked.path) == (
        "POST",
        "/v1/charges?a=b&expand=card&expand=user&note=zw%C3%B6lf%20%26%20mehr",
    )
    assert asked.fields == {"amount": 4900}
    assert asked.headers["x-request"] == "r-1"
    assert asked.headers["x-many"] == "a, b"
    assert asked.headers["x-count"] == "3"
    assert asked.headers["content-type"] == "application/json; charset=UTF-8"
    assert asked.headers["user-agent"] == "Amazon|StepFunctions|HttpInvoke|us-east-1"
    assert asked.headers["range"] == "bytes=0-262144"
    answer = json.loads(outcome.output)
    assert answer["ResponseBody"] == {"paid": True}
    assert (answer["StatusCode"], answer["StatusText"]) == (201, "Created")
    assert answer["Headers"]["content-type"] == ["application/json; charset=utf-8"]


@pytest.mark.parametrize(
    ("arrays", "encoded"),
    [
        (None, "a%5B0%5D=1&a%5B1%5D=x%20y&b%5Bc%5D=true"),
        ("INDICES", "a%5B0%5D=1&a%5B1%5D=x%20y&b%5Bc%5D=true"),
        ("REPEAT", "a=1&a=x%20y&b%5Bc%5D=true"),
        ("COMMAS", "a=1%2Cx%20y&b%5Bc%5D=true"),
        ("BRACKETS", "a%5B%5D=1&a%5B%5D=x%20y&b%5Bc%5D=true"),
    ],
)
async def test_forms_spell_arrays_as_asked(home: Path, arrays: str | None, encoded: str) -> None:
    transform: dict[str, object] = {"RequestBodyEncoding": "URL_ENCODED"}
    if arrays is not None:
        transform["RequestEncodingOptions"] = {"ArrayFormat": arrays}
    with stand_in(lambda _: Answer(b"ok")) as api:
        await outcome_of(
            {
                "ApiEndpoint": api.url,
                "Method": "POST",
                "Headers": {"Content-Type": "application/x-www-form-urlencoded"},
                "RequestBody": {"a": [1, "x y"], "b": {"c": True}},
                "Transform": transform,
            },
            settings_for(home, api.url),
        )

    assert api.asked[0].body.decode() == encoded
    assert api.asked[0].headers["content-type"] == "application/x-www-form-urlencoded"


async def test_connection_wins_over_the_definition(home: Path) -> None:
    auth = {
        "ApiKeyAuthParameters": {"ApiKeyName": "ApiKey", "ApiKeyValue": "k-1"},
        "InvocationHttpParameters": {
            "HeaderParameters": [{"Key": "Header-Param", "Value": "connection"}],
            "QueryStringParameters": [{"Key": "q", "Value": "connection", "IsValueSecret": True}],
            "BodyParameters": [{"Key": "BodyParam", "Value": "connection"}],
        },
    }
    describe_connections(home, {CONNECTION: {"AuthorizationType": "API_KEY", "AuthParameters": auth}})
    with stand_in(lambda _: Answer(b"ok")) as api:
        await outcome_of(
            {
                "ApiEndpoint": f"{api.url}/path",
                "Method": "POST",
                "Authentication": {"ConnectionArn": CONNECTION},
                "Headers": {"header-param": "definition"},
                "QueryParameters": {"q": "definition", "r": "1"},
                "RequestBody": {"Job": "x", "BodyParam": "definition"},
            },
            settings_for(home, api.url),
        )

    (asked,) = api.asked
    assert asked.path == "/path?r=1&q=connection"
    assert asked.headers["apikey"] == "k-1"
    assert asked.headers["header-param"] == "connection"
    assert asked.fields == {"Job": "x", "BodyParam": "connection"}


async def test_connection_found_by_name_signs_in_with_a_password(home: Path) -> None:
    basic = {"Username": "u", "Password": "p"}
    describe_connections(home, {"stripe": {"AuthParameters": {"BasicAuthParameters": basic}}})
    with stand_in(lambda _: Answer(b"ok")) as api:
        await outcome_of(
            {"ApiEndpoint": api.url, "Method": "GET", "InvocationConfig": {"ConnectionArn": CONNECTION}},
            settings_for(home, api.url),
        )

    assert api.asked[0].headers["authorization"] == "Basic dTpw"


@pytest.mark.parametrize(
    ("table", "mode", "code"),
    [
        ({}, 0o600, "ResourceNotFound"),
        ({"stripe": {"AuthParameters": {}}}, 0o600, "InvalidConnectionState"),
        ("not json", 0o600, "InvalidConnectionState"),
        ({"stripe": {"AuthParameters": {}}}, 0o644, "AccessDenied"),
    ],
)
async def test_connection_that_cannot_be_used_fails_the_task(home: Path, table: object, mode: int, code: str) -> None:
    describe_connections(home, table, mode)
    outcome = await outcome_of(
        {"ApiEndpoint": "https://a.example", "Method": "GET", "Authentication": {"ConnectionArn": CONNECTION}},
        settings_for(home),
    )

    assert outcome.error == f"Events.ConnectionResource.{code}"


async def test_connection_without_a_file_does_not_exist(home: Path) -> None:
    outcome = await outcome_of(
        {"ApiEndpoint": "https://a.example", "Method": "GET", "Authentication": {"ConnectionArn": CONNECTION}},
        settings_for(home),
    )

    assert outcome.error == "Events.ConnectionResource.ResourceNotFound"


@pytest.mark.parametrize(
    ("parameters", "problem"),
    [
        ({"Method": "GET"}, "The field 'ApiEndpoint' is required but was missing"),
        ({"ApiEndpoint": "https://a.example"}, "The field 'Method' is required but was missing"),
        ({"ApiEndpoint": "https://a.example", "Method": "TRACE"}, "must be one of"),
        ({"ApiEndpoint": "https://a.example", "Method": "GET", "Body": 1}, "The field 'Body' is not supported"),
        ({"ApiEndpoint": "https://a.example", "Method": "GET", "Authentication": {}}, "'ConnectionArn' is required"),
        ({"ApiEndpoint": "https://a.example", "Method": "GET", "Headers": []}, "must be a valid JSON object"),
        ({"ApiEndpoint": "https://a.example", "Method": "GET", "QueryParameters": 3}, "must be a JSON object or text"),
        ({"ApiEndpoint": "https://a.example", "Method": "GET", "Transform": {"RequestBodyEncoding": "X"}}, "NONE or"),
        (
            {
                "ApiEndpoint": "https://a.example",
                "Method": "POST",
                "RequestBody": [],
                "Transform": {"RequestBodyEncoding": "URL_ENCODED"},
            },
            "RequestBody must be a JSON object",
        ),
    ],
)
async def test_unusable_parameters_are_refused(home: Path, parameters: object, problem: str) -> None:
    outcome = await outcome_of(parameters, settings_for(home, "a.example"))

    assert outcome.error == "States.Runtime"
    assert problem in outcome.cause


@pytest.mark.parametrize(
    "header",
    ["Host", "authorization", "X-Amz-Date", "x-forwarded-for", "Content-Length", "Transfer-Encoding", "a\r\nHost", "ä"],
)
async def test_headers_that_step_functions_keeps_for_itself_are_refused(home: Path, header: str) -> None:
    outcome = await outcome_of(
        {"ApiEndpoint": "https://a.example", "Method": "GET", "Headers": {header: "x"}}, settings_for(home, "a.example")
    )

    assert outcome.error == "States.Runtime"
    assert "header" in outcome.cause


async def test_header_values_cannot_end_a_header(home: Path) -> None:
    outcome = await outcome_of(
        {"ApiEndpoint": "https://a.example", "Method": "GET", "Headers": {"X": "a\r\nHost: evil"}},
        settings_for(home, "a.example"),
    )

    assert outcome.error == "States.Runtime"


@pytest.mark.parametrize(("status", "cause"), [(404, '{"a":1}'), (429, "Too Many Requests"), (503, "down")])
async def test_status_of_a_refusal_is_in_the_name_of_the_error(home: Path, status: int, cause: str) -> None:
    body = b"" if status == 429 else cause.encode()
    with stand_in(lambda _: Answer(body, status)) as api:
        outcome = await outcome_of({"ApiEndpoint": api.url, "Method": "GET"}, settings_for(home, api.url))

    assert outcome == Failed(f"States.Http.StatusCode.{status}", cause)


@pytest.mark.parametrize(
    ("body", "kind", "error"),
    [
        (b"x" * 262_145, "text/plain", "States.DataLimitExceeded"),
        (b'"' * 200_000, "text/plain", "States.DataLimitExceeded"),
        (b"\x89PNG", "image/png", "States.Runtime"),
        (b"text", "application/octet-stream", "States.Runtime"),
        (b"\xff\xfe", "text/plain", "States.Runtime"),
    ],
)
async def test_answers_that_no_task_can_read_fail_it(home: Path, body: bytes, kind: str, error: str) -> None:
    with stand_in(lambda _: Answer(body, headers={"Content-Type": kind})) as api:
        outcome = await outcome_of({"ApiEndpoint": api.url, "Method": "GET"}, settings_for(home, api.url))

    assert outcome.error == error


def redirecting(location: str) -> object:
    return lambda asked: Answer(b"there", 302, {"Location": location}) if asked.path == "/" else Answer(b"here")


async def test_redirect_within_the_server_is_followed(home: Path) -> None:
    with stand_in(redirecting("/other?x=1")) as api:
        outcome = await outcome_of({"ApiEndpoint": api.url, "Method": "GET"}, settings_for(home, api.url))

    assert json.loads(outcome.output)["ResponseBody"] == "here"
    assert api.asked[1].path == "/other?x=1"


@pytest.mark.parametrize(
    "location", ["http://127.0.0.1:1/", "https://b.example/", "//b.example/x", "file:///etc/passwd"]
)
async def test_redirect_to_another_server_is_not_followed(home: Path, location: str) -> None:
    with stand_in(redirecting(location)) as api:
        outcome = await outcome_of({"ApiEndpoint": api.url, "Method": "GET"}, settings_for(home, api.url))

    assert outcome.error in ("States.Http.StatusCode.302", "States.Permissions")
    assert len(api.asked) == 1


async def test_redirects_in_a_circle_end(home: Path) -> None:
    with stand_in(lambda _: Answer(b"", 302, {"Location": "/"})) as api:
        outcome = await outcome_of({"ApiEndpoint": api.url, "Method": "GET"}, settings_for(home, api.url))

    assert outcome.error == "States.Http.StatusCode.302"
    assert len(api.asked) == 5


async def test_redirected_post_is_not_repeated(home: Path) -> None:
    with stand_in(redirecting("/other")) as api:
        outcome = await outcome_of({"ApiEndpoint": api.url, "Method": "POST"}, settings_for(home, api.url))

    assert outcome.error == "States.Http.StatusCode.302"


async def test_host_that_is_not_listed_is_named_with_the_setting(home: Path) -> None:
    outcome = await outcome_of({"ApiEndpoint": "https://api.example.com/x", "Method": "GET"}, settings_for(home))

    assert outcome == Failed(
        "States.Permissions",
        "https://api.example.com may not be called; the node's HTTP_TASK_ALLOW does not list it",
    )


async def test_name_that_leads_inside_is_refused_and_not_called(home: Path) -> None:
    with stand_in(lambda _: Answer(b"secret")) as inside:
        settings = HttpSettings(
            allowed_hosts("http://rebound.example"), home / "none", resolve=lambda *_: ["93.184.215.14", "127.0.0.1"]
        )
        outcome = await outcome_of({"ApiEndpoint": "http://rebound.example/", "Method": "GET"}, settings)

    assert outcome.error == "States.Permissions"
    assert "127.0.0.1, which is not public" in outcome.cause
    assert inside.asked == []


async def test_name_is_looked_up_once(home: Path) -> None:
    lookups: list[str] = []

    def resolve(host: str, _port: int) -> list[str]:
        lookups.append(host)
        return ["127.0.0.1"]

    with stand_in(lambda _: Answer(b"ok")) as api:
        url = f"http://api.example:{api.port}"
        settings = HttpSettings(allowed_hosts(url), home / "none", resolve=resolve)
        outcome = await outcome_of({"ApiEndpoint": url, "Method": "GET"}, settings)

    assert json.loads(outcome.output)["ResponseBody"] == "ok"
    assert lookups == ["api.example"]
    assert api.asked[0].headers["host"] == f"api.example:{api.port}"


async def test_server_that_does_not_listen_is_a_socket_error(home: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        outcome = await outcome_of({"ApiEndpoint": url, "Method": "GET"}, settings_for(home, url))

    assert outcome.error == "States.Http.Socket"


@contextmanager
def silent() -> Iterator[tuple[str, threading.Event]]:
    """A server that takes a connection, says nothing and notices when the client has gone."""
    gone = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            opened, _ = server.accept()
            with opened:
                while opened.recv(4096):
                    pass
            gone.set()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}", gone
        thread.join(10)


async def test_cancelled_task_breaks_its_connection_and_reports_nothing(home: Path) -> None:
    with silent() as (url, gone):
        pool = CallPool(threads=1)
        tasks = HttpTasks(settings_for(home, url), pool)
        reported: list[Outcome] = []
        cancel = tasks.invoke(request_for("http:invoke", {"ApiEndpoint": url, "Method": "GET"}), reported.append)
        assert cancel is not None
        cancel()
        cancel()

        second: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        tasks.invoke(
            request_for("http:invoke", {"ApiEndpoint": "https://no.example", "Method": "GET"}), second.set_result
        )
        await asyncio.wait_for(second, 10)
        pool.close()
        if not gone.is_set():
            socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2]))).close()

    assert reported == []


def certificate(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """A certificate of api.example with its key in one file, and a context that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "api.example")])
    from_at = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(from_at)
        .not_valid_after(from_at.replace(year=2100))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("api.example")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    pem = made.public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    path = folder / "server.pem"
    path.write_bytes(pem + secret)
    return path, ssl.create_default_context(cadata=pem.decode())


@pytest.mark.parametrize(("host", "is_trusted"), [("api.example", True), ("other.example", False)])
async def test_certificate_has_to_name_the_host_of_the_url(home: Path, host: str, *, is_trusted: bool) -> None:
    path, trust = certificate(home)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(path)

    def respond(_: Asked) -> Answer:
        return Answer(b"private")

    with stand_in(respond, tls) as api:
        url = f"https://{host}:{api.port}"
        settings = HttpSettings(allowed_hosts(url), home / "none", resolve=lambda *_: ["127.0.0.1"], tls=trust)
        outcome = await outcome_of({"ApiEndpoint": url, "Method": "GET"}, settings)

    if is_trusted:
        assert json.loads(outcome.output)["ResponseBody"] == "private"
    else:
        assert outcome.error == "States.Http.Socket"
        assert "certificate" in outcome.cause.lower()
        assert api.asked == []
