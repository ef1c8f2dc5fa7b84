"""Text to token ids on the Rust tokenizers, character offsets kept."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Literal

import numpy as np
from tokenizers import Encoding, decoders, models, normalizers, pre_tokenizers
from tokenizers import Tokenizer as Rust

from kplm.errors import CheckpointError
from kplm.text.tokens import Pieces, Tokens

Specials = Literal["both", "cls", "none"]
WHITE = np.zeros(1 << 14, dtype=bool)
"""Unicode's white space by code point, none of which lies beyond."""
WHITE[[*range(9, 14), 0x20, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000]] = True
ONE_CHARACTER = np.array([0, 1])
SPECIALS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


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
        """The tokenizer a checkpoint carries with it; the inverse of :meth:`to_json`.

        Raises:
            CheckpointError: it is none.
        """
        try:
            return cls(Rust.from_str(text))
        except Exception as error:  # the library raises this kind itself
            raise CheckpointError(f"the checkpoint carries no tokenizer that can be read: {error}.") from error

    def to_json(self) -> str:
        """The whole tokenizer as ``tokenizer.json``'s text."""
        return self.rust.to_str()

    def __len__(self) -> int:
        return self.rust.get_vocab_size()

    @classmethod
    def characters(cls, path: str | Path) -> Tokenizer:
        """Every character a token, white space none, nothing lower-cased: how K-BERT's authors read Chinese text.

        Args:
            path: a ``vocab.txt``.

        Raises:
            CheckpointError: there is no such file, or it lacks a special token.
        """
        try:
            rust = Rust(models.BPE(vocab=_vocabulary(Path(path)), merges=[], unk_token="[UNK]"))
        except (OSError, UnicodeDecodeError, Exception) as error:  # the Rust library raises bare Exception
            raise CheckpointError(f"{path} is no readable vocabulary: {error}") from error
        rust.pre_tokenizer = pre_tokenizers.WhitespaceSplit()  # BPE without merges leaves single characters
        rust.add_special_tokens([name for name in SPECIALS if rust.token_to_id(name) is not None])
        return cls(rust)

    def cut(self, texts: Sequence[str], specials: bool = True) -> list[Pieces]:
        """Cut texts into sub-words on all cores, without special tokens or truncation.

        Args:
            texts: the texts.
            specials: a special token that is written out in a text is one token; otherwise it is cut like any other word.
        """
        self.rust.encode_special_tokens = not specials
        texts = list(texts)
        if not self._by_character:
            return [_pieces(one) for one in self.rust.encode_batch(texts, add_special_tokens=False)]
        found = self.rust.encode_batch_fast(texts, add_special_tokens=False)  # counts no characters
        return [self._characters(one, text) for one, text in zip(found, texts)]

    def _characters(self, encoding: Encoding, text: str) -> Pieces:
        """Tokens that are one character each, special tokens apart, with their places."""
        points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
        at = np.flatnonzero(~WHITE[np.minimum(points, len(WHITE) - 1)])
        if len(at) != len(encoding):  # a special token is written out
            return _pieces(self.rust.encode(text, add_special_tokens=False))
        return Pieces(np.array(encoding.ids, dtype=np.int64), at[:, None] + ONE_CHARACTER)

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
        """Character spans of the words and punctuation marks of a raw text; of its characters where these are tokens."""
        splitter = self.rust.pre_tokenizer or pre_tokenizers.BertPreTokenizer()
        spans = [span for _, span in splitter.pre_tokenize_str(text)]
        if self._by_character:
            return tuple((at, at + 1) for start, end in spans for at in range(start, end))
        return tuple(spans)

    @cached_property
    def _by_character(self) -> bool:
        model = json.loads(self.to_json())["model"]
        return model["type"] == "BPE" and not model["merges"]

    def join(self, text: Pieces, pair: Pieces | None = None, specials: Specials = "both") -> Tokens:
        """``[CLS] text [SEP]`` or ``[CLS] text [SEP] pair [SEP]`` (Devlin et al., 2019, section 3).

        Args:
            text: the text.
            pair: a second text; pairs always have all special tokens.
            specials: 'cls' leaves out the [SEP] of a single text, 'none' both, as K-BERT's authors do for classification
                and for tagging; an empty text keeps [CLS].
        """
        if pair is not None:
            return Tokens.framed((text, pair), (self.cls,), (self.sep,))
        before = () if specials == "none" and len(text.ids) else (self.cls,)
        return Tokens.framed((text,), before, (self.sep,) if specials == "both" else ())

    def _special(self, name: str) -> int:
        found = self.rust.token_to_id(name)
        if found is None:
            raise CheckpointError(
                f"the vocabulary has no {name}; a BERT vocabulary needs [PAD], [CLS], [SEP] and [MASK]."
            )
        return found


def _pieces(encoding: Encoding) -> Pieces:
    ids, offsets = encoding.ids, chain.from_iterable(encoding.offsets)
    return Pieces(np.array(ids, dtype=np.int64), np.fromiter(offsets, np.int64, 2 * len(ids)).reshape(-1, 2))


def _vocabulary(path: Path) -> dict[str, int]:
    with path.open(encoding="utf-8") as file:
        return {word.rstrip("\n"): row for row, word in enumerate(file)}


def _wordpiece(path: Path, lowercase: bool, split_cjk: bool) -> Rust:
    vocab = _vocabulary(path)
    rust = Rust(models.WordPiece(vocab, unk_token="[UNK]", max_input_chars_per_word=100))
    rust.normalizer = normalizers.BertNormalizer(lowercase=lowercase, handle_chinese_chars=split_cjk)
    rust.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    rust.decoder = decoders.WordPiece()
    rust.add_special_tokens([name for name in SPECIALS if name in vocab])
    return rust
