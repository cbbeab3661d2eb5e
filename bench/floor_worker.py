"""A worker that does the least a worker can: one order a message over a socket, all five handlers, one answer."""

import socket
import struct
import sys

import msgspec

from bench.order_functions.handlers import whole_order

HEADER = struct.Struct(">I")


def serve(connection: socket.socket) -> None:
    """Answers length-prefixed JSON orders until the other side closes."""
    stream = connection.makefile("rwb")
    encode, decode = msgspec.json.Encoder().encode, msgspec.json.Decoder().decode
    while header := stream.read(HEADER.size):
        answer = encode(whole_order(decode(stream.read(HEADER.unpack(header)[0]))))
        stream.write(HEADER.pack(len(answer)) + answer)
        stream.flush()


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
