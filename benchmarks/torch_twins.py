"""The tasks' models in torch, over `torch.nn.LSTM`, as one would write them there; and their step.

They have the sizes, dropout, loss and optimizer of ours. torch's LSTM has biases and the usual
candidate, and no dropout of its weights; a step computes the same products.
"""

import torch
from torch import nn
from torch.nn import functional as F

from benchmarks.steps import CHANNELS, CHARACTERS, WORDS, Run, Step


def torch_twin(step: Step) -> Run:
    """The step of the torch model of a task."""
    torch.manual_seed(0)
    model = MODELS[step.name.split()[0]](step.flags)
    decay = getattr(step.flags, "weight_decay", 0.0)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=step.flags.learning_rate, weight_decay=decay, foreach=True
    )
    inputs, answers = (_tensors(part) for part in step.batch[:2])
    smoothing = getattr(step.flags, "label_smoothing", 0.0)

    def run() -> float:
        optimizer.zero_grad()
        logits = model(inputs)
        if answers.is_floating_point():
            loss = F.cross_entropy(logits, answers, label_smoothing=smoothing)
        else:
            rows = logits.reshape(-1, logits.shape[-1])
            loss = F.cross_entropy(rows, answers.reshape(-1), label_smoothing=smoothing)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return loss.item()

    return run


def _tensors(part):
    if isinstance(part, dict):
        return {name: _tensors(value) for name, value in part.items()}
    tensor = torch.from_numpy(part)
    return tensor if tensor.is_floating_point() or tensor.dtype == torch.bool else tensor.long()


class SentimentModel(nn.Module):
    """Embedding, LSTM in both directions, the maximum and the mean over time, readout."""

    def __init__(self, flags):
        super().__init__()
        self.embedding = nn.Embedding(flags.vocabulary_size, flags.embedding_units)
        self.lstm = nn.LSTM(
            flags.embedding_units, flags.units, batch_first=True, bidirectional=True
        )
        self.readout = nn.Linear(4 * flags.units, 2)
        self.drop_x, self.drop_h = nn.Dropout(flags.input_dropout), nn.Dropout(flags.output_dropout)
        self.drop = nn.Dropout(flags.dropout)

    def forward(self, words):
        h = self.drop_h(self.lstm(self.drop_x(self.embedding(words)))[0])
        pooled = torch.cat([h.amax(dim=1), h.mean(dim=1)], dim=-1)
        return self.readout(self.drop(pooled))


class AdditiveAttention(nn.Module):
    """Bahdanau's attention for all queries at once."""

    def __init__(self, query: int, memory: int, units: int):
        super().__init__()
        self.query = nn.Linear(query, units, bias=False)
        self.key = nn.Linear(memory, units, bias=False)
        self.score = nn.Linear(units, 1, bias=False)

    def forward(self, queries, memory):
        joined = torch.tanh(self.query(queries)[:, :, None] + self.key(memory)[:, None])
        weights = torch.softmax(self.score(joined)[..., 0], dim=-1)
        return weights @ memory


class TranslationModel(nn.Module):
    """Encoder in both directions, two LSTMs with attention between them, tied readout."""

    def __init__(self, flags):
        super().__init__()
        width, units, memory = flags.embedding_units, flags.units, 2 * flags.encoder_units
        self.embedding = nn.Embedding(flags.vocabulary_size, width)
        nn.init.normal_(self.embedding.weight, std=width**-0.5)
        self.encoder = nn.LSTM(width, flags.encoder_units, batch_first=True, bidirectional=True)
        self.sentence = nn.Linear(2 * memory, units, bias=False)
        self.bridge = nn.Linear(units, 4 * units, bias=False)
        self.norm = nn.LayerNorm(memory)
        self.first = nn.LSTM(width, units, batch_first=True)
        self.attention = AdditiveAttention(units, memory, flags.attention_units)
        self.second = nn.LSTM(units + memory, units, batch_first=True)
        self.readout = nn.Linear(units + memory + width, width, bias=False)
        self.offsets = nn.Parameter(torch.zeros(flags.vocabulary_size))
        self.drop_x, self.drop = nn.Dropout(flags.embedding_dropout), nn.Dropout(flags.dropout)

    def forward(self, inputs):
        scale = self.embedding.embedding_dim**0.5
        source, words = (
            self.drop_x(self.embedding(inputs[name]) * scale) for name in ("source", "tokens")
        )
        cells, (ends, _) = self.encoder(source)
        whole = torch.cat([ends[0], ends[1], cells.mean(dim=1)], dim=-1)
        states = torch.tanh(self.bridge(self.drop(torch.tanh(self.sentence(whole)))))
        h1, c1, h2, c2 = (state[None].contiguous() for state in states.chunk(4, dim=-1))
        memory = self.drop(self.norm(cells))
        h = self.drop(self.first(words, (h1, c1))[0])
        context = self.attention(h, memory)
        h = self.drop(self.second(torch.cat([h, context], dim=-1), (h2, c2))[0])
        rows = self.drop(self.readout(torch.cat([h, context, words], dim=-1)))
        return F.linear(rows, self.embedding.weight, self.offsets)


class CaptioningModel(nn.Module):
    """Image cells, two LSTMs with attention between them, tied readout; captions share an image."""

    def __init__(self, flags):
        super().__init__()
        width, units = flags.embedding_units, flags.units
        self.embedding = nn.Embedding(WORDS, width)
        nn.init.normal_(self.embedding.weight, std=width**-0.5)
        self.cells = nn.Linear(CHANNELS, width, bias=False)
        self.norm = nn.LayerNorm(width)
        self.image = nn.Linear(width, width, bias=False)
        self.first = nn.LSTM(width, units, batch_first=True)
        self.attention = AdditiveAttention(units, width, flags.attention_units)
        self.second = nn.LSTM(units + width, units, batch_first=True)
        self.readout = nn.Linear(units + width, width, bias=False)
        self.drop = nn.Dropout(flags.dropout)

    def forward(self, inputs):
        images, captions, time = inputs["tokens"].shape
        cells = self.norm(self.cells(self.drop(inputs["features"])))
        image = self.image(cells.mean(dim=1)).repeat_interleave(captions, dim=0)
        words = self.embedding(inputs["tokens"].flatten(0, 1)) * self.embedding.embedding_dim**0.5
        h = self.first(torch.cat([image[:, None], self.drop(words)], dim=1))[0][:, 1:]
        h = self.drop(h)
        context = self.attention(h.reshape(images, captions * time, -1), cells)
        context = context.reshape(images * captions, time, -1)
        h = self.second(torch.cat([h, context], dim=-1))[0]
        rows = self.drop(self.readout(self.drop(torch.cat([h, context], dim=-1))))
        return F.linear(rows, self.embedding.weight)


class CharLMModel(nn.Module):
    """Embedding, LSTMs, readout, with the states carried from step to step."""

    def __init__(self, flags):
        super().__init__()
        self.embedding = nn.Embedding(CHARACTERS, flags.embedding_units)
        options = {"batch_first": True, "dropout": flags.dropout}
        self.lstm = nn.LSTM(flags.embedding_units, flags.units, flags.layers, **options)
        self.readout = nn.Linear(flags.units, CHARACTERS)
        self.drop_x, self.drop = nn.Dropout(flags.input_dropout), nn.Dropout(flags.dropout)
        self.states = None

    def forward(self, inputs):
        h, states = self.lstm(self.drop_x(self.embedding(inputs["tokens"])), self.states)
        self.states = tuple(state.detach() for state in states)
        return self.readout(self.drop(h))


MODELS = {
    "sentiment": SentimentModel,
    "translation": TranslationModel,
    "captioning": CaptioningModel,
    "charlm": CharLMModel,
}
