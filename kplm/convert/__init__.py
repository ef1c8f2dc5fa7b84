"""Checkpoints of other code: one aligned key table a format; missing and unexpected keys are both errors."""
