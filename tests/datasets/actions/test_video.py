"""Videos: sampling, rates, rotation, and files that are cut off, empty or endless."""

import tracemalloc
from fractions import Fraction

import numpy as np
import pytest

from datasets.actions import clips, video
from datasets.actions.clips import Extent, checked, sample_places
from datasets.inspection import Unusable
from tests.datasets.actions.media import CODECS, greys, write_video


def kind(path):
    with pytest.raises(Unusable) as error:
        checked(video.inspect(path))
    return error.value.kind


@pytest.mark.parametrize("ending", video.ENDINGS)
def test_frames_are_sampled_evenly(tmp_path, ending):
    path = write_video(tmp_path / f"a{ending}")
    extent = video.inspect(path)
    assert extent == (40, pytest.approx(1.6, abs=0.01))
    clip = video.read(path, extent, 8, 32)
    assert clip.shape == (8, 32, 32, 3)
    assert clip.dtype == np.uint8
    # 48 x 64 becomes 24 x 32, with 4 rows of black above and below
    assert not clip[:, :4].any()
    assert not clip[:, 28:].any()
    expected = 4 * sample_places(40, 8)
    np.testing.assert_allclose(clip[:, 16, 16].mean(-1), expected, atol=6)
    assert set(CODECS) == set(video.ENDINGS)


def test_a_short_clip_has_all_its_frames(tmp_path):
    path = write_video(tmp_path / "a.mp4", 5)
    assert len(video.read(path, video.inspect(path), 32, 16)) == 5


@pytest.mark.parametrize("rate", [Fraction(24000, 1001), 7, Fraction(1, 2), 120])
def test_odd_rates(tmp_path, rate):
    path = write_video(tmp_path / "a.mp4", 20, rate)
    assert video.inspect(path) == (20, pytest.approx(20 / float(rate), rel=0.01))


def test_a_rate_that_varies(tmp_path):
    times = [0, 10, 20, 500, 510, 2000, 2010, 3000]
    path = write_video(tmp_path / "a.mkv", 8, times=times)
    extent = video.inspect(path)
    assert extent.frames == 8
    assert 3.0 <= extent.seconds < 3.6
    clip = video.read(path, extent, 8, 48)
    np.testing.assert_allclose(clip[:, 24, 24].mean(-1), 4 * np.arange(8), atol=6)


def matrix(*values):
    """The nine numbers of a track's matrix in an MP4 file: (a b u c d v x y w), big-endian."""
    scales = [2**16, 2**16, 2**30] * 3
    return b"".join(
        int(value * scale).to_bytes(4, "big", signed=True)
        for value, scale in zip(values, scales, strict=True)
    )


@pytest.mark.parametrize(
    ("turn", "corner"),
    [
        ((1, 0, 0, 0, 1, 0, 0, 0, 1), "top left"),
        ((0, 1, 0, -1, 0, 0, 48, 0, 1), "top right"),  # (x, y) goes to (48 - y, x)
        ((-1, 0, 0, 0, -1, 0, 64, 48, 1), "bottom right"),
        ((0, -1, 0, 1, 0, 0, 0, 64, 1), "bottom left"),
    ],
)
def test_a_phones_rotation_is_applied(tmp_path, turn, corner):
    """The format's own matrix, written into the file; what lay top left goes to `corner`."""
    pictures = greys(4)
    for picture in pictures:
        picture[:16, :16] = 255
    path = write_video(tmp_path / "a.mp4", pictures)
    raw = path.read_bytes()
    plain = matrix(1, 0, 0, 0, 1, 0, 0, 0, 1)
    place = raw.index(plain, raw.index(b"tkhd"))
    path.write_bytes(raw[:place] + matrix(*turn) + raw[place + len(plain) :])
    clip = video.read(path, video.inspect(path), 4, 64)
    upright = clip[0, :, 8:56] if corner in ("top right", "bottom left") else clip[0, 8:56]
    corners = {
        "top left": upright[4, 4],
        "top right": upright[4, -5],
        "bottom left": upright[-5, 4],
        "bottom right": upright[-5, -5],
    }
    bright = [name for name, pixel in corners.items() if pixel.mean() > 200]
    assert bright == [corner]


@pytest.mark.parametrize(
    ("name", "options", "kinds"),
    [
        ("a.mp4", {}, {clips.UNDECODABLE}),  # its index stands at the end
        ("a.mp4", {"movflags": "faststart"}, {clips.CUT_OFF}),
        ("a.avi", {}, {clips.CUT_OFF}),
        ("a.mkv", {}, {clips.CUT_OFF}),
        ("a.webm", {}, {clips.CUT_OFF}),
    ],
)
@pytest.mark.parametrize("share", [0.55, 0.8])
def test_a_video_that_is_cut_off(tmp_path, name, options, kinds, share):
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 255, (48, 64, 3), np.uint8) for _ in range(40)]
    path = write_video(tmp_path / name, pictures, options=options)
    assert video.inspect(path).frames == 40
    raw = path.read_bytes()
    path.write_bytes(raw[: int(share * len(raw))])
    assert kind(path) in kinds


def test_damaged_frames(tmp_path):
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 255, (48, 64, 3), np.uint8) for _ in range(40)]
    path = write_video(tmp_path / "a.avi", pictures)
    raw = bytearray(path.read_bytes())
    middle = len(raw) // 2
    raw[middle : middle + 400] = rng.integers(0, 255, 400, np.uint8).tobytes()
    path.write_bytes(raw)
    assert kind(path) in (clips.UNDECODABLE, clips.CUT_OFF)


@pytest.mark.parametrize("content", [b"", b"no video" * 100, b"\x00" * 5000])
def test_no_video(tmp_path, content):
    path = tmp_path / "a.mp4"
    path.write_bytes(content)
    assert kind(path) == (clips.UNDECODABLE if content else clips.EMPTY)


def test_a_file_that_is_not_there(tmp_path):
    assert kind(tmp_path / "a.mp4") == clips.UNDECODABLE


def test_a_playlist_opens_no_other_file(tmp_path):
    write_video(tmp_path / "other.mp4")
    for text in (
        "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nother.mp4\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile other.mp4\n",
    ):
        path = tmp_path / "list.mp4"
        path.write_text(text)
        assert kind(path) == clips.UNDECODABLE


def test_one_frame_and_endless(tmp_path):
    assert kind(write_video(tmp_path / "one.mp4", 1)) == clips.ONE_FRAME
    assert kind(write_video(tmp_path / "long.mp4", 35, Fraction(1, 2))) == clips.ENDLESS
    video.inspect(write_video(tmp_path / "limit.mp4", 30, Fraction(1, 2)))


def test_too_many_frames(tmp_path, monkeypatch):
    monkeypatch.setattr(video, "MOST_FRAMES", 30)
    assert kind(write_video(tmp_path / "a.mp4", 31)) == clips.ENDLESS
    video.inspect(write_video(tmp_path / "b.mp4", 30))


def test_frames_that_are_too_large(tmp_path, monkeypatch):
    monkeypatch.setattr(video, "MAX_PIXELS", 48 * 64 - 1)
    assert kind(write_video(tmp_path / "a.mp4")) == clips.TOO_LARGE


def test_a_file_that_became_shorter(tmp_path):
    path = write_video(tmp_path / "a.mp4", 10)
    with pytest.raises(Unusable, match=r"cut off .*a.mp4 has no frame 10"):
        video.read(path, Extent(20, 1.0), 20, 16)


def test_a_film_is_never_in_the_memory_whole(tmp_path):
    """300 frames of 920 kB each as they are decoded: reading takes the memory of a few."""
    path = write_video(tmp_path / "a.mp4", greys(60, 480, 640) * 5)
    tracemalloc.start()
    try:
        extent = video.inspect(path)
        clip = video.read(path, extent, 32, 64)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (len(clip), extent.frames) == (32, 300)
    assert peak < 12e6
