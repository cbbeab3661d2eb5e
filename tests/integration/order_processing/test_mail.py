"""Mail gateways."""

import socketserver
import threading
from pathlib import Path

import pytest

from order_processing.gateways import Mail, MailError, OutboxFolder, Smtp, open_mail
from order_processing.gateways.mail import rendered

MAIL = Mail(message_id="o-1.confirmation@shop", to="u@shop.example", subject="Hello", text="Dear all\n", sent_at=0.0)


def test_a_message_sent_twice_is_one_file(tmp_path: Path) -> None:
    outbox = OutboxFolder(tmp_path / "outbox")

    outbox.send(MAIL)
    outbox.send(MAIL)

    (path,) = (tmp_path / "outbox").iterdir()
    assert path.name == "o-1.confirmation@shop.eml"
    assert b"Dear all" in path.read_bytes()


def test_a_message_id_cannot_lead_out_of_the_folder(tmp_path: Path) -> None:
    OutboxFolder(tmp_path / "outbox").send(
        Mail(message_id="../../etc/passwd", to="u@x", subject="s", text="t", sent_at=0.0)
    )

    assert [path.parent for path in tmp_path.rglob("*.eml")] == [tmp_path / "outbox"]


def test_a_file_is_named_after_letters_digits_and_little_else(tmp_path: Path) -> None:
    OutboxFolder(tmp_path).send(
        Mail(message_id="Añ9²-_.@ <a/b>\n\0", to="u@x", subject="s", text="t", sent_at=0.0),
    )

    assert [path.name for path in tmp_path.iterdir()] == ["Añ9²-_.@__a_b___.eml"]


def test_a_message_is_what_rfc_5322_says() -> None:
    mail = Mail(message_id="o-1@shop", to="u@x", subject="Día\r\nBcc: me", text="Dear all\nBye\n", sent_at=1.7e9)

    assert rendered(mail) == (
        b"Message-ID: <o-1@shop>\r\n"
        b"From: Order processing <orders@shop.example>\r\n"
        b"To: u@x\r\n"
        b"Subject: =?utf-8?b?RMOtYSBCY2M6IG1l?=\r\n"
        b"Date: Tue, 14 Nov 2023 22:13:20 -0000\r\n"
        b"MIME-Version: 1.0\r\n"
        b'Content-Type: text/plain; charset="utf-8"\r\n'
        b"Content-Transfer-Encoding: 8bit\r\n"
        b"\r\n"
        b"Dear all\r\nBye\r\n"
    )


def test_a_folder_that_cannot_be_written_is_an_error_that_may_pass(tmp_path: Path) -> None:
    (tmp_path / "outbox").write_text("a file")

    with pytest.raises(MailError, match="cannot be written"):
        OutboxFolder(tmp_path / "outbox").send(MAIL)


class OneMessage(socketserver.StreamRequestHandler):
    """Enough of SMTP for one message."""

    received: list[bytes] = []

    def handle(self) -> None:
        self.wfile.write(b"220 ready\r\n")
        while line := self.rfile.readline():
            if line.upper().startswith(b"DATA"):
                self.wfile.write(b"354 go on\r\n")
                while (text := self.rfile.readline()) != b".\r\n":
                    self.received.append(text)
            if line.upper().startswith(b"QUIT"):
                self.wfile.write(b"221 bye\r\n")
                return
            self.wfile.write(b"250 fine\r\n")


def test_a_message_is_handed_to_a_mail_server() -> None:
    with socketserver.TCPServer(("127.0.0.1", 0), OneMessage) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        open_mail({"SMTP_URL": f"smtp://127.0.0.1:{server.server_address[1]}"}).send(MAIL)
        thread.join()

    assert b"Message-ID: <o-1.confirmation@shop>\r\n" in OneMessage.received


def test_a_mail_server_that_is_not_there_is_an_error_that_may_pass() -> None:
    with pytest.raises(MailError):
        Smtp("smtp://127.0.0.1:1").send(MAIL)


def test_mail_goes_to_the_outbox_unless_a_server_is_named(tmp_path: Path) -> None:
    open_mail({"MAIL_OUTBOX": str(tmp_path)}).send(MAIL)

    assert len(list(tmp_path.glob("*.eml"))) == 1
