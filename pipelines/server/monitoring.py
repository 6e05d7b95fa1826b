"""What is counted of requests, under the names, labels and path that TF Serving has for Prometheus.

    :tensorflow:serving:request_count{model_name, status}
    :tensorflow:serving:request_latency{model_name, API, entrypoint}      histogram, microseconds
    :tensorflow:serving:runtime_latency{model_name, API, runtime}         of it, TensorFlow's share

https://github.com/tensorflow/serving, servables/tensorflow/util.cc
"""

import contextlib
import time
from collections import Counter
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Histogram, disable_created_metrics, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from pipelines.server.errors import Code, RequestError

PATH = "/monitoring/prometheus/metrics"
TYPE = "text/plain; version=0.0.4; charset=utf-8"
PREFIX = ":tensorflow:serving:"
BUCKETS = [10 * 1.8**power for power in range(33)]  # microseconds, as TF Serving's

disable_created_metrics()


class Requests(Collector):
    """How many requests ended with which status; the library's own counter would add "_total"."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()

    def collect(self) -> Iterator[Metric]:
        metric = Metric(f"{PREFIX}request_count", "The total number of requests.", "unknown")
        for (model, status), count in sorted(self.counts.items()):
            metric.add_sample(metric.name, {"model_name": model, "status": status}, count)
        yield metric


class Monitor:
    """The numbers of one server."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Requests()
        self.registry.register(self.requests)
        self._latency = self._histogram("request_latency", "request", "entrypoint")
        self._runtime = self._histogram("runtime_latency", "runtime", "runtime")

    def _histogram(self, name: str, what: str, label: str) -> Histogram:
        text = f"Distribution of wall time (in microseconds) for Tensorflow Serving {what}."
        labels = ["model_name", "API", label]
        return Histogram(PREFIX + name, text, labels, buckets=BUCKETS, registry=self.registry)

    @contextlib.contextmanager
    def request(self, model: str, entrypoint: str) -> Iterator[None]:
        """Counts what happens inside as one request.

        Args:
            model: that is served.
            entrypoint: "REST" or "GRPC".
        """
        code, start = Code.UNKNOWN, time.monotonic()
        try:
            yield
            code = Code.OK
        except RequestError as error:
            code = error.code
            raise
        finally:
            self.requests.counts[model, Code.Name(code)] += 1
            self._latency.labels(model, "predict", entrypoint).observe(_micros(start))

    @contextlib.contextmanager
    def runtime(self, model: str) -> Iterator[None]:
        """Counts what happens inside as TensorFlow's share of a request."""
        start = time.monotonic()
        try:
            yield
        finally:
            self._runtime.labels(model, "predict", "TF1").observe(_micros(start))

    def text(self) -> bytes:
        """All of it, as Prometheus reads it."""
        return generate_latest(self.registry)


def _micros(start: float) -> float:
    return (time.monotonic() - start) * 1e6
