"""Corpus preparation: linked text to pretraining rows in Arrow shards, at any size.

The input is one stream of documents (`stream`), cut into blocks that depend on nothing but the text and ``block_bytes``
(`kg.blocks`). A pure function makes the rows of a block (`worker`): documents are read (`linked`, `plain`, `wiki`), split
into sentences, cut into sub-words and aligned (`cut`), planned as rows (`pairs`, `packed`) and laid out (`layout`). Blocks
are made by any number of processes, kept (`store`), and joined into shards (`shards`).
"""
