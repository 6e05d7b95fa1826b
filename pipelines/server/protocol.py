"""HTTP/1.1 as uvicorn speaks it, with a time limit for headers, and with errors as JSON."""

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from pipelines.server.responses import error_body


class Protocol(H11Protocol):
    """A connection; it is closed where the headers of a request do not come to their end.

    Args:
        seconds: that headers may take, from the connection's or a further request's first byte.
        arguments: uvicorn's.
    """

    def __init__(self, *, seconds: float, **arguments):
        super().__init__(**arguments)
        self.seconds = seconds
        self.waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def send_400_response(self, msg: str) -> None:
        body = error_body(msg)
        headers = [("Content-Type", "application/json"), ("Connection", "close")]
        headers += [("Content-Length", str(len(body)))]
        response = h11.Response(status_code=400, headers=headers, reason=b"Bad Request")
        for event in (response, h11.Data(data=body), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event))
        self.transport.close()

    def _watch(self) -> None:
        """Begins to wait for the end of headers, or ends it; a further byte changes nothing."""
        idle = self.conn.their_state is h11.IDLE
        if idle and self.waiting is None:
            self.waiting = self.loop.call_later(self.seconds, self.transport.close)
        elif not idle and self.waiting is not None:
            self.waiting = self.waiting.cancel()
