"""Decoders: recurrent ones, with and without attention, and Transformers."""
