"""Answers for texts by an export as ONNX, with NumPy and onnxruntime alone.

    python run.py "A text." ...

prints a label and its score, a translation, or the text and how it goes on. From Python:

    model = load("FOLDER")
    model("A text.")
"""

import json
import re
import sys
import unicodedata
from pathlib import Path

import numpy as np
import onnxruntime

SPACES = " \t\n\v\f\r"
BARRED = -1e9  # the logit of a word that may not follow


class Classifier:
    """Text -> {"label", "score", "probabilities"}; of a text without words "", 0 and zeros."""

    def __init__(self, functions, vocabulary, about):
        self.functions, self.about = functions, about
        self.table = {word: number for number, word in enumerate(vocabulary)}
        self.rules = [(_compiled(about, rule), new) for rule, new in about["rules"]]

    def words(self, text):
        text = unicodedata.normalize("NFC", text)
        for rule, new in self.rules:
            text = rule.sub(new, text)
        words = (text.lower() if self.about["lower_case"] else text).split()
        head, tail = self.about["ends"]
        return words[:head] + words[max(head, len(words) - tail) :]

    def __call__(self, text):
        labels, positive = self.about["labels"], self.about["positive"]
        numbers = [self.table.get(word, self.about["unknown"]) for word in self.words(text)]
        if not numbers:
            return {"label": "", "score": 0.0, "probabilities": np.zeros(len(labels), np.float32)}
        rows = np.array([numbers], np.int32)
        probabilities = self.functions["classify"](tokens=rows)["probabilities"][0]
        score = probabilities.max() if positive is None else probabilities[positive]
        label = labels[int(probabilities.argmax())]
        return {"label": label, "score": float(score), "probabilities": probabilities}

    def line(self, text):
        answer = self(text)
        return f"{answer['label']}\t{answer['score']:.4f}\t{text}"


class Translator:
    """Text -> {"translation", "score"}, sentence by sentence, always the likeliest next subword."""

    def __init__(self, functions, vocabulary, about):
        self.functions, self.about = functions, about
        self.rules = [(_compiled(about, rule), new) for rule, new in about["sentence_rules"]]
        self.spaces, self.word = (_compiled(about, about[name]) for name in ("spaces", "word"))
        first = about["first_byte"]
        single = [bytes([value]) for value in range(256)]
        self.written = [b""] * first + single + [p.encode() for p in vocabulary[first + 256 :]]
        self.table = {piece: n for n, piece in enumerate(self.written) if piece}
        self.longest = max(map(len, self.table))

    def __call__(self, text):
        found = [self.translate(sentence) for sentence in self.sentences(text)]
        count = sum(count for _, _, count in found)
        score = np.exp(sum(log_prob for _, log_prob, _ in found) / count) if count else 0.0
        translation = " ".join(words for words, _, _ in found).strip(SPACES)
        return {"translation": translation, "score": float(score)}

    def line(self, text):
        return self(text)["translation"]

    def sentences(self, text):
        for rule, new in self.rules:
            text = rule.sub(new, text)
        sentences = [sentence.strip(SPACES) for sentence in text.split(self.about["cut"])]
        return [sentence for sentence in sentences if sentence]

    def translate(self, sentence):
        """The translation, the natural logarithm of its probability, and of how many subwords."""
        sentence = unicodedata.normalize("NFC", sentence)
        kinds = [unicodedata.category(c) for c in sentence if c != "ß"]
        capitals = kinds.count("Lu") > 1 and "Ll" not in kinds
        tokens = self.tokens(sentence.lower() if capitals else sentence)
        if not tokens:
            return "", 0.0, 0
        words, log_prob = self.search(tokens)
        text = b"".join(self.written[word] for word in words).decode(errors="ignore")
        text = text.replace(self.about["mark"], " ").strip(SPACES)
        count = min(len(words) + 1, self.about["max_length"])
        return text.upper() if capitals else text, log_prob, count

    def tokens(self, sentence):
        mark, most, tokens = self.about["mark"], self.about["max_length"], []
        text = self.spaces.sub(" ", sentence).strip(SPACES)
        for word in self.word.findall((mark + text if text else "").replace(" ", mark)):
            rest = word.encode()
            while rest:
                sizes = range(min(self.longest, len(rest)), 0, -1)
                size = next(size for size in sizes if rest[:size] in self.table)
                tokens.append(self.table[rest[:size]])
                rest = rest[size:]
        return tokens[: most - 1]

    def search(self, tokens):
        words, log_prob, word = [], 0.0, self.about["start"]
        end, source = self.about["end"], np.array([[*tokens, self.about["end"]]], np.int32)
        state = self.functions["read"](source=source)
        while len(words) < self.about["max_length"]:
            answers = self.functions["step"](tokens=np.array([[word]], np.int32), **state)
            logits = answers.pop("logits")[0, 0]
            state |= {name.removeprefix("next_"): value for name, value in answers.items()}
            logits[self.about["forbidden"] + ([] if words else [end]) + self.repeats(words)] = (
                BARRED
            )
            word = int(logits.argmax())
            log_prob -= float(np.log(np.exp(logits - logits[word]).sum()))
            if word == end:
                break
            words.append(word)
        return words, log_prob

    def repeats(self, words):
        """Words that would begin a passage of 1 to 4 once more than it may stand in a row."""
        barred = []
        for period in range(1, 5):
            span = period * self.about["max_repeats"] * (2 if period == 1 else 1)
            last = words[-span:]
            if len(last) == span and last[period:] == last[:-period]:
                barred.append(last[-period])
        return barred


class Writer:
    """Prompt -> the text that follows it; temperature 0 always takes the likeliest symbol."""

    def __init__(self, functions, vocabulary, about):
        self.functions, self.about, self.strings = functions, about, vocabulary
        self.coding = "utf-8" if about["unit"] == "character" else "latin-1"
        self.table = {symbol: number for number, symbol in enumerate(vocabulary) if symbol}

    def __call__(self, prompt, length=200, temperature=0.8, seed=0):
        rng, written = np.random.default_rng(seed), []
        *_, (logits, state) = self.read(prompt)
        for _ in range(length):
            known = logits[1:]  # the symbol 0 is never written
            noise = rng.gumbel(size=known.size) if temperature else 0.0
            number = 1 + int((known / (temperature or 1.0) + noise).argmax())
            written.append(self.strings[number])
            logits, state = self.next(number, state)
        text = "".join(written)
        return text if self.coding == "utf-8" else text.encode("latin-1").decode(errors="replace")

    def line(self, prompt):
        return prompt + self(prompt)

    def bits_per_char(self, text):
        """The mean of -log2 p of a text's symbols; 0 of none."""
        numbers, rows = self.numbers(text), self.read(text)
        costs = [
            np.log(np.exp(z - z.max()).sum()) - (z[n] - z.max())
            for n, (z, _) in zip(numbers, rows, strict=False)
        ]
        return float(np.sum(costs, dtype=np.float64) / np.log(2) / max(len(costs), 1))

    def numbers(self, text):
        symbols = text if self.coding == "utf-8" else text.encode().decode("latin-1")
        return [self.table.get(symbol, 0) for symbol in symbols]

    def read(self, text):
        """Logits and state before the text, then after each symbol."""
        state = np.zeros((1, self.about["features"]), np.float32)
        for number in (0, *self.numbers(text)):
            logits, state = self.next(number, state)
            yield logits, state

    def next(self, number, state):
        answer = self.functions["step"](tokens=np.array([number], np.int32), state=state)
        return answer["logits"][0], answer["next_state"]


TASKS = {"sentiment": Classifier, "translation": Translator, "charlm": Writer}


def load(folder, threads=1):
    """The model of an export's folder, as a function of a text."""
    folder = Path(folder)
    read = {
        n: json.loads((folder / f"{n}.json").read_text("utf-8")) for n in ("model", "vocabulary")
    }
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads

    def function(name):
        session = onnxruntime.InferenceSession(str(folder / f"{name}.onnx"), options)
        names = [output.name for output in session.get_outputs()]
        return lambda **inputs: dict(zip(names, session.run(names, inputs), strict=True))

    functions = {name: function(name) for name in read["model"]["functions"]}
    return TASKS[read["model"]["task"]](functions, read["vocabulary"], read["model"])


def _compiled(about, pattern):
    """A pattern, with the ranges of each kind of characters in its place."""
    return re.compile(re.sub(r"\\p\{(\w+)\}", lambda match: about["kinds"][match[1]], pattern))


if __name__ == "__main__":
    model = load(Path(__file__).parent)
    for text in sys.argv[1:] or map(str.rstrip, sys.stdin):
        print(model.line(text), flush=True)
