"""Errors of requests, in TensorFlow's codes and in HTTP's."""

from tensorflow.core.protobuf import error_codes_pb2

Code = error_codes_pb2.Code  # TensorFlow's error codes, which are gRPC's

# TF Serving's table (tensorflow_serving/model_servers/http_server.cc).
HTTP = {
    Code.CANCELLED: 499,
    Code.UNKNOWN: 500,
    Code.INVALID_ARGUMENT: 400,
    Code.DEADLINE_EXCEEDED: 504,
    Code.NOT_FOUND: 404,
    Code.ALREADY_EXISTS: 409,
    Code.PERMISSION_DENIED: 403,
    Code.RESOURCE_EXHAUSTED: 429,
    Code.FAILED_PRECONDITION: 400,
    Code.ABORTED: 409,
    Code.OUT_OF_RANGE: 400,
    Code.UNIMPLEMENTED: 501,
    Code.INTERNAL: 500,
    Code.UNAVAILABLE: 503,
    Code.DATA_LOSS: 500,
    Code.UNAUTHENTICATED: 401,
}


class RequestError(Exception):
    """An error for an answer to a request.

    Attributes:
        code: of `Code`.
        message: for the sender.
        status: HTTP's; by default the code's own in `HTTP`.
    """

    def __init__(self, code: int, message: str, status: int | None = None):
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = HTTP[code] if status is None else status


def invalid(message: str) -> RequestError:
    """The error of a request wrong in itself: HTTP's 400."""
    return RequestError(Code.INVALID_ARGUMENT, message)
