"""Encoders: each turns the tokens of a batch into vectors. A recipe names the one it takes."""
