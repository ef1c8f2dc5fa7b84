"""A vocabulary that grows after pretraining: more whole words, old ids unchanged."""
