"""Tensors only: the parts every model is made of. Nothing here knows a tokenizer, a graph or a task."""
