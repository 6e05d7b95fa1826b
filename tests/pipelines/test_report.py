"""Reports: one file, nothing outside it, everything in it, nothing in it that can run."""

import base64
import io
import math
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from pipelines.report import (
    Html,
    Section,
    curves_figure,
    fields_table,
    figure,
    image,
    metrics_table,
    plot_lines,
    read_image,
    table,
    write_report,
)

_EVIL = "<script>alert('&')</script>"
_VOID = {"meta", "img", "link", "br", "path", "use", "rect"}


class Page(HTMLParser):
    """The tags, attributes and text of a page, with a check that tags close as they open."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.text, self.open = [], [], "", []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, *pair) for pair in attrs]
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, *pair) for pair in attrs]

    def handle_endtag(self, tag):
        if tag not in _VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def _file(color, size=(640, 480), kind="PNG", **options):
    buffer = io.BytesIO()
    Image.new("RGB", size, color).save(buffer, kind, **options)
    return buffer.getvalue()


def _decode(address):
    prefix, data = address.split(";base64,")
    assert prefix == "data:image/jpeg"
    return Image.open(io.BytesIO(base64.b64decode(data, validate=True)))


def _write(folder, sections, title="A run"):
    path = folder / "report.html"
    write_report(path, title, sections)
    return path.read_text(encoding="utf-8")


def test_a_report_points_nowhere_outside_itself(tmp_path):
    history = {"loss": [3.0, 2.0], "val_loss": [3.1, 2.5], "val_bleu_4": [math.nan, 12.0]}
    sections = [
        Section("Curves", [figure(curves_figure(history), "curves")]),
        Section("Images", [image(_file("red"), "red")]),
        Section("Table", [metrics_table({"greedy": {"bleu_4": 18.2}}), fields_table({"a": 1})]),
    ]
    text = _write(tmp_path, sections)
    page = Page(text)
    assert not page.open
    assert "http" not in text
    assert not re.search(r"url\((?!data:|#)", text)
    assert "@import" not in text
    for tag, name, value in page.attributes:
        if name in ("src", "href", "xlink:href"):
            assert value.startswith(("data:", "#")), (tag, name)
    assert not {"script", "link", "iframe", "object"} & set(page.tags)
    assert page.tags.count("h2") == 3


def test_whatever_is_given_is_escaped(tmp_path):
    sections = [
        Section(
            _EVIL,
            [
                _EVIL,
                table([_EVIL], [[_EVIL]]),
                fields_table({_EVIL: _EVIL}),
                metrics_table({_EVIL: {_EVIL: 1.0}}),
                image(_file("red"), f'"> {_EVIL}'),
                image(b"nothing", _EVIL),
                figure(curves_figure({_EVIL: [1.0]}), f'"> {_EVIL}'),
            ],
        )
    ]
    page = Page(_write(tmp_path, sections, title=_EVIL))
    assert "script" not in page.tags
    assert page.text.count(_EVIL) >= 10  # each is there to be read
    assert ("img", "alt", f'"> {_EVIL}') in page.attributes


def test_html_of_our_own_is_not_escaped_twice(tmp_path):
    text = _write(tmp_path, [Section("A", [Html("<b>bold</b>"), "1 < 2"])])
    assert "<b>bold</b>" in text
    assert "<p>1 &lt; 2</p>" in text


def test_an_embedded_image_is_the_image_made_smaller():
    (address,) = re.findall(r'src="([^"]+)"', image(_file((200, 30, 60)), "red"))
    decoded = _decode(address)
    assert decoded.size == (320, 240)
    np.testing.assert_allclose(np.asarray(decoded).mean((0, 1)), (200, 30, 60), atol=3)
    (address,) = re.findall(r'src="([^"]+)"', image(_file("red", (20, 10)), "small"))
    assert _decode(address).size == (20, 10)  # never made larger


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "CMYK", "1"])
def test_images_of_all_modes(mode):
    buffer = io.BytesIO()
    kind = "JPEG" if mode == "CMYK" else "PNG"
    Image.new("RGB", (30, 20), "white").convert(mode).save(buffer, kind)
    pixels = np.asarray(read_image(buffer.getvalue(), 320))
    assert pixels.shape == (20, 30, 3)
    assert pixels.min() >= 250


def test_photographs_stand_upright():
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned
    assert read_image(_file("red", (40, 20), "JPEG", exif=exif), 320).size == (20, 40)


def test_an_image_that_cannot_be_read_says_so():
    photo = _file("red", kind="JPEG")
    for data in (b"", b"not an image", photo[: len(photo) // 2]):
        assert "cannot be read" in image(data, "broken")
    with pytest.raises(ValueError, match="`data` must be the bytes of an image file"):
        read_image(b"", 320)


def test_table_cells():
    rows = [["greedy", 18.23456, 3, None], ["beam", 0.5, 12345, np.float32(0.25)]]
    text = table(["name", "bleu", "count", "other"], rows)
    cells = re.findall(r"<td( class=number)?>([^<]*)</td>", text)
    number = " class=number"
    assert cells[:4] == [("", "greedy"), (number, "18.23"), (number, "3"), (number, "–")]
    assert cells[4:] == [("", "beam"), (number, "0.5"), (number, "12345"), (number, "0.25")]


def test_metrics_table_has_a_column_for_each_metric_of_any_row():
    text = metrics_table({"greedy": {"bleu_4": 18.0}, "beam": {"bleu_4": 20.0, "cider_d": 0.5}})
    assert re.findall(r"<th[^>]*>([^<]*)</th>", text) == ["", "bleu_4", "cider_d"]
    cells = re.findall(r"<td[^>]*>([^<]*)</td>", text)
    assert cells == ["greedy", "18", "–", "beam", "20", "0.5"]


def test_curves_draw_what_they_are_given():
    history = {"loss": [3.0, 2.0, 1.0], "val_loss": [3.5, 2.5, 2.0], "val_bleu": [math.inf, 5, 6]}
    loss, bleu = curves_figure(history).axes
    assert [line.get_label() for line in loss.lines] == ["training", "validation"]
    np.testing.assert_array_equal(loss.lines[0].get_xydata(), [[1, 3], [2, 2], [3, 1]])
    np.testing.assert_array_equal(loss.lines[1].get_ydata(), [3.5, 2.5, 2.0])
    assert [line.get_label() for line in bleu.lines] == ["validation"]
    np.testing.assert_array_equal(bleu.lines[0].get_ydata(), [np.nan, 5, 6])
    assert bleu.get_title(loc="left") == "bleu"


@pytest.mark.parametrize("history", [{}, {"loss": []}, {"loss": [math.nan]}])
def test_curves_of_a_run_that_has_hardly_begun(history):
    assert "<svg" in figure(curves_figure(history), "nothing yet")


def test_a_figure_takes_the_pages_own_ink():
    svg = figure(curves_figure({"loss": [2.0, 1.0]}), "loss by epoch")
    assert "currentColor" in svg
    assert "#010203" not in svg
    assert 'aria-label="loss by epoch"' in svg
    assert ">epoch</text>" in svg
    assert svg == figure(curves_figure({"loss": [2.0, 1.0]}), "loss by epoch")


def test_a_report_is_written_whole_or_not_at_all(tmp_path):
    path = tmp_path / "runs" / "report.html"
    write_report(path, "old", [])

    def failing():
        yield Section("first", [])
        raise RuntimeError("halfway")

    with pytest.raises(RuntimeError, match="halfway"):
        write_report(path, "new", failing())
    assert "<title>old</title>" in path.read_text()
    write_report(path, "lone surrogate \udcff, é, 犬", [])
    assert "lone surrogate ?, é, 犬" in path.read_text(encoding="utf-8")
    assert [file.name for file in path.parent.iterdir()] == ["report.html"]


def test_lines_show_the_mean_of_runs_and_the_level():
    panel = Figure().subplots()
    lines = {"two seeds": [[0.0, 1.0], [1.0, 3.0]], "one": [5.0, float("inf")]}
    plot_lines(panel, lines, x=[1, 2], level=(4.0, "chance"), title="t", yscale="log")
    drawn = {line.get_label(): line.get_ydata() for line in panel.get_lines()}
    np.testing.assert_array_equal(drawn["two seeds"], [0.5, 2.0])
    np.testing.assert_array_equal(drawn["one"], [5, np.nan])
    np.testing.assert_array_equal(drawn["chance"], [4, 4])
    assert len(panel.collections) == 1  # the range of the two seeds
    assert (panel.get_title(), panel.get_yscale()) == ("t", "log")
    assert [text.get_text() for text in panel.get_legend().get_texts()] == [*lines, "chance"]
