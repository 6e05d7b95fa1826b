"""The summary of faults: what is counted, what is told, when it is an error."""

import logging

import pytest

from datasets.faults import Faults, printable


def test_one_warning_with_counts_and_at_most_three_examples(caplog):
    faults = Faults()
    for i in range(1200):
        faults.add("empty caption", f"img{i}.jpg")
    faults.add("corrupt image", "bad.jpg: truncated")
    faults.add("broken lines", "line 7", 12)
    with caplog.at_level(logging.WARNING):
        faults.settle("/data, split `dev`", {"images": (1, 100)}, 0.05, "mend it")
    assert len(caplog.records) == 1
    assert caplog.records[0].getMessage() == (
        "Left out of /data, split `dev`:\n"
        "  empty caption: 1,200 (img0.jpg; img1.jpg; img2.jpg; ...)\n"
        "  corrupt image: 1 (bad.jpg: truncated)\n"
        "  broken lines: 12 (line 7; ...)"
    )
    assert faults.count("corrupt image", "broken lines", "another") == 13


def test_no_faults_no_word(caplog):
    Faults().settle("/data", {"images": (0, 10)}, 0, "mend it")
    assert not caplog.records


def test_more_than_the_limit_is_an_error_that_names_share_limit_and_remedy():
    faults = Faults()
    faults.add("corrupt", "a.jpg")
    faults.settle("/data", {"images": (5, 100)}, 0.05, "mend it")  # at the limit is within it
    shares = {"images": (5, 100), "captions": (6, 100)}
    with pytest.raises(
        ValueError,
        match=r"^6 of 100 captions in /data .*6\.0%; the limit is 5\.0%: mend it\)\.\n"
        r"  corrupt: 1 \(a\.jpg\)$",
    ):
        faults.settle("/data", shares, 0.05, "mend it")


@pytest.mark.parametrize("total", [0, 3])
def test_nothing_left_is_an_error_at_any_limit(total):
    with pytest.raises(ValueError, match=f"{total} of {total} rows in /data cannot be used"):
        Faults().settle("/data", {"rows": (total, total)}, 1.0, "mend it")


def test_long_and_broken_names_are_made_printable():
    assert printable("a\udcffb") == r"a\udcffb"
    assert len(printable("x" * 5000)) == 100
    assert printable("") == "(no name)"
