"""Text to token ids on the Rust tokenizers, character offsets kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer as Rust
from tokenizers import decoders, models, normalizers, pre_tokenizers

from kplm.errors import CheckpointError

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Pieces:
    """One text cut into sub-words, without special tokens."""

    ids: Ints
    """``[L]``"""
    offsets: Ints
    """``[L, 2]`` character start and end."""


@dataclass(frozen=True)
class Tokens:
    """What the encoder reads: one text or a pair with its special tokens."""

    ids: Ints
    """``[L]``"""
    segments: Ints
    """``[L]`` 0 in the text, 1 in the pair."""
    parts: Ints
    """``[L]`` 0 in the text, 1 in the pair, -1 on special tokens."""
    offsets: Ints
    """``[L, 2]`` characters of the part; (-1, -1) on special tokens."""

    def holding(self, starts: Ints, part: int = 0) -> Ints:
        """The first token of ``part`` that ends after each character; -1 where truncation cut it away.

        Args:
            starts: ``[N]`` character offsets.

        Returns: ``[N]`` token positions.
        """
        own = np.flatnonzero(self.parts == part)
        if not len(own) or not len(starts):
            return np.full(len(starts), -1, dtype=np.int64)
        index = np.searchsorted(self.offsets[own, 1], starts, side="right")
        inside = (index < len(own)) & (np.asarray(starts) >= self.offsets[own[0], 0])
        return np.where(inside, own[np.minimum(index, len(own) - 1)], -1)


class Tokenizer:
    """WordPiece of a BERT checkpoint, or any ``tokenizer.json``, run without its own template: special tokens are ours.

    Args:
        rust: a tokenizer of the ``tokenizers`` library.
    """

    def __init__(self, rust: Rust) -> None:
        self.rust = rust
        self.rust.no_truncation()
        self.rust.no_padding()
        self.cls, self.sep, self.pad, self.mask = (
            self._special(name) for name in ("[CLS]", "[SEP]", "[PAD]", "[MASK]")
        )

    @classmethod
    def from_file(cls, path: str | Path, *, lowercase: bool = True, split_cjk: bool = True) -> Tokenizer:
        """Read ``tokenizer.json``, or build BERT's WordPiece from ``vocab.txt``.

        Args:
            path: the file, or a folder that holds one of the two.
            lowercase: for ``vocab.txt``: lower-case and strip accents, as uncased checkpoints expect.
            split_cjk: for ``vocab.txt``: put spaces around CJK ideographs.

        Raises:
            CheckpointError: there is no such file, or it cannot be parsed.
        """
        path = Path(path)
        if path.is_dir():
            found = [path / name for name in ("tokenizer.json", "vocab.txt") if (path / name).exists()]
            if not found:
                raise CheckpointError(f"{path} holds no tokenizer: neither tokenizer.json nor vocab.txt is there.")
            path = found[0]
        try:
            return cls(Rust.from_file(str(path)) if path.suffix == ".json" else _wordpiece(path, lowercase, split_cjk))
        except (OSError, UnicodeDecodeError, Exception) as error:  # the Rust library raises bare Exception
            raise CheckpointError(f"{path} is no readable tokenizer: {error}") from error

    @classmethod
    def from_json(cls, text: str) -> Tokenizer:
        """The tokenizer a checkpoint carries with it; the inverse of :meth:`to_json`."""
        return cls(Rust.from_str(text))

    def to_json(self) -> str:
        """The whole tokenizer as ``tokenizer.json``'s text."""
        return self.rust.to_str()

    def __len__(self) -> int:
        return self.rust.get_vocab_size()

    def cut(self, texts: Sequence[str]) -> list[Pieces]:
        """Cut texts into sub-words on all cores, without special tokens or truncation."""
        found = self.rust.encode_batch(list(texts), add_special_tokens=False)
        return [Pieces(_array(one.ids), _array(one.offsets).reshape(-1, 2)) for one in found]

    @property
    def special_ids(self) -> frozenset[int]:
        """Tokens that stand for no text, [UNK] and unused ones included."""
        bracketed = (row for word, row in self.rust.get_vocab().items() if word[0] + word[-1] == "[]" and len(word) > 2)
        return frozenset({*self.rust.get_added_tokens_decoder(), *bracketed})

    def continues(self, token: int) -> bool:
        """Whether a token goes on with the word before it; WordPiece writes ``##`` before such a one."""
        word = self.rust.id_to_token(token) or ""
        return word.startswith("##") and len(word) > 2

    def words(self, text: str) -> tuple[tuple[int, int], ...]:
        """Character spans of the words and punctuation marks of a raw text."""
        splitter = self.rust.pre_tokenizer or pre_tokenizers.BertPreTokenizer()
        return tuple(span for _, span in splitter.pre_tokenize_str(text))

    def join(self, text: Pieces, pair: Pieces | None = None) -> Tokens:
        """``[CLS] text [SEP]`` or ``[CLS] text [SEP] pair [SEP]`` (Devlin et al., 2019, section 3)."""
        parts = [text] if pair is None else [text, pair]
        special, nowhere = np.array([-1]), np.array([[-1, -1]])
        ids, segments, owners, offsets = [np.array([self.cls])], [np.array([0])], [special], [nowhere]
        for number, part in enumerate(parts):
            ids += [part.ids, np.array([self.sep])]
            segments.append(np.full(len(part.ids) + 1, number))
            owners += [np.full(len(part.ids), number), special]
            offsets += [part.offsets, nowhere]
        return Tokens(*(np.concatenate(rows) for rows in (ids, segments, owners, offsets)))

    def _special(self, name: str) -> int:
        found = self.rust.token_to_id(name)
        if found is None:
            raise CheckpointError(
                f"the vocabulary has no {name}; a BERT vocabulary needs [PAD], [CLS], [SEP] and [MASK]."
            )
        return found


def _array(values: Sequence) -> Ints:
    return np.array(values, dtype=np.int64)


def _wordpiece(path: Path, lowercase: bool, split_cjk: bool) -> Rust:
    vocab = {word.rstrip("\n"): row for row, word in enumerate(path.open(encoding="utf-8"))}
    rust = Rust(models.WordPiece(vocab, unk_token="[UNK]", max_input_chars_per_word=100))
    rust.normalizer = normalizers.BertNormalizer(lowercase=lowercase, handle_chinese_chars=split_cjk)
    rust.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    rust.decoder = decoders.WordPiece()
    rust.add_special_tokens([name for name in ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]") if name in vocab])
    return rust
