"""The user's own folder: every layout of the captions file, every fault, stable splits."""

import gzip
import io
import logging
import os
import struct
import zlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from datasets.captioning import folder, load
from datasets.image_files import read_image
from datasets.images import check_image, decode_image


def image(kind: str = "JPEG", size=(20, 14), colour=(200, 60, 30), **options) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, kind, **options)
    return file.getvalue()


def write(root: Path, files: dict[str, bytes | str]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return root


def found(root: Path, split: str = "train", **options) -> dict[str, list[str]]:
    count, generate = folder.examples(split, data_dir=root, **options)
    examples = {name: captions for name, _, captions in generate()}
    assert len(examples) == count
    return examples


ALL_TRAIN = {"train.txt": "a.jpg\nsub/b.png\n"}
IMAGES = {"a.jpg": image(), "sub/b.png": image("PNG")}


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("captions.txt", "a.jpg\tOne, two.\na.jpg\tAgain.\nsub/b.png\tA bee.\n"),
        ("captions.txt", "a.jpg#0\tOne, two.\na.jpg#1\tAgain.\nsub/b.png#0\tA bee.\n"),
        ("captions.tsv", "image\tcaption\na.jpg\tOne, two.\na.jpg\tAgain.\nb.png\tA bee.\n"),
        ("captions.csv", 'a.jpg,"One, two."\na.jpg,Again.\nsub/b.png,A bee.\n'),
        ("captions.csv", "image,caption\na.jpg,One, two.\na.jpg,Again.\nsub/b.png,A bee.\n"),
        ("captions.txt", 'Image,n,Caption\na.jpg,0,"One, two."\na.jpg,1,Again.\nb.png,0,A bee.\n'),
        ("my words.csv", 'caption,filename\n"One, two.",a.jpg\nAgain.,a.jpg\nA bee.,b.png\n'),
        (
            "captions.csv",
            '\ufeffname,text\r\na.jpg,"One, two."\r\na.jpg,Again.\r\nb.png,A bee.\r\n',
        ),
        # Flickr30k's table, and Excel's two.
        (
            "results.csv",
            "image_name| comment_number| comment\n"
            "a.jpg| 0| One, two.\na.jpg| 1| Again.\nb.png| 0| A bee.\n",
        ),
        ("captions.csv", "a.jpg| 0| One, two.\na.jpg| 1| Again.\nb.png| 0| A bee.\n"),
        ("captions.csv", "name;caption\na.jpg;One, two.\na.jpg;Again.\nb.png;A bee.\n"),
        ("captions.csv", "a.jpg;One, two.\na.jpg;Again.\nsub\\b.png;A bee.\n"),
        ("captions.tsv", "a.jpg\tOne, two.\na.jpg\tAgain.\nsub\\b.png\tA bee.\n"),
        ("captions.txt", "\n\na.jpg\t One, two. \r\n\r\n./a.jpg\tAgain.\r\nb.png\tA bee."),
    ],
)
def test_layouts_of_the_captions_file(tmp_path, caplog, file, text):
    write(tmp_path, {**IMAGES, **ALL_TRAIN, file: text})
    assert found(tmp_path) == {"a.jpg": ["One, two.", "Again."], "sub/b.png": ["A bee."]}
    assert not caplog.records


def test_quotes_and_line_breaks_inside_a_csv_caption(tmp_path):
    write(tmp_path, {**IMAGES, **ALL_TRAIN})
    write(tmp_path, {"captions.csv": 'a.jpg,"She said ""hi"",\nthen left."\nb.png,A bee.\n'})
    assert found(tmp_path)["a.jpg"] == ['She said "hi",\nthen left.']


def test_quotes_of_a_tab_separated_file(tmp_path):
    write(tmp_path, {**IMAGES, **ALL_TRAIN})
    write(tmp_path, {"captions.tsv": 'a.jpg\t"She said ""hi""."\nb.png\tA bee.\n'})
    assert found(tmp_path)["a.jpg"] == ['She said "hi".']
    write(tmp_path, {"captions.tsv": 'a.jpg\t"Hi!" she said.\nb.png\tA bee.\n'})
    assert found(tmp_path)["a.jpg"] == ['"Hi!" she said.']


def test_two_delimiters_that_fit_are_an_error(tmp_path):
    write(tmp_path, {**IMAGES, **ALL_TRAIN, "captions.csv": "a.jpg,a.jpg|One\nb.png,b.png|Two\n"})
    with pytest.raises(ValueError, match="must have one delimiter between name and caption"):
        found(tmp_path)


def test_a_quotation_mark_that_is_never_closed_is_an_error(tmp_path):
    write(tmp_path, {**IMAGES, "captions.csv": 'a.jpg,"One\nb.png,A bee.\n'})
    with pytest.raises(ValueError, match=r"captions\.csv, line 2: not proper CSV"):
        found(tmp_path)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_a_mark_tells_the_encoding(tmp_path, encoding):
    write(tmp_path, {**IMAGES, "captions.txt": "a.jpg\tOné\nb.png\tTwo\n".encode(encoding)})
    write(tmp_path, {"train.txt": "a.jpg\nb.png".encode(encoding)})
    assert found(tmp_path) == {"a.jpg": ["Oné"], "sub/b.png": ["Two"]}


def test_a_packed_captions_file_and_lists_under_other_names(tmp_path):
    write(tmp_path, {**IMAGES, "words.csv.gz": gzip.compress(b"a.jpg,One\nb.png,Two\n")})
    write(tmp_path, {"training.txt": "a.jpg", "val.txt": "b.png"})
    assert found(tmp_path) == {"a.jpg": ["One"]}
    assert found(tmp_path, "dev") == {"sub/b.png": ["Two"]}
    write(tmp_path, {"dev.txt": "b.png"})
    with pytest.raises(ValueError, match=r"one file of `dev`\. Got dev\.txt, val\.txt"):
        found(tmp_path)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"captions.txt": "x", "captions.csv": "x"}, r"Found: captions\.csv, captions\.txt\."),
        ({"one.txt": "x", "two.tsv": "x"}, r"Found: one\.txt, two\.tsv\."),
        ({"train.txt": "a.jpg"}, r"Found: none\."),
    ],
)
def test_no_captions_file_or_several(tmp_path, files, message):
    with pytest.raises(ValueError, match="must hold one captions file.*" + message):
        found(write(tmp_path, files))


def many(root: Path, count: int, start: int = 0) -> Path:
    names = [f"img{i}.png" for i in range(start, count)]
    lines = "".join(f"{name}\tCaption of {name}\n" for name in names)
    return write(root, {**dict.fromkeys(names, image("PNG")), "captions.txt": lines})


def test_no_image_is_in_two_splits(tmp_path):
    many(tmp_path, 200)
    splits = {split: set(found(tmp_path, split)) for split in ("train", "dev", "test")}
    assert sum(map(len, splits.values())) == len(set.union(*splits.values())) == 200
    counts = Counter(folder.split_of(f"img{i}.png") for i in range(10_000))
    assert counts["train"] == pytest.approx(8000, abs=160)  # four standard deviations
    assert counts["dev"] == pytest.approx(1000, abs=120)
    assert counts["test"] == pytest.approx(1000, abs=120)


def test_which_images_are_dev_and_test_never_changes():
    splits = [folder.split_of(f"{i}.jpg") for i in range(40)]
    assert [i for i in range(40) if splits[i] == "dev"] == [0, 20, 26, 37]
    assert [i for i in range(40) if splits[i] == "test"] == [5, 11, 13, 16, 21, 30, 31, 38]


def test_adding_images_moves_none(tmp_path):
    few = {s: set(found(many(tmp_path / "few", 60), s)) for s in ("train", "dev", "test")}
    more = {s: set(found(many(tmp_path / "more", 120), s)) for s in ("train", "dev", "test")}
    assert all(few[split] <= more[split] for split in few)


def test_split_files_decide_where_they_are(tmp_path):
    write(tmp_path, {**IMAGES, "captions.txt": "a.jpg\tOne\nb.png\tTwo\n"})
    write(tmp_path, {"train.txt": "b.png\r\n", "test.txt": "a.jpg\n"})
    assert set(found(tmp_path, "train")) == {"sub/b.png"}
    assert set(found(tmp_path, "test")) == {"a.jpg"}
    with pytest.raises(ValueError, match=r"`dev\.txt`.* is not in .*train\.txt, test\.txt"):
        found(tmp_path, "dev")


def test_an_image_in_two_split_files_is_an_error(tmp_path):
    write(tmp_path, {**IMAGES, "captions.txt": "a.jpg\tOne\n"})
    write(tmp_path, {"train.txt": "b.png\na.jpg", "dev.txt": "sub/b.png"})
    with pytest.raises(ValueError, match=r"'sub/b\.png' in dev\.txt and train\.txt"):
        found(tmp_path)


def test_an_empty_split_is_an_error(tmp_path):
    write(tmp_path, {**IMAGES, "captions.txt": "a.jpg\tOne\n", "train.txt": "", "dev.txt": "a.jpg"})
    with pytest.raises(ValueError, match=r"Split `train` of .* is empty"):
        found(tmp_path)


def test_every_fault_is_told_once(tmp_path, caplog):
    many(tmp_path, 400)
    names = [f"img{i}.png" for i in range(400) if folder.split_of(f"img{i}.png") == "train"]
    cut, mute, latin, twice, gone, bare = names[:6]
    unsafe = next(f"../{i}.jpg" for i in range(99) if folder.split_of(f"../{i}.jpg") == "train")
    lines = [line for name in names for line in [f"{name}\tCaption of {name}".encode()]]
    lines[1] = f"{mute}\t  ".encode()
    lines[2] = f"{latin}\tcaf\xe9".encode("latin-1")
    lines[3] = lines[3] + b"\n" + lines[3]
    lines[5] = f"{unsafe}\tUp".encode()
    write(tmp_path, {"captions.txt": b"\n".join(lines), cut: image("PNG")[:-20]})
    (tmp_path / gone).unlink()
    with caplog.at_level(logging.WARNING):
        examples = found(tmp_path)
    assert set(names) - set(examples) == {cut, mute, latin, gone, bare}
    assert len(caplog.records) == 1
    for line in (
        f"corrupt image: 1 ({cut}: truncated)",
        f"missing image, though a caption or a list names it: 1 ({gone})",
        f"empty caption: 1 ({mute})",
        rf"line that is not UTF-8: 1 ({latin}: caf\udce9)",
        f"repeated caption: 1 ({twice}: Caption of {twice})",
        f"file name that leads out of the folder: 1 ({unsafe})",
        f"image without a caption: 3 ({mute}; {latin}; {bare})",
    ):
        assert line in caplog.text
    with pytest.raises(ValueError, match=r"5 of \d+ images .*the limit is 1\.0%.*`max_bad_share`"):
        found(tmp_path, max_bad_share=0.01)


@pytest.mark.parametrize(
    "name", ["../x.jpg", "a/../../x.jpg", "/etc/x.jpg", "C:\\x.jpg", "..\\x.jpg", "\\\\host\\x.jpg"]
)
def test_names_that_lead_out_are_refused(tmp_path, name):
    assert folder.leads_out(name)
    write(tmp_path, {"x.jpg": image(), "in/a.jpg": image(), "in/captions.txt": f"{name}\tOut\n"})
    for split in ("train", "dev", "test"):
        try:
            assert name not in found(tmp_path / "in", split, max_bad_share=1.0)
        except ValueError as error:
            assert "is empty" in str(error) or "cannot be used" in str(error)  # noqa: PT017


@pytest.mark.parametrize("name", ["a.jpg", "sub/a.jpg", "a..b.jpg", "...jpg"])
def test_ordinary_names_are_not_refused(name):
    assert not folder.leads_out(name)


def test_a_bare_name_that_several_images_share_is_a_fault(tmp_path, caplog):
    write(tmp_path, {"one/a.jpg": image(), "two/a.jpg": image(), "b.jpg": image()})
    write(tmp_path, {"captions.txt": "a.jpg\tWhich?\none/a.jpg\tThis.\ntwo/a.jpg\tThat.\n"})
    write(tmp_path, {"train.txt": "one/a.jpg\ntwo/a.jpg\n"})
    assert folder.split_of("a.jpg") == "train"
    assert found(tmp_path, max_bad_share=0.5) == {"one/a.jpg": ["This."], "two/a.jpg": ["That."]}
    assert "file name that several images share: 1 (a.jpg)" in caplog.text


def test_names_match_whatever_their_unicode_form(tmp_path):
    write(tmp_path, {"cafe\u0301.jpg": image(), "captions.txt": "café.jpg\tOne\n"})
    assert found(tmp_path, folder.split_of("café.jpg")) == {"café.jpg": ["One"]}


def test_case_and_ending_must_match(tmp_path):
    names = "a.jpg\nA.JPG\nb.png\nb.jpg"
    write(tmp_path, {"a.jpg": image(), "b.jpg": image(), "train.txt": names})
    write(tmp_path, {"captions.txt": "A.JPG\tOne\nb.png\tTwo\na.jpg\tThree\n"})
    assert found(tmp_path, max_bad_share=1.0) == {"a.jpg": ["Three"]}


def test_an_ending_may_be_left_away_where_one_image_has_the_name(tmp_path, caplog):
    images = {"x/a.jpg": image(), "x/b.jpg": image(), "y/b.png": image("PNG"), "c.d.jpg": image()}
    write(tmp_path, images | {"train.txt": "a\ny/b\nb\nc.d"})
    write(tmp_path, {"captions.txt": "a\tOne\ny/b\tTwo\nb\tThree\nc.d\tFour\n"})
    expected = {"x/a.jpg": ["One"], "y/b.png": ["Two"], "c.d.jpg": ["Four"]}
    assert found(tmp_path, max_bad_share=1.0) == expected
    assert "file name that several images share: 2 (b; b)" in caplog.text


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "BMP", "TIFF"])
def test_other_formats_become_png(tmp_path, kind):
    name = f"a.{kind.lower()}"
    write(tmp_path, {name: image(kind), "captions.txt": f"{name}\tOne\n", "train.txt": name})
    _, generate = folder.examples("train", data_dir=tmp_path)
    ((_, image_bytes, _),) = generate()
    assert image_bytes.startswith(b"\x89PNG")
    assert check_image(image_bytes) is None
    pixels = np.asarray(Image.open(io.BytesIO(image_bytes)).convert("RGB"), int)
    assert pixels.shape == (14, 20, 3)
    assert abs(pixels - [200, 60, 30]).max() < 8  # WebP is lossy


def test_jpeg_and_png_keep_their_bytes_whatever_their_ending(tmp_path):
    write(tmp_path, {"a.png": image(), "b.gif": image("PNG"), "train.txt": "a.png\nb.gif"})
    write(tmp_path, {"captions.txt": "a.png\tOne\nb.gif\tTwo\n"})
    _, generate = folder.examples("train", data_dir=tmp_path)
    assert [image_bytes for _, image_bytes, _ in generate()] == [image(), image("PNG")]


def test_a_cmyk_tiff_and_a_turned_one(tmp_path):
    file = io.BytesIO()
    Image.new("CMYK", (20, 14), (0, 255, 255, 0)).save(file, "TIFF")
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown turned by a quarter
    write(tmp_path, {"a.tif": file.getvalue(), "b.webp": image("WEBP", exif=exif)})
    write(tmp_path, {"captions.txt": "a.tif\tRed\nb.webp\tTurned\n", "train.txt": "a.tif\nb.webp"})
    _, generate = folder.examples("train", data_dir=tmp_path)
    red, turned = (Image.open(io.BytesIO(image_bytes)) for _, image_bytes, _ in generate())
    assert red.convert("RGB").getpixel((0, 0)) == (255, 0, 0)
    assert turned.size == (14, 20)


@pytest.mark.parametrize("kind", ["TIFF", "PNG"])
def test_16_bits_of_grey_are_scaled(tmp_path, kind):
    ramp = np.linspace(0, 65535, 20 * 14).astype(np.uint16).reshape(14, 20)
    file = io.BytesIO()
    Image.fromarray(ramp).save(file, kind)
    write(tmp_path, {"a.tif": file.getvalue()})
    pixels = decode_image(tf.constant(read_image(tmp_path / "a.tif"))).numpy()
    assert np.abs(pixels - (ramp[..., None] >> 8).astype(int)).max() <= 1


@pytest.mark.parametrize(("mode", "dtype"), [("I", np.int32), ("F", np.float32)])
def test_pixels_of_unknown_range_are_refused(tmp_path, mode, dtype):
    Image.fromarray(np.ones((14, 20), dtype)).save(tmp_path / "a.tif")
    with pytest.raises(ValueError, match=f"without a known range .mode {mode}."):
        read_image(tmp_path / "a.tif")


def bomb_png(side: int) -> bytes:
    """A PNG whose header claims `side` x `side` pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    body = chunk(b"IDAT", zlib.compress(bytes(1000)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + body + chunk(b"IEND", b"")


def test_decompression_bombs_are_refused_from_their_header(tmp_path, caplog):
    gif = bytearray(image("GIF"))
    gif[6:10] = struct.pack("<HH", 65535, 65535)
    write(tmp_path, {"a.jpg": image(), "b.png": bomb_png(60_000), "c.gif": bytes(gif)})
    write(tmp_path, {"captions.txt": "a.jpg\tOne\nb.png\tTwo\nc.gif\tThree\n"})
    write(tmp_path, {"train.txt": "a.jpg\nb.png\nc.gif"})
    assert set(found(tmp_path, max_bad_share=0.9)) == {"a.jpg"}
    assert "corrupt image: 2 (b.png: " in caplog.text


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes on this system")
def test_what_is_no_regular_file_does_not_hang(tmp_path):
    write(tmp_path, {"a.jpg": image(), "captions.txt": "a.jpg\tOne\nb.jpg\tTwo\n"})
    write(tmp_path, {"train.txt": "a.jpg\nb.jpg"})
    os.mkfifo(tmp_path / "b.jpg")
    assert set(found(tmp_path, max_bad_share=0.5)) == {"a.jpg"}


def test_load_gives_the_same_elements(tmp_path):
    write(tmp_path, {**IMAGES, **ALL_TRAIN, "captions.txt": "a.jpg\tOne\nb.png\tTwo\n"})
    elements = list(load("folder", "train", data_dir=tmp_path).as_numpy_iterator())
    assert [e["image_id"] for e in elements] == [b"a.jpg", b"sub/b.png"]
    assert [e["image_bytes"] for e in elements] == [IMAGES["a.jpg"], IMAGES["sub/b.png"]]
    assert [e["captions"].tolist() for e in elements] == [[b"One"], [b"Two"]]
