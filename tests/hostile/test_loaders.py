"""Every loader of files over the whole corpus."""

import gzip
import io
import lzma
import zipfile

import pytest
import tensorflow as tf

from datasets import files, translation
from datasets.captioning import coco_captions, flickr8k, folder
from datasets.images import check_image
from tests.datasets.sentiment import collected
from tests.datasets.text.whole import whole
from tests.hostile import corpus_files, corpus_images, corpus_text
from tests.hostile.outcomes import broken, faults

TINY = corpus_images.encoded("PNG", corpus_images.picture(4, 4))


def check_reviews(reviews):
    if len(reviews.names) < 2 or not set(reviews.labels.tolist()) <= set(range(len(reviews.names))):
        return f"labels {reviews.labels} of {reviews.names}"
    return broken(reviews.names) or broken(f"-{text}" for text in reviews.texts)


def check_captioned(elements):
    for name, image, captions in elements:
        if problem := check_image(image) or broken([name, *captions]):
            return f"{name!a}: {problem}"
    return None if elements else "nothing at all, without an error"


def test_tables_of_reviews(tmp_path):
    cases = ((name, {"reviews.csv": raw}) for name, raw in corpus_files.tables())
    read = lambda place: collected.read("csv", "train", place / "reviews.csv")  # noqa: E731
    assert faults(cases, read, check_reviews, tmp_path) == []


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32", "idna", "punycode", "hex", "x"])
def test_tables_of_reviews_in_other_encodings(tmp_path, encoding):
    cases = [(name, {"a.csv": raw}) for name, raw in corpus_files.tables()][::3]
    read = lambda place: collected.read("csv", "train", place, encoding=encoding)  # noqa: E731
    assert faults(cases, read, check_reviews, tmp_path) == []


def test_trees_and_archives_of_reviews(tmp_path):
    read = lambda place: collected.read("imdb", "train", place)  # noqa: E731
    assert faults(corpus_files.reviews(), read, check_reviews, tmp_path) == []


def sentences(dataset, place):
    """All sentences of train, of both sides."""
    records = translation.load(dataset, "train", place).as_numpy_iterator()
    return [record[side].decode() for record in records for side in ("source", "target")]


def test_sentence_pairs(tmp_path):
    read = lambda place: sentences("pairs", place)  # noqa: E731
    check = broken
    assert faults(corpus_files.aligned(), read, check, tmp_path) == []


def test_multi30k(tmp_path):
    read = lambda place: sentences("multi30k", place)  # noqa: E731
    check = broken
    named = [case for case in corpus_files.aligned() if "." in case[0] or "line" in case[0]]
    assert len(named) > 90
    assert faults(named, read, check, tmp_path) == []


@pytest.mark.parametrize("unit", ["character", "byte"])
def test_text_files(tmp_path, unit):
    cases = ((name, {"a.txt": raw}) for name, raw in corpus_text.texts())
    read = lambda place: whole("file", "train", place / "a.txt", unit=unit)  # noqa: E731
    assert faults(cases, read, lambda text: None if text else "none", tmp_path) == []


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32", "idna", "punycode", "hex", "x"])
def test_text_files_in_other_encodings(tmp_path, encoding):
    cases = [(name, {"a.txt": raw}) for name, raw in corpus_text.short_texts()][::3]
    read = lambda place: whole("file", "train", place, encoding=encoding)  # noqa: E731
    assert faults(cases, read, lambda text: None if text else "none", tmp_path) == []


@pytest.mark.parametrize("ending", [".gz", ".xz", ".zip"])
@pytest.mark.parametrize(
    ("dataset", "name"), [("tiny_shakespeare", "tinyshakespeare.txt"), ("ptb", "ptb.train.txt")]
)
def test_packed_texts(tmp_path, dataset, name, ending):
    content = b"To be, or not to be, that is the question.\n" * 200
    cases = [
        (case, {name + ending: raw}) for case, raw in corpus_files.packed(ending, content, name)
    ]
    expected = whole(dataset, "train", _folder_with(tmp_path, name, content))
    read = lambda place: whole(dataset, "train", place)  # noqa: E731

    def check(text):
        return None if text.startswith(expected) else "other letters"

    assert faults(cases, read, check, tmp_path) == []


def _folder_with(tmp_path, name, content):
    (tmp_path / "whole").mkdir()
    (tmp_path / "whole" / name).write_bytes(content)
    return tmp_path / "whole"


def test_captioned_folders(tmp_path):
    read = lambda place: _elements(folder.examples, place)  # noqa: E731
    assert faults(corpus_files.captioned(TINY), read, check_captioned, tmp_path) == []


def test_flickr8k_archives(tmp_path):
    read = lambda place: _elements(flickr8k.examples, place)  # noqa: E731
    assert faults(corpus_files.flickr(TINY), read, check_captioned, tmp_path) == []


def _elements(examples, place):
    count, generate = examples("train", data_dir=place, max_bad_share=1.0)
    found = list(generate())
    return found if len(found) == count else [("count", b"", [])]


def test_every_image_of_the_corpus_in_one_folder(tmp_path):
    images = dict(corpus_images.images())
    files = {f"{i}.jpg": data for i, data in enumerate(images.values())}
    files["captions.tsv"] = b"".join(f"{name}\ta picture\n".encode() for name in files)
    files["train.txt"] = "\n".join(name for name in files if name.endswith("jpg")).encode()
    (whole,) = [
        list(files).index(f"{i}.jpg") for i, name in enumerate(images) if name == "GIF, whole"
    ]
    kept = []

    def check(elements):
        kept.extend(name for name, _, _ in elements)
        return check_captioned(elements)

    read = lambda place: _elements(folder.examples, place)  # noqa: E731
    assert faults([("all", files)], read, check, tmp_path) == []
    assert f"{whole}.jpg" in kept
    assert 30 < len(kept) < len(images) - 100


def test_coco_captions_of_all_kinds(monkeypatch):
    """tensorflow-datasets gives UTF-8 only: captions may still be odd or empty."""
    tfds = pytest.importorskip("tensorflow_datasets")
    texts = [raw for part in corpus_text.UTF8 for _, raw in part()]
    example = {"image/filename": b"1.jpg", "image": TINY, "captions": {"text": texts}}
    prepared = tf.data.Dataset.from_tensors(example)
    monkeypatch.setattr(tfds, "load", lambda *args, **options: prepared)
    _, generate = coco_captions.examples("train")
    assert check_captioned(list(generate())) is None


PACK = {".gz": gzip.compress, ".xz": lzma.compress}


@pytest.mark.parametrize("ending", PACK)
def test_file_that_unpacks_to_too_much_is_refused(tmp_path, monkeypatch, ending):
    monkeypatch.setattr(files, "LARGEST", 10_000)
    path = tmp_path / f"ptb.train.txt{ending}"
    path.write_bytes(PACK[ending](bytes(10_001)))
    for read in (files.read_bytes, files.read_pieces, files.read_lines):
        with pytest.raises(ValueError, match="must unpack to at most 10,000 bytes"):
            list(read(path))
    path.write_bytes(PACK[ending](bytes(10_000)))
    assert len(b"".join(files.read_bytes(path))) == 10_000


def test_zip_that_unpacks_to_too_much_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "LARGEST", 10_000)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("text8", bytes(10_001))
    (tmp_path / "text8.zip").write_bytes(file.getvalue())
    with pytest.raises(ValueError, match=r"text8.zip must unpack to at most 10,000 bytes"):
        list(files.read_bytes(tmp_path / "text8.zip"))
