"""Outcomes as the journal keeps them: msgpack of the interpreter's events."""

import msgspec

from expeditor.asl import AnyEvent

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[AnyEvent] = msgspec.msgpack.Decoder(AnyEvent)


def encode_event(event: AnyEvent) -> bytes:
    """*event* as it is written to disk."""
    return _encoder.encode(event)


def decode_event(text: bytes) -> AnyEvent:
    """The event that was written.

    Raises:
        msgspec.DecodeError: the journal is damaged, or a newer release wrote it.
    """
    return _decoder.decode(text)
