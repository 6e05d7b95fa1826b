"""Requests share calls, and each still has its own answer and its own error."""

import asyncio
import gc
import threading
import time
import weakref

import numpy as np
import pytest
import tensorflow as tf

from pipelines.server.batching import Batcher, BatchingParameters, read_parameters
from pipelines.server.engine import Engine
from pipelines.server.errors import RequestError, invalid
from pipelines.server.servable import Signature


class Doubling:
    """Doubles x; a negative x is an error of the whole call."""

    def __init__(self):
        self.calls = []
        self.go_on = threading.Event()
        self.go_on.set()
        spec = {"x": tf.TensorSpec([None], tf.int32)}
        self.signatures = {"f": Signature(None, spec, spec, "tensorflow/serving/predict")}

    def run(self, name, inputs, seconds):
        self.calls.append(len(inputs["x"]))
        assert self.go_on.wait(10)
        if (inputs["x"] < 0).any():
            raise invalid("negative")
        return {"y": 2 * inputs["x"]}


def ask(engine, model, *rows):
    return engine.predict(model, "f", {"x": np.array(rows)})


def parameters(size=4, micros=20_000, enqueued=10, threads=1):
    return BatchingParameters(size, micros, enqueued, threads)


def together(model, requests, batching, **settings):
    """The answers, or errors, of requests that come at once."""

    async def all_of_them():
        limits = {"threads": 2, "max_waiting": 100, "timeout": 10.0, **settings}
        engine = Engine(**limits, batching=batching)
        tasks = [ask(engine, model, *rows) for rows in requests]
        try:
            return await asyncio.gather(*tasks, return_exceptions=True)
        finally:
            engine.close()

    return asyncio.run(all_of_them())


def test_requests_share_a_call_and_have_their_own_answers():
    model = Doubling()
    answers = together(model, [[1], [2, 3], [4]], parameters(size=4))
    assert [answer["y"].tolist() for answer in answers] == [[2], [4, 6], [8]]
    assert model.calls == [4]


def test_a_batch_is_no_larger_than_it_may_be():
    model = Doubling()
    answers = together(model, [[1, 2, 3], [4, 5], [6] * 7, [8]], parameters(size=4))
    assert [len(answer["y"]) for answer in answers] == [3, 2, 7, 1]
    assert sorted(model.calls) == [3, 3, 7] or sorted(model.calls) == [1, 2, 3, 7]


def test_without_batching_each_request_has_a_call():
    model = Doubling()
    together(model, [[1], [2, 3]], None)
    assert sorted(model.calls) == [1, 2]


def test_a_batch_waits_only_so_long():
    model = Doubling()
    started = time.monotonic()
    assert together(model, [[1]], parameters(size=100, micros=50_000))[0]["y"].tolist() == [2]
    assert 0.05 <= time.monotonic() - started < 5


def test_one_bad_request_does_not_spoil_its_neighbours_answers():
    answers = together(Doubling(), [[1], [-1], [2]], parameters(size=3))
    assert [answers[0]["y"].tolist(), answers[2]["y"].tolist()] == [[2], [4]]
    assert isinstance(answers[1], RequestError)
    assert answers[1].message == "negative"


def test_rows_of_other_shapes_are_another_batch():
    model = Doubling()

    async def ask_both():
        engine = Engine(2, 10, 10.0, parameters(size=2, micros=1000))
        wide = {"x": np.ones([1, 3], int)}
        answers = await asyncio.gather(ask(engine, model, 1), engine.predict(model, "f", wide))
        engine.close()
        return answers

    narrow, wide = asyncio.run(ask_both())
    assert narrow["y"].shape == (1,)
    assert wide["y"].shape == (1, 3)


def test_inputs_of_a_batch_need_as_many_rows():
    batcher = Batcher(parameters(), compute=None, seconds=1)
    with pytest.raises(RequestError, match="equal 0th-dimension size"):
        asyncio.run(batcher.predict(None, "f", {"x": np.zeros(2), "y": np.zeros(3)}))


def test_too_many_batches_are_refused():
    model = Doubling()
    model.go_on.clear()
    threading.Timer(0.3, model.go_on.set).start()
    answers = together(model, [[1]] * 5, parameters(size=1, enqueued=2))
    refused = [error for error in answers if isinstance(error, RequestError)]
    assert {error.status for error in refused} == {503}
    assert "queue" in refused[0].message
    assert len(refused) == 3


def test_a_request_whose_time_is_over_leaves_its_batch():
    model = Doubling()

    async def give_up():
        engine = Engine(1, 10, 10.0, parameters(size=10, micros=100_000))
        waiting = [asyncio.create_task(ask(engine, model, row)) for row in (1, 2)]
        await asyncio.sleep(0.01)
        waiting[0].cancel()
        answer = await waiting[1]
        engine.close()
        return answer

    assert asyncio.run(give_up())["y"].tolist() == [4]
    assert model.calls == [1]


FREE, FIXED = tf.TensorSpec([None, 2]), tf.TensorSpec([3])


@pytest.mark.parametrize(
    ("inputs", "outputs", "batchable"),
    [
        ([FREE], [FREE], True),
        ([tf.TensorSpec([None, None])], [FREE], True),
        ([FREE, tf.TensorSpec([])], [FREE], False),
        ([FREE, FIXED], [FREE], False),
        ([tf.TensorSpec(None)], [FREE], False),
        ([FREE], [FREE, tf.TensorSpec([None, None])], False),  # padded to the longest row
        ([FREE], [FIXED], False),
        ([FREE], [tf.TensorSpec(None)], False),
        ([], [FREE], False),
    ],
)
def test_which_signatures_may_be_batched(inputs, outputs, batchable):
    named = [{f"t{i}": spec for i, spec in enumerate(specs)} for specs in (inputs, outputs)]
    assert Signature(None, *named, "").batchable is batchable


def test_the_engine_bounds_what_waits_and_how_long():
    model = Doubling()
    model.go_on.clear()

    async def request(engine):
        async with engine.admit():
            return await ask(engine, model, 1)

    async def crowd():
        engine = Engine(threads=1, max_waiting=2, timeout=1.0)
        started = time.monotonic()
        tasks = [asyncio.create_task(request(engine)) for _ in range(10)]
        done, _ = await asyncio.wait(tasks, timeout=0.3)
        refused_after = time.monotonic() - started
        errors = await asyncio.gather(*tasks, return_exceptions=True)
        model.go_on.set()  # until now the first computes: nothing can stop it
        answer = await request(engine)
        engine.close()
        return len(done), refused_after, [error.status for error in errors], answer

    refused, after, statuses, answer = asyncio.run(crowd())
    assert refused == 7
    assert after < 1.0
    assert sorted(statuses) == [503] * 7 + [504] * 3
    assert answer["y"].tolist() == [2]
    assert model.calls == [1, 1]  # what waited when its time was over was never begun


def test_a_request_whose_time_is_over_leaves_no_inputs_behind():
    """Also while the thread that it waited for computes on."""
    model = Doubling()
    model.go_on.clear()

    async def wait_in_vain():
        engine = Engine(threads=1, max_waiting=1, timeout=0.2)

        async def request(inputs):
            async with engine.admit():
                await engine.predict(model, "f", {"x": inputs})

        computing = asyncio.create_task(request(np.array([1])))
        await asyncio.sleep(0.05)
        inputs = np.array([2])
        held = weakref.ref(inputs)
        waiting = asyncio.create_task(request(inputs))
        del inputs
        errors = await asyncio.gather(computing, waiting, return_exceptions=True)
        statuses = [error.status for error in errors]
        del waiting, errors
        await asyncio.sleep(0)  # the loop itself holds the errors until its next round
        gc.collect()
        left = held()
        model.go_on.set()
        engine.close()
        return statuses, left

    assert asyncio.run(wait_in_vain()) == ([504, 504], None)
    assert model.calls == [1]


# The file of parameters.


def test_parameters_in_tf_servings_form(tmp_path):
    path = tmp_path / "parameters.txt"
    path.write_text(
        "# a comment\nmax_batch_size { value: 32 }  # rows\nbatch_timeout_micros {value:0}\n"
        "num_batch_threads: { value: 2 }\nallowed_batch_sizes: 8\nallowed_batch_sizes: 32\n"
        'thread_pool_name { value: "a" } max_enqueued_batches{\n  value: 7\n}\n'
    )
    assert read_parameters(path) == BatchingParameters(32, 0, 7, 2)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("max_batch_size 32", "must hold lines like"),
        ("max_batch_sise { value: 32 }", "integers. Got max_batch_sise: 32"),
        ("max_batch_size { value: 0 }", "at least 1. Got 0"),
        ("batch_timeout_micros { value: -1 }", "integers. Got batch_timeout_micros: -1"),
        ("num_batch_threads { value: two }", "Got num_batch_threads: two"),
    ],
)
def test_wrong_parameters(tmp_path, text, message):
    path = tmp_path / "parameters.txt"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        read_parameters(path)
