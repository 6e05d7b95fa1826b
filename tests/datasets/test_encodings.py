"""Which encoding a file is in: by its mark, by its bytes, or an error that proposes one."""

import logging

import pytest

from datasets.encodings import find_encoding
from datasets.files import ESCAPE, broken_letters, open_text

GREEK = "καλό, πολύ καλό έργο"


def text_of(path, encoding=None):
    with open_text(path, find_encoding(path, encoding), errors=ESCAPE, newline="") as file:
        return file.read()


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("é,1".encode(), "é,1"),
        (b"\xef\xbb\xbf" + "é,1".encode(), "é,1"),
        ("é,1".encode("utf-16"), "é,1"),
        ("é,1".encode("utf-16-be").join([b"\xfe\xff", b""]), "é,1"),
        ("é – “so”,1".encode("cp1252"), "é – “so”,1"),
        ("déjà vu,1".encode("latin-1"), "déjà vu,1"),
        (b"plain,1", "plain,1"),
        (b"a\0b,1" + b" " * 20, "a\0b,1" + " " * 20),
        (GREEK.encode() + b"\xff,1", GREEK + "\udcff,1"),  # one broken byte is no other encoding
    ],
)
def test_the_encoding_is_found(tmp_path, raw, expected):
    path = tmp_path / "a.csv"
    path.write_bytes(raw)
    assert text_of(path) == expected


@pytest.mark.parametrize("encoding", ["utf-8", "cp1253", "utf-16", "utf-16-le", "utf-8-sig"])
def test_the_encoding_may_be_named(tmp_path, encoding):
    (tmp_path / "a.csv").write_bytes(GREEK.encode(encoding))
    assert text_of(tmp_path / "a.csv", encoding) == GREEK


@pytest.mark.parametrize(
    ("encoding", "raw"),
    [
        ("utf-8", b"a\xffb"),
        ("utf-8-sig", b"a\xffb"),
        ("cp1252", b"a\x81b"),
        ("utf-16-le", b"a\0\0\xd8b\0"),
    ],
)
def test_what_is_not_in_a_named_encoding_is_seen_as_broken(tmp_path, encoding, raw):
    (tmp_path / "a.csv").write_bytes(raw)
    assert find_encoding(tmp_path / "a.csv", encoding) == encoding
    assert broken_letters(text_of(tmp_path / "a.csv", encoding)) == 1
    assert broken_letters("a � that stood in the file") == 0


def test_falling_back_is_told(tmp_path, caplog):
    (tmp_path / "a.csv").write_bytes("é".encode("cp1252"))
    with caplog.at_level(logging.WARNING):
        assert find_encoding(tmp_path / "a.csv") == "cp1252"
    assert "a.csv is not UTF-8: read as cp1252" in caplog.text


def test_an_unknown_encoding_and_no_text(tmp_path):
    (tmp_path / "a.csv").write_bytes("é,1".encode("utf-16-le"))
    with pytest.raises(ValueError, match=r"is not text, or `encoding` must be named"):
        find_encoding(tmp_path / "a.csv")
    for encoding in ("utf-9", "hex", "idna"):
        with pytest.raises(ValueError, match=f"`encoding` must be one .*Got '{encoding}'"):
            find_encoding(tmp_path / "a.csv", encoding)


def test_one_broken_letter_of_utf_16_is_no_other_encoding(tmp_path):
    (tmp_path / "a.csv").write_bytes("good,1\n".encode("utf-16") + b"\0\xd8b\0")
    assert find_encoding(tmp_path / "a.csv") == "utf-16"


FRENCH = "Le film était très bon, à voir\nça ne m'a pas plu du tout\nl'été, où ?\n"
GERMAN = "Die Suppe war schön heiß\nGrässlich öde Geschichte\n"
ENGLISH = "it’s “fine” – so so\na café, naïve\n"


@pytest.mark.parametrize("text", [FRENCH, GERMAN, ENGLISH, "only one é\n"])
@pytest.mark.parametrize("times", [1, 500])
def test_western_languages_are_read_as_cp1252(tmp_path, text, times):
    path = tmp_path / "a.csv"
    path.write_bytes(text.encode("cp1252") * times)
    assert text_of(path) == text * times


LEGACY = {
    "gb18030": "太难看了\n这部电影很好看\n",
    "cp932": "ひどい映画だ\nとても良い映画\n",
    "cp1251": "Ужасный фильм\nочень хороший фильм\n",
    "cp1253": "η σούπα ήταν κρύα\nη ταινία ήταν καλή\n",
    "cp949": "영화가 정말 좋았다\n음식이 나빴다\n",
    "cp1250": "Łódź jest piękna, zupa była świeża\nžluťoučký kůň příliš\n",
    "cp1254": "çorba çok güzeldi ve ılıktı\nbu film kötüydü, şimdi\n",
    "cp1255": "המרק היה טעים\n",
}


@pytest.mark.parametrize("encoding", LEGACY)
@pytest.mark.parametrize("times", [1, 50])
def test_other_encodings_must_be_named(tmp_path, encoding, times):
    path = tmp_path / "a.csv"
    path.write_bytes(LEGACY[encoding].encode(encoding) * times)
    with pytest.raises(ValueError, match=r"`encoding` must be named for .*a\.csv: .*Likely: "):
        find_encoding(path)
    assert text_of(path, encoding) == LEGACY[encoding] * times


@pytest.mark.parametrize("encoding", ["gb18030", "cp1251", "cp1253", "cp949", "cp1255"])
def test_the_detector_proposes_the_encoding(tmp_path, encoding):
    path = tmp_path / "a.csv"
    path.write_bytes(LEGACY[encoding].encode(encoding) * 5)
    with pytest.raises(ValueError, match=rf"Likely: {encoding} \("):
        find_encoding(path)


def test_letters_beyond_ascii_that_come_late_decide_too(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"plain words, all of ASCII\n" * 100_000 + LEGACY["cp1251"].encode("cp1251"))
    with pytest.raises(ValueError, match="Likely: cp1251"):
        find_encoding(path)
