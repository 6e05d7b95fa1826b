"""Translation metrics against sacreBLEU's own command, and what they say about themselves."""

import subprocess
import sys

import pytest

from pipelines.translation.metrics import bleu, bleu_tokens, sentence_scores, translation_metrics

CANDIDATES = ["Ein Hund rennt über die Wiese.", "Zwei Männer sitzen auf einer Bank.", ""]
REFERENCES = ["Ein Hund läuft über die Wiese.", "Zwei männer sitzen auf einer Bank.", "Ein Kind."]


def test_equals_the_command_line_of_sacrebleu(tmp_path):
    (tmp_path / "refs").write_text("\n".join(REFERENCES) + "\n")
    (tmp_path / "hyps").write_text("\n".join(CANDIDATES) + "\n")
    command = [sys.executable, "-m", "sacrebleu", "refs", "-i", "hyps", "-b", "-w", "4", "-m"]
    found = translation_metrics(CANDIDATES, REFERENCES, "de")
    for name, options in (
        ("bleu", ["bleu"]),
        ("chrf", ["chrf"]),
        ("bleu_lower", ["bleu", "-lc"]),
    ):
        said = subprocess.run(
            [*command, *options], cwd=tmp_path, capture_output=True, text=True, check=True
        )
        assert float(said.stdout) == pytest.approx(found.metrics[name], abs=1e-4)
    assert found.metrics["bleu"] < found.metrics["bleu_lower"]  # "Männer", "männer"
    assert found.metrics["length_ratio"] == pytest.approx(14 / 17)
    assert bleu(CANDIDATES, REFERENCES, "de") == found.metrics["bleu"]


def test_signatures_say_how_it_was_counted():
    found = translation_metrics(CANDIDATES, REFERENCES, "de").signatures
    assert "case:mixed" in found["bleu"]
    assert "tok:13a" in found["bleu"]
    assert "case:lc" in found["bleu_lower"]
    assert "nc:6|nw:0" in found["chrf"]
    assert all("version:" in signature for signature in found.values())


def test_languages_without_spaces_are_counted_by_characters():
    assert [bleu_tokens(name) for name in ("de", "zh-TW", "ja_JP")] == ["13a", "zh", "char"]
    found = translation_metrics(["我喜欢红色的狗。"], ["我喜欢绿色的狗。"], "zh")
    assert 0 < found.metrics["bleu"] < 100
    assert "tok:zh" in found.signatures["bleu"]


def test_equal_texts_have_the_best_scores():
    found = translation_metrics(REFERENCES, REFERENCES, "de").metrics
    assert found == pytest.approx({"bleu": 100, "chrf": 100, "bleu_lower": 100, "length_ratio": 1})
    scores = sentence_scores(CANDIDATES, REFERENCES)
    assert scores[2] == 0 < scores[0] < scores[1] < 100


@pytest.mark.parametrize(("candidates", "references"), [([], []), (["a"], ["a", "b"])])
def test_lengths_must_agree(candidates, references):
    with pytest.raises(ValueError, match="`candidates` and `references` must have the same"):
        translation_metrics(candidates, references, "de")
