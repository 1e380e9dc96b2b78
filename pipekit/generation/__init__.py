"""Texts from decoders: greedy, by beams, or by chance."""
