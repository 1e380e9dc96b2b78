"""Corpora: readers of formats, checks, rules that map annotations."""
