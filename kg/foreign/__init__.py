"""Entity vectors trained elsewhere, read block by block: OpenKE, word2vec text, .npy, safetensors, PyKEEN."""
