"""docker-compose.yaml and the files that it mounts, each against the definition that reads it."""

from pathlib import Path

import pytest
import yaml
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format
from tensorflow_serving.config import model_server_config_pb2

from pipelines.server import monitoring
from pipelines.server.batching import read_parameters
from pipelines.server.servable import load

ROOT = Path(__file__).parents[3]
CONFIG = ROOT / "pipelines" / "server"
FIELD = descriptor_pb2.FieldDescriptorProto

# tensorflow_serving/config/monitoring_config.proto and
# tensorflow_serving/servables/tensorflow/session_bundle_config.proto, which no package carries.
DEFINITIONS = {
    "PrometheusConfig": {"enable": "bool", "path": "string"},
    "MonitoringConfig": {"prometheus_config": "PrometheusConfig"},
    "Int64Value": {"value": "int64"},
    "BatchingParameters": dict.fromkeys(
        ("max_batch_size", "batch_timeout_micros", "max_enqueued_batches", "num_batch_threads"),
        "Int64Value",
    ),
}


@pytest.fixture(scope="module")
def messages():
    file = descriptor_pb2.FileDescriptorProto(name="serving.proto", package="t", syntax="proto3")
    for name, fields in DEFINITIONS.items():
        message = file.message_type.add(name=name)
        for number, (field, kind) in enumerate(fields.items(), start=1):
            added = message.field.add(name=field, number=number, label=FIELD.LABEL_OPTIONAL)
            if kind in DEFINITIONS:
                added.type, added.type_name = FIELD.TYPE_MESSAGE, f".t.{kind}"
            else:
                added.type = FIELD.Type.Value(f"TYPE_{kind.upper()}")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"t.{name}"))
        for name in DEFINITIONS
    }


@pytest.fixture(scope="module")
def services():
    return yaml.safe_load((ROOT / "docker-compose.yaml").read_text())["services"]


def flags(service):
    return dict(flag.removeprefix("--").split("=") for flag in service["command"])


def models(service):
    """Name -> folder here of the models that a service is told to serve."""
    file = CONFIG / Path(flags(service)["model_config_file"]).name
    config = text_format.Parse(
        file.read_text(encoding="utf-8"), model_server_config_pb2.ModelServerConfig()
    )
    return {
        model.name: ROOT / "saved_models" / model.base_path.removeprefix("/models/")
        for model in config.model_config_list.config
    }


def test_every_shipped_model_is_served_once(services):
    served = [name for key in ("serving", "charlm") for name in models(services[key])]
    assert sorted(served) == sorted(
        path.name for path in (ROOT / "saved_models").iterdir() if path.is_dir()
    )


@pytest.mark.slow
def test_models_whose_inputs_do_not_stack_are_where_nothing_is_batched(services):
    """Rows stack where every input has them, and all are of one shape."""
    for key, batched in (("serving", True), ("charlm", False)):
        assert ("enable_batching" in flags(services[key])) is batched
        for folder in models(services[key]).values():
            newest = max(folder.glob("[0-9]*"), key=lambda path: int(path.name))
            signatures = load(newest).signatures.values()
            shapes = [spec.shape for each in signatures for spec in each.inputs.values()]
            stack = all(shape.rank and shape[1:].is_fully_defined() for shape in shapes)
            assert stack is batched, folder


def test_files_that_flags_name_are_mounted(services):
    for service in services.values():
        mounts = [mount.removesuffix(":ro").split(":") for mount in service["volumes"]]
        for here, _ in mounts:
            assert (ROOT / here).exists()
        folders = {there: ROOT / here for here, there in mounts}
        for value in flags(service).values() if "command" in service else ():
            if value.startswith("/"):
                assert (folders[str(Path(value).parent)] / Path(value).name).is_file()


def test_monitoring_is_on_where_prometheus_looks(messages, services):
    text = (CONFIG / "monitoring.config").read_text(encoding="utf-8")
    config = text_format.Parse(text, messages["MonitoringConfig"]()).prometheus_config
    assert (config.enable, config.path) == (True, monitoring.PATH)
    (job,) = yaml.safe_load((CONFIG / "prometheus.yaml").read_text())["scrape_configs"]
    assert job["metrics_path"] == monitoring.PATH
    hosts = [target.partition(":")[0] for target in job["static_configs"][0]["targets"]]
    assert sorted(hosts) == sorted(set(services) - {"prometheus"})


def test_batching_parameters_are_tf_servings_and_ours(messages):
    path = CONFIG / "batching_parameters.txt"
    parsed = text_format.Parse(path.read_text(encoding="utf-8"), messages["BatchingParameters"]())
    ours = read_parameters(path)
    assert parsed.max_batch_size.value == ours.max_batch_size
    assert parsed.batch_timeout_micros.value == ours.batch_timeout_micros
