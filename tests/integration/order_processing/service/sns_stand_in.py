"""A server that speaks as much of SNS's wire protocol as the relay uses."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

TOPIC = "arn:aws:sns:us-east-1:000000000000:order-notifications"
MEMBER = "PublishBatchRequestEntries.member.{}.{}"


@dataclass
class SnsStandIn:
    """Answers PublishBatch; refuses the entries in *refused*, and everything with *status* when that is not 200."""

    requests: list[dict[str, str]] = field(default_factory=list)
    connections: int = 0
    refused: set[str] = field(default_factory=set)
    status: int = 200
    url: str = ""
    arrived: threading.Condition = field(default_factory=threading.Condition)

    def answer(self, form: dict[str, str]) -> str:
        with self.arrived:
            self.requests.append(form)
            self.arrived.notify_all()
        if self.status != 200:
            return "<ErrorResponse><Error><Code>InternalError</Code><Message>no</Message></Error></ErrorResponse>"
        ids = [form[name] for name in (MEMBER.format(at, "Id") for at in range(1, 11)) if name in form]
        taken = "".join(
            f"<member><Id>{each}</Id><MessageId>m-{each}</MessageId></member>"
            for each in ids
            if each not in self.refused
        )
        failed = "".join(
            f"<member><Id>{each}</Id><Code>InternalError</Code><SenderFault>false</SenderFault></member>"
            for each in ids
            if each in self.refused
        )
        result = f"<PublishBatchResult><Successful>{taken}</Successful><Failed>{failed}</Failed></PublishBatchResult>"
        return f'<PublishBatchResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/">{result}</PublishBatchResponse>'


@contextmanager
def sns_stand_in() -> Iterator[SnsStandIn]:
    """A running stand-in on a free port."""
    stand_in = SnsStandIn()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            stand_in.connections += 1

        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
            body = stand_in.answer({name: values[0] for name, values in form.items()}).encode()
            self.send_response(stand_in.status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """A client that was killed."""

    server = Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.block_on_close = False
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    stand_in.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield stand_in
    server.shutdown()
    thread.join()
    server.server_close()
