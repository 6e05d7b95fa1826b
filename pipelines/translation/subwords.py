"""Subwords: learnt by the `tokenizers` library, applied by core TensorFlow ops alone.

A text is one line of pieces. A space is part of the word that follows it, as the mark "▁", so that
joining the pieces and writing a space for each mark gives the text back:

    "Ein T-Shirt, 12 €"  ->  ▁Ein | ▁T | - | Shirt | , | ▁1 | 2 | ▁€       words
                         ->  ▁Ein ▁T - Sh irt , ▁1 2 ▁ <0xE2> <0x82> <0xAC>     pieces

A word is cut into the longest piece of the vocabulary that it begins with, then the longest that
the rest begins with, and so on (WordPiece, Wu et al. 2016). The 256 bytes are pieces, too: what the
vocabulary has no piece for is spelt in bytes, so that nothing is lost, whatever the text.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import tensorflow as tf
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers

PAD, START, END, UNKNOWN = range(4)
SPECIAL = ("<padding>", "<start>", "<end>", "<unknown>")  # never part of an answer
BYTES = tuple(f"<0x{value:02X}>" for value in range(256))
MARK = "▁"
MIN_COUNT = 3  # characters seen less often are spelt in bytes, so that bytes are learnt, too

# Both RE2 and the library's Oniguruma read these. A mark in the text is taken for a space.
SPACES = r"[\p{Z}\p{Cc}▁]+"
WORD = r"▁?(?:[\p{L}\p{M}]+|\p{N}|[^\p{L}\p{M}\p{N}▁])|▁"
_END = "\x1f"  # between words; a control character, so that no text holds it any more


def learn_vocabulary(read: Callable[[], Iterable[str]], size: int) -> list[str]:
    """The pieces that `tokenizers` learns from texts, after the special ones and the bytes.

    Pairs of pieces are merged, the most frequent one first (Sennrich, Haddow and Birch 2016), from
    single characters up. The same texts give the same list.

    Args:
        read: begins a pass over the texts, which are read twice and not held.
        size: how many pieces, all together.

    Raises:
        ValueError: `size` leaves no room for pieces beside specials, bytes and characters.
    """
    characters: Counter[str] = Counter()
    for text in read():
        characters.update("".join(text.split()))
    alphabet = sum(count >= MIN_COUNT for count in characters.values()) + 1  # and the mark
    fixed = len(SPECIAL) + len(BYTES) + alphabet
    if size <= fixed:
        raise ValueError(
            f"`vocabulary_size` must be above {fixed}: 4 special tokens, 256 bytes and {alphabet} "
            f"characters of the text. Got {size}."
        )
    tokenizer = library_tokenizer([])
    trainer = trainers.WordPieceTrainer(
        vocab_size=size,
        limit_alphabet=alphabet,
        min_frequency=2,
        continuing_subword_prefix="",
        special_tokens=[*SPECIAL, *BYTES],
        show_progress=False,
    )
    tokenizer.train_from_iterator(read(), trainer)
    numbers = tokenizer.get_vocab(with_added_tokens=True)
    return sorted(numbers, key=numbers.get)


def library_tokenizer(vocabulary: Sequence[str]) -> Tokenizer:
    """The library's own tokenizer of the same words and pieces; it knows no bytes."""
    numbers = {piece: number for number, piece in enumerate(vocabulary)}
    tokenizer = Tokenizer(
        models.WordPiece(
            numbers,
            unk_token=SPECIAL[UNKNOWN],
            continuing_subword_prefix="",
            max_input_chars_per_word=10**6,
        )
    )
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.Replace(Regex(SPACES), " "),
            normalizers.Strip(),
            normalizers.Prepend(MARK),
            normalizers.Replace(" ", MARK),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(WORD), "isolated")
    return tokenizer


def piece_bytes(vocabulary: Sequence[str]) -> list[bytes]:
    """What each token stands for in the text: [<end>, <0xE2>, ▁Ein] -> [b"", b"\\xe2", "▁Ein"]."""
    single = {name: bytes([value]) for value, name in enumerate(BYTES)}
    return [
        b"" if number < len(SPECIAL) else single.get(piece) or piece.encode()
        for number, piece in enumerate(vocabulary)
    ]


def numbered_pieces(vocabulary: Sequence[str]) -> dict[bytes, int]:
    """Bytes of each piece -> its token; a character that is one byte is the character."""
    pieces = piece_bytes(vocabulary)
    return {piece: number for number, piece in enumerate(pieces) if piece}


def split_words(text: tf.Tensor) -> tf.RaggedTensor:
    """`<string>[batch]` -> words `<string>[batch, (words)]`; what is no UTF-8 is U+FFFD."""
    text = tf.strings.unicode_transcode(text, "UTF-8", "UTF-8", errors="replace")
    text = tf.strings.strip(tf.strings.regex_replace(text, SPACES, " "))
    text = tf.strings.regex_replace(text, "^(.)", rf"{MARK}\1")
    text = tf.strings.regex_replace(text, " ", MARK)
    text = tf.strings.regex_replace(text, f"({WORD})", rf"\1{_END}")
    words = tf.strings.split(text, sep=_END)
    return tf.ragged.boolean_mask(words, words.with_values(words.values != ""))


class Subwords:
    """A vocabulary as a TensorFlow graph applies it; all methods work inside `tf.function`.

    Args:
        vocabulary: as `learn_vocabulary` gives it. A module that exports a method must track
            `table`.
    """

    def __init__(self, vocabulary: Sequence[str]):
        numbers = numbered_pieces(vocabulary)
        pieces = tf.constant(list(numbers), tf.string)
        tokens = tf.constant(list(numbers.values()), tf.int32)
        initializer = tf.lookup.KeyValueTensorInitializer(pieces, tokens)
        self.table = tf.lookup.StaticHashTable(initializer, default_value=-1)
        self.lengths = tf.range(1, max(map(len, numbers)) + 1)
        self.written = tf.constant(piece_bytes(vocabulary), tf.string)

    def encode(self, text: tf.Tensor, max_length: int) -> tf.RaggedTensor:
        """`<string>[batch]` -> tokens `<int32>[batch, (time)]`, the first `max_length` of each."""
        words = split_words(text)[:, :max_length]
        different, places = tf.unique(words.flat_values)
        tokens = self._longest_pieces(different, max_length)
        tokens = tf.gather(tokens, words.with_flat_values(places))
        return tokens.merge_dims(1, 2)[:, :max_length]

    def _longest_pieces(self, words: tf.Tensor, max_length: int) -> tf.RaggedTensor:
        """`<string>[words]` -> tokens `<int32>[words, (pieces)]`, all words at the same time."""

        def going_on(tokens, rest):
            unfinished = tf.reduce_any(rest != "")
            return tf.logical_and(tf.shape(tokens)[1] < max_length, unfinished)

        def take_one(tokens, rest):
            count = tf.shape(rest)[0]
            size = tf.size(self.lengths)
            # Every beginning of every rest; one that is longer than the rest is the whole rest.
            lengths = tf.tile(self.lengths, [count])
            starts = tf.strings.substr(tf.repeat(rest, size), tf.zeros_like(lengths), lengths)
            found = tf.reshape(self.table.lookup(starts), [count, size])
            longest = tf.reduce_max(tf.where(found >= 0, self.lengths, 0), axis=1)
            token = tf.gather(found, tf.maximum(longest - 1, 0), batch_dims=1)
            taken = tf.minimum(longest, tf.strings.length(rest))
            rest = tf.strings.substr(rest, taken, tf.strings.length(rest) - taken)
            return tf.concat([tokens, token[:, None]], axis=1), rest

        nothing = tf.zeros([tf.shape(words)[0], 0], tf.int32)
        shapes = (tf.TensorShape([None, None]), tf.TensorShape([None]))
        tokens, _ = tf.while_loop(going_on, take_one, (nothing, words), shape_invariants=shapes)
        return tf.RaggedTensor.from_tensor(tokens, padding=-1)

    def decode(self, tokens: tf.Tensor) -> tf.Tensor:
        """Tokens `<int32>[batch, time]` -> text `<string>[batch]`; special tokens are nothing."""
        text = tf.strings.reduce_join(tf.gather(self.written, tokens), axis=1)
        # A model may write bytes that are no character.
        text = tf.strings.unicode_transcode(text, "UTF-8", "UTF-8", errors="ignore")
        return tf.strings.strip(tf.strings.regex_replace(text, MARK, " "))
