"""Outputs of the authors' code, and the command that compares this code with them."""
