"""The gRPC interface over the same models: Predict, GetModelMetadata and GetModelStatus."""

import contextlib
import math
from collections.abc import AsyncIterator, Mapping

import grpc
import numpy as np
import tensorflow as tf
from tensorflow.core.framework import types_pb2
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from pipelines.server.app import SIGNATURES, status_message
from pipelines.server.engine import Engine
from pipelines.server.errors import Code, RequestError, invalid
from pipelines.server.models import Models
from pipelines.server.requests import DEFAULT_SIGNATURE, Spec, check_shape


@contextlib.asynccontextmanager
async def serving(
    models: Models, engine: Engine, host: str, port: int, max_request_bytes: int
) -> AsyncIterator[int]:
    """Serves gRPC on the running event loop; requests inside at the end may finish.

    Yields:
        The port.
    """
    server = grpc.aio.server(options=[("grpc.max_receive_message_length", max_request_bytes)])
    services = Services(models, engine, max_request_bytes)
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(services, server)
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(services, server)
    bound = server.add_insecure_port(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
    await server.start()
    print(f"gRPC at port {bound}.", flush=True)
    try:
        yield bound
    finally:
        await server.stop(grace=engine.timeout)


def _answers(method):
    """A method of gRPC from a coroutine of the request, whose RequestErrors end the call."""

    async def call(self, request, context: grpc.aio.ServicerContext):
        try:
            return await method(self, request)
        except RequestError as error:
            await context.abort(grpc.StatusCode[Code.Name(error.code)], error.message)

    return call


class Services(
    prediction_service_pb2_grpc.PredictionServiceServicer,
    model_service_pb2_grpc.ModelServiceServicer,
):
    """tensorflow.serving's PredictionService and ModelService.

    The methods left out answer UNIMPLEMENTED.
    """

    def __init__(self, models: Models, engine: Engine, max_values: int):
        self._models = models
        self._engine = engine
        self._max_values = max_values  # of an input: a few bytes may state the shape [10**12]

    @_answers
    async def Predict(self, request):
        async with self._engine.admit():
            with self._models.use(*_target(request.model_spec)) as version:
                name = request.model_spec.signature_name or DEFAULT_SIGNATURE
                specs = version.servable.signature(name).inputs
                inputs = await self._engine.read(_arrays, request.inputs, specs, self._max_values)
                outputs = await self._engine.predict(version.servable, name, inputs)
                return await self._engine.read(_answer, request, name, version.number, outputs)

    @_answers
    async def GetModelMetadata(self, request):
        if list(request.metadata_field) != [SIGNATURES]:
            raise invalid(f"Metadata fields must be [{SIGNATURES}]. Got {request.metadata_field}")
        answer = get_model_metadata_pb2.GetModelMetadataResponse()
        answer.model_spec.name = request.model_spec.name
        with self._models.use(*_target(request.model_spec)) as version:
            answer.model_spec.version.value = version.number
            answer.metadata[SIGNATURES].Pack(version.servable.definitions)
        return answer

    @_answers
    async def GetModelStatus(self, request):
        return status_message(self._models, *_target(request.model_spec))


def _target(spec) -> tuple[str, int | None]:
    if spec.version_label:
        raise invalid(f"Unrecognized servable version label: {spec.version_label}")
    return spec.name, spec.version.value if spec.HasField("version") else None


def _arrays(tensors: Mapping, specs: Mapping[str, Spec], most: int) -> dict[str, np.ndarray]:
    """The inputs of a request, checked against its signature.

    Raises:
        RequestError: a name, shape or type is none of the signature's, or a tensor is not whole.
    """
    if tensors.keys() != specs.keys():
        raise invalid(f"Inputs must be {sorted(specs)}. Got {sorted(tensors)}")
    arrays = {}
    for name, spec in specs.items():
        shape = [dimension.size for dimension in tensors[name].tensor_shape.dim]
        check_shape(name, shape, spec)
        dtype = types_pb2.DataType.Name(tensors[name].dtype)
        if dtype != spec.dtype or min(shape, default=0) < 0 or math.prod(shape) > most:
            raise invalid(f"Input {name} must be {spec.dtype}, at most {most}. Got {dtype} {shape}")
        try:
            arrays[name] = tf.make_ndarray(tensors[name])
        except (TypeError, ValueError) as error:
            raise invalid(f"Input {name} is not a whole tensor: {error}") from None
    return arrays


def _answer(request, name: str, version: int, outputs: Mapping[str, np.ndarray]):
    answer = predict_pb2.PredictResponse()
    answer.model_spec.name = request.model_spec.name
    answer.model_spec.signature_name = name
    answer.model_spec.version.value = version
    for key in request.output_filter or outputs:
        if key not in outputs:
            raise invalid(f"output tensor alias not found in signature: {key}")
        answer.outputs[key].CopyFrom(tf.make_tensor_proto(outputs[key]))
    return answer
