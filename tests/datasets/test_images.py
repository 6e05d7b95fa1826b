"""Decoding against Pillow: every kind of file, every orientation, and every kind of bad input."""

import io
import json
import struct
import subprocess
import sys
import zipfile
import zlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageOps

from datasets.images import MAX_PIXELS, check_image, decode_image
from pipelines.images import decode_batch

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# as Adam7 takes the pixels: first row and column, then the steps to the next ones
ADAM7 = ["0088", "0488", "4084", "0244", "2042", "0122", "1021"]


def scene(width=37, height=23) -> Image.Image:
    """A picture without a symmetry, smooth enough for JPEG to keep it."""
    y, x = np.mgrid[:height, :width]
    red, green, blue = 255 * x / width, 255 * y / height, 127 + 127 * np.sin(x / 5 + y / 9)
    return Image.fromarray(np.stack([red, green, blue], -1).astype(np.uint8))


def with_alpha(image: Image.Image) -> Image.Image:
    image = image.copy()
    image.putalpha(Image.fromarray(np.asarray(image.convert("L"))[::-1].copy()))
    return image


def encoded(image: Image.Image, kind: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(width, height, rows: bytes, bits=8, colour=2, interlaced=0, extra=b"") -> bytes:
    """A PNG by hand, for what Pillow does not write. `rows` have their filter bytes."""
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, interlaced)
    body = chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(rows, 9))
    return PNG_SIGNATURE + body + chunk(b"IEND", b"")


def adam7(pixels: np.ndarray) -> bytes:
    passes = [
        pixels[top::down, left::right] for top, left, down, right in (map(int, p) for p in ADAM7)
    ]
    rows = [b"\0" + row.tobytes() for part in passes if part.size for row in part]
    return png(pixels.shape[1], pixels.shape[0], b"".join(rows), interlaced=1)


def exif(orientation: int, order: str, name_first=True, kind=3, offset=8) -> bytes:
    """A TIFF: a maker's name, an orientation, and a second directory with another one."""
    entries = [struct.pack(order + "HHI4s", 0x010F, 2, 4, b"Co.\0")] if name_first else []
    entries += [struct.pack(order + "HHIHH", 0x0112, kind, 1, orientation, 0)]
    second = 8 + 2 + 12 * len(entries) + 4
    first = struct.pack(order + "H", len(entries)) + b"".join(entries)
    other = struct.pack(order + "HHHIHHI", 1, 0x0112, 3, 1, 3, 0, 0)
    start = b"II*\0" if order == "<" else b"MM\0*"
    return (
        start + struct.pack(order + "I", offset) + first + struct.pack(order + "I", second) + other
    )


def jpeg_with(tiff: bytes, image=None) -> bytes:
    return encoded(image or scene(), "JPEG", quality=95, exif=b"Exif\0\0" + tiff)


def as_pillow_reads(data: bytes) -> np.ndarray:
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    if "A" in image.getbands() or "transparency" in image.info:
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image.convert("RGBA"))
    return np.asarray(image.convert("RGB")).astype(int)


def largest_difference(image, reference) -> int:
    image = np.asarray(image).astype(int)
    assert image.shape == reference.shape
    return np.abs(image - reference).max()


def broken_in_the_middle(data: bytes) -> bytes:
    middle = len(data) // 2
    return (
        data[:middle]
        + bytes(255 - byte for byte in data[middle : middle + 40])
        + data[middle + 40 :]
    )


CMYK = encoded(scene().convert("CMYK"), "JPEG", quality=95)
ADOBE = CMYK.index(b"Adobe") + 11  # the byte that says 0: CMYK, 2: YCCK
GOOD = {
    "jpeg": encoded(scene(), "JPEG", quality=95),
    "jpeg, grey": encoded(scene().convert("L"), "JPEG"),
    "jpeg, progressive": encoded(scene(), "JPEG", progressive=True),
    "jpeg, CMYK": CMYK,
    "jpeg, YCCK": CMYK[:ADOBE] + b"\2" + CMYK[ADOBE + 1 :],
    "png": encoded(scene(), "PNG"),
    "png, grey": encoded(scene().convert("L"), "PNG"),
    "png, 1 bit": encoded(scene().convert("1"), "PNG"),
    "png, palette of 4 bits": encoded(scene().quantize(16), "PNG"),
    "png, palette with a hole": encoded(scene().quantize(16), "PNG", transparency=3),
    "png, colour with a hole": encoded(scene(), "PNG", transparency=(0, 0, 152)),
    "png, RGBA": encoded(with_alpha(scene()), "PNG"),
    "png, LA": encoded(with_alpha(scene()).convert("LA"), "PNG"),
    "png, interlaced": adam7(np.asarray(scene())),
    "jpeg, 1x1": encoded(scene(1, 1), "JPEG"),
    "jpeg, 1x500": encoded(scene(1, 500), "JPEG"),
    "png, 1x1": encoded(with_alpha(scene(1, 1)), "PNG"),
    "png, 500x1": encoded(scene(500, 1), "PNG"),
}
JPEG, PNG = GOOD["jpeg"], GOOD["png"]
SOF = JPEG.index(b"\xff\xc0")  # then length, bits, height, width
HUGE_JPEG = JPEG[: SOF + 5] + struct.pack(">HH", 65500, 65500) + JPEG[SOF + 9 :]
BAD = {
    "empty": (b"", "empty"),
    "text": (b"<html>404 not found</html>", "not JPEG or PNG"),
    "gif": (encoded(scene(), "GIF"), "not JPEG or PNG"),
    "bmp": (encoded(scene(), "BMP"), "not JPEG or PNG"),
    "webp": (encoded(scene(), "WEBP"), "not JPEG or PNG"),
    "only a start": (JPEG[:3], "truncated"),
    "only a signature": (PNG[:16], "truncated"),
    "half a jpeg": (JPEG[: len(JPEG) // 2], "truncated"),
    "jpeg less 2 bytes": (JPEG[:-2], "truncated"),
    "half a png": (PNG[: len(PNG) // 2], "truncated"),
    "broken png": (broken_in_the_middle(PNG), "broken image data"),
    "jpeg without tables": (JPEG[:2] + JPEG[SOF:], "broken image data"),
    "huge jpeg": (HUGE_JPEG, "larger than 64 megapixels"),
    "huge png": (png(60_000, 60_000, bytes(10_000_000)), "larger than 64 megapixels"),
    "largest header": (png(2**31 - 1, 2**31 - 1, b"\0"), "larger than 64 megapixels"),
    "no pixels": (png(0, 5, b"\0"), "broken image data"),
}


@pytest.mark.parametrize("kind", GOOD)
def test_pixels_are_those_of_pillow(kind):
    assert (
        largest_difference(decode_image(tf.constant(GOOD[kind])), as_pillow_reads(GOOD[kind])) <= 1
    )
    assert check_image(GOOD[kind]) is None


@pytest.mark.parametrize(("colour", "channels"), [(0, 1), (2, 3), (6, 4)])
def test_16_bits_keep_the_upper_eight(colour, channels):
    # Pillow clips 16-bit grey at 255, so the reference is the PNG's own numbers
    values = np.random.default_rng(0).integers(0, 2**16, [7, 5, channels]).astype(">u2")
    rows = b"".join(b"\0" + row.tobytes() for row in values)
    rgb = np.broadcast_to((values >> 8).astype(int)[..., :3], [7, 5, 3])
    if channels == 4:
        rgb = 255 - (255 - rgb) * (values >> 8).astype(int)[..., 3:] / 255
    image = decode_image(tf.constant(png(5, 7, rows, bits=16, colour=colour)))
    assert largest_difference(image, rgb) <= 1


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(orientation, order):
    data = jpeg_with(exif(orientation, order))
    assert largest_difference(decode_image(tf.constant(data)), as_pillow_reads(data)) <= 1
    square, _ = decode_batch(tf.constant([data]), 16)
    expected = tf.image.resize(as_pillow_reads(data), [16, 16], antialias=True)
    np.testing.assert_allclose(square[0], expected, atol=1)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_of_png(orientation):
    turned = Image.Exif()
    turned[0x0112] = orientation
    data = encoded(scene(), "PNG", exif=turned)
    assert largest_difference(decode_image(tf.constant(data)), as_pillow_reads(data)) == 0


def test_exif_behind_another_segment():
    data = jpeg_with(exif(6, ">", name_first=False))
    comment = b"\xff\xfe" + struct.pack(">H", 5002) + b"x" * 5000
    data = data[:2] + comment + data[2:]
    assert largest_difference(decode_image(tf.constant(data)), as_pillow_reads(data)) <= 1


@pytest.mark.parametrize(
    "tiff",
    [
        exif(0, "<"),
        exif(9, ">"),
        exif(6, "<", kind=7),
        exif(6, "<", offset=2**32 - 1),
        exif(6, ">")[:20],  # the orientation is cut off
        b"",
        b"II*\0\x08\0\0\0" + b"\xff" * 500,  # 65,535 entries said, none there
    ],
)
def test_senseless_exif_leaves_the_image_as_stored(tiff):
    assert (
        largest_difference(decode_image(tf.constant(jpeg_with(tiff))), as_pillow_reads(JPEG)) <= 1
    )


@pytest.mark.parametrize("kind", BAD)
def test_bad_bytes_are_refused_with_a_reason(kind):
    data, reason = BAD[kind]
    with pytest.raises(tf.errors.InvalidArgumentError):
        decode_image(tf.constant(data))
    assert check_image(data) == reason


def test_size_limit_is_inclusive():
    over = png(2**13, 2**13 + 1, b"\0")  # one row more than MAX_PIXELS
    assert MAX_PIXELS == 2**26
    assert check_image(over) == "larger than 64 megapixels"
    assert (
        check_image(png(2**13, 2**13, b"\0")) == "broken image data"
    )  # passes the limit, has no rows


def test_bad_elements_leave_their_neighbours_as_they_are():
    data = [JPEG, *(bad for bad, _ in BAD.values()), PNG, b"", GOOD["png, RGBA"]]
    images, valid = decode_batch(tf.constant(data), 32)
    good = [0, len(BAD) + 1, len(BAD) + 3]
    assert np.flatnonzero(valid).tolist() == good
    assert images.shape == [len(data), 32, 32, 3]
    assert images.dtype == tf.float32
    for place, image in enumerate(images.numpy()):
        if place in good:
            pixels = decode_image(tf.constant(data[place]))
            expected = tf.image.resize(pixels, [32, 32], antialias=True)
            np.testing.assert_allclose(image, expected, atol=1e-3)
        else:
            assert not image.any()


def test_whole_image_is_squashed_with_antialiasing():
    stripes = np.zeros([64, 512, 3], np.uint8)
    stripes[:, ::2] = 255  # the finest stripes: without antialiasing they come out black or white
    images, _ = decode_batch(tf.constant([encoded(Image.fromarray(stripes), "PNG")]), 16)
    np.testing.assert_allclose(images[0, :, 1:-1], 127.5, atol=3)


@pytest.mark.parametrize("data", [[], [b""], [b"no", b"", JPEG[:99]]])
def test_batch_without_a_good_element(data):
    images, valid = decode_batch(tf.constant(data, tf.string), 8)
    assert images.shape == [len(data), 8, 8, 3]
    assert valid.shape == [len(data)]
    assert not np.any(valid)
    assert not np.any(images)


@pytest.mark.parametrize("size", [0, -3, 2.5])
def test_bad_size(size):
    with pytest.raises(ValueError, match=f"`size` must be a positive integer. Got {size}."):
        decode_batch(tf.constant([JPEG]), size)


def test_inside_a_tf_data_map():
    data = [JPEG, PNG, CMYK, jpeg_with(exif(8, "<"))]
    one_by_one = tf.data.Dataset.from_tensor_slices(data).map(decode_image, num_parallel_calls=2)
    for image, file in zip(one_by_one, data, strict=True):
        assert image.dtype == tf.uint8
        assert largest_difference(image, decode_image(tf.constant(file)).numpy().astype(int)) == 0

    direct, _ = decode_batch(tf.constant([*data, b"bad"]), 20)
    batches = tf.data.Dataset.from_tensor_slices([*data, b"bad"]).batch(3)
    batches = batches.map(lambda batch: decode_batch(batch, 20), num_parallel_calls=2)
    assert batches.element_spec[0].shape.as_list() == [None, 20, 20, 3]
    images, valid = (np.concatenate(part) for part in zip(*batches, strict=True))
    np.testing.assert_array_equal(images, direct)
    assert valid.tolist() == [True] * 4 + [False]


FRESH_PROCESS = """
import json, resource, sys
import tensorflow as tf

tf.config.threading.set_inter_op_parallelism_threads(1)
serve = tf.saved_model.load(sys.argv[1]).signatures["serving_default"]
read = lambda folder: [tf.io.read_file(f) for f in sorted(tf.io.gfile.glob(folder + "/*"))]
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024  # MiB
answer = serve(image_bytes=tf.stack(read(sys.argv[2])))
none = serve(image_bytes=tf.constant([], tf.string))
before = peak()
bombs = serve(image_bytes=tf.stack(read(sys.argv[3])))
print(json.dumps({
    "means": tf.reduce_mean(answer["images"], [1, 2, 3]).numpy().tolist(),
    "valid": answer["valid"].numpy().tolist(),
    "none": none["images"].shape.as_list(),
    "bombs": bombs["valid"].numpy().tolist(),
    "grown": peak() - before,
}))
"""


class Served(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="image_bytes")])
    def serve(self, image_bytes):
        images, valid = decode_batch(image_bytes, 24)
        return {"images": images, "valid": valid}


def write_all(folder, files):
    folder.mkdir()
    for number, data in enumerate(files):
        (folder / f"{number:03}").write_bytes(data)
    return str(folder)


def bombs() -> list[bytes]:
    """Files of up to 200 kB that would be 200 MB to 11 GB to whoever believes them."""
    zeros = zlib.compress(bytes(200_000_000), 9)
    small = b"\0" + bytes(12)
    return [
        png(60_000, 60_000, bytes(10_000_000)),
        png(2**31 - 1, 2**31 - 1, small),
        HUGE_JPEG,
        PNG_SIGNATURE + chunk(b"IHDR", struct.pack(">IIBBBBB", 4, 4, 8, 2, 0, 0, 0))
        + chunk(b"IDAT", zeros) + chunk(b"IEND", b""),
        png(4, 4, small * 4, extra=chunk(b"zTXt", b"k\0\0" + zeros)),
        png(4, 4, small * 4, extra=chunk(b"iTXt", b"k\0\1\0\0\0" + zeros)),
        png(4, 4, small * 4, extra=chunk(b"iCCP", b"k\0\0" + zeros)),
    ]  # fmt: skip


def test_exported_and_loaded_in_a_process_with_tensorflow_alone(tmp_path):
    module = Served()
    tf.saved_model.save(module, str(tmp_path / "model"), signatures=module.serve)
    data = [*GOOD.values(), b"bad", JPEG[:-100], jpeg_with(exif(6, "<"))]
    command = [sys.executable, "-c", FRESH_PROCESS, str(tmp_path / "model")]
    command += [write_all(tmp_path / "data", data), write_all(tmp_path / "bombs", bombs())]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)

    images, valid = decode_batch(tf.constant(data), 24)
    assert answer["valid"] == valid.numpy().tolist() == [True] * len(GOOD) + [False, False, True]
    np.testing.assert_allclose(answer["means"], tf.reduce_mean(images, [1, 2, 3]), rtol=1e-4)
    assert answer["none"] == [0, 24, 24, 3]
    assert answer["bombs"][:3] == [False] * 3
    assert answer["grown"] < 100  # MiB, for all bombs together


@pytest.mark.data
def test_real_photographs(real_data):
    with zipfile.ZipFile(real_data / "flickr8k" / "Flickr8k_Dataset.zip") as archive:
        names = [name for name in archive.namelist() if name.endswith(".jpg")][::200]
        photographs = [archive.read(name) for name in names]
    _, valid = decode_batch(tf.constant(photographs), 32)
    assert np.all(valid)
    for data in photographs:
        assert largest_difference(decode_image(tf.constant(data)), as_pillow_reads(data)) <= 1
