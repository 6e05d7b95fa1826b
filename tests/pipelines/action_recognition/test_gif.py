"""GIF files in the graph: good ones, and all ways in which one is bad."""

import io
import struct

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from pipelines.action_recognition import gif
from tests.pipelines.action_recognition.small import clip_of, gif_of

GOOD = gif_of("right", frames=6)


def pixels(contents: bytes) -> int:
    return int(gif.pixels_of(tf.constant(contents)))


def decoded(*files: bytes):
    def prepare(clip):
        return tf.image.resize(clip[:4], (16, 16), method="nearest")

    clips, lengths = gif.decode_batch(tf.constant(list(files), tf.string), prepare, 4, 16)
    return clips.numpy(), lengths.numpy()


def test_frames_are_counted_with_their_areas():
    assert pixels(GOOD) == 6 * 16 * 16


def test_a_file_of_many_kinds_of_blocks_is_walked_through():
    frames = [Image.fromarray(frame) for frame in clip_of("left", frames=3, size=40)]
    for options in ({"comment": b"x" * 700}, {"interlace": True}, {"optimize": True}):
        buffer = io.BytesIO()
        frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:], **options)
        assert pixels(buffer.getvalue()) == 3 * 40 * 40
        assert decoded(buffer.getvalue())[1].tolist() == [3]


@pytest.mark.parametrize("end", [0, 5, 13, 14, 30, len(GOOD) // 2, len(GOOD) - 1])
def test_a_file_that_is_cut_off_is_refused(end):
    assert pixels(GOOD[:end]) == 0


@pytest.mark.parametrize("contents", [b"", b"GIF", b"no gif at all" * 9, b"\x89PNG" + GOOD[4:]])
def test_what_is_no_gif_is_refused(contents):
    assert pixels(contents) == 0


def test_bytes_behind_the_trailer_do_no_harm():
    assert pixels(GOOD + b"\0" * 9) == pixels(GOOD)


def test_a_file_that_speaks_of_too_many_pixels_is_refused_before_it_is_decoded():
    canvas = GOOD[:6] + struct.pack("<HH", 60_000, 60_000) + GOOD[10:]
    assert pixels(canvas) == 0
    frame = GOOD.index(b"\x2c\0\0\0\0\x10\0\x10\0")  # the descriptor of the first frame
    huge = GOOD[: frame + 5] + struct.pack("<HH", 60_000, 60_000) + GOOD[frame + 9 :]
    assert pixels(huge) == 0


def test_a_bad_file_leaves_its_neighbours_alone():
    broken = bytearray(GOOD)
    broken[12:14] = b"\xff\xff"
    other = gif_of("left", frames=3)
    clips, lengths = decoded(GOOD, b"", bytes(broken), GOOD[:-1], other)
    assert lengths[[0, 1, 3, 4]].tolist() == [4, 0, 0, 3]
    alone = decoded(GOOD)[0]
    np.testing.assert_array_equal(clips[0], alone[0])
    assert not clips[[1, 3]].any()
    assert decoded()[0].shape == (0, 4, 16, 16, 3)
    assert clips[4, :3].any()


def test_no_damaged_file_raises():
    rng = np.random.default_rng(0)
    files = []
    for _ in range(60):
        damaged = bytearray(GOOD)
        for place in rng.integers(6, len(damaged), 3):
            damaged[place] = rng.integers(256)
        files.append(bytes(damaged))
    clips, lengths = decoded(*files, GOOD)
    assert lengths[-1] == 4
    np.testing.assert_array_equal(clips[-1], decoded(GOOD)[0][0])
