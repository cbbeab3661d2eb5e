"""The reference page of operations, written from what is registered."""

from collections.abc import Iterable, Iterator

from expeditor.api.endpoints import Endpoint

_HEAD = """# AWS operations

What the endpoint at `http://127.0.0.1:8081` does of AWS's API. Written from the table the node runs on and checked by
a test. *Full* is what AWS's reference says; *partial* names what is missing; *refused* answers
`UnsupportedOperationException` with the operation's name. A parameter that would be accepted and then ignored is
refused by name instead.

Requests are checked against botocore's models, with AWS's codes and wording. Any credentials are accepted on loopback.
A request must name the node as `127.0.0.1`, `localhost`, `[::1]` or a host it was configured with, and must not come
from another site's page. SDKs put `sync-` in front of the host for `StartSyncExecution` and `TestState`, and
`sync-127.0.0.1` does not resolve: `expeditor env aws` prints the variable that turns this off; in boto3 it is
`Config(inject_host_prefix=False)`.
"""


def render(endpoints: Iterable[Endpoint]) -> str:
    """The page as Markdown."""
    return "\n".join([_HEAD, *(line for endpoint in endpoints for line in _service(endpoint))])


def _service(endpoint: Endpoint) -> Iterator[str]:
    names = sorted(endpoint.model.operations)
    here = [name for name in names if name in endpoint.operations]
    refused = [f"`{name}`" for name in names if name not in endpoint.operations]
    yield f"## {endpoint.title}\n"
    yield "| operation | support | missing |"
    yield "|---|---|---|"
    for name in here:
        missing = endpoint.operations[name].missing
        yield f"| `{name}` | {'partial' if missing else 'full'} | {missing} |"
    if refused:
        yield f"\nRefused: {', '.join(refused)}."
    yield ""
