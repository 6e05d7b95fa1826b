"""Files to answers: what a clip may be, and what is done when."""

from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from datasets.actions import sample_places
from datasets.actions.clips import Extent
from pipelines.action_recognition.prediction import (
    Source,
    actions,
    open_clip,
    read_paths,
    window_clips,
    windows_of,
)
from tests.pipelines.action_recognition.small import SIZE, clip_of, gif_of

av = pytest.importorskip("av")


def write_video(path, frames: np.ndarray, rate: int = 10) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=rate)
        stream.width, stream.height, stream.pix_fmt = *frames.shape[2:0:-1], "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())


def test_a_video_a_gif_and_a_folder_of_frames_show_the_same(tmp_path):
    frames = clip_of("right", 1, 12, 32)
    write_video(tmp_path / "a.mp4", frames)
    (tmp_path / "a.gif").write_bytes(gif_of("right", 1, 12))
    (tmp_path / "frames").mkdir()
    for number, frame in enumerate(frames, start=1):
        Image.fromarray(frame).save(tmp_path / "frames" / f"{number}.png")
    places = [1, 4, 7, 10]
    for name in ("a.mp4", "frames"):
        source = open_clip(tmp_path / name, 32, rate=10.0)
        assert not source.fault
        assert source.extent.frames == 12
        assert source.extent.seconds == pytest.approx(1.2, abs=0.01)
        shown = np.stack(list(source.take(places))).astype(int)
        assert np.abs(shown - frames[places]).mean() < 6
    source = open_clip(tmp_path / "a.gif", SIZE, rate=None)
    assert source.extent == Extent(12, pytest.approx(1.2))
    assert np.stack(list(source.take(places))).shape == (4, SIZE, SIZE, 3)


def test_a_video_of_any_length_is_read(tmp_path, monkeypatch):
    write_video(tmp_path / "a.mp4", clip_of("right", 1, 60, 32))
    monkeypatch.setattr("datasets.actions.video.LONGEST", 2.0)
    source = open_clip(tmp_path / "a.mp4", SIZE, rate=None)
    assert source.extent == Extent(60, pytest.approx(6.0))
    assert len(list(source.take([0, 30, 59]))) == 3


def test_joints_are_an_array(tmp_path):
    joints = np.random.default_rng(0).normal(size=(9, 4, 3))
    np.save(tmp_path / "a.npy", joints)
    np.save(tmp_path / "b.npy", joints[0])
    source = open_clip(tmp_path / "a.npy", 0, rate=None)
    np.testing.assert_array_equal(source.take([2, 5]), joints[[2, 5]].astype(np.float32))
    assert "not [time, joints, 3]" in open_clip(tmp_path / "b.npy", 0, rate=None).fault


def test_what_cannot_be_used_says_why(tmp_path):
    (tmp_path / "a.gif").write_bytes(gif_of("left")[:-1])
    (tmp_path / "b.mp4").write_bytes(b"no video")
    (tmp_path / "c.npy").write_bytes(b"no array")
    (tmp_path / "d").mkdir()
    for name in ("a.gif", "b.mp4", "c.npy", "d"):
        assert open_clip(tmp_path / name, SIZE, rate=None).fault


def test_inputs_must_be_clips_of_the_models_kind(tmp_path):
    (tmp_path / "a.gif").write_bytes(gif_of("left"))
    (tmp_path / "a.txt").write_text("no clip")
    assert read_paths([str(tmp_path / "a.gif"), str(tmp_path)], joints=False)
    for inputs, joints, message in (
        ([], False, "Got none"),
        (["/no/such.mp4"], False, "Not found: /no/such.mp4"),
        ([str(tmp_path / "a.txt")], False, "Got "),
        ([str(tmp_path / "a.gif")], True, r"files \(.npy\). Got "),
        ([str(tmp_path)], True, "Got "),
    ):
        with pytest.raises(ValueError, match=message):
            read_paths(inputs, joints)


# What is done when.


def test_windows_cover_the_clip_and_lie_half_over_each_other():
    assert windows_of(Extent(30, 3.0), 2.0) == [(0, 30)]
    windows = windows_of(Extent(100, 10.0), 2.0)
    assert windows[0] == (0, 20)
    assert windows[-1] == (80, 100)
    starts = np.array([start for start, _ in windows])
    assert (np.diff(starts) <= 10).all()
    assert {end - start for start, end in windows} == {20}


def test_each_window_has_its_own_frames_and_the_clip_is_read_once():
    clip, asked = np.arange(100)[:, None], []

    def take(places):
        asked.append(places)
        return iter(clip[places])

    windows = windows_of(Extent(100, 10.0), 2.0)
    found = list(window_clips(Source("a", Extent(100, 10.0), take), windows, 4))
    assert len(asked) == 1
    for (start, _), frames in zip(windows, found, strict=True):
        np.testing.assert_array_equal(frames[:, 0], start + sample_places(20, 4))


def test_windows_that_show_the_same_are_one_action():
    """Of 10 seconds, a wave until 4, then a jump."""
    clip = np.repeat([0, 1], [40, 60]).astype(np.float32)[:, None, None] * np.ones((1, 2, 3))

    def answer(joints, lengths):
        mean = tf.reduce_mean(joints, axis=[1, 2, 3])
        label = tf.where(mean < 0.5, "wave", "jump")
        return {"label": label, "score": tf.abs(mean - 0.5) + 0.5}

    model = SimpleNamespace(signatures={"serving_default": answer})
    source = Source("a", Extent(100, 10.0), lambda places: clip[list(places)].astype(np.float32))
    about = {"seconds": 2.0, "frames": 4}
    first, second = actions(model, source, about, batch_size=3)
    assert (first.label, second.label) == ("wave", "jump")
    assert (first.start, second.end) == (0.0, pytest.approx(10.0))
    assert first.end == second.start == pytest.approx(4.0, abs=0.6)
    assert first.score == 1.0
    refusing = SimpleNamespace(
        signatures={
            "serving_default": lambda joints, lengths: {
                "label": tf.fill([len(lengths)], ""),
                "score": tf.zeros([len(lengths)]),
            }
        }
    )
    assert [action.label for action in actions(refusing, source, about, 3)] == ["(refused)"]
    without = source._replace(extent=Extent(100, 0.0))
    with pytest.raises(ValueError, match="`rate` must be given with `times`"):
        actions(model, without, about, 3)
