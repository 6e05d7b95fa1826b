"""A loaded SavedModel: its signatures as TF Serving sees them, and calling them with arrays."""

import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2, saved_model_pb2
from tensorflow_serving.apis import get_model_metadata_pb2, prediction_log_pb2

from pipelines.server.errors import RequestError, invalid
from pipelines.server.requests import DEFAULT_SIGNATURE, Specs

WARMUP = "assets.extra/tf_serving_warmup_requests"
TRACE = "<stack traces unavailable>\n"  # above it, an error repeats the graph

# TensorFlow calls the loader for sessions deprecated. TF Serving loads so, and no other public way
# has a call that stops when its time is over.
tf.get_logger().addFilter(lambda record: "saved_model.loader_impl" not in record.getMessage())


class Signature(NamedTuple):
    """One way to call a model.

    Attributes:
        function: from arrays, in the order of `inputs`, and `options` to named arrays.
        inputs, outputs: their types and shapes.
        method: of TF Serving: tensorflow/serving/predict, or classify, or regress.
    """

    function: Callable[..., Mapping[str, np.ndarray]]
    inputs: Specs
    outputs: Specs
    method: str

    @property
    def batchable(self) -> bool:
        """Whether requests may share a call and then have their parts of its answer.

        All inputs and outputs must have a free first dimension. The outputs' other dimensions must
        be fixed: rows padded to the longest of a batch would differ with their neighbours.
        """
        specs = [*self.inputs.values(), *self.outputs.values()]
        free = all(spec.shape.rank and spec.shape[0] is None for spec in specs)
        fixed = all(spec.shape[1:].is_fully_defined() for spec in self.outputs.values())
        return bool(self.inputs) and free and fixed


class Servable:
    """A loaded model.

    Attributes:
        signatures: by name.
        definitions: the same as the SavedModel's own protocol buffers.
    """

    def __init__(
        self,
        session: tf.compat.v1.Session,
        definitions: get_model_metadata_pb2.SignatureDefMap,
    ):
        self.definitions = definitions
        self.signatures = {
            name: Signature(
                session.make_callable(
                    {key: info.name for key, info in definition.outputs.items()},
                    [info.name for _, info in sorted(definition.inputs.items())],
                    accept_options=True,
                ),
                _specs(definition.inputs),
                _specs(definition.outputs),
                definition.method_name,
            )
            for name, definition in definitions.signature_def.items()
            if definition.method_name  # others initialise the model
        }

    def signature(self, name: str) -> Signature:
        """The signature of a name.

        Raises:
            RequestError: there is none.
        """
        if name not in self.signatures:
            raise invalid(f'Serving signature name: "{name}" not found in signature def')
        return self.signatures[name]

    def run(
        self, name: str, inputs: Mapping[str, np.ndarray], seconds: float = 0
    ) -> dict[str, np.ndarray]:
        """Calls a signature.

        Args:
            name: of the signature.
            inputs: arrays by name.
            seconds: after which TensorFlow stops the call, within a loop, too; 0 never.

        Raises:
            RequestError: TensorFlow's own error, with its code.
        """
        signature = self.signatures[name]
        options = tf.compat.v1.RunOptions(timeout_in_ms=math.ceil(1000 * seconds))
        try:
            values = signature.function(*map(inputs.get, signature.inputs), options=options)
        except tf.errors.OpError as error:
            message = error.message.rpartition(TRACE)[2].strip()
            raise RequestError(error.error_code, message) from error
        types = {key: spec.dtype.as_numpy_dtype for key, spec in signature.outputs.items()}
        return {key: np.asarray(value, types[key]) for key, value in values.items()}


def load(folder: Path) -> Servable:
    """Loads a SavedModel, and runs its warm-up requests as TF Serving does.

    Raises:
        ValueError: it has no graph for serving.
        OSError: its files cannot be read.
        RequestError: a warm-up request fails.
    """
    content = saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    graphs = [graph for graph in content.meta_graphs if "serve" in graph.meta_info_def.tags]
    if not graphs:
        raise ValueError(f"{folder} has no graph with the tag `serve`.")
    definitions = get_model_metadata_pb2.SignatureDefMap(signature_def=graphs[0].signature_def)
    # Each model has threads of its own, so that no model waits for another's operations.
    config = tf.compat.v1.ConfigProto(allow_soft_placement=True, use_per_session_threads=True)
    session = tf.compat.v1.Session(graph=tf.Graph(), config=config)
    with session.graph.as_default():
        tf.compat.v1.saved_model.load(session, ["serve"], str(folder))
    session.graph.finalize()
    servable = Servable(session, definitions)
    for name, inputs in warmup_requests(folder):
        servable.run(name, inputs)
    return servable


def warmup_requests(folder: Path) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
    """The signature and the inputs of each of a SavedModel's warm-up requests; none without."""
    path = folder / WARMUP
    if not path.exists():
        return
    for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
        request = prediction_log_pb2.PredictionLog.FromString(record).predict_log.request
        inputs = {key: tf.make_ndarray(value) for key, value in request.inputs.items()}
        yield request.model_spec.signature_name or DEFAULT_SIGNATURE, inputs


def _specs(tensors: Mapping[str, meta_graph_pb2.TensorInfo]) -> Specs:
    return {
        name: tf.TensorSpec(info.tensor_shape, info.dtype) for name, info in sorted(tensors.items())
    }
