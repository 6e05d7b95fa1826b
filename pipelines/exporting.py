"""SavedModels for TF Serving: written beside their place and renamed into it when whole."""

import contextlib
import os
import shutil
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from pipelines.runs import disk_may_fill, file_digest, read_json, write_atomically, write_json
from pipelines.server.folders import versions

WARMUP = "tf_serving_warmup_requests"
RUN = "assets.extra/run.json"
DIGESTS = "assets.extra/sha256.json"


def stored_in_half(
    variables: Iterable[keras.Variable],
) -> tuple[list[tf.Variable], Callable[[], contextlib.AbstractContextManager]]:
    """Copies of a model's variables for an export: floats kept in 16 bits, used in 32.

    Halves the file; the arithmetic stays float32, because each value is cast before its use.

    Returns:
        The variables to save, and a function that opens a scope in which the model's own variables
        read as those values. Open it inside the exported function.
    """
    variables = list(variables)
    stored = []
    for variable in variables:
        value = keras.ops.convert_to_numpy(variable.value)
        if value.dtype == np.float32:
            if not np.abs(value).max(initial=0.0) <= np.finfo(np.float16).max:  # nor not-a-number
                raise ValueError(f"`{variable.path}` must fit 16 bits. Got {np.abs(value).max()}.")
            value = value.astype(np.float16)
        stored.append(tf.Variable(value, trainable=False, name=variable.path.replace("/", "_")))

    def scope():
        pairs = zip(variables, stored, strict=True)
        return keras.StatelessScope([(own, tf.cast(copy, own.dtype)) for own, copy in pairs])

    return stored, scope


def signatures_of(
    module: tf.Module, parts: object, inputs: Mapping[str, Sequence[tf.TensorSpec]]
) -> dict[str, Callable]:
    """Methods of `parts` as an export's signatures, kept alive by `module`.

    Args:
        module: what is saved.
        parts: has a method of each signature's name.
        inputs: signature name -> what the method takes.
    """
    signatures = {
        name: tf.function(getattr(parts, name), input_signature=specs)
        for name, specs in inputs.items()
    }
    module.signatures_ = list(signatures.values())
    return signatures


def write_saved_model(
    module: tf.Module,
    signatures: Mapping[str, Callable],
    folder: Path,
    *,
    card: str,
    warmup: Sequence[tuple[str, Mapping[str, object]]] = (),
    extra: Mapping[str, object] | None = None,
) -> Path:
    """Saves `folder/<version>/` and the model card `folder/README.md`.

    Everything is written to a hidden folder first and renamed when whole, so that a server that
    watches `folder` never loads a part, and a version that is there is never overwritten.

    Args:
        module: holds the variables and assets.
        signatures: signature name -> `tf.function` with an input signature.
        folder: such as saved_models/captioning.
        card: text of the model card.
        warmup: requests that TF Serving runs before it serves: (signature name, input arrays).
        extra: JSON kept as assets.extra/run.json: what the model was made from.

    Returns:
        The version's folder.
    """
    with disk_may_fill(folder):
        return _write_version(module, signatures, folder, card, warmup, extra or {})


def _write_version(module, signatures, folder: Path, card: str, warmup, extra) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(folder)
    staging = folder / f".writing-{os.getpid()}"
    try:
        options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)  # only served
        tf.saved_model.save(module, str(staging), signatures=dict(signatures), options=options)
        write_warmup(staging / "assets.extra" / WARMUP, folder.name, warmup)
        write_json(staging / RUN, extra)
        write_digests(staging)
        _answers(staging, warmup)
        target = folder / str(latest_version(folder, default=0) + 1)
        os.rename(staging, target)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    write_atomically(folder / "README.md", lambda file: file.write(card.encode()))
    return target


def write_warmup(
    path: Path, model: str, requests: Iterable[tuple[str, Mapping[str, object]]]
) -> None:
    """Writes PredictionLog records, the format of TF Serving's SavedModel warm-up."""
    from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for signature, inputs in requests:
            request = predict_pb2.PredictRequest()
            request.model_spec.name = model
            request.model_spec.signature_name = signature
            for name, value in inputs.items():
                request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
            log = prediction_log_pb2.PredictionLog(
                predict_log=prediction_log_pb2.PredictLog(request=request)
            )
            writer.write(log.SerializeToString())


def latest_version(folder: Path, default: int | None = None, argument: str = "--model") -> int:
    """The largest version number under `folder`, as TF Serving picks it.

    Raises:
        ValueError: there is none, and no default; names the `argument`.
    """
    numbers = versions(folder)
    if not numbers and default is None:
        raise ValueError(
            f"`{argument}` must name a folder of versions (1, 2, ...) or one version. "
            f"Got {folder}, which has none: train one, or name another."
        )
    return max(numbers, default=default)


def write_digests(folder: Path) -> None:
    """Lists the sha256 of each file of a version, in assets.extra/sha256.json."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    named = {path.relative_to(folder).as_posix(): file_digest(path) for path in files}
    write_json(folder / DIGESTS, {name: named[name] for name in named if name != DIGESTS})


def check_digests(folder: Path, argument: str = "--model") -> None:
    """Compares a version's files with its list; one of an older export has none.

    TensorFlow itself notices damage to the variables alone.

    Raises:
        ValueError: a file is missing or is not the one that was exported; names it.
    """
    if not (folder / DIGESTS).exists():
        return
    listed = read_json(folder / DIGESTS)
    for name, digest in (listed if isinstance(listed, dict) else {DIGESTS: None}).items():
        if not (folder / name).is_file() or file_digest(folder / name) != digest:
            raise ValueError(
                f"`{argument}` must name a whole SavedModel. {folder / name} is missing, cut off "
                "or altered since the export: restore it, or export the model again."
            )


def load_saved_model(path: Path, argument: str = "--model"):
    """Loads a SavedModel folder, or the latest version under it; returns (model, folder).

    Args:
        path: of either.
        argument: that an error names.

    Raises:
        ValueError: there is none, or it is damaged.
    """
    if not any((path / name).exists() for name in ("saved_model.pb", DIGESTS)):
        path = path / str(latest_version(path, argument=argument))
    check_digests(path, argument)
    try:
        return tf.saved_model.load(str(path)), path
    except Exception as error:  # of a damaged graph TensorFlow raises nearly anything
        raise ValueError(
            f"`{argument}` must name a whole SavedModel. {path} does not load: {error}"
        ) from error


def _answers(folder: Path, requests: Iterable[tuple[str, Mapping[str, object]]]) -> None:
    """What was saved loads and answers its own warm-up requests, before it gets its place."""
    loaded = tf.saved_model.load(str(folder))
    for signature, inputs in requests:
        loaded.signatures[signature](**{name: tf.constant(v) for name, v in inputs.items()})


def _remove_leftovers(folder: Path) -> None:
    """Removes what an export that was killed left, if its process is gone."""
    for path in folder.glob(".writing-*"):
        pid = path.name.removeprefix(".writing-")
        # This process has not begun: a container gives its number to one process after another.
        if not pid.isdigit() or int(pid) == os.getpid() or not _alive(int(pid)):
            shutil.rmtree(path, ignore_errors=True)
    for path in folder.glob(".README.md-????????"):  # a card is written in no time
        if time.time() - path.stat().st_mtime > 60:
            path.unlink(missing_ok=True)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)  # signal 0 only asks
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # another user's
    return True
