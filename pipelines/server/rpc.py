"""The gRPC interface over the same models: Predict, GetModelMetadata and GetModelStatus."""

import contextlib
import math
import reprlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

import grpc
import numpy as np
import tensorflow as tf
from google.protobuf import any_pb2
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from pipelines.server.app import SIGNATURES, status_message
from pipelines.server.engine import Engine
from pipelines.server.errors import Code, RequestError, invalid
from pipelines.server.flags import ServeFlags
from pipelines.server.models import Models
from pipelines.server.monitoring import Monitor
from pipelines.server.requests import DEFAULT_SIGNATURE, Specs, check_shape, check_work


@contextlib.asynccontextmanager
async def serving(
    models: Models,
    engines: Mapping[str, Engine],
    address: str,
    flags: ServeFlags,
    monitor: Monitor,
) -> AsyncIterator[int]:
    """Serves gRPC on the running event loop; requests inside at the end may finish.

    Yields:
        The port.
    """
    size = ("grpc.max_receive_message_length", flags.max_request_bytes)
    server = grpc.aio.server(options=[size])
    services = Services(models, engines, flags, monitor)
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(services, server)
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(services, server)
    host = f"[{address}]" if ":" in address else address
    bound = server.add_insecure_port(f"{host}:{flags.grpc_port}")
    await server.start()
    print(f"gRPC at port {bound}.", flush=True)
    try:
        yield bound
    finally:
        await server.stop(grace=flags.timeout_seconds)


def _answers(method):
    """A method of gRPC from a coroutine of the request, whose RequestErrors end the call."""

    async def call(self, request, context: grpc.aio.ServicerContext):
        try:
            return await method(self, request)
        except RequestError as error:
            await context.abort(grpc.StatusCode[Code.Name(error.code)], error.message)

    return call


@dataclass
class Services(
    prediction_service_pb2_grpc.PredictionServiceServicer,
    model_service_pb2_grpc.ModelServiceServicer,
):
    """tensorflow.serving's PredictionService and ModelService.

    The methods left out answer UNIMPLEMENTED.
    """

    models: Models
    engines: Mapping[str, Engine]
    flags: ServeFlags
    monitor: Monitor

    @_answers
    async def Predict(self, request):
        model, number = _target(request.model_spec)
        with self.models.use(model, number) as version, self.monitor.request(model, "GRPC"):
            engine = self.engines[model]
            async with engine.admit():
                name = request.model_spec.signature_name or DEFAULT_SIGNATURE
                specs = version.servable.signature(name).inputs
                inputs = await engine.convert(_arrays, request.inputs, specs, self.flags)
                with self.monitor.runtime(model):
                    outputs = await engine.predict(version.servable, name, inputs)
                return await engine.convert(_answer, request, name, version.number, outputs)

    @_answers
    async def GetModelMetadata(self, request):
        if list(request.metadata_field) != [SIGNATURES]:
            raise invalid(f"Metadata fields must be [{SIGNATURES}]. Got {request.metadata_field}")
        metadata = any_pb2.Any()
        name, number = _target(request.model_spec)
        with self.models.use(name, number) as version:
            metadata.Pack(version.servable.definitions)
        spec = {"name": name, "version": {"value": version.number}}
        return get_model_metadata_pb2.GetModelMetadataResponse(
            model_spec=spec, metadata={SIGNATURES: metadata}
        )

    @_answers
    async def GetModelStatus(self, request):
        return status_message(self.models, *_target(request.model_spec))


def _target(spec) -> tuple[str, int | None]:
    if spec.version_label:
        raise invalid(f"Unrecognized servable version label: {spec.version_label}")
    return spec.name, spec.version.value if spec.HasField("version") else None


def _arrays(tensors: Mapping, specs: Specs, flags: ServeFlags) -> dict[str, np.ndarray]:
    """The inputs of a request, checked against its signature.

    Raises:
        RequestError: a name, shape or type is none of the signature's, a tensor is not whole, or
            the request asks for too much.
    """
    if tensors.keys() != specs.keys():
        raise invalid(f"Inputs must be {list(specs)}. Got {sorted(tensors)}")
    most = flags.max_request_bytes  # values: a few bytes may state the shape [10**12]
    inputs = {name: _array(name, tensors[name], spec, most) for name, spec in specs.items()}
    check_work(inputs, flags.max_text_bytes)
    return inputs


def _array(name: str, tensor, spec: tf.TensorSpec, most: int) -> np.ndarray:
    shape = [dimension.size for dimension in tensor.tensor_shape.dim]
    if min(shape, default=0) < 0 or math.prod(shape) > most:
        raise invalid(f"Input {name} must have at most {most} values. Got {reprlib.repr(shape)}")
    check_shape(name, shape, spec)
    if tensor.dtype != spec.dtype.as_datatype_enum:
        raise invalid(
            f"Input {name} must be of type {spec.dtype.name}. Got DataType {tensor.dtype}"
        )
    try:
        return tf.make_ndarray(tensor)
    except (TypeError, ValueError) as error:
        raise invalid(f"Input {name} is not a whole tensor: {error}") from None


def _answer(request, name: str, version: int, outputs: Mapping[str, np.ndarray]):
    keys = request.output_filter or outputs
    if missing := [key for key in keys if key not in outputs]:
        raise invalid(f"output tensor alias not found in signature: {', '.join(missing)}")
    model = request.model_spec.name
    return predict_pb2.PredictResponse(
        model_spec={"name": model, "signature_name": name, "version": {"value": version}},
        outputs={key: tf.make_tensor_proto(outputs[key]) for key in keys},
    )
