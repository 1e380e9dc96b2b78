"""Syntax: the governing word of each word, and the kind of its dependence."""
