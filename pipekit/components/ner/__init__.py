"""Recognizers of named entities: flat ones by a CRF, nested ones by scores of spans."""
