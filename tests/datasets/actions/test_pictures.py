"""GIFs and folders of frames: sampling, transparency, and files that are cut off."""

import numpy as np
import pytest
from PIL import Image

from datasets.actions import clips, pictures
from datasets.actions.clips import checked
from datasets.inspection import Unusable
from tests.datasets.actions.media import greys, write_frames, write_gif


def kind(function, *arguments):
    with pytest.raises(Unusable) as error:
        checked(function(*arguments))
    return error.value.kind


def test_a_gif(tmp_path):
    path = write_gif(tmp_path / "a.gif", 12, 50)
    extent = pictures.inspect_gif(path)
    assert extent == (12, pytest.approx(0.6))
    clip = pictures.read_gif(path, extent, 4, 64)
    assert clip.shape == (4, 64, 64, 3)
    np.testing.assert_allclose(clip[:, 32, 32].mean(-1), [4, 16, 28, 40], atol=2)
    assert not clip[:, :8].any()


def test_a_gif_of_pieces_keeps_what_lies_below(tmp_path):
    """Only what changes is stored: a frame is laid over the one before."""
    frames = []
    for i in range(6):
        frame = np.full((40, 40, 3), 200, np.uint8)
        frame[5 * i : 5 * i + 5, :5] = 0
        frames.append(Image.fromarray(frame))
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:], optimize=True)
    clip = pictures.read_gif(tmp_path / "a.gif", pictures.inspect_gif(tmp_path / "a.gif"), 6, 40)
    for i in range(6):
        np.testing.assert_allclose(clip[i], np.asarray(frames[i]), atol=3)


def test_transparency_is_black(tmp_path):
    frames = []
    for i in range(3):
        pixels = np.zeros((10, 10, 4), np.uint8)
        pixels[i] = 255
        frames.append(Image.fromarray(pixels))
    path = tmp_path / "a.gif"
    frames[0].save(path, save_all=True, append_images=frames[1:], disposal=2)
    clip = pictures.read_gif(path, pictures.inspect_gif(path), 3, 10)
    for i in range(3):
        np.testing.assert_array_equal(clip[i], np.asarray(frames[i])[..., :3])


def test_a_gif_cut_off_anywhere(tmp_path):
    raw = write_gif(tmp_path / "a.gif", 5).read_bytes()
    assert pictures.gif_frames(raw) == pictures.gif_frames(raw + b"\0\0more") == 5
    for end in range(6, len(raw)):
        with pytest.raises(Unusable) as error:
            pictures.gif_frames(raw[:end])
        assert error.value.kind == clips.CUT_OFF
    (tmp_path / "a.gif").write_bytes(raw[:-1])
    assert kind(pictures.inspect_gif, tmp_path / "a.gif") == clips.CUT_OFF


def test_other_faults_of_gifs(tmp_path, monkeypatch):
    path = tmp_path / "a.gif"
    path.write_bytes(b"")
    assert kind(pictures.inspect_gif, path) == clips.EMPTY
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(99))
    assert kind(pictures.inspect_gif, path) == clips.UNDECODABLE
    assert kind(pictures.inspect_gif, tmp_path / "b.gif") == clips.UNDECODABLE
    assert kind(pictures.inspect_gif, write_gif(path, 1)) == clips.ONE_FRAME
    assert kind(pictures.inspect_gif, write_gif(path, 7, 9000)) == clips.ENDLESS
    monkeypatch.setattr(pictures, "MAX_PIXELS", 48 * 64 - 1)
    assert kind(pictures.inspect_gif, write_gif(path)) == clips.TOO_LARGE


def test_a_folder_of_frames(tmp_path):
    folder = write_frames(tmp_path / "clip")
    paths = sorted(folder.iterdir(), key=lambda path: pictures.natural(path.name))
    assert [path.name for path in paths][:3] == ["frame0.png", "frame1.png", "frame2.png"]
    extent = pictures.inspect_frames(paths)
    assert extent == (12, 0.0)
    clip = pictures.read_frames(paths, extent, 4, 64)
    assert clip[:, 32, 32, 0].tolist() == [4, 16, 28, 40]
    raw = paths[5].read_bytes()
    paths[5].write_bytes(raw[: len(raw) // 2])
    assert kind(pictures.inspect_frames, paths) == clips.UNDECODABLE
    assert kind(pictures.inspect_frames, paths[:1]) == clips.ONE_FRAME


def test_a_frame_is_turned_as_exif_says(tmp_path):
    frame = greys(1)[0]
    frame[:, :32] = 255  # bright on the left
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise: bright on top
    Image.fromarray(frame).save(tmp_path / "0.jpg", exif=exif, quality=95)
    paths = [tmp_path / "0.jpg"] * 2
    clip = pictures.read_frames(paths, pictures.inspect_frames(paths), 2, 64)
    assert clip[0, :30, 8:56].min() > 240
    assert clip[0, 34:].max() < 15


def test_natural_order_of_any_names():
    names = ["10", "9a", "a1b2", "a1b10", "a", "", "1"]
    ordered = sorted(names, key=pictures.natural)
    assert ordered.index("9a") < ordered.index("10")
    assert ordered.index("a1b2") < ordered.index("a1b10")
