"""Encoders: each turns the tokens of a batch into vectors, and is chosen in a recipe by one word."""
