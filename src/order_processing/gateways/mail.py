"""Mail to customers: into an outbox folder, or by SMTP."""

import os
import re
import smtplib
from collections.abc import Mapping
from email.header import Header
from email.utils import formatdate
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

import msgspec

from order_processing.errors import TransientError

SMTP_TIMEOUT_SECONDS = 10.0
SENDER_ADDRESS = "orders@shop.example"
SENDER = f"Order processing <{SENDER_ADDRESS}>"

_UNSAFE = re.compile(r"[^\w.@-]")
"""What becomes an underscore in a file's name."""


class MailError(TransientError):
    """A message could not be handed over; sending it again is safe."""


class Mail(msgspec.Struct, frozen=True, kw_only=True):
    """A message.

    Attributes:
        message_id: the same for the same message, so that it is delivered once however often it is sent.
        to: address of the recipient.
        sent_at: instant shown in its header.
    """

    message_id: str
    to: str
    subject: str
    text: str
    sent_at: float


class MailGateway(Protocol):
    """Hands messages over for delivery."""

    def send(self, mail: Mail) -> None:
        """Hands one message over.

        Raises:
            MailError: it was not taken.
        """
        ...


class OutboxFolder:
    """Writes each message as a file ``<message id>.eml``, whole or not at all; the same message twice is one file.

    Meant for one machine and for looking at: the file is not fsynced.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def send(self, mail: Mail) -> None:
        """Puts the message into the folder."""
        name = _UNSAFE.sub("_", mail.message_id)
        draft = f"{self._folder}/.{name}"
        try:
            self._write(draft, rendered(mail))
            os.replace(draft, f"{self._folder}/{name}.eml")  # noqa: PTH105 - as in _write_file
        except OSError as error:
            raise MailError(f"the message {mail.message_id} cannot be written to {self._folder}: {error}") from error

    def _write(self, draft: str, content: bytes) -> None:
        """The folder is made by the first message."""
        try:
            _write_file(draft, content)
        except FileNotFoundError:
            self._folder.mkdir(parents=True, exist_ok=True)
            _write_file(draft, content)


def _write_file(path: str, content: bytes) -> None:
    with open(path, "wb") as file:  # noqa: PTH123 - pathlib takes the path apart for longer than the file takes
        file.write(content)


class Smtp:
    """Hands messages to a mail server.

    Args:
        url: ``smtp://[user:password@]host[:port]``, or ``smtps://`` for TLS from the start.
    """

    def __init__(self, url: str) -> None:
        self._where = urlsplit(url)

    def send(self, mail: Mail) -> None:
        """Delivers to the server; it and the recipient's know repeated messages by their id."""
        where = self._where
        kind = smtplib.SMTP_SSL if where.scheme == "smtps" else smtplib.SMTP
        try:
            with kind(where.hostname or "", where.port or 0, timeout=SMTP_TIMEOUT_SECONDS) as server:
                if where.username:
                    server.login(unquote(where.username), unquote(where.password or ""))
                server.sendmail(SENDER_ADDRESS, mail.to, rendered(mail))
        except (OSError, smtplib.SMTPException) as error:
            raise MailError(f"{where.hostname} did not take the message {mail.message_id}: {error}") from error


def open_mail(environment: Mapping[str, str]) -> MailGateway:
    """``SMTP_URL`` when set, else files in the folder ``MAIL_OUTBOX`` (default ``outbox``)."""
    if environment.get("SMTP_URL"):
        return Smtp(environment["SMTP_URL"])
    return OutboxFolder(Path(environment.get("MAIL_OUTBOX") or "outbox"))


def rendered(mail: Mail) -> bytes:
    """The message as RFC 5322 has it, lines ended by CR LF; words that are not ASCII are encoded in its headers.

    Written out by hand: ``EmailMessage`` takes two milliseconds for this, longer than all other steps of an order.
    """
    head = (
        f"Message-ID: {_header(f'<{mail.message_id}>')}\r\n"
        f"From: {SENDER}\r\n"
        f"To: {_header(mail.to)}\r\n"
        f"Subject: {_header(mail.subject)}\r\n"
        f"Date: {formatdate(mail.sent_at)}\r\n"
        "MIME-Version: 1.0\r\n"
        'Content-Type: text/plain; charset="utf-8"\r\n'
        "Content-Transfer-Encoding: 8bit\r\n"
        "\r\n"
    )
    return head.encode("ascii") + mail.text.replace("\n", "\r\n").encode()


def _header(value: str) -> str:
    """*value* on one line: what comes from outside cannot begin another header."""
    line = " ".join(value.split())
    return line if line.isascii() else Header(line, "utf-8", maxlinelen=10_000).encode()
